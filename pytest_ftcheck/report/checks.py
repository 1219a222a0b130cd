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
    "free": "looks at the parts",
    "forward": "runs the model on a few batches",
    "run": "looks at the run, which all of these share",
    "extra-training": "makes short fine-tunes of its own, a few optimizer steps each",
}
_SECTIONS = ("Args:", "Returns:", "Raises:")

_INTRODUCTION = """# The checks

Every check asks for a property that any correct fine-tune has. `pytest --ftcheck-list-checks` prints them in short,
`--ftcheck-checks` chooses among them: families and ids run alone, those with a minus are left out.

```console
pytest --ftcheck-task=reviews --ftcheck-checks=data,collator.mask         # these
pytest --ftcheck-task=reviews --ftcheck-checks=-training,-data.duplicates # all but these
```

A card changes thresholds and tolerances, and can skip a check, which is then reported with the reason.

```toml
[tool.ftcheck.tasks.reviews]
checks."data.duplicates" = { rows = 0.05, near = 0.1 }  # the id in quotes
checks."serving.submission".skip = "our labels are not those of GLUE"
```

The family `equivalence` is not part of a session unless it, or one of its ids, is named. It trains by two ways that
must give the same, micro-batches and one batch for example, for 16 steps from the same weights (up to 128 in half
precision), and compares the losses and the lengths of the gradients, without a stored reference: the largest difference
with what the session's own rounding makes, and the mean difference with 0, so that a loss that is 0.1% too large is
seen. On healthy code, all eight checks together are red by chance in at most 1% of sessions. The length of a gradient
says nothing of its direction. Over bundled data, 0 of 228 comparisons were red without a defect, and 66 of 66 with a
loss that is 0.1% too large. `equivalence.compiled` takes half a minute, the others a few seconds each with a small
model.

```console
pytest --ftcheck-task=reviews --ftcheck-checks=equivalence                       # alone
pytest --ftcheck-task=reviews --ftcheck-checks=equivalence,-equivalence.compiled # without the compiler
pytest --ftcheck-task=reviews --ftcheck-checks=data,collator,model,training,metrics,serving,equivalence # all there are
```

A planted fault (`--ftcheck-faults`) is judged by the checks that are listed for it, also by those of this family.

A check that cannot be asked, for want of a tokenizer or of raw text for example, is skipped and says why. One that
crashes is red. Where the run fails, the check that tells of it is red, and the others that need the run are skipped.
Rows and labels are compared over the whole of both splits. What has to be tokenized again is compared in evenly spread
rows, 64 to 5,000 of a split; a finding says how many these were ("12 of 256 sampled rows").

What a check costs:

"""


def checks_table(checks: Iterable[Check], *, color: bool, width: int) -> str:
    """Render id, cost and meaning of checks, and their heads where these are restricted.

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
    """Say which tasks a check is for; of one label a row nothing, which all heads of this package have."""
    traits = set(check.needs) - {LABEL_PER_ROW, LABEL_PER_ITEM}
    return f" (only tasks with {in_words(traits)})" if traits else ""


def checks_page(known: Mapping[str, Check]) -> str:
    """Render every check as Markdown: what it means, catches and costs, its thresholds, and how to silence it.

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
        f'- **to silence it** `checks."{check.id}".skip = "why"` in the card, or `--ftcheck-checks=-{check.id}`',
    ]
    return "\n" + "\n".join(lines) + "\n"


def _prose(check: Check) -> str:
    """Return the docstring without its sections for arguments and errors."""
    paragraphs = inspect.cleandoc(check.function.__doc__ or "").split("\n\n")
    kept = [paragraph for paragraph in paragraphs if not paragraph.startswith(_SECTIONS)]
    return "\n\n".join(kept)
