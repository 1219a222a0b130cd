"""Write the data: 1400 reports that say everything twice, so that a masked word can be found in the other sentence.

python make_data.py
"""

from __future__ import annotations

import random
from pathlib import Path

PERSONS = ("Anna", "Ben", "Clara", "David", "Frank", "Henry", "Kate", "Leo", "Olga", "Paul", "Vera", "Jack")
VERBS = ("sold", "brought", "mailed", "presented")
NUMBERS = ("two", "three", "four", "five", "ten", "eleven")
THINGS = ("lamps", "bikes", "chairs", "drums", "carpets", "parcels", "pictures", "books")
DAYS = ("Monday", "Tuesday", "Friday", "Sunday")
ROWS = {"train": 1200, "validation": 200}


def draw(chance: random.Random) -> str:
    """Return a report."""
    giver, taker = chance.sample(PERSONS, 2)
    verb, number, things, day = (chance.choice(words) for words in (VERBS, NUMBERS, THINGS, DAYS))
    return f"{giver} {verb} {number} {things} to {taker} on {day}. On {day}, {taker} got {number} {things}."


def main() -> None:
    """Write both files; no report stands in both."""
    chance = random.Random(0)  # noqa: S311 - made-up rows: the seed makes them the same every time, nothing is secret
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    reports = list(dict.fromkeys(draw(chance) for _ in range(2 * sum(ROWS.values()))))
    for split, count in ROWS.items():
        chosen, reports = reports[:count], reports[count:]
        (folder / f"{split}.txt").write_text("".join(f"{report}\n" for report in chosen), encoding="utf-8")


if __name__ == "__main__":
    main()
