"""What is learned: task cards, data sets, metrics."""
