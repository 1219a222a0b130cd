"""Judging without pytest: the choice of checks, their results, and the verdict on the session."""
