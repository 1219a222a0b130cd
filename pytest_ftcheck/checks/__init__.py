"""The checks: pure functions that read the parts or the run of a fine-tune and return findings."""
