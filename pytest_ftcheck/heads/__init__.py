"""The heads that models can have: one module for each head, with the same parts in each."""
