"""What must hold for the data: rows, labels, duplicates, and tokens that still are the texts."""
