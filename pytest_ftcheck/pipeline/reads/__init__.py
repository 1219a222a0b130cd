"""What a user's code reads while it makes and trains a model, and whether that is still the same later."""
