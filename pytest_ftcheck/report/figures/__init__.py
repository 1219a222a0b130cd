"""What the report page draws: curves, predictions, lengths and rows of each run, as entries of the JSON document."""
