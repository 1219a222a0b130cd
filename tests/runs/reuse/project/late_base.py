"""Imported by what is imported late."""

BASE = 0.01
