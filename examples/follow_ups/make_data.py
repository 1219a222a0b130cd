"""Write the data: 1200 reports, and four sentences each, of which one follows from the report.

python make_data.py
"""

from __future__ import annotations

import csv
import random
from pathlib import Path

PERSONS = ("Anna", "Ben", "Clara", "David", "Frank", "Henry", "Kate", "Leo", "Olga", "Paul", "Vera", "Jack")
VERBS = ("sold", "brought", "mailed", "presented")
NUMBERS = ("two", "three", "four", "five", "ten", "eleven")
THINGS = ("lamps", "bikes", "chairs", "drums", "carpets", "parcels", "pictures", "books")
ROWS = {"train": 1000, "validation": 200}
COLUMNS = ("report", "next0", "next1", "next2", "next3", "right")


def draw(chance: random.Random) -> tuple[str, ...]:
    """Return a report, four sentences that may come next, and the place of the right one."""
    giver, taker = chance.sample(PERSONS, 2)
    number, other_number = chance.sample(NUMBERS, 2)
    things, other_things = chance.sample(THINGS, 2)
    report = f"{giver} {chance.choice(VERBS)} {number} {things} to {taker}."
    endings = [(number, things), (other_number, things), (number, other_things), (other_number, other_things)]
    places = chance.sample(range(4), 4)
    sentences = [f"{taker} got {endings[place][0]} {endings[place][1]}." for place in places]
    return report, *sentences, str(places.index(0))


def main() -> None:
    """Write both files; no report stands in both."""
    chance = random.Random(0)  # noqa: S311 - made-up rows: the seed makes them the same every time, nothing is secret
    folder = Path(__file__).parent / "data"
    folder.mkdir(exist_ok=True)
    seen: set[str] = set()
    for split, count in ROWS.items():
        rows: list[tuple[str, ...]] = []
        while len(rows) < count:
            row = draw(chance)
            if row[0] not in seen:
                seen.add(row[0])
                rows.append(row)
        with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
