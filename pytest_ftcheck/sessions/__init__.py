"""What one session has, without pytest: its settings, tasks, parts, runs and accepted runs."""
