"""Faults: named defects that are planted on purpose to prove that a check catches them."""
