"""Checks of the saved model: a server that knows the folder alone does what the evaluation did."""
