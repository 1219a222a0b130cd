"""Access to the Hub: nothing is downloaded unless the user allows it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def hub_access(*, online: bool) -> Iterator[None]:
    """Keep `huggingface_hub` and `datasets` to their local caches unless ``online``.

    ``HF_HUB_OFFLINE`` is read when those libraries are imported, and ``local_files_only`` does not keep
    `datasets.load_dataset` from asking the Hub, so that code which runs after the import sets what was read.
    """
    import datasets.config  # noqa: PLC0415 - slow to import, and only the Hub needs it
    import huggingface_hub.constants  # noqa: PLC0415 - as above

    if online:
        yield
        return
    modules: tuple[Any, ...] = (huggingface_hub.constants, datasets.config)
    before = [module.HF_HUB_OFFLINE for module in modules]
    for module in modules:
        module.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = value
