"""The names of metrics, the keys that each gives, and whether greater is better. Cheap to import."""

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
# On the Hub too, each of these gives one value under its own name.
_PLAIN = ("accuracy", "f1", "matthews_correlation", "mse", "pearsonr", "precision", "recall", "spearmanr")
KEYS: dict[str, dict[str, tuple[str, ...]]] = {"glue": _GLUE_KEYS} | {name: {"default": (name,)} for name in _PLAIN}
"""Of `load_metric`: the keys that a metric gives, by its path and configuration."""

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
    """Return the keys that ``load_metric(path, config_name).compute(...)`` gives, in order.

    Raises:
        TaskError: an unknown path or configuration, with the closest match.

    """
    if path not in KEYS:
        todo = "For another one, give a `compute_metrics` function of your own."
        raise TaskError(unknown("metric", path, [*KEYS, *extensions("metrics")], todo))
    configs = KEYS[path]
    config = config_name or "default"
    if config not in configs:
        raise TaskError(unknown(f"configuration of metric {path!r}:", config, configs))
    return configs[config]


def greater_is_better(name: str) -> bool:
    """Tell whether a higher value of this metric key is the better one.

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
    """Tell whether higher is better by the name of any key; None where the name says nothing."""
    if name in _GREATER_IS_BETTER:
        return _GREATER_IS_BETTER[name]
    plain = name.casefold()
    if any(word in plain for word in _ERRORS):
        return False
    return True if any(word in plain for word in _MERITS) else None
