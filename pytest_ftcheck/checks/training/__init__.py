"""Checks of training: it runs through, as it was planned, and the weights that it kept are the best.

`completion` (it runs through), `extremes` (the loss itself), `learning` (it falls), `overfitting`, `optimizer`
(parameters, groups, gradients), `schedule` (the learning rate), `accumulation`, `resume`, `reproducible` (seeds,
workers, precision, engines), `epochs` (which rows), `modes` (training and evaluation mode, what reaches the model) and
`best` (the weights that are kept).
"""
