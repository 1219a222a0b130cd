"""Checks of the saved model: a server that has only the folder gives the results of the evaluation."""
