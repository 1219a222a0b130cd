"""What could go wrong: one named defect each, planted on purpose to prove that a check catches it."""
