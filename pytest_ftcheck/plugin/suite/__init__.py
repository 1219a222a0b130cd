"""The built-in suite: test modules that ``--ftcheck-task`` injects, one tree per task."""
