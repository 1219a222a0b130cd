"""Checks of the reported metrics: they exist, and their values fit their names."""
