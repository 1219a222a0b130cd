"""What a session judges, without pytest: which checks are chosen, what they say, and the verdict on all of it."""
