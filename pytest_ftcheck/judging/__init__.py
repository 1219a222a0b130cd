"""What a session judges, without pytest: which checks are chosen, and `judge`, which runs them."""
