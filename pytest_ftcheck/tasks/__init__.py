"""Tasks: task cards, data sets, metrics."""
