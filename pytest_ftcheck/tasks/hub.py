"""Access to the Hub: nothing is downloaded unless the user allows it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def hub_access(*, online: bool) -> Iterator[None]:
    """Make `huggingface_hub` and `datasets` use only their local caches, unless ``online``.

    The libraries read ``HF_HUB_OFFLINE`` when they are imported, and ``local_files_only`` does not stop requests of
    `datasets.load_dataset` to the Hub. Therefore the variables of the imported libraries are set here.
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
