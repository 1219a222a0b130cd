"""Two ways to train that must give the same: both are trained for a few steps and compared, without a stored reference.

These checks run only where ``--ftcheck-checks`` names them or their family. How two ways are judged stands in
`residuals`, how they are trained in `ways`.
"""
