"""How fast: training steps, measured, compared and put into tables."""
