"""The list of what a session would do."""

from __future__ import annotations

from pytest_ftcheck.report.plan import Plan, plan_lines

PLAN = Plan(
    task="mrpc",
    trains=True,
    engines=("trainer", "manual"),
    seeds=(0, 1),
    gates=("accuracy", "f1"),
    judged={"free": ("data.decodes", "collator.mask"), "forward": (), "run": ("model.finite",), "extra-training": ()},
    skipped={"data.duplicates": "the source repeats rows"},
    of_other_tasks=12,
    not_chosen=("equivalence.padding",),
)


def test_what_is_trained_judged_and_left_out_is_listed() -> None:
    assert plan_lines(PLAN, width=100) == [
        "mrpc: 4 runs would be trained (engine trainer and manual, seed 0, 1), 3 checks",
        "  2 read the parts (free): data.decodes, collator.mask",
        "  1 look at a run (run): model.finite",
        "  gates: accuracy, f1",
        "  skipped by the card: data.duplicates: the source repeats rows",
        "  12 do not apply to this kind of task",
        "  1 not chosen (--ftcheck-checks): equivalence.padding",
    ]


def test_lines_fit_the_terminal() -> None:
    assert max(map(len, plan_lines(PLAN, width=40)[1:])) <= 40
