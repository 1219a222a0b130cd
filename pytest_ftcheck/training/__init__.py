"""How it trains: the recipe, and one module per engine."""
