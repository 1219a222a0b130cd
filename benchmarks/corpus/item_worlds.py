"""Synthetic worlds whose rows have a tag for each word, any number of labels, or several texts to choose from."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from datasets import Dataset, DatasetDict

from worlds import COLOURS, DAYS, NAMES, NUMBERS, OBJECTS, PLACES, SLOTS, TEAMS, THINGS, VERBS, topic_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Row = dict[str, Any]
Said = tuple[str, str]  # words, and what they are: PER, LOC, DAY, or nothing


def distinct(draw: Callable[[random.Random], tuple[str, Row]], train: int, validation: int, seed: int) -> DatasetDict:
    """Draw rows until there are enough of them with different texts, then cut them into two splits."""
    chance = random.Random(seed)
    rows: dict[str, Row] = {}
    while len(rows) < train + validation:
        text, row = draw(chance)
        rows.setdefault(text, row)
    kept = list(rows.values())
    return DatasetDict({"train": Dataset.from_list(kept[:train]), "validation": Dataset.from_list(kept[train:])})


def person(chance: random.Random) -> Said:
    """One name or two."""
    return " ".join(chance.sample(NAMES, chance.choice((1, 1, 2)))), "PER"


def place(chance: random.Random) -> Said:
    """A place of one word or two: a place without a colour in front is one, too."""
    colour = f"{chance.choice(COLOURS)} " if chance.random() < 0.4 else ""
    return f"{colour}{chance.choice(PLACES)}", "LOC"


def sentence(chance: random.Random) -> list[Said]:
    """Who did what, where and when; a colour in front of a thing is no part of a place."""
    thing = f"{chance.choice(COLOURS)} {chance.choice(OBJECTS)}" if chance.random() < 0.5 else chance.choice(OBJECTS)
    said = [person(chance), (f"{chance.choice(VERBS)} {chance.choice(NUMBERS)} {thing}", "")]
    if chance.random() < 0.7:
        said += [("to", ""), person(chance)]
    if chance.random() < 0.7:
        said += [("in the", ""), place(chance)]
    if chance.random() < 0.6:
        said += [("on", ""), (chance.choice(DAYS), "DAY")]
    return [*said, (".", "")]


def spans_as_tags(said: Sequence[Said], scheme: str) -> tuple[list[str], list[str]]:
    """Words, and the tag of each in IOB2 or BIOES."""
    words: list[str] = []
    tags: list[str] = []
    for text, kind in said:
        size = len(text.split())
        words += text.split()
        if not kind:
            tags += ["O"] * size
        elif scheme == "BIOES" and size == 1:
            tags.append(f"S-{kind}")
        else:
            last = "E" if scheme == "BIOES" else "I"
            tags += [f"B-{kind}", *(f"I-{kind}" for _ in range(size - 2)), *([f"{last}-{kind}"] if size > 1 else [])]
    return words, tags


def entities(
    train: int = 480, validation: int = 200, seed: int = 41, scheme: str = "IOB2", noise: float = 0.01
) -> DatasetDict:
    """`tokens`, words, and `tags`, names of tags: people, places and days; `noise` is a share of wrong ones."""

    def draw(chance: random.Random) -> tuple[str, Row]:
        said = [
            (text, chance.choice(("PER", "LOC", "DAY")) if kind and chance.random() < noise else kind)
            for text, kind in sentence(chance)
        ]
        words, tags = spans_as_tags(said, scheme)
        return " ".join(words), {"tokens": words, "tags": tags}

    return distinct(draw, train, validation, seed)


KINDS = {"NOUN": (*OBJECTS, *PLACES), "VERB": VERBS, "ADJ": COLOURS, "PROPN": (*NAMES, *DAYS), "NUM": NUMBERS}


def parts_of_speech(train: int = 400, validation: int = 200, seed: int = 42) -> DatasetDict:
    """`tokens` and `pos`: the kind of each word; no word is outside of all kinds."""
    of_word = {word: kind for kind, words in KINDS.items() for word in words}
    of_word |= {"to": "ADP", "in": "ADP", "on": "ADP", "the": "DET", ".": "PUNCT"}

    def draw(chance: random.Random) -> tuple[str, Row]:
        words, _ = spans_as_tags(sentence(chance), "IOB2")
        return " ".join(words), {"tokens": words, "pos": [of_word[word] for word in words]}

    return distinct(draw, train, validation, seed)


def tickets(
    labels: int = 5, train: int = 640, validation: int = 300, seed: int = 43, shares: Sequence[float] = (0.35,)
) -> DatasetDict:
    """`text` with two words of each team that it is for; `teams`, their numbers, often none."""
    words = topic_words(labels)
    likely = [*shares, *[shares[-1]] * (labels - len(shares))]

    def draw(chance: random.Random) -> tuple[str, Row]:
        teams = [number for number in range(labels) if chance.random() < likely[number]]
        said = [word for number in teams for word in chance.sample(words[number], 2)]
        said += [chance.choice(COLOURS), chance.choice(NUMBERS)]
        chance.shuffle(said)
        text = f"{chance.choice(NAMES)} has on {chance.choice(DAYS)}: {' '.join(said)}."
        if teams and chance.random() < 0.02:
            teams = teams[1:]
        return text, {"text": text, "teams": teams}

    return distinct(draw, train, validation, seed)


def team_names(labels: int) -> list[str]:
    """Names of the teams."""
    return TEAMS[:labels]


def endings(choices: int = 4, train: int = 480, validation: int = 200, seed: int = 44) -> DatasetDict:
    """`context`, a question, `ending0` and so on, of which one tells what was asked, and `label`, its number."""

    def draw(chance: random.Random) -> tuple[str, Row]:
        asked = chance.choice(list(SLOTS))
        others = chance.sample([slot for slot in SLOTS if slot != asked], choices - 1)
        label = chance.randrange(choices)
        told = [*others[:label], asked, *others[label:]]
        things, verb = chance.choice(OBJECTS), chance.choice(VERBS)
        said = {
            "where": f"in the {chance.choice(PLACES)}",
            "when": f"on {chance.choice(DAYS)}",
            "who": f"to {chance.choice(NAMES)}",
            "how many": f"{chance.choice(NUMBERS)} and no more",
        }
        context = f"{asked} was it that we {verb} the {things} of the {chance.choice(THINGS)}?"
        row = {"context": context, **{f"ending{place}": said[slot] for place, slot in enumerate(told)}, "label": label}
        return f"{context} {[said[slot] for slot in told]}", row

    return distinct(draw, train, validation, seed)
