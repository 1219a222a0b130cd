"""What must hold for every batch that the data collator makes."""
