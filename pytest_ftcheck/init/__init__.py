"""The first steps in a repository: find its Trainer, make a factory of it, configure a task, a workflow for CI."""
