"""Checks of the model: its weights, its outputs, and the effect of its inputs."""
