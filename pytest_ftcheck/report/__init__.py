"""Findings and runs become text; pure functions, no printing."""
