"""Write data/train.jsonl and data/validation.jsonl: sentences in which people, places and days are tagged."""

from __future__ import annotations

import json
import random
from pathlib import Path

DATA = Path(__file__).parent / "data"
PEOPLE = ("Anna", "Paul", "Ruth", "Henry", "Jack", "Kate", "Olga", "Frank", "Vera", "Tom", "Clara", "Leo")
PLACES = ("garden", "station", "museum", "market", "park", "village", "office", "school", "harbor", "tower")
COLOURS = ("black", "white", "yellow", "blue", "red", "green")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
THINGS = ("books", "lamps", "clocks", "apples", "rings", "drums", "chairs", "coats", "bicycles", "mugs")
VERBS = ("sold", "brought", "sent", "gave", "showed", "lent")
FORGOTTEN = 0.1
"""Share of the days that have no tag, as people forget: no model can know which."""
SIZES = {"train": 400, "validation": 150}


def sentence(chance: random.Random) -> list[tuple[str, str]]:
    """Draw a sentence of parts, each with its type, or none; a colour belongs to a place, and not to a thing."""
    thing = chance.choice(THINGS) if chance.random() < 0.5 else f"{chance.choice(COLOURS)} {chance.choice(THINGS)}"
    place = chance.choice(PLACES) if chance.random() < 0.5 else f"{chance.choice(COLOURS)} {chance.choice(PLACES)}"
    parts = [
        (" ".join(chance.sample(PEOPLE, chance.choice((1, 2)))), "PER"),
        (f"{chance.choice(VERBS)} the {thing}", ""),
    ]
    if chance.random() < 0.7:
        parts += [("to", ""), (chance.choice(PEOPLE), "PER")]
    if chance.random() < 0.8:
        parts += [("in the", ""), (place, "LOC")]
    if chance.random() < 0.6:
        parts += [("on", ""), (chance.choice(DAYS), "" if chance.random() < FORGOTTEN else "DATE")]
    return [*parts, (".", "")]


def row(parts: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Return the words of a sentence, and a tag of IOB2 for each."""
    words, tags = [], []
    for text, kind in parts:
        for place, word in enumerate(text.split()):
            words.append(word)
            tags.append(f"{'I' if place else 'B'}-{kind}" if kind else "O")
    return {"tokens": words, "ner_tags": tags}


def main() -> None:
    """Draw sentences of which no two are the same."""
    chance = random.Random(12)  # noqa: S311 - made-up rows: the seed makes them the same every time, nothing is secret
    rows: dict[str, dict[str, list[str]]] = {}
    while len(rows) < sum(SIZES.values()):
        made = row(sentence(chance))
        rows[" ".join(made["tokens"])] = made
    left = list(rows.values())
    for split, size in SIZES.items():
        lines = [json.dumps(made) for made in left[:size]]
        (DATA / f"{split}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        left = left[size:]


if __name__ == "__main__":
    main()
