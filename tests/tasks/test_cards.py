"""The built-in cards: complete, true to GLUE and Yelp, and in step with what is bundled."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from pytest_ftcheck.tasks.bundled import BUNDLED_CHECKPOINTS, bundled_data
from pytest_ftcheck.tasks.card import TaskCard, builtin_tasks, load_card
from pytest_ftcheck.tasks.datasets import load_data
from pytest_ftcheck.tasks.metrics import metric_directions

SEVERAL = "multi-label-classification"
WORDS = ("tokens",)
ASKED = ("question", "context")
WNUT_KINDS = ("corporation", "creative-work", "group", "location", "person", "product")
EMOTIONS = (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire",
    "disappointment", "disapproval", "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy",
    "love", "nervousness", "optimism", "pride", "realization", "relief", "remorse", "sadness", "surprise", "neutral",
)  # fmt: skip
ENDINGS = tuple(f"ending{place}" for place in range(4))
PAIR, ENTAILMENT = ("sentence1", "sentence2"), ("entailment", "not_entailment")
# Columns and class names as the data sets' own pages list them, in the order of the class ids. A card that was added
# later may stand here too: the other tests ask every card.
COLUMNS_AND_CLASSES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "conll2003": (WORDS, ("O", *(f"{place}-{kind}" for kind in ("PER", "ORG", "LOC", "MISC") for place in "BI"))),
    "cola": (("sentence",), ("unacceptable", "acceptable")),
    "go_emotions": (("text",), EMOTIONS),
    "mrpc": (PAIR, ("not_equivalent", "equivalent")),
    "qnli": (("question", "sentence"), ENTAILMENT),
    "rte": (PAIR, ENTAILMENT),
    "squad": (ASKED, ()),
    "squad_v2": (ASKED, ()),
    "sst2": (("sentence",), ("negative", "positive")),
    "stsb": (PAIR, ()),
    "swag": (("sent1", "sent2", *ENDINGS), ENDINGS),
    "wikitext": (("text",), ()),
    "wnut_17": (WORDS, ("O", *(f"{place}-{kind}" for kind in WNUT_KINDS for place in "BI"))),
    "yelp_review_full": (("text",), ("1 star", "2 star", "3 stars", "4 stars", "5 stars")),
}


@pytest.fixture(params=sorted(builtin_tasks()))
def card(request: pytest.FixtureRequest) -> TaskCard:
    return load_card(request.param, {})


@pytest.mark.parametrize("name", COLUMNS_AND_CLASSES)
def test_columns_and_classes_are_those_of_the_data_set(name: str) -> None:
    card = load_card(name, {})
    assert (card.text_columns, card.label_names) == COLUMNS_AND_CLASSES[name]


def test_the_head_fits_the_classes(card: TaskCard) -> None:
    by_label_column = {"ner_tags": "token-classification", "answers": "question-answering", "labels": SEVERAL}
    by_label_column["text"] = "masked-language-modelling"
    by_texts = {("sent1", "sent2", *ENDINGS): "multiple-choice"}
    one_label = by_texts.get(card.text_columns, "sequence-classification") if card.label_names else "regression"
    assert card.head == by_label_column.get(card.label_column, one_label)
    assert (card.label_column == "ner_tags") is (card.text_columns == WORDS)
    assert (card.label_column == "answers") is (card.text_columns == ASKED)
    assert (card.label_column == "text") is (card.label_column in card.text_columns)
    without_names = {"regression", "question-answering", "masked-language-modelling"}
    assert (card.head in without_names) is (not card.label_names)


def test_metric_gives_the_keys_and_directions_that_the_card_declares(card: TaskCard) -> None:
    assert dict(card.metric.greater_is_better) == metric_directions(card)


def test_downloads_are_pinned_to_a_commit(card: TaskCard) -> None:
    assert card.dataset is not None
    # A data set that is a script, which nobody runs any more, is read from the files that the Hub made of it.
    assert re.fullmatch("[0-9a-f]{40}|refs/convert/parquet", card.dataset.revision or "")
    assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", card.checkpoints["full"])


def test_both_tiers_have_a_checkpoint_and_a_recipe(card: TaskCard) -> None:
    assert card.checkpoints["tiny"] in BUNDLED_CHECKPOINTS
    for tier, checkpoint in card.checkpoints.items():
        recipe = card.recipe(tier, checkpoint)
        assert {"learning_rate", "num_train_epochs", "per_device_train_batch_size", "max_length"} <= set(recipe)


def test_bundled_data_loads_and_shows_every_class(card: TaskCard) -> None:
    assert bundled_data(card.name), f"fixtures/data/{card.name} is not there: CONTRIBUTING.md, Add a task"
    data = load_data(card, "bundled")
    assert (data.source, data.synthetic, data.evaluation_split) == ("bundled", True, "validation")
    for split in (data.train, data.evaluation):
        assert len(split) >= 200
        given = split[card.label_column]
        if card.label_column in card.text_columns:
            assert all(text.strip() for text in given)
            continue
        if card.text_columns == ASKED:
            unanswered = sum(not answers["text"] for answers in given) / len(given)
            assert 0.25 < unanswered < 0.4 if card.name == "squad_v2" else not unanswered
            continue
        labels = {tag for tags in given for tag in tags} if card.text_columns == WORDS else set()
        if card.head == SEVERAL:
            labels = {label for vector in given for label, has_it in enumerate(vector) if has_it}
        labels = labels or set(given)
        expected = set(range(card.num_labels))
        assert labels == expected if card.label_names else min(labels) >= 0 < max(labels) <= 5


def test_no_bundled_row_is_in_both_splits(card: TaskCard) -> None:
    data = load_data(card, "bundled")
    train, evaluation = (
        set(zip(*(map(str, split[column]) for column in card.text_columns), strict=True))
        for split in (data.train, data.evaluation)
    )
    assert not train & evaluation


def test_cards_do_not_share_a_description(card: TaskCard) -> None:
    assert card.description.endswith("?")
    assert all(a != b for a, b in pairwise(sorted(str(table["description"]) for table in builtin_tasks().values())))
