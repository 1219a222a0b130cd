"""Private names of other libraries: each in one function, with the reason, and a test in `tests/compat`.

A library may rename them in any release. Nothing outside this package uses one.
"""
