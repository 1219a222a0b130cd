"""Speed of training steps: measurement, comparison and tables."""
