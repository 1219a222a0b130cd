"""Checks of every batch that the data collator makes."""
