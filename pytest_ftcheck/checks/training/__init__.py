"""Checks of training: it completes as planned, and the kept weights are the best.

`completion` (training completes), `extremes` (the loss itself), `learning` (the loss falls), `overfitting`, `optimizer`
(parameters, groups, gradients), `schedule` (the learning rate), `accumulation`, `resume`, `reproducible` (seeds,
workers, precision, engines), `epochs` (the rows), `modes` (training and evaluation mode, the model's inputs) and
`best` (the kept weights).
"""
