"""A training, an evaluation or a save that breaks off becomes a finding that names the place and what helps."""

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
    """Turn whatever code of the user raises into a finding, also what would skip or end a test.

    Args:
        subject: of the finding.
        trainer: the user's, whose settings may say why.

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
        expected="training and evaluation run through",
        observed=where_it_failed(error),
        hint=_more_than_logits(trainer) + _what_helps(error),
    )


def _more_than_logits(trainer: Trainer | None) -> str:
    """Name the settings that make predictions a tuple, which many a metric cannot take; empty where there is none."""
    config = getattr(getattr(trainer, "model", None), "config", None)
    found = [name for name in ("output_hidden_states", "output_attentions") if getattr(config, name, False)]
    if not found:
        return ""
    named = " and ".join(f"{name} = True" for name in found)
    return (
        f"{named} in the model's configuration: predictions are a tuple, of which the logits are the first part; set "
        "it to False, or let preprocess_logits_for_metrics take the logits. Else "
    )


def _what_helps(error: BaseException) -> str:
    if isinstance(error, TimedOut):
        return "look for what hangs at this line, or give --ftcheck-timeout more seconds."
    todo = what_to_do(error, "")
    if not todo:
        return "run the same training alone for the whole traceback."
    return (
        f"{todo[0].lower()}{todo[1:]}, or give another folder: --basetemp, or --ftcheck-store for runs that are kept."
    )
