"""Write data/tickets.csv: messages to a support team, with a column for each topic that a message may be about."""

from __future__ import annotations

import csv
import random
from pathlib import Path

DATA = Path(__file__).parent / "data" / "tickets.csv"
WORDS = {
    "delivery": ("parcels", "sacks", "bags", "street", "sent", "delivered"),
    "furniture": ("chairs", "lamps", "carpets", "sofas", "rugs", "clocks"),
    "clothes": ("coats", "jackets", "hats", "rings", "mugs", "photos"),
    "food": ("coffee", "soup", "food", "apples", "kitchen", "restaurant"),
}
"""Topics, and the words of each."""
NAMES = ("Anna", "Paul", "Ruth", "Henry", "Jack", "Kate", "Olga", "Frank", "Vera", "Tom", "Clara", "Leo")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
COLOURS = ("black", "white", "yellow", "blue", "red", "green")
ROWS = 900
SHARE = 0.35
"""Of messages that are about a topic."""


def message(chance: random.Random) -> tuple[str, list[int]]:
    """Draw a message, and 1 for each topic that it is about."""
    about = [int(chance.random() < SHARE) for _ in WORDS]
    said = [word for topic, one in zip(WORDS, about, strict=True) if one for word in chance.sample(WORDS[topic], 2)]
    said += chance.sample(COLOURS, 2)
    chance.shuffle(said)
    return f"{chance.choice(NAMES)} wrote on {chance.choice(DAYS)}: {' '.join(said)}.", about


def main() -> None:
    """Draw messages of which no two are the same."""
    chance = random.Random(13)  # noqa: S311 - made-up rows: the seed makes them the same every time, nothing is secret
    rows: dict[str, list[int]] = {}
    while len(rows) < ROWS:
        text, about = message(chance)
        rows[text] = about
    with DATA.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", *WORDS), *((text, *about) for text, about in rows.items())])


if __name__ == "__main__":
    main()
