"""The result of a training: a run, the key of everything that made it, and the store that keeps it."""
