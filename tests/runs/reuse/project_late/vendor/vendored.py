"""A copy of another project."""

AMOUNT = 0.11
