"""All that depends on what a model's head learns: one module for each head, the same parts in each."""
