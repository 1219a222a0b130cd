"""Converts an error in training, evaluation or saving to a finding with its place and what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_ftcheck.deadline import TimedOut
from pytest_ftcheck.errors import CheckFailure, FtcheckError
from pytest_ftcheck.files import what_to_do
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.pipeline.factory import where_it_failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer


@contextmanager
def completing(subject: str, trainer: Trainer | None = None) -> Iterator[None]:
    """Convert every exception of the user's code to a finding, also those that skip or end a test.

    Args:
        subject: subject of the finding.
        trainer: the user's Trainer, whose settings may explain the error.

    Raises:
        CheckFailure: ``training.completes``.

    """
    try:
        yield
    except (FtcheckError, CheckFailure, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise CheckFailure([_broke_off(subject, error, trainer)]) from error


def _broke_off(subject: str, error: BaseException, trainer: Trainer | None) -> Finding:
    return Finding(
        check="training.completes",
        subject=subject,
        expected="training and evaluation finish without an error",
        observed=where_it_failed(error),
        hint=_more_than_logits(trainer) + _what_helps(error),
    )


def _more_than_logits(trainer: Trainer | None) -> str:
    """Return a hint about settings that make predictions a tuple, which many metrics do not accept; else empty."""
    config = getattr(getattr(trainer, "model", None), "config", None)
    found = [name for name in ("output_hidden_states", "output_attentions") if getattr(config, name, False)]
    if not found:
        return ""
    named = " and ".join(f"{name} = True" for name in found)
    return (
        f"{named} in the model's configuration: predictions are a tuple whose first entry is the logits; set it to "
        "False, or select the logits in preprocess_logits_for_metrics. Otherwise, "
    )


def _what_helps(error: BaseException) -> str:
    if isinstance(error, TimedOut):
        return "find out why the code hangs at this line, or give --ftcheck-timeout more seconds."
    todo = what_to_do(error, "")
    if not todo:
        return "run the same training without pytest to see the whole traceback."
    return (
        f"{todo[0].lower()}{todo[1:]}, or give another folder: --basetemp, or --ftcheck-store for runs that are kept."
    )
