"""The names of metrics, the keys of their results, and whether greater is better. Fast to import."""

from __future__ import annotations

from pytest_ftcheck.errors import TaskError, unknown
from pytest_ftcheck.extensions import extensions

_GLUE_KEYS: dict[str, tuple[str, ...]] = {
    "cola": ("matthews_correlation",),
    "hans": ("accuracy",),
    "mnli": ("accuracy",),
    "mnli_matched": ("accuracy",),
    "mnli_mismatched": ("accuracy",),
    "mrpc": ("accuracy", "f1"),
    "qnli": ("accuracy",),
    "qqp": ("accuracy", "f1"),
    "rte": ("accuracy",),
    "sst2": ("accuracy",),
    "stsb": ("pearson", "spearmanr"),
    "wnli": ("accuracy",),
}
# Each of these returns one value under its own name, as on the Hub.
_PLAIN = ("accuracy", "f1", "matthews_correlation", "mse", "pearsonr", "precision", "recall", "spearmanr")
KEYS: dict[str, dict[str, tuple[str, ...]]] = {"glue": _GLUE_KEYS} | {name: {"default": (name,)} for name in _PLAIN}
"""Keys of the results of `load_metric`, by path and configuration."""

_ERRORS = ("loss", "error", "mse", "mae", "perplexity", "ece", "brier", "cost", "risk", "distance", "deviation")
"""Words in names of metrics for which smaller is better."""
_MERITS = (
    *("acc", "f1", "f2", "precision", "recall", "auc", "auroc", "mcc", "matthews", "kappa", "pearson", "spearman"),
    *("correlation", "r2", "score", "exact_match", "ndcg", "mrr", "bleu", "rouge", "average_precision", "sensitivity"),
    *("specificity", "agreement", "explained", "jaccard", "iou", "dice"),
)
"""Words in names of metrics for which greater is better."""

_GREATER_IS_BETTER = {
    "accuracy": True,
    "f1": True,
    "loss": False,
    "matthews_correlation": True,
    "mse": False,
    "pearson": True,
    "pearsonr": True,
    "precision": True,
    "recall": True,
    "spearmanr": True,
}


def metric_names(path: str, config_name: str | None = None) -> tuple[str, ...]:
    """Return the keys of the result of ``load_metric(path, config_name).compute(...)``, in order.

    Raises:
        TaskError: an unknown path or configuration, with the closest match.

    """
    if path not in KEYS:
        todo = "For another metric, write your own `compute_metrics` function."
        raise TaskError(unknown("metric", path, [*KEYS, *extensions("metrics")], todo))
    configs = KEYS[path]
    config = config_name or "default"
    if config not in configs:
        raise TaskError(unknown(f"configuration of metric {path!r}:", config, configs))
    return configs[config]


def greater_is_better(name: str) -> bool:
    """Return whether a higher value is better for this metric key.

    Raises:
        TaskError: a key whose direction is not known, with the closest match.

    """
    if name not in _GREATER_IS_BETTER:
        raise TaskError(unknown("metric key", name, _GREATER_IS_BETTER, "Its direction is not known."))
    return _GREATER_IS_BETTER[name]


def known_direction(name: str) -> bool:
    """Return True if higher is better for a key; a key with an unknown name counts as higher is better."""
    return direction_of(name) is not False


def direction_of(name: str) -> bool | None:
    """Return whether higher is better by the words in a key; None if the key has no known word."""
    if name in _GREATER_IS_BETTER:
        return _GREATER_IS_BETTER[name]
    plain = name.casefold()
    if any(word in plain for word in _ERRORS):
        return False
    return True if any(word in plain for word in _MERITS) else None
