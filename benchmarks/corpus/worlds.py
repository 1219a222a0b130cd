"""Synthetic worlds: seeded rows of raw text that a tiny model learns in a few seconds, though not from one word alone.

Every world is a function ``(train, validation, seed, noise)`` that returns a `DatasetDict` with these two splits. No
text occurs twice, in one split or in both. `noise` is the share of rows with a wrong label; a model reaches 0.7 to 1.0.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from datasets import Dataset, DatasetDict

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]

# Words that both bundled checkpoints know.
GOOD = "great wonderful delightful charming fresh good perfect clever excellent lovely superb brilliant fine".split()
BAD = "dull terrible nasty pathetic weak bad awful dreadful stale poor boring horrible stupid ugly".split()
THINGS = "coffee food hotel story service soup film tour show room music view cast kitchen garden price".split()
NAMES = "anna paul ruth henry jack kate mary nick olga frank vera zoe tom ida david leo clara emma sam tina".split()
PLACES = (
    "garden station museum tower market park village office kitchen school woods street harbor shop road town".split()
)
DAYS = "monday tuesday wednesday thursday friday saturday sunday".split()
COLOURS = "black white yellow blue red green".split()
NUMBERS = "two three four five six seven eight nine ten eleven twelve".split()
OBJECTS = (
    "books hats lamps clocks keys apples rings drums chairs stones gifts rugs parcels sacks bags carpets coats "
    "bicycles sofas jackets mugs photos cups bikes"
).split()
VERBS = (
    "sold brought sent mailed presented lent loaned tossed handed delivered promised pledged gave showed threw".split()
)
TEAMS = (
    "billing returns shipping repairs travel housing sports music energy health food garden school court press "
    "sales support safety banking insurance"
).split()


def splits(draw: Callable[[random.Random], Row], train: int, validation: int, seed: int) -> DatasetDict:
    """Draw rows until there are enough of them with different texts, then cut them into two splits."""
    chance = random.Random(seed)
    rows: dict[str, Row] = {}
    while len(rows) < train + validation:
        row = draw(chance)
        rows.setdefault(" | ".join(str(value) for name, value in row.items() if name not in {"label", "score"}), row)
    kept = list(rows.values())
    return DatasetDict({"train": Dataset.from_list(kept[:train]), "validation": Dataset.from_list(kept[train:])})


def opinion(thing: str, praise: bool, chance: random.Random, negated: float = 1 / 6) -> str:
    """Say something good or bad of a thing; a share of it by a negation."""
    if chance.random() < negated:
        return f"the {thing} was not {chance.choice(BAD if praise else GOOD)}"
    return f"the {thing} was {chance.choice(GOOD if praise else BAD)}"


def review(praises: int, opinions: int, chance: random.Random) -> str:
    """Write a review of so many opinions, of which so many are praise."""
    sides = [True] * praises + [False] * (opinions - praises)
    chance.shuffle(sides)
    said = [opinion(thing, side, chance) for thing, side in zip(chance.sample(THINGS, opinions), sides, strict=True)]
    return f"{chance.choice(NAMES)} said that {', '.join(said[:-1])} and {said[-1]}."


def reviews(
    train: int = 480, validation: int = 240, seed: int = 1, noise: float = 0.03, positive: float = 0.5
) -> DatasetDict:
    """`text` with three opinions, `label` 1 where most of them praise; `positive` is the share of such reviews."""

    def draw(chance: random.Random) -> Row:
        label = int(chance.random() < positive)
        text = review(chance.choice((2, 3) if label else (0, 1)), 3, chance)
        return {"text": text, "label": 1 - label if chance.random() < noise else label}

    return splits(draw, train, validation, seed)


def stars(train: int = 480, validation: int = 240, seed: int = 2, noise: float = 0.02) -> DatasetDict:
    """`text` with three opinions, `label` 0 to 3: how many of them praise."""

    def draw(chance: random.Random) -> Row:
        praises = chance.randrange(4)
        label = chance.randrange(4) if chance.random() < noise else praises
        return {"text": review(praises, 3, chance), "label": label}

    return splits(draw, train, validation, seed)


def ratings(
    train: int = 480, validation: int = 240, seed: int = 3, noise: float = 0.1, top: float = 1.0
) -> DatasetDict:
    """`text` with four opinions, `score` from 0 to `top`: the share of praise, give or take `noise`."""

    def draw(chance: random.Random) -> Row:
        praises = chance.randrange(5)
        score = min(1.0, max(0.0, praises / 4 + chance.uniform(-noise, noise)))
        return {"text": review(praises, 4, chance), "score": round(score * top, 4)}

    return splits(draw, train, validation, seed)


SLOTS = {"where": PLACES, "when": DAYS, "who": NAMES, "how many": NUMBERS}


def answers(train: int = 640, validation: int = 240, seed: int = 4, noise: float = 0.02) -> DatasetDict:
    """`question` and `answer`, `label` 1 where the answer tells what was asked; neither tells anything alone."""

    def draw(chance: random.Random) -> Row:
        asked = chance.choice(list(SLOTS))
        label = chance.randrange(2)
        told = asked if label else chance.choice([slot for slot in SLOTS if slot != asked])
        things, verb = chance.choice(OBJECTS), chance.choice(VERBS)
        question = f"{asked} was it that we {verb} the {things}?"
        value = chance.choice(SLOTS[told])
        answer = {
            "where": f"we {verb} the {things} in the {value}.",
            "when": f"we {verb} the {things} on {value}.",
            "who": f"we {verb} the {things} to {value}.",
            "how many": f"we {verb} {value} {things}.",
        }[told]
        return {"question": question, "answer": answer, "label": 1 - label if chance.random() < noise else label}

    return splits(draw, train, validation, seed)


def similarity(
    train: int = 640, validation: int = 240, seed: int = 5, noise: float = 0.12, top: float = 5.0
) -> DatasetDict:
    """`first` and `second` speak of the same two things, `score` from 0 (opposite) to `top` (of one mind)."""

    def draw(chance: random.Random) -> Row:
        things = chance.sample(THINGS, 2)
        sides = [[chance.random() < 0.5 for _ in things] for _ in range(2)]
        first, second = (" and ".join(opinion(*told, chance, 0) for told in zip(things, s, strict=True)) for s in sides)
        agreed = sum(one == other for one, other in zip(*sides, strict=True)) / 2
        score = min(1.0, max(0.0, agreed + chance.uniform(-noise, noise)))
        return {"first": f"{first}.", "second": f"{second}.", "score": round(score * top, 4)}

    return splits(draw, train, validation, seed)


def topic_words(classes: int) -> list[list[str]]:
    """Five words for each topic; no word belongs to two."""
    words = sorted({*OBJECTS, *PLACES, *VERBS, *THINGS, *NAMES, *COLOURS, *NUMBERS})
    random.Random(20).shuffle(words)
    return [words[5 * topic : 5 * topic + 5] for topic in range(classes)]


def topics(  # noqa: PLR0917 - of these, callers name all but the first
    classes: int = 6,
    train: int = 600,
    validation: int = 300,
    seed: int = 6,
    noise: float = 0.03,
    shares: tuple[float, ...] = (),
) -> DatasetDict:
    """`text` of a ticket, `label` the number of the team it is for: two or three of its words, one of another's."""
    words = topic_words(classes)

    def draw(chance: random.Random) -> Row:
        (topic,) = chance.choices(range(classes), weights=shares or None)
        own = chance.sample(words[topic], chance.choice((2, 3)))
        other = chance.choice(words[chance.choice([number for number in range(classes) if number != topic])])
        said = [*own, other]
        chance.shuffle(said)
        text = f"{chance.choice(NAMES)} said that on {chance.choice(DAYS)} we had the {' and the '.join(said)}."
        return {"text": text, "label": chance.randrange(classes) if chance.random() < noise else topic}

    return splits(draw, train, validation, seed)


def syllable_words(count: int, seed: int = 30) -> list[str]:
    """Words of a language that no checkpoint knows."""
    chance = random.Random(seed)
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(chance.choice("bdfgklmnprstvz") + chance.choice("aeiou") for _ in range(2))] = None
    return list(words)


def notes(  # noqa: PLR0917 - of these, callers name all but the first
    classes: int = 4,
    train: int = 600,
    validation: int = 240,
    seed: int = 7,
    noise: float = 0.02,
    words: list[str] | None = None,
    length: tuple[int, int] = (6, 14),
) -> DatasetDict:
    """`text` of a language of its own: a third of the words are the class's, the others anyone's."""
    known = words or syllable_words(6 * classes + 40)
    own = [known[6 * number : 6 * number + 6] for number in range(classes)]
    common = known[6 * classes :]

    def draw(chance: random.Random) -> Row:
        label = chance.randrange(classes)
        size = chance.randint(*length)
        said = [chance.choice(own[label] if place % 3 == 0 else common) for place in range(size)]
        chance.shuffle(said)
        return {"text": " ".join(said), "label": chance.randrange(classes) if chance.random() < noise else label}

    return splits(draw, train, validation, seed)
