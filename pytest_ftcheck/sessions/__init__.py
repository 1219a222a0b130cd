"""The state of one session, without pytest: settings, tasks, parts, runs and accepted runs."""
