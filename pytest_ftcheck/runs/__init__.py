"""What came out: a run, the key of all that made it, and the store that keeps it."""
