"""Checks of the batches that the data collator makes."""
