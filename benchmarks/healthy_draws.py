"""Healthy projects, drawn at random: what `false_alarms.py` hands to the checks. Shapes: N rows, K classes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import integrate, optimize, stats
from sklearn import metrics as sk

from healthy_label_sets import ranked, split_in_two
from healthy_masks import guessed, masked_at_random
from healthy_models import attempt_is_red, head_is_red
from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue
from pytest_ftcheck.checks.data.alike import lost_tokens
from pytest_ftcheck.checks.data.columns import is_rarer, most_of
from pytest_ftcheck.checks.data.duplicates import beyond_luck
from pytest_ftcheck.checks.data.labels import absent_by_more_than_luck, other_classes, other_scale
from pytest_ftcheck.checks.data.merged_words import chance_of, right_by_words, unlike_words
from pytest_ftcheck.checks.data.splits import exceeds
from pytest_ftcheck.checks.metrics.train_labels import agreement
from pytest_ftcheck.checks.training.epochs import sortedness, windows_of
from pytest_ftcheck.checks.training.learning import Level, course_of
from pytest_ftcheck.checks.training.sampling import drawn
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.pipeline.card_source import CardSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Red = Callable[[np.random.Generator], object]
    Numbers = NDArray[Any]


@dataclass(frozen=True)
class Cell:
    """One kind of healthy project, for one check."""

    check: str
    what: str
    draws: int
    is_red: Red
    healthy: bool = True
    """False where the check should be red, or promises nothing."""


# -- predictions ------------------------------------------------------------------------------------------------------


def shares_of(kind: str, classes: int) -> Numbers:
    """Return the shares of the classes: equal, each a fifth rarer than the one before, or nine in ten of one."""
    shares = {
        "equal": np.ones(classes),
        "falling": 0.8 ** np.arange(classes),
        "rare": np.r_[0.9, np.full(classes - 1, 0.1 / (classes - 1))],
    }[kind]
    return np.asarray(shares / shares.sum())


@cache
def strength_of(classes: int, lift: float) -> float:
    """Return what is added to the logit of the right class, so that the balanced accuracy is so far from chance."""

    def right(strength: float) -> float:
        hit = integrate.quad(lambda x: stats.norm.pdf(x - strength) * stats.norm.cdf(x) ** (classes - 1), -9, 15)[0]
        return float((hit - 1 / classes) / (1 - 1 / classes) - lift)

    return 0.0 if lift == 0 else 9.0 if lift == 1 else float(optimize.brentq(right, 0, 9))


def scored(labels: Numbers, logits: Numbers, names: tuple[str, ...] = (), **metrics: float) -> Any:
    """Return evidence of a run with these labels and logits, for the checks of metrics."""
    head = head_named("sequence-classification" if logits.shape[1] > 1 else "regression")
    card = SimpleNamespace(head=head.name, head_rules=head, label_names=names, num_labels=logits.shape[1])
    run = SimpleNamespace(label_ids=labels, logits=logits, metrics=metrics)
    pipeline = SimpleNamespace(card=card, source=CardSource(), args={})
    return SimpleNamespace(run=run, trained_run=run, pipeline=pipeline, fresh_model=None)


def red(check: str, evidence: Any) -> bool:
    """Ask a check; skipped is not red."""
    entry = catalogue()[check]
    with suppress(NotApplicable):
        return bool([found for found in entry.function(evidence, entry.thresholds) if found.level == "fail"])
    return False


def classifier(check: str, classes: int, rows: int, kind: str, lift: float, *, calibrated: bool) -> Red:
    """Draw evaluated rows of a model with so much knowledge, which knows the classes' shares where it is calibrated."""
    shares = shares_of(kind, classes)

    def is_red(generator: np.random.Generator) -> bool:
        labels = generator.choice(classes, rows, p=shares)
        logits = generator.normal(size=(rows, classes))
        strength = strength_of(classes, lift)
        logits[np.arange(rows), labels] += strength
        logits = strength * logits + np.log(shares) if calibrated else logits
        return red(check, scored(labels, logits, accuracy=float((logits.argmax(axis=1) == labels).mean())))

    return is_red


def regressor(check: str, rows: int, correlation: float) -> Red:
    """Draw values that correlate so with the labels."""

    def is_red(generator: np.random.Generator) -> bool:
        labels = generator.normal(size=rows)
        values = correlation * labels + np.sqrt(1 - correlation**2) * generator.normal(size=rows)
        return red(check, scored(labels, values[:, None]))

    return is_red


def alike_classes(rows: int) -> Red:
    """Draw two of five classes that a good model cannot tell apart."""

    def is_red(generator: np.random.Generator) -> bool:
        labels = generator.integers(5, size=rows)
        said = np.where(labels < 2, generator.integers(2, size=rows), labels)
        return red("metrics.label_permutation", scored(labels, np.eye(5)[said]))

    return is_red


CHANCE = ("metrics.beats_trivial", "metrics.not_constant", "metrics.label_permutation")


def _draws(classes: int, rows: int, lift: float) -> int:
    """Return how many draws are affordable: most where a healthy model is nearest to an unhealthy one."""
    if rows > 1000 or classes == 77:
        return 10
    most = 100 if rows == 1000 else 2000
    return max(100, most // (1 if lift == 0.25 else 10) // {2: 1, 3: 4, 5: 2}.get(classes, 10))


def predictions() -> Iterator[Cell]:
    """Give the cells of what is judged against chance."""
    sizes = [
        (classes, rows)
        for classes, rows in product((2, 3, 5, 20, 77), (40, 100, 277, 1000, 10_000, 100_000))
        if 2 * classes <= rows <= 250_000 / classes
    ]
    for (classes, rows), lift, kind in product(sizes, (0.0, 0.1, 0.25, 0.5, 0.9, 1.0), ("equal", "falling", "rare")):
        if classes >= 20 and lift in (0.1, 0.5, 0.9) and rows > 100:
            continue
        # A model that knows how rare a class is hardly predicts it: its balanced accuracy is lower.
        healthy = lift >= (0.5 if kind == "rare" else 0.25)
        what = f"{classes} classes ({kind}), {rows} rows, lift {lift:g}"
        # The others stay away from chance: few draws show that.
        for check in CHANCE if lift in (0.25, 0.5) else CHANCE[:1]:
            make = classifier(check, classes, rows, kind, lift, calibrated=kind == "rare")
            yield Cell(check, what, _draws(classes, rows, lift), make, healthy)
    for rows, value, check in product((40, 100, 277, 1000, 10_000), (0.0, 0.1, 0.3, 0.6, 0.95), CHANCE):
        draws = 2000 if value == 0.3 else 200
        yield Cell(check, f"regression, {rows} rows, r {value:g}", draws, regressor(check, rows, value), value >= 0.3)
    for rows in (40, 277, 1000, 10_000):
        yield Cell("metrics.label_permutation", f"2 of 5 classes alike, {rows} rows", 3000, alike_classes(rows))


# -- metrics over epochs, and made-up logits ---------------------------------------------------------------------------


def course(key: str, evaluations: int, rows: int, share: float) -> Red:
    """Draw evaluations of a model that stays as good as it is, each with errors of its own."""
    compute = {"accuracy": sk.accuracy_score, "f1": sk.f1_score, "mcc": sk.matthews_corrcoef}[key]

    def is_red(generator: np.random.Generator) -> bool:
        labels = (generator.random(rows) < share).astype(int)
        made = [np.where(generator.random(rows) < 0.85, labels, 1 - labels) for _ in range(evaluations)]
        values = [float(compute(labels, said)) for said in made]
        evidence = scored(labels, np.eye(2)[made[-1]], ("no", "yes"), **{key: values[-1]})
        evidence.run.epochs, evidence.run.best_epoch = [{key: value} for value in values], None
        evidence.run.head = "sequence-classification"
        evidence.pipeline.card.metric_for_best_model = key
        evidence.pipeline.card.metric = SimpleNamespace(greater_is_better={key: True})
        return red("metrics.last_epoch", evidence)

    return is_red


def definition(rows: int, share: float, classes: int = 2) -> Red:
    """Draw labels of an evaluation, for metrics that are what they are called."""

    def compute(given: Any) -> dict[str, float]:
        labels, said = given.label_ids, given.predictions.argmax(axis=-1)
        average = "binary" if classes == 2 else "macro"
        options = {"average": average, "zero_division": 0}
        names = {"f1": sk.f1_score, "precision": sk.precision_score, "recall": sk.recall_score}
        found = {name: float(score(labels, said, **options)) for name, score in names.items()}
        return {"accuracy": float((labels == said).mean()), **found}

    def is_red(generator: np.random.Generator) -> bool:
        rest = np.full(classes - 1, (1 - share) / (classes - 1))
        labels = generator.choice(classes, rows, p=np.r_[rest, share])
        evidence = scored(labels, np.zeros((rows, classes)))
        evidence.seed, evidence.labels = int(generator.integers(1 << 30)), lambda _: labels
        evidence.pipeline.eval_dataset, evidence.pipeline.compute_metrics = None, compute
        evidence.pipeline.card.num_labels, evidence.pipeline.card.metric_for_best_model = classes, "f1"
        return red("metrics.definition", evidence)

    return is_red


def without_leaks(rows: int, leaked: float) -> Red:
    """Draw evaluated rows of which some stand in train, and are no easier than the others."""

    def is_red(generator: np.random.Generator) -> bool:
        labels = generator.random(rows) < 0.3
        said = np.where(generator.random(rows) < 0.8, labels, ~labels)
        hits = (said == labels).astype(float)
        caught = said & labels

        def measure(some: Numbers) -> dict[str, float]:
            f1 = 2 * caught[some].sum() / max(labels[some].sum() + said[some].sum(), 1)
            return {"accuracy": float(hits[some].mean()), "f1": float(f1)}

        kept = np.sort(generator.permutation(rows)[: rows - round(leaked * rows)])
        whole, without = measure(np.arange(rows)), measure(kept)
        falls = {key: whole[key] - without[key] for key in whole}
        return any(fall > 0.02 and beyond_luck(measure, key, fall, rows, len(kept)) for key, fall in falls.items())

    return is_red


def measured() -> Iterator[Cell]:
    """Give the cells of reported metrics."""
    for evaluations in (2, 5, 30):
        for rows in (40, 277, 1000):
            for key, share in (("accuracy", 0.5), ("f1", 0.5), ("mcc", 0.5), ("f1", 0.05), ("mcc", 0.05)):
                what = f"{key} of {evaluations} evaluations, {rows} rows, {share:.0%} of one class"
                yield Cell(
                    "metrics.last_epoch", what, 20 if evaluations > 5 else 60, course(key, evaluations, rows, share)
                )
    for rows in (20, 100, 400):
        for share in (0.05, 0.1, 0.3):
            yield Cell("metrics.definition", f"{rows} rows, {share:.0%} of a class", 20, definition(rows, share))
        yield Cell("metrics.definition", f"{rows} rows, 5 classes", 20, definition(rows, 0.1, 5))
    for rows in (100, 300, 1000):
        for leaked in (0.02, 0.1, 0.4):
            what = f"{rows} rows, {leaked:.0%} of them leaked"
            yield Cell("data.metrics_without_duplicates", what, 1000, without_leaks(rows, leaked))


# -- data --------------------------------------------------------------------------------------------------------------


def two_splits(kind: str, classes: int, train: int, evaluated: int, *, encoding: bool) -> Red:
    """Draw labels of two splits that are drawn alike."""
    shares = 1 / np.arange(1, classes + 1) if kind == "long tail" else np.ones(classes)

    def is_red(generator: np.random.Generator) -> object:
        some, others = (
            generator.choice(classes, rows, p=shares / shares.sum()).tolist() for rows in (train, evaluated)
        )
        return other_classes(some, others, 1e-4) if encoding else absent_by_more_than_luck(some, others, 1e-4)

    return is_red


_VALUES: dict[str, Callable[[np.random.Generator, int], Numbers]] = {
    "normal": lambda generator, rows: generator.normal(size=rows),
    "lognormal, sigma 2": lambda generator, rows: generator.lognormal(sigma=2, size=rows),
    "90% zeros, rest lognormal": lambda generator, rows: np.where(
        generator.random(rows) < 0.9, 0.0, generator.lognormal(sigma=1.5, size=rows)
    ),
    "Cauchy": lambda generator, rows: generator.standard_cauchy(size=rows),
}


def two_scales(kind: str, train: int, evaluated: int) -> Red:
    """Draw numbers of two splits that are drawn alike."""
    thresholds = catalogue()["data.label_encoding"].thresholds

    def is_red(generator: np.random.Generator) -> object:
        some, others = (_VALUES[kind](generator, rows).tolist() for rows in (train, evaluated))
        return other_scale(some, others, thresholds)

    return is_red


def two_layouts(share: float, train: int, evaluated: int) -> Red:
    """Draw rows that are built in two ways, three facts about each."""

    def is_red(generator: np.random.Generator) -> bool:
        for _ in range(3):
            some, others = ((generator.random(min(rows, 64)) < share).tolist() for rows in (train, evaluated))
            first, second = most_of(some, 0.95), most_of(others, 0.95)
            if None not in (first, second) and first != second and is_rarer(first, some, others, 1e-4):
                return True
        return False

    return is_red


SAMPLED = {
    "data.empty_rows": (0.02, 1024),
    "data.stale_tokens": (0.02, 256),
    "data.decodes": (0.05, 256),
    "data.distinct_inputs": (0.02, 5000),
    "data.special_tokens": (0.02, 1024),
    "data.segments": (0.05, 256),
    "data.truncation": (0.5, 256),
}
"""Limit of the share of bad rows, and rows that are looked at."""


def words_of_splits(train: int, evaluated: int) -> Red:
    """Return whether a frequent word is missing in one of two splits that have all words alike."""
    thresholds = catalogue()["data.words_alike"].thresholds

    def draw(generator: np.random.Generator) -> bool:
        rates = generator.beta(0.3, 1.5, size=1000)
        there, here = (generator.binomial(rows, rates).astype(float) for rows in (train, evaluated))
        both = (
            lost_tokens(there, train, here, evaluated, thresholds),
            lost_tokens(here, evaluated, there, train, thresholds),
        )
        return any(found.size for found in both)

    return draw


def spelled_at_random(classes: int, rows: int) -> Red:
    """Return whether spellings that say nothing of the label are told from those that do."""
    thresholds = catalogue()["data.merged_words"].thresholds
    merged = [[f"w{word}", f"W{word}"] for word in range(60)]

    def draw(generator: np.random.Generator) -> bool:
        labels = generator.integers(classes, size=rows)
        texts = [
            [merged[word][generator.integers(2)] for word in (label * 8 + generator.integers(16, size=6)) % 60]
            for label in labels
        ]
        if not unlike_words(merged, texts, labels):
            return False
        written, as_tokens = right_by_words(merged, texts, labels)
        lost = float(written.mean() - as_tokens.mean())
        return lost >= thresholds["warn"] and chance_of(written, as_tokens) <= thresholds["alpha"]

    return draw


def sampled(limit: float, rows: int, share: float) -> Red:
    """Draw how many rows of a sample are bad, of both splits and two kinds."""

    @cache
    def judged(count: int) -> bool:
        return exceeds(count, rows, limit)

    return lambda generator: any(map(judged, generator.binomial(rows, share * limit, size=4).tolist()))


def unknown(rows: int, together: float) -> Red:
    """Draw rows whose tokens are unknown together: as many as the limit allows, in clusters."""

    def is_red(generator: np.random.Generator) -> bool:
        length = generator.integers(5, 60, size=rows)
        rates = generator.beta(0.25 / together, 0.75 / together, size=rows)
        count, total = generator.binomial(length, rates).sum(), length.sum()
        return exceeds(count / total * rows, rows, 0.25)

    return is_red


def data() -> Iterator[Cell]:
    """Give the cells of the data family."""
    sizes = ((80, 40), (400, 400), (1000, 100), (2000, 1000), (10_000, 1000))
    for kind, classes, (train, evaluated) in product(("equal", "long tail"), (2, 5, 20, 77), sizes):
        what, draws = f"{classes} classes ({kind}), {train} and {evaluated} rows", 3000 if train <= 1000 else 500
        for check, encoding in (("data.classes_in_evaluation", False), ("data.label_encoding", True)):
            yield Cell(check, what, draws, two_splits(kind, classes, train, evaluated, encoding=encoding))
    for values in _VALUES:
        for train, evaluated in ((40, 20), (1000, 20), (1000, 100), (10_000, 1000)):
            what = f"{values}, {train} and {evaluated} rows"
            yield Cell(
                "data.label_encoding", what, 2000 if train <= 1000 else 200, two_scales(values, train, evaluated)
            )
    for share in (0.5, 0.9, 0.95, 0.98):
        for train, evaluated in ((64, 64), (64, 8), (64, 2), (64, 1), (4, 4), (2, 2)):
            what = f"{share:.0%} of the rows built alike, {train} and {evaluated} looked at"
            yield Cell("data.splits_alike", what, 3000, two_layouts(share, train, evaluated))
    yield from samples()


def words() -> Iterator[Cell]:
    """Give the cells of the words of texts."""
    for train, evaluated in ((1000, 1000), (1000, 100), (100, 40)):
        yield Cell("data.words_alike", f"{train} and {evaluated} rows", 20_000, words_of_splits(train, evaluated))
    for classes, rows in ((2, 300), (2, 1500), (5, 1500)):
        yield Cell("data.merged_words", f"{classes} classes, {rows} rows", 300, spelled_at_random(classes, rows))


def samples() -> Iterator[Cell]:
    """Give the cells of the checks that count bad rows in a sample."""
    for check, (limit, rows) in SAMPLED.items():
        for size in {32, rows}:
            for share in (0.5, 1.0):
                what = f"{size} rows, {share:g} of the limit bad"
                yield Cell(check, what, 20_000, sampled(limit, size, share))
    for rows in (32, 256, 1024):
        for together in (0.1, 1.0):
            what = f"{rows} rows, as many unknown as the limit, clustered {together:g}"
            yield Cell("data.unknown_tokens", what, 3000, unknown(rows, together))


# -- training ----------------------------------------------------------------------------------------------------------


def losses(steps: int, fall: float) -> Red:
    """Draw a loss that ends so far below what a guess costs, with the noise of batches of 8."""

    def is_red(generator: np.random.Generator) -> object:
        level = np.concatenate([np.linspace(0.72, 0.69 - fall, steps // 2), np.full(steps - steps // 2, 0.69 - fall)])
        values = level + generator.gamma(4.0, 0.05, size=steps) - 0.2
        if course_of(values, Level(0.69, 0.0, ""), 1e-3) != "stays":
            return False
        # As the check, it looks at the predictions of 277 rows: those of a healthy model.
        return classifier("metrics.beats_trivial", 2, 277, "equal", 0.25, calibrated=False)(generator) if fall else True

    return is_red


def order(classes: int, rows: int, batch: int) -> Red:
    """Draw a random order of labels."""

    def is_red(generator: np.random.Generator) -> bool:
        sizes = (batch,) * (rows // batch) + ((rows % batch,) if rows % batch else ())
        share, deviations = sortedness(generator.integers(classes, size=rows).astype(float), windows_of(sizes))
        return share > 0.5 and deviations > 8

    return is_red


def sampler(rows: int, minority: float, epochs: int) -> Red:
    """Draw with replacement so that two classes come equally often, one of them rare."""

    def is_red(generator: np.random.Generator) -> bool:
        rare = np.arange(rows) < max(1, round(minority * rows))
        weights = np.where(rare, 1 / rare.sum(), 1 / (~rare).sum()) / 2
        passes: Any = [SimpleNamespace(rows=generator.choice(rows, rows, p=weights).tolist()) for _ in range(epochs)]
        return any(found.level == "fail" for found in drawn(passes, rows, "WeightedRandomSampler", 0.1))

    return is_red


def training() -> Iterator[Cell]:
    """Give the cells of the training family, and those of real models."""
    for steps in (20, 60, 200, 299, 300, 1000):
        for fall in (0.0, 0.03, 0.2):
            if steps < 300 or fall:
                yield Cell(
                    "training.loss_falls", f"{steps} steps, ends {fall:g} below a guess", 3000, losses(steps, fall)
                )
    for classes in (2, 5, 77):
        for rows, batch in ((40, 8), (400, 16), (2000, 32)):
            yield Cell("training.shuffled", f"{classes} classes, {rows} rows", 100, order(classes, rows, batch))
    for rows in (40, 400, 3000):
        for minority in (0.01, 0.2, 0.5):
            yield Cell(
                "training.rows_once", f"{rows} rows, {minority:.0%} of one class", 300, sampler(rows, minority, 2)
            )
    for checkpoint in ("tiny-bert", "tiny-distilbert"):
        for task in ("mrpc", "stsb", "cola"):
            yield Cell("model.loss_at_start", f"{task}, {checkpoint}", 60, head_is_red(task, checkpoint))
            yield Cell("training.overfits_batch", f"{task}, {checkpoint}", 10, attempt_is_red(task, checkpoint))


def agreeing(classes: int, rows: int, accuracy: float) -> Red:
    """Draw labels that are all right, and predictions that are as good on train rows as on evaluated ones."""

    def one(generator: np.random.Generator, count: int) -> tuple[Any, Any]:
        labels = generator.integers(classes, size=count)
        wrong = (labels + generator.integers(1, classes, size=count)) % classes
        return labels, np.where(generator.random(count) < accuracy, labels, wrong)

    def is_red(generator: np.random.Generator) -> bool:
        found = agreement("a model", one(generator, rows), one(generator, max(rows // 4, 40)), classes)
        thresholds = catalogue()["metrics.train_labels"].thresholds
        return found is not None and bool(
            found.gap >= thresholds["deviations"] * found.deviation and found.noise(-1.96) >= thresholds["warn"]
        )

    return is_red


def train_labels() -> Iterator[Cell]:
    """Give the cells of labels that are as right in train as in the evaluation."""
    for classes in (2, 5, 20, 77):
        for rows in (160, 500, 2000):
            for accuracy in (0.7, 0.95):
                what = f"{classes} classes, {rows} train rows, accuracy {accuracy:g}"
                yield Cell("metrics.train_labels", what, 2000, agreeing(classes, rows, accuracy))


def label_sets() -> Iterator[Cell]:
    """Give the cells of rows that have any number of labels."""

    def asked(check: str, draw: Callable[..., Any], *sizes: float) -> Red:
        return lambda generator: red(check, draw(generator, *sizes))

    for rows, labels, area in product((100, 400, 2000), (3, 28), (0.6, 0.75, 0.95)):
        for check in ("metrics.label_columns", "metrics.labels_answered", "metrics.beats_label_sets"):
            healthy = area >= (0.6 if check == "metrics.beats_label_sets" else 0.75)
            draws = 200 if check == "metrics.beats_label_sets" else 1000
            what = f"{labels} labels, {rows} rows, area {area:g}"
            yield Cell(check, what, draws, asked(check, ranked, rows, labels, area), healthy)
    for train, evaluated, labels in product((200, 5000), (100, 1000), (3, 28)):
        for check in ("data.labels_per_row", "data.rows_without_label"):
            what = f"{labels} labels, {train} and {evaluated} rows"
            yield Cell(check, what, 3000, asked(check, split_in_two, train, evaluated, labels))


def masks() -> Iterator[Cell]:
    """Give the cells of masked words."""

    def drawn(check: str, rows: int, length: int, rate: float, whole_words: int) -> Red:
        return lambda generator: red(check, masked_at_random(generator, rows, length, rate, whole_words))

    def better_by(rows: int, gap: float, spread: float) -> Red:
        return lambda generator: red("metrics.beats_unigram", guessed(generator, rows, gap, spread))

    for rows, length, rate, pieces in product((32, 512), (12, 128), (0.15, 0.4), (1, 3)):
        for check in ("collator.mask_rate", "collator.mask_shares"):
            what = f"{rows} rows of {length} tokens, {rate:.0%} drawn" + (", words of 3 pieces" if pieces > 1 else "")
            yield Cell(check, what, 100 if rows * length > 10_000 else 1000, drawn(check, rows, length, rate, pieces))
    for rows, gap, spread in product((40, 400), (0.0, 0.25, 1.0), (0.2, 1.0)):
        what = f"{rows} rows, {gap:g} better, spread of rows {spread:g}"
        yield Cell("metrics.beats_unigram", what, 2000, better_by(rows, gap, spread), gap >= 0.25)


CELLS = [*data(), *words(), *train_labels(), *predictions(), *label_sets(), *masks(), *measured(), *training()]
