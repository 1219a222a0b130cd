"""Training: the recipe, and one module per engine."""
