"""Checks of the data: rows, labels, duplicates, and whether tokens match their texts."""
