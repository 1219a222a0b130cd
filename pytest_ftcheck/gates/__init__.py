"""Gates: limits of metrics, comparisons with accepted runs, and their statistics."""
