"""The page of a session that has not ended; it needs neither jinja2 nor torch, because it is written at start-up."""

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Not finished: pytest-ftcheck</title></head>
<body><main><h1>This session has not finished</h1>
<p>pytest is still running, or it crashed. A session that crashed counts as failed. At its end, the session writes its
report into this file.</p></main></body>
</html>
"""
