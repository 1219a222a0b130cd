"""How good is good enough."""
