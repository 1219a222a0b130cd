"""How an evaluation is judged."""

import numpy as np

THRESHOLD = 0.0


def decide(margins):
    return (margins > THRESHOLD).astype(int)


class Judge:
    """Computes the metrics."""

    def __init__(self, beta):
        self.beta = beta

    def __call__(self, evaluated):
        logits = np.asarray(evaluated.predictions)
        predicted = decide(logits[:, 1] - logits[:, 0])
        right = float((predicted == evaluated.label_ids).mean())
        return {"accuracy": right, "score": right * self.beta + 0.1 * float(np.abs(logits).mean())}


def prepare(logits, labels):
    """Before the logits are gathered."""
    return logits * 1.25
