"""Checks of the model: its weights, its outputs, and what makes a difference to it."""
