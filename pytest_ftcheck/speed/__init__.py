"""How fast: one training step, as a benchmark can call it."""
