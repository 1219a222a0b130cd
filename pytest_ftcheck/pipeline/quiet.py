"""Silences progress bars and advice of the libraries while this package calls them."""

from __future__ import annotations

import logging
import re
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence progress bars and warnings of transformers and datasets; restore them afterwards."""
    import datasets  # noqa: PLC0415 - slow to import
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415 - slow to import

    verbosity = transformers_logging.get_verbosity()
    transformers_bars = transformers_logging.is_progress_bar_enabled()
    datasets_bars = datasets.utils.are_progress_bars_disabled()
    accelerate_level = logging.getLogger("accelerate").level
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    logging.getLogger("accelerate").setLevel(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if transformers_bars:
            transformers_logging.enable_progress_bar()
        if not datasets_bars:
            datasets.enable_progress_bars()
        logging.getLogger("accelerate").setLevel(accelerate_level)


@contextmanager
def warnings_of_a_script() -> Iterator[None]:
    """Do not turn warnings into errors, because a training script does not run under pytest's ``filterwarnings``.

    Ignored warnings stay ignored.
    """
    with warnings.catch_warnings():
        filters: list[Any] = list(warnings.filters)
        warnings.resetwarnings()
        for action, message, category, module, line in reversed(filters):
            warnings.filterwarnings(
                "default" if action == "error" else action,
                _pattern(message),
                category,
                _pattern(module),
                line,
            )
        # Every DataLoader gives this warning on a machine without a GPU, where pinned memory is the default.
        warnings.filterwarnings("ignore", "'pin_memory' argument is set as true", UserWarning)
        yield


def _pattern(part: re.Pattern[str] | str | None) -> str:
    """Return the regular expression of a filter; filters of ``python -W`` are plain strings."""
    if part is None:
        return ""
    return re.escape(part) if isinstance(part, str) else part.pattern
