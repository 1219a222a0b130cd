"""Proofs: which checks are asked, what counts as red, and that a broken run speaks for the checks that it names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.checks.catalogue import Check, NotApplicable, Thresholds, finding
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.errors import CheckFailure, DataError
from pytest_ftcheck.faults.check_answers import CheckAnswer
from pytest_ftcheck.faults.fault import Fault
from pytest_ftcheck.faults.planting import nothing, with_args, with_patch
from pytest_ftcheck.faults.prove import FEW_STEPS, Proof, Prover
from pytest_ftcheck.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.pipeline.parts import Pipeline


def fewer_rows(pipeline: Pipeline) -> Pipeline:
    """Half of the rows are lost."""
    return replace(pipeline, train_dataset=pipeline.train_dataset.select(range(8)))


def patched(pipeline: Pipeline) -> Pipeline:
    """Something is different while it trains."""
    return with_patch(pipeline, nothing, "math:sqrt")


def impossible(pipeline: Pipeline) -> Pipeline:
    """It has no place."""
    msg = f"{pipeline.card.name} has none"
    raise NotApplicable(msg)


@dataclass
class Bench:
    """Checks that note what they were asked about."""

    asked: list[tuple[str, int, Any]] = field(default_factory=list)
    broken: bool = False

    def checks(self) -> dict[str, Check]:
        def note(name: str, evidence: Evidence) -> int:
            rows = len(evidence.pipeline.train_dataset)
            self.asked.append((name, rows, evidence.pipeline.args.get("max_steps")))
            return rows

        def rows(evidence: Evidence, _: Thresholds) -> list[Finding]:
            return [finding("64 rows", "fewer")] if note("data.rows", evidence) < 64 else []

        def always(evidence: Evidence, _: Thresholds) -> list[Finding]:
            note("data.always", evidence)
            return [finding("green", "red")]

        def never(evidence: Evidence, _: Thresholds) -> list[Finding]:
            note("model.never", evidence)
            msg = "nothing to ask"
            raise NotApplicable(msg)

        def learned(evidence: Evidence, _: Thresholds) -> list[Finding]:
            if note("training.learned", evidence) < 64 and self.broken:
                raise CheckFailure([Finding("training.completes", "", "it runs", "it broke")])
            return [finding("much", "little")] if len(evidence.pipeline.train_dataset) < 64 else []

        def misused(evidence: Evidence, _: Thresholds) -> list[Finding]:
            if note("metrics.misused", evidence) < 64:
                msg = "4 rows of logits for 8 labels"
                raise DataError(msg)
            return []

        def served(evidence: Evidence, _: Thresholds) -> list[Finding]:
            note("serving.served", evidence)
            return []

        known = [
            Check("data.rows", rows, "free", "", ""),
            Check("data.always", always, "forward", "", ""),
            Check("model.never", never, "free", "", ""),
            Check("training.learned", learned, "run", "", ""),
            Check("metrics.misused", misused, "run", "", ""),
            Check("serving.served", served, "run", "", ""),
        ]
        return {check.id: check for check in known}


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def prover(mrpc: Pipeline, bench: Bench, tmp_path: Path) -> Prover:
    return make_prover(mrpc, bench, tmp_path)


def make_prover(pipeline: Pipeline, bench: Bench, folder: Path) -> Prover:
    def evidence_of(given: Pipeline, engine: str, _: Path) -> Evidence:
        environment = {"device": "cpu", "dtype": "float32", "threads": "1"}

        def refuse(**_: Any) -> Any:
            pytest.fail("nothing is trained here")

        return Evidence(given, engine=engine, seed=0, environment=environment, make_run=refuse, make_probe=refuse)

    return Prover(pipeline, evidence_of, bench.checks(), folder=folder)


def fault(plant: Callable[[Pipeline], Pipeline], *listed: str, whole_run: bool = False) -> Fault:
    return Fault(plant.__name__, plant, listed, "Here.", whole_run=whole_run)


def test_a_listed_check_that_turns_red_catches_the_fault(prover: Prover, bench: Bench) -> None:
    proof = prover.prove(fault(fewer_rows, "data.rows"), "trainer")
    assert (proof.outcome, proof.caught, proof.also) == ("caught", ("data.rows",), ())
    assert proof.verdicts["data.rows"] == CheckAnswer("red", "fewer")
    assert proof.verdicts["model.never"] == CheckAnswer("skipped", "nothing to ask")
    # What looks at the parts is asked; nothing is trained, because no listed check needs it.
    assert {name for name, rows, _ in bench.asked if rows == 8} == {"data.rows", "data.always", "model.never"}


def test_what_was_red_before_proves_nothing(prover: Prover) -> None:
    proof = prover.prove(fault(fewer_rows, "data.always", "model.never", "data.gone"), "trainer")
    assert proof.outcome == "survived"
    assert proof.verdicts["data.always"].state == "red before"
    assert proof.also == ("data.rows",)


def test_a_run_is_short_unless_something_must_be_learned(prover: Prover, bench: Bench) -> None:
    short = prover.prove(fault(fewer_rows, "training.learned"), "trainer")
    assert short.caught == ("training.learned",)
    assert [steps for name, rows, steps in bench.asked if name == "training.learned"] == [FEW_STEPS, FEW_STEPS]
    assert "metrics.misused" not in short.verdicts
    bench.asked.clear()
    whole = prover.prove(fault(fewer_rows, "training.learned", whole_run=True), "trainer")
    assert [steps for name, rows, steps in bench.asked if name == "training.learned"] == [None, None]
    assert whole.also == ("data.rows", "metrics.misused")
    assert "serving.served" not in whole.verdicts


def test_serving_is_asked_where_it_is_listed(prover: Prover) -> None:
    proof = prover.prove(fault(fewer_rows, "serving.served", whole_run=True), "trainer")
    assert proof.verdicts["serving.served"].state == "green"
    assert proof.outcome == "survived"


def test_a_recipe_with_few_steps_keeps_them(mrpc: Pipeline, bench: Bench, tmp_path: Path) -> None:
    few = make_prover(with_args(mrpc, max_steps=3), bench, tmp_path)
    few.prove(fault(fewer_rows, "training.learned"), "trainer")
    assert {steps for name, _, steps in bench.asked if name == "training.learned"} == {3}


def test_a_broken_run_is_red_for_the_checks_that_it_names(prover: Prover, bench: Bench) -> None:
    bench.broken = True
    proof = prover.prove(fault(fewer_rows, "training.learned", "training.completes"), "trainer")
    assert proof.caught == ("training.completes",)
    assert proof.verdicts["training.learned"] == CheckAnswer("not run", "the run broke: training.completes, it broke")


def test_misuse_in_a_planted_pipeline_is_red(prover: Prover) -> None:
    proof = prover.prove(fault(fewer_rows, "metrics.misused"), "trainer")
    assert proof.verdicts["metrics.misused"] == CheckAnswer("red", "DataError: 4 rows of logits for 8 labels")


def test_where_it_cannot_be_planted_nothing_is_asked(prover: Prover, bench: Bench) -> None:
    proof = prover.prove(fault(impossible, "data.rows"), "trainer")
    assert (proof.outcome, proof.not_applicable, proof.verdicts) == ("n.a.", "mrpc has none", {})
    assert bench.asked == []


def test_the_same_parts_are_asked_once(prover: Prover, bench: Bench) -> None:
    prover.prove(fault(patched, "training.learned"), "trainer")
    prover.prove(fault(patched, "training.learned"), "manual")
    assert [name for name, *_ in bench.asked].count("data.rows") == 1
    # Each engine has its own run; without a fault it is only made where one is red.
    assert [name for name, *_ in bench.asked].count("training.learned") == 2


def test_parts_are_judged_once_for_both_engines(prover: Prover, bench: Bench) -> None:
    first, second = (prover.prove(fault(fewer_rows, "data.rows"), engine) for engine in ("trainer", "manual"))
    assert first.caught == second.caught == ("data.rows",)
    assert [rows for name, rows, _ in bench.asked if name == "data.rows"].count(8) == 1


def test_what_the_card_skips_is_not_asked(mrpc: Pipeline, bench: Bench, tmp_path: Path) -> None:
    skipping = replace(mrpc, card=replace(mrpc.card, skipped={"data.rows": "known"}))
    proof = make_prover(skipping, bench, tmp_path).prove(fault(fewer_rows, "data.rows"), "trainer")
    assert proof.outcome == "survived"
    assert "data.rows" not in proof.verdicts


def test_what_a_fault_left_behind_is_removed(mrpc: Pipeline, bench: Bench, tmp_path: Path) -> None:
    make_prover(mrpc, bench, tmp_path).prove(fault(fewer_rows, "training.learned"), "trainer")
    assert [path for path in tmp_path.iterdir() if not path.name.startswith("healthy-")] == []


def test_a_record_has_plain_values() -> None:
    verdicts = {
        "data.rows": CheckAnswer("red", "fewer"),
        "model.never": CheckAnswer("skipped", "why"),
        "data.b": CheckAnswer("red"),
    }
    proof = Proof("lost", "mrpc", "trainer", ("data.rows", "data.gone"), verdicts, 1.234)
    assert asdict(proof.to_record()) == {
        "fault": "lost",
        "task": "mrpc",
        "engine": "trainer",
        "outcome": "caught",
        "listed": ["data.rows", "data.gone"],
        "caught": ["data.rows"],
        "also": ["data.b"],
        "not_applicable": "",
        "seconds": 1.23,
        "verdicts": {
            "data.rows": {"state": "red", "reason": "fewer"},
            "model.never": {"state": "skipped", "reason": "why"},
            "data.b": {"state": "red", "reason": ""},
        },
    }


@pytest.mark.parametrize("engine", ["trainer", "manual"])
def test_a_fault_in_the_loop_is_caught_with_real_checks(mrpc: Pipeline, tmp_path: Path, engine: str) -> None:
    from pytest_ftcheck.checks.catalogue import catalogue
    from pytest_ftcheck.checks.evidence_of import evidence_for
    from pytest_ftcheck.faults.fault import faults
    from pytest_ftcheck.settings import Settings

    known = catalogue()
    checks = {name: known[name] for name in ("training.gradients_cleared", "training.completes")}
    prover = Prover(with_args(mrpc, max_steps=3), evidence_for(Settings(), seed=0), checks, folder=tmp_path)
    proof = prover.prove(faults()["zero_grad_missing"], engine)
    assert proof.caught == ("training.gradients_cleared",)
    assert not [path for path in tmp_path.iterdir() if not path.name.startswith("healthy-")]
