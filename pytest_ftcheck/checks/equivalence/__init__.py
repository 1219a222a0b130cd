"""Checks of two ways to train that must give the same result: both run for a few steps, without a stored reference.

These checks run only if ``--ftcheck-checks`` names them or their family. `residuals` judges two ways, `ways` trains
them.
"""
