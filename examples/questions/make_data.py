"""Write the data: 1100 questions about short reports, of which each tells three events.

python make_data.py
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

PERSONS = ("Anna", "Ben", "Clara", "David", "Frank", "Henry", "Kate", "Leo", "Olga", "Paul", "Vera", "Jack")
VERBS = ("sold", "brought", "tossed", "pledged")
NUMBERS = ("two", "three", "four", "five", "ten", "eleven", "twelve")
THINGS = ("lamps", "bikes", "chairs", "drums", "carpets", "parcels", "pictures", "books")
PLACES = ("in the forest", "at the school", "at the museum", "at the port", "in the tower", "at the market")
ROWS = {"train": 900, "validation": 200}


def draw(chance: random.Random) -> dict[str, Any]:
    """Return a context with three events, a question about one of them, and its answer."""
    events = zip(*(chance.sample(words, 3) for words in (PERSONS, VERBS, NUMBERS, THINGS, PLACES)), strict=True)
    told = list(events)
    context = " ".join(f"{person} {verb} {number} {things} {place}." for person, verb, number, things, place in told)
    person, verb, number, things, place = told[chance.randrange(3)]
    answer = person
    question = f"Who {verb} {number} {things} {place}?"
    if chance.random() < 0.5:
        answer = f"{number} {things}"
        question = f"What was {verb} by {person} {place}?"
    return {"context": context, "question": question, "answer_text": answer, "answer_start": context.index(answer)}


def main() -> None:
    """Write both files; no question stands in both."""
    chance = random.Random(0)  # noqa: S311 - made-up rows: the seed makes them the same every time, nothing is secret
    seen = set()
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    for split, count in ROWS.items():
        rows: list[dict[str, Any]] = []
        while len(rows) < count:
            row = draw(chance)
            if (row["context"], row["question"]) not in seen:
                seen.add((row["context"], row["question"]))
                rows.append({"id": f"{split}-{len(rows)}", **row})
        text = "".join(f"{json.dumps(row)}\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
