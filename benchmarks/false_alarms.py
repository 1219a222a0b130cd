"""How often is a check red over a healthy project, by chance alone? Thousands of healthy draws for each random check.

    python benchmarks/false_alarms.py [--times 1.0] [--only metrics.] [--seed 1]

Labels, logits, losses and orders are made with numpy and handed to the very functions that judge; only the heads of
model.loss_at_start and the attempts of training.overfits_batch are real, of the bundled checkpoints. The figures go to
``false_alarms.json``, the table to ``false_alarms.md``. Some minutes on one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import binomtest

from healthy_draws import CELLS, Cell
from machine import describe_machine, markdown_table
from pytest_ftcheck.checks.catalogue import MOST_FALSE_ALARMS, OPT_IN, catalogue
from pytest_ftcheck.heads.registry import head_named, known_heads
from pytest_ftcheck.heads.traits import unmet

if TYPE_CHECKING:
    from collections.abc import Iterable

HERE = Path(__file__).parent
Row = dict[str, Any]


def measure(cell: Cell, times: float, seed: int) -> Row:
    """Count the reds of a cell."""
    start, draws = time.perf_counter(), max(10, int(cell.draws * times))
    # A seed of its own for each cell, whatever cells stand before it.
    name = f"{cell.check} {cell.what}"
    generator = np.random.default_rng([seed, len(name), *name.encode()])
    reds = sum(bool(cell.is_red(generator)) for _ in range(draws))
    seconds = time.perf_counter() - start
    return {
        "check": cell.check,
        "cell": cell.what,
        "healthy": cell.healthy,
        "draws": draws,
        "red": reds,
        "seconds": seconds,
    }


def interval(red: int, draws: int) -> tuple[float, float]:
    """Return Wilson's interval of a rate, at 95%."""
    found = binomtest(red, draws).proportion_ci(method="wilson")
    return float(found.low), float(found.high)


def _rate(red: int, draws: int) -> tuple[str, str, str]:
    low, high = interval(red, draws)
    return f"{red}/{draws}", f"{red / draws:.2g}", f"{low:.1g} to {high:.2g}"


def by_check(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Sort the healthy cells by check, in the order of the catalogue."""
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["healthy"]:
            found[row["check"]].append(row)
    return {name: found[name] for name in catalogue() if name in found}


def summary(rows: list[Row]) -> str:
    """Render one line for each check, and the sums."""
    known, lines, measured = catalogue(), [], 0.0
    for name, ours in by_check(rows).items():
        red, draws = sum(row["red"] for row in ours), sum(row["draws"] for row in ours)
        worst = max(ours, key=lambda row: (interval(row["red"], row["draws"])[0], row["red"] / row["draws"]))
        low, high = interval(worst["red"], worst["draws"])
        stated = known[name].false_alarms
        verdict = "more" if low > stated else "yes"
        counted, share, between = _rate(red, draws)
        place = f"{worst['cell']}: {worst['red']}/{worst['draws']}, {low:.1g} to {high:.2g}" if worst["red"] else "-"
        lines.append([name, f"{stated:g}", str(len(ours)), counted, share, between, place, verdict])
        measured += red / draws
    head, most = max(stated_of_heads().items(), key=lambda pair: pair[1])
    header = ["check", "stated", "cells", "red", "rate", "Wilson 95%", "worst cell", "within"]
    words = (
        f"\nStated for all checks of one session: {most:.4f} at most (head {head}). The budget is "
        f"{MOST_FALSE_ALARMS:g}.\n"
        f"Measured, as the mean over the cells of each check and added up over all heads: {measured:.4f}.\n"
    )
    return markdown_table(header, lines) + words


def stated_of_heads() -> dict[str, float]:
    """Add up what the checks of a default session state, for each head: no session runs the checks of all heads."""
    usual = [check for check in catalogue().values() if check.family not in OPT_IN]
    return {
        name: sum(check.false_alarms for check in usual if not unmet(check.needs, head_named(name).traits))
        for name in known_heads()
    }


def unhealthy(rows: list[Row]) -> str:
    """Render the cells in which a check should be red, or in which a model is weaker than what is promised for."""
    lines = [
        [row["check"], row["cell"], *_rate(row["red"], row["draws"])[:2]]
        for row in rows
        if not row["healthy"] and row["check"] == "metrics.beats_trivial"
    ]
    return markdown_table(["cell", "red", "rate"], lines)


TEXT = """# How often a healthy project is red by chance

Made by `python benchmarks/false_alarms.py --seed {seed}` on: {machine}; {seconds:.0f} s on one core, {draws:,} draws in
{cells} cells. Thresholds, and which cells are called healthy, were chosen while looking at seed 0; none was changed
after this seed was looked at.

A cell is a kind of healthy project: so many classes, rows, such shares of the classes, such a model. *Healthy* is one
that truly is 0.25 of the way from chance to perfect (63 of 100 rows of two equal classes) or better, or whose values
correlate by 0.3. "Stated" is what the check's docstring and `false_alarms` say for one session; "within" compares it
with the lower end of the worst cell's interval. A check that draws nothing at random is not here.

{summary}
## Where it should be red, or promises nothing

At chance, `metrics.beats_trivial` is right to be red; between chance and a healthy model it may be red, or say that it
cannot tell.

{unhealthy}"""


def main() -> None:
    """Measure and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=float, default=1.0, help="draws, as a multiple of the usual ones")
    parser.add_argument("--only", default="", help="checks whose names begin so; the files are left as they are")
    parser.add_argument("--seed", type=int, default=1, help="thresholds were chosen while looking at seed 0")
    arguments = parser.parse_args()
    start, rows = time.perf_counter(), []
    for cell in CELLS:
        if cell.check.startswith(arguments.only):
            rows.append(measure(cell, arguments.times, arguments.seed))
            if rows[-1]["red"] or arguments.only:
                print(*list(rows[-1].values()), flush=True)
    text = TEXT.format(
        seed=arguments.seed,
        machine=describe_machine(),
        seconds=time.perf_counter() - start,
        draws=sum(row["draws"] for row in rows),
        cells=len(rows),
        summary=summary(rows),
        unhealthy=unhealthy(rows),
    )
    if not arguments.only:
        (HERE / "false_alarms.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
        (HERE / "false_alarms.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
