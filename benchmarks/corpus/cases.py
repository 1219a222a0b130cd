"""Finds the cases, seen ones and unseen ones, and checks that each of them is well formed."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transformers import Trainer

from pytest_ftcheck.runs.describe import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

HERE = Path(__file__).resolve().parent
HELPERS = ("parts.py", "worlds.py", "item_worlds.py", "questions.py")
ALWAYS = HELPERS[:2]  # are a part of every digest, whether a case imports them or not
UNSEEN = HERE / "unseen"  # cases that nobody looked at who writes checks: once they are looked at, they move out of it
FAMILIES = (
    *("data", "tokens", "batches", "model", "loss", "optimizer", "schedule", "precision", "samplers", "callbacks"),
    *("evaluation", "metrics", "saving", "serving", "versions"),
)
_REPORT = re.compile(r"[\w.-]+/[\w.-]+#\d+")


@dataclass(frozen=True)
class Case:
    """One file of the corpus."""

    kind: str
    name: str
    half: str  # seen or unseen

    @property
    def path(self) -> Path:
        """The file."""
        return (UNSEEN if self.half == "unseen" else HERE) / self.kind / f"{self.name}.py"

    @property
    def factories(self) -> tuple[str, ...]:
        """The functions that return a Trainer."""
        return ("defect", "fixed") if self.kind == "defects" else ("build",)

    @property
    def digest(self) -> str:
        """Changes with the file, and with the helpers that it may import from."""
        text = self.path.read_text(encoding="utf-8")
        helpers = [helper for helper in HELPERS if helper in ALWAYS or f"from {Path(helper).stem} import" in text]
        hashed = hashlib.sha256()
        for file in (self.path, *(HERE / helper for helper in helpers)):
            hashed.update(file.read_bytes())
        return hashed.hexdigest()[:16]

    def load(self) -> ModuleType:
        """Import the file, with its helpers on the path."""
        if str(HERE) not in sys.path:
            sys.path.insert(0, str(HERE))
        spec = importlib.util.spec_from_file_location(f"corpus_{self.kind}_{self.name}", self.path)
        if spec is None or spec.loader is None:
            raise ImportError(str(self.path))
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module


def all_cases(half: str = "all", name: str = "") -> list[Case]:
    """Cases of a half, or the one of this name, defects first."""
    found = [
        Case(kind, file.stem, which)
        for kind in ("defects", "healthy")
        for which, folder in (("seen", HERE), ("unseen", UNSEEN))
        for file in sorted((folder / kind).glob("*.py"))
    ]
    return [case for case in found if half in {"all", case.half} and name in {"", case.name}]


def self_test(cases: list[Case]) -> list[str]:
    """Build every Trainer once, and return what is wrong."""
    wrong = []
    names = [case.name for case in all_cases()]
    wrong += [f"{name}: two cases have this name" for name in {name for name in names if names.count(name) > 1}]
    for case in cases:
        try:
            wrong += [f"{case.name}: {complaint}" for complaint in _complaints(case)]
        except Exception as error:  # noqa: BLE001 - one case that raises must not hide what is wrong with the others
            wrong.append(f"{case.name}: {type(error).__name__}: {error}")
    return wrong


def _complaints(case: Case) -> Iterator[str]:
    module = case.load()
    if not (module.__doc__ or "").strip():
        yield "has no docstring"
    if case.kind == "defects":
        yield from _constants(module)
    built = {}
    for name in case.factories:
        factory: Callable[[], Any] = getattr(module, name)
        trainer = factory()
        if not isinstance(trainer, Trainer):
            yield f"{name}() returns no Trainer"
            return
        if trainer.state.global_step:
            yield f"{name}() returns a trained Trainer"
        built[name] = describe(trainer).digest  # as a kept run is described: by all that it holds
    if case.kind == "defects" and built["defect"] == built["fixed"]:
        yield "defect() and fixed() return the same"


def _constants(module: ModuleType) -> Iterator[str]:
    report, family, cause = (getattr(module, name, None) for name in ("REPORT", "FAMILY", "CAUSE"))
    if not isinstance(report, str) or (report and not _REPORT.fullmatch(report)):
        yield f"REPORT is neither empty nor owner/repository#number: {report!r}"
    if family not in FAMILIES:
        yield f"FAMILY is none of {', '.join(FAMILIES)}: {family!r}"
    if not isinstance(cause, tuple) or not cause:
        yield "CAUSE is no tuple of alternatives"
        return
    for alternative in cause:
        re.compile(alternative)
        if alternative != alternative.lower() and "\\W" not in alternative:
            yield f"CAUSE is not in lower case: {alternative!r}"
