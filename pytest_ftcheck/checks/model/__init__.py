"""What must hold for the model: its weights, its outputs, and what makes a difference to it."""
