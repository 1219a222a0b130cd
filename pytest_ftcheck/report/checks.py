"""The catalogue of checks as text: a table for the terminal, a page for the documentation."""

from __future__ import annotations

import inspect
import io
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pytest_ftcheck.checks.catalogue import FAMILIES
from pytest_ftcheck.heads.traits import LABEL_PER_ITEM, LABEL_PER_ROW, in_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_ftcheck.checks.catalogue import Check

_COSTS = {
    "free": "reads the parts",
    "forward": "runs the model on a few batches",
    "run": "reads the run, which all checks of this cost share",
    "extra-training": "makes short fine-tunes of its own, a few optimizer steps each",
}
_SECTIONS = ("Args:", "Returns:", "Raises:")

_INTRODUCTION = """# The checks

Every check verifies a property that any correct fine-tune has. `pytest --ftcheck-list-checks` prints a short list.
`--ftcheck-checks` selects checks: with families and ids, only these run; families and ids with a minus are left out.

```console
pytest --ftcheck-task=reviews --ftcheck-checks=data,collator.mask         # only these
pytest --ftcheck-task=reviews --ftcheck-checks=-training,-data.duplicates # all except these
```

A card can change thresholds and tolerances. It can also skip a check; the report then shows the reason.

```toml
[tool.ftcheck.tasks.reviews]
checks."data.duplicates" = { rows = 0.05, near = 0.1 }  # the id in quotes
checks."serving.submission".skip = "our labels are not those of GLUE"
```

The family `equivalence` runs only if `--ftcheck-checks` names it, or one of its ids. Each check trains in two ways that
must give the same result, for example with micro-batches and with one batch, for 16 steps from the same weights (up to
128 in half precision). The check compares the losses and the norms of the gradients, without a stored reference. It
compares the largest difference with the rounding error of this session, and the mean difference with 0. It therefore
detects a loss that is 0.1% too large. On healthy code, all eight checks together fail by chance in at most 1% of
sessions. The norm of a gradient does not show its direction. With bundled data, 0 of 228 comparisons failed without a
defect, and 66 of 66 with a loss that is 0.1% too large. `equivalence.compiled` takes half a minute, each other check a
few seconds with a small model.

```console
pytest --ftcheck-task=reviews --ftcheck-checks=equivalence                       # alone
pytest --ftcheck-task=reviews --ftcheck-checks=equivalence,-equivalence.compiled # without torch.compile
pytest --ftcheck-task=reviews --ftcheck-checks=data,collator,model,training,metrics,serving,equivalence # all checks
```

A planted fault (`--ftcheck-faults`) is judged by all checks that are listed for it, also by checks of this family.

A check that does not apply, for example because there is no tokenizer or no raw text, is skipped with the reason. A
check that crashes fails. Where the run fails, the check that reports this fails, and the other checks that need the run
are skipped. Rows and labels are compared over the whole of both splits. Checks that must tokenize again compare evenly
spaced rows, 64 to 5,000 of a split; a finding gives their number ("12 of 256 sampled rows").

The costs of a check:

"""


def checks_table(checks: Iterable[Check], *, color: bool, width: int) -> str:
    """Render id, cost and meaning of checks, and the heads that they need, if not all.

    Args:
        checks: in the order in which they are shown.
        color: with ANSI colours.
        width: of the terminal, in columns.

    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("check", no_wrap=True)
    table.add_column("cost", no_wrap=True)
    table.add_column("what must hold")
    for check in checks:
        table.add_row(check.id, check.cost, Text(check.meaning + _only(check)))
    output = io.StringIO()
    console = Console(file=output, width=width, force_terminal=color, color_system="standard" if color else None)
    console.print(table)
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()).strip("\n")


def _only(check: Check) -> str:
    """Name the tasks that a check applies to; "one label a row" is left out, because all built-in heads have it."""
    traits = set(check.needs) - {LABEL_PER_ROW, LABEL_PER_ITEM}
    return f" (only tasks with {in_words(traits)})" if traits else ""


def checks_page(known: Mapping[str, Check]) -> str:
    """Render every check as Markdown: meaning, what it catches, cost, thresholds, and how to skip it.

    Args:
        known: by id, in the order in which they are shown.

    """
    costs = "".join(f"- `{cost}`: {meaning}\n" for cost, meaning in _COSTS.items())
    families = [
        f"\n## {family}\n" + "".join(_section(check) for check in known.values() if check.family == family)
        for family in FAMILIES
    ]
    return _INTRODUCTION + costs + "".join(families)


def _section(check: Check) -> str:
    lines = [
        f"### {check.id}",
        "",
        _prose(check),
        "",
        f"- **catches** {check.catches.rstrip('.')}",
        f"- **costs** `{check.cost}`: {_COSTS[check.cost]}",
    ]
    if check.needs:
        lines.append(f"- **only for** tasks with {in_words(check.needs)}")
    if check.thresholds:
        thresholds = ", ".join(f"{name} = {value:g}" for name, value in check.thresholds.items())
        lines.append(f'- **thresholds** `checks."{check.id}" = {{ {thresholds} }}` in the card')
    if check.tolerance:
        tolerance = ", ".join(f"{value:g} in {dtype}" for dtype, value in check.tolerance.items())
        lines.append(f'- **tolerance** {tolerance}; `checks."{check.id}".tolerance` in the card')
    if check.false_alarms:
        lines.append(f"- **false alarms** at most {check.false_alarms:g} a session by chance, over a healthy project")
    lines += [
        f"- **what to do** {check.hint}",
        f'- **to skip it** `checks."{check.id}".skip = "why"` in the card, or `--ftcheck-checks=-{check.id}`',
    ]
    return "\n" + "\n".join(lines) + "\n"


def _prose(check: Check) -> str:
    """Return the docstring without its sections for arguments and errors."""
    paragraphs = inspect.cleandoc(check.function.__doc__ or "").split("\n\n")
    kept = [paragraph for paragraph in paragraphs if not paragraph.startswith(_SECTIONS)]
    return "\n\n".join(kept)
