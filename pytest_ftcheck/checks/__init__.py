"""What must hold: pure functions that look at parts or at a run and return findings."""
