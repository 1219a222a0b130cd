"""Imported while the model trains."""

AMOUNT = 0.11
