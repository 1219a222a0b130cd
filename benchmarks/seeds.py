"""Twenty seeds of every bundled task: are the floors stable, and do they stand above what a trivial model reaches?

    python benchmarks/seeds.py [--seeds 20] [--checkpoints tiny-bert] [--processes 2]
    python benchmarks/seeds.py --tasks mrpc,qnli --output build/some.md             # some of them
    python benchmarks/seeds.py --tasks mrpc,qnli --output build/some.md --floors    # floors that these seeds propose

Runs are kept in ``build/seeds`` (a second call goes on where the first one stopped), the raw figures are written to
``benchmarks/seeds.json`` and the table to ``benchmarks/seeds.md``. An hour on two cores.
"""

from __future__ import annotations

import argparse
import json
import statistics
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge

from machine import describe_machine, markdown_table
from pytest_ftcheck.gates.calibration import Session, propose_limit
from pytest_ftcheck.gates.trivial_limits import best_trivial_of
from pytest_ftcheck.heads.traits import LABEL_PER_ROW
from pytest_ftcheck.pipeline.from_card import build_pipeline, load_task_data
from pytest_ftcheck.runs.store import RunStore
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import TaskCard, builtin_tasks, load_card
from pytest_ftcheck.tasks.metrics import load_metric
from pytest_ftcheck.training.train_or_load import train_or_load

HERE = Path(__file__).parent
ALL = HERE / "seeds.md"
STORE = HERE.parent / "build" / "seeds"

Row = dict[str, Any]


def one_run(task: str, checkpoint: str, engine: str, seed: int) -> Row:
    """Fine-tune once, by the card's recipe, on one thread."""
    settings = Settings(model=checkpoint, threads=1, device="cpu")
    pipeline = build_pipeline(load_card(task, {}), settings)
    run = train_or_load(pipeline, settings, RunStore(STORE), engine=engine, seed=seed)
    return {
        "task": task,
        "checkpoint": checkpoint,
        "engine": engine,
        "seed": seed,
        "seconds": run.timings["train"] + run.timings["predict"],
        "metrics": {name: run.metrics[name] for name in pipeline.card.metric.greater_is_better},
    }


def one_segment(task: str, checkpoint: str, column: str) -> Row:
    """Fine-tune on one text column alone, by the card's recipe: the best of three seeds."""
    settings = Settings(model=checkpoint, threads=1, device="cpu")
    card = replace(load_card(task, {}), text_columns=(column,))
    pipeline = build_pipeline(card, settings)
    runs = [train_or_load(pipeline, settings, RunStore(STORE), engine="manual", seed=seed) for seed in range(3)]
    metrics = {name: max(run.metrics[name] for run in runs) for name in card.metric.greater_is_better}
    return {"task": task, "model": f"{column} only, {checkpoint}", "metrics": metrics}


def trivial(task: str) -> list[Row]:
    """Score what needs no language: constants, length, bags of words of each column and of all."""
    card = load_card(task, {})
    if LABEL_PER_ROW not in card.head_rules.traits:
        pipeline = build_pipeline(card, Settings(device="cpu"))
        found = {name: best_trivial_of(pipeline, name) for name in card.metric.greater_is_better}
        known = {name: model for name, model in found.items() if model}
        return [{"task": task, "model": model.name, "metrics": {name: model.value}} for name, model in known.items()]
    data = load_task_data(card, Settings(), "tiny")
    labels, truth = np.array(data.train["label"]), np.array(data.evaluation["label"])
    regression = card.head == "regression"
    classes = [] if regression else sorted(set(labels.tolist()))
    guesses = {f"always {card.label_names[label]}": np.full(len(truth), label) for label in classes}
    texts = {column: (list(data.train[column]), list(data.evaluation[column])) for column in card.text_columns}
    for column, (train, evaluation) in texts.items():
        vectors = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+")
        guesses[f"bag of words, {column}"] = _fitted(
            vectors.fit_transform(train), labels, vectors.transform(evaluation), regression=regression
        )
    lengths = [_lengths([split[index] for split in texts.values()]) for index in (0, 1)]
    guesses["length"] = _fitted(lengths[0], labels, lengths[1], regression=regression)
    return [{"task": task, "model": name, "metrics": _scored(card, guess, truth)} for name, guess in guesses.items()]


def _lengths(columns: list[list[str]]) -> Any:
    """Count the words of each text: ``[N, columns]``."""
    return np.array([[len(text.split()) for text in column] for column in columns]).T


def _fitted(train: Any, labels: Any, evaluation: Any, *, regression: bool) -> Any:
    model = Ridge() if regression else LogisticRegression(max_iter=2000)
    return model.fit(train, labels).predict(evaluation)


def _scored(card: TaskCard, predictions: Any, truth: Any) -> dict[str, float]:
    metric = load_metric(card.metric.path, card.metric.config_name)
    values = metric.compute(predictions=predictions, references=truth)
    return {name: float(value) for name, value in values.items()}


def measure(arguments: argparse.Namespace) -> tuple[list[Row], list[Row]]:
    """Make every run and every trivial score."""
    baselines = [row for task in arguments.tasks for row in trivial(task)]
    runs: list[Row] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        segments = [
            pool.submit(one_segment, task, checkpoint, column)
            for task in arguments.tasks
            for checkpoint in arguments.checkpoints
            for column in load_card(task, {}).text_columns
            if len(load_card(task, {}).text_columns) > 1 and not load_card(task, {}).head_rules.inputs.refusal([column])
        ]
        jobs = [
            pool.submit(one_run, task, checkpoint, engine, seed)
            for checkpoint in arguments.checkpoints
            for task in arguments.tasks
            for engine in arguments.engines
            for seed in range(arguments.first_seed, arguments.first_seed + arguments.seeds)
        ]
        for job in as_completed(jobs):
            runs.append(job.result())
            print(f"{len(runs)}/{len(jobs)}", runs[-1], flush=True)
        baselines += [job.result() for job in segments]
    runs.sort(key=lambda row: (row["task"], row["checkpoint"], row["engine"], row["seed"]))
    return runs, baselines


def table(runs: list[Row], baselines: list[Row]) -> str:
    """Render one row per task, checkpoint, engine and metric."""
    rows = []
    groups = sorted({(run["task"], run["checkpoint"], run["engine"]) for run in runs})
    for task, checkpoint, engine in groups:
        ours = [run for run in runs if (run["task"], run["checkpoint"], run["engine"]) == (task, checkpoint, engine)]
        card = load_card(task, {})
        limits = card.gates("tiny", checkpoint)
        for metric in ours[0]["metrics"]:
            values = [run["metrics"][metric] for run in ours]
            floor = limits[metric].limit if metric in limits else None
            floor = float("nan") if floor is None else floor
            sign = 1 if card.greater_is_better(metric) else -1
            best, score, bag = best_trivial(task, checkpoint, metric, baselines)
            rows.append(
                [
                    task,
                    checkpoint,
                    engine,
                    metric,
                    f"{min(values):.3f}",
                    f"{statistics.mean(values):.3f}",
                    f"{max(values):.3f}",
                    f"{statistics.pstdev(values):.4f}",
                    f"{floor:.3f}",
                    f"{sum(sign * value >= sign * floor for value in values)}/{len(values)}",
                    f"{score:.3f} ({best})",
                    f"{sign * (floor - score):+.3f}",
                    bag,
                    f"{statistics.median(run['seconds'] for run in ours):.1f}",
                    f"{max(run['seconds'] for run in ours):.1f}",
                ]
            )
    header = ["task", "checkpoint", "engine", "metric", "min", "mean", "max", "std", "floor", "reach it"]
    return markdown_table([*header, "best trivial model", "floor above it", "bag of words", "median s", "max s"], rows)


def best_trivial(task: str, checkpoint: str, metric: str, baselines: list[Row]) -> tuple[str, float, str]:
    """Find the best trivial model of a task; of a single text, a bag of words sees all that there is: told apart."""
    # A constant has no correlation: the NaN counts as none at all.
    of_task = [b for b in baselines if b["task"] == task and metric in b["metrics"]]
    scores = {b["model"]: float(np.nan_to_num(b["metrics"][metric])) for b in of_task}
    bags = {name: score for name, score in scores.items() if name.startswith("bag of words")}
    single = len(load_card(task, {}).text_columns) == 1
    own = {name: score for name, score in scores.items() if "tiny-" not in name or checkpoint in name}
    trivial = {name: score for name, score in own.items() if not (single and name in bags)}
    sign = 1 if load_card(task, {}).greater_is_better(metric) else -1
    best = max(trivial, key=lambda name: sign * trivial[name])
    return best, trivial[best], f"{max(bags.values()):.3f}" if single and bags else "-"


def proposed_floors(runs: list[Row]) -> str:
    """Render the floors that these seeds propose, as the cards hold them; the engines give the same metrics."""
    lines = []
    for task, checkpoint in sorted({(run["task"], run["checkpoint"]) for run in runs}):
        ours = [run for run in runs if (run["task"], run["checkpoint"], run["engine"]) == (task, checkpoint, "manual")]
        pipeline = build_pipeline(load_card(task, {}), Settings(model=checkpoint))
        rows = len(pipeline.data.evaluation)
        lines += ["", f"# {task}", f"[floors.tiny.{checkpoint}]"]
        for metric in ours[0]["metrics"]:
            values = [run["metrics"][metric] for run in ours]
            session = Session(gates=len(ours[0]["metrics"]))
            greater, trivial = pipeline.card.greater_is_better(metric), best_trivial_of(pipeline, metric)
            found = propose_limit(
                metric, values, rows=rows, greater_is_better=greater, trivial=trivial, session=session
            )
            seeds = found.calibrated
            calibrated = f"mean = {seeds.mean:.4f}, spread = {seeds.std:.4f}, seeds = {seeds.seeds}, rows = {rows}"
            limit = "min" if greater else "max"
            lines.append(f"{metric} = {{ {limit} = {found.limit}, calibrated = {{ {calibrated} }} }}")
            lines += [f"# {note}" for note in (found.refused, *found.notes) if note]
    return "\n".join(lines[1:])


def report(arguments: argparse.Namespace, raw: Row) -> str:
    """Word the page: how it was made, and the table against the cards' present floors."""
    return (
        f"# {arguments.seeds} seeds of every bundled task\n\n"
        f"Made by `python benchmarks/seeds.py --seeds {arguments.seeds} --first-seed {arguments.first_seed}` "
        f"on: {raw['machine']}; one thread a run, {arguments.processes} runs at a time.\n\n"
        "The data is synthetic: generated by pytest-ftcheck, not GLUE and not Yelp. Metrics are on the validation "
        "split, of the best epoch. Trivial models: each constant class, logistic regression (ridge for regression) "
        "over the TF-IDF of one column's words and word pairs, or over lengths; and the card's own recipe on one "
        "column alone (best of three seeds). Seconds are of one fine-tune with its evaluations.\n\n"
        + (f"{raw['note']}\n\n" if "note" in raw else "")
        + table(raw["runs"], raw["trivial"])
    )


def main() -> None:
    """Measure, or read what was measured, and write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=100, help="take seeds that no recipe or floor was chosen by")
    parser.add_argument("--tasks", type=lambda text: text.split(","), default=sorted(builtin_tasks()))
    parser.add_argument("--checkpoints", type=lambda text: text.split(","), default=["tiny-bert", "tiny-distilbert"])
    parser.add_argument("--engines", type=lambda text: text.split(","), default=["trainer", "manual"])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--output", type=Path, default=ALL)
    parser.add_argument("--table", action="store_true", help="render the table again from the raw figures")
    parser.add_argument("--floors", action="store_true", help="print the floors that the raw figures propose")
    arguments = parser.parse_args()
    if set(arguments.tasks) != set(builtin_tasks()) and arguments.output == ALL:
        parser.error(f"--tasks: {ALL.name} is about all tasks. Give --output another place, such as build/some.md.")
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    figures = arguments.output.with_suffix(".json")
    if arguments.floors:
        print(proposed_floors(json.loads(figures.read_text(encoding="utf-8"))["runs"]))
        return
    if arguments.table:
        raw = json.loads(figures.read_text(encoding="utf-8"))
    else:
        runs, baselines = measure(arguments)
        raw = {"machine": describe_machine(), "runs": runs, "trivial": baselines}
        figures.write_text(json.dumps(raw, indent=1) + "\n", encoding="utf-8")
    text = report(arguments, raw)
    arguments.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
