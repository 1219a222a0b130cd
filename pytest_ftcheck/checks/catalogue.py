"""Defines checks and the catalogue of all checks.

A check is a pure function ``(evidence, thresholds) -> list[Finding]``, registered with `check`. Its docstring's first
line states the requirement. If the check is not applicable, it raises `NotApplicable` with the reason.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from pkgutil import iter_modules
from traceback import walk_tb
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, get_args

from pytest_ftcheck.errors import CheckFailure, FtcheckError, SettingsError, unknown
from pytest_ftcheck.extensions import extensions, load_extension
from pytest_ftcheck.findings import EXAMPLES, Finding
from pytest_ftcheck.heads.traits import MASKED_TOKENS, unmet
from pytest_ftcheck.printable import text_of

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence

Cost = Literal["free", "forward", "run", "extra-training"]
COSTS: tuple[str, ...] = get_args(Cost)
FAMILIES = ("data", "collator", "model", "training", "metrics", "serving", "equivalence")
OPT_IN = frozenset({"equivalence"})
"""Families whose checks run only if ``--ftcheck-checks`` names them: they take as long as all others together."""
MOST_FALSE_ALARMS = 0.01
"""Probability that any check fails by chance in a session of a healthy project: a test adds the rates up."""

Thresholds = Mapping[str, float]
"""The check's thresholds by name, with the card's changes. ``tolerance`` is the one for the run's precision."""


class NotApplicable(Exception):  # noqa: N818 - no error: the reason why a check has nothing to say
    """A check does not apply to these parts; the message gives the reason."""


class ReportedBy(NotApplicable):
    """A check is not possible because of a defect that another check finds: that check must fail.

    Attributes:
        check: id of the other check.

    """

    def __init__(self, check: str, reason: str) -> None:
        super().__init__(f"not judged because of {check}: {reason}")
        self.check = check


@dataclass(frozen=True)
class Check:
    """One entry of the catalogue."""

    id: str
    """``family.name``."""
    function: Callable[[Evidence, Thresholds], list[Finding]]
    cost: Cost
    """``free``: reads the parts. ``forward``: runs the model a few times. ``run``: needs the run.
    ``extra-training``: makes short fine-tunes of its own."""
    catches: str
    """Defects that the check catches, in a few words."""
    hint: str
    """Likely causes and what to do; a finding may have a better hint."""
    needs: tuple[str, ...] = ()
    """Traits that the head of a task must have, see `pytest_ftcheck.heads.traits`."""
    single_texts: bool = False
    """True if the check needs rows of one text or one pair each: rows of several texts are split."""
    thresholds: Thresholds = field(default_factory=dict)
    """Budgets and thresholds by name, settable per card."""
    tolerance: Mapping[str, float] = field(default_factory=dict)
    """Tolerance by dtype of the run; absolute unless the docstring says otherwise."""
    false_alarms: float = 0.0
    """Probability that the check fails in a session of a healthy project; 0 if nothing is drawn at random."""

    @property
    def family(self) -> str:
        """The family of the check, the first part of its id."""
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        """Name of the check within the family."""
        return self.id.partition(".")[2]

    @property
    def meaning(self) -> str:
        """The requirement in one sentence."""
        return (self.function.__doc__ or "").strip().splitlines()[0]


_CHECKS: dict[str, Check] = {}


def check(
    id: str,  # noqa: A002 - the field's own name
    *,
    cost: Cost,
    catches: str,
    hint: str,
    needs: tuple[str, ...] = (),
    single_texts: bool = False,
    thresholds: Thresholds = MappingProxyType({}),
    tolerance: Mapping[str, float] = MappingProxyType({}),
    false_alarms: float = 0.0,
) -> Callable[[Callable[[Evidence, Thresholds], list[Finding]]], Callable[[Evidence, Thresholds], list[Finding]]]:
    """Register a function as a check; see `Check` for the arguments.

    Raises:
        SettingsError: there is no such family.

    """
    if id.partition(".")[0] not in FAMILIES:
        raise SettingsError(unknown(f"family of check {id!r}:", id.partition(".")[0], FAMILIES))

    def register(
        function: Callable[[Evidence, Thresholds], list[Finding]],
    ) -> Callable[[Evidence, Thresholds], list[Finding]]:
        _CHECKS[id] = Check(id, function, cost, catches, hint, needs, single_texts, thresholds, tolerance, false_alarms)
        return function

    return register


def catalogue() -> Mapping[str, Check]:
    """Every check by id, in the order of the families and then of their names, independent of the import order."""
    for family in FAMILIES:
        package = import_module(f"pytest_ftcheck.checks.{family}")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name in extensions("checks"):
        load_extension("checks", name, _CHECKS)
    ordered = sorted(_CHECKS.values(), key=lambda entry: (FAMILIES.index(entry.family), entry.name))
    return MappingProxyType({entry.id: entry for entry in ordered})


def thresholds_of(entry: Check, given: Mapping[str, float], dtype: str) -> Thresholds:
    """Return a check's thresholds with a card's changes, and ``tolerance`` for this dtype.

    Raises:
        SettingsError: the card names a limit that the check does not have.

    """
    thresholds = dict(entry.thresholds)
    if entry.tolerance:
        thresholds["tolerance"] = entry.tolerance[dtype]
    for name, value in given.items():
        if name not in thresholds:
            raise SettingsError(unknown(f"limit of check {entry.id!r}:", name, thresholds))
        thresholds[name] = float(value)
    return thresholds


def run_check(entry: Check, evidence: Evidence) -> list[Finding]:
    """Run one check; an error in the check never passes.

    Returns:
        The findings, each with the check's id and hint; a check that crashes is a finding itself.

    Raises:
        NotApplicable: the check does not apply to these parts, or the head lacks the traits that the check needs.
        CheckFailure: the run that the check needs failed.
        FtcheckError: the tool is misused.

    """
    pipeline = evidence.pipeline
    if reason := unmet(entry.needs, pipeline.card.head_rules.traits):
        raise NotApplicable(reason)
    thresholds = thresholds_of(entry, pipeline.card.thresholds.get(entry.id, {}), evidence.precision)
    try:
        findings = entry.function(_as_it_knows(entry, evidence), thresholds)
    except (NotApplicable, CheckFailure, FtcheckError, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - fail closed: a part that calls pytest.skip is not healthy either
        text = f"{type(error).__name__}: {text_of(error)}"
        hint = _CRASHED.format(place=_place(error) or "the parts")
        findings = [Finding(entry.id, pipeline.subject, "parts that the check can look at", text, hint)]
    return [
        replace(
            finding,
            check=finding.check or entry.id,  # a gate reads a limit and a baseline
            subject=finding.subject or pipeline.subject,
            hint=finding.hint or entry.hint,
        )
        for finding in findings
    ]


def _as_it_knows(entry: Check, evidence: Evidence) -> Evidence:
    """Return the evidence in the form that a check knows: single texts, and masks of which it need not know."""
    from pytest_ftcheck.checks.masked import before_masking, with_steady_masks  # noqa: PLC0415 - imports datasets
    from pytest_ftcheck.checks.single_texts import of_single_texts  # noqa: PLC0415 - as above

    if entry.single_texts:
        return before_masking(of_single_texts(evidence))
    knows_masks = MASKED_TOKENS in entry.needs or evidence.pipeline.card.head_rules.masks is None
    return evidence if knows_masks else with_steady_masks(evidence)


_CRASHED = (
    "{place} raised this error in a call as a Trainer makes it. If your code is right, report it as a defect of ours."
)


def _place(error: BaseException) -> str:
    """Name the innermost line of the project's own code in an error's traceback; an empty text if there is none."""
    installed = {sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")} | {
        str(Path(__file__).parents[1])
    }
    for frame, line in reversed(list(walk_tb(error.__traceback__))):
        code = frame.f_code
        if not code.co_filename.startswith(("<", *installed)):
            return f"{code.co_name}() in {Path(code.co_filename).name}, line {line},"
    return ""


def finding(
    expected: str, observed: str, *, subject: str = "", hint: str = "", unit: str = "", evidence: Iterable[str] = ()
) -> Finding:
    """Make a finding of the running check; `run_check` adds its id, and subject and hint if they are empty."""
    return Finding("", subject, expected, observed, hint, unit, evidence=tuple(islice(evidence, EXAMPLES)))


def warning(
    expected: str, observed: str, *, share: float, subject: str = "", hint: str = "", evidence: Iterable[str] = ()
) -> Finding:
    """Make a warning, which passes with a line in the summary, for a fraction of the rows; see `finding`."""
    shown = tuple(islice(evidence, EXAMPLES))
    return Finding("", subject, expected, observed, hint, level="warn", share=share, evidence=shown)
