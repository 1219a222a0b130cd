"""Checks of the reported metrics: they are there, and are what they are called."""
