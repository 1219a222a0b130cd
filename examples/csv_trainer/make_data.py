"""Write data/train.csv and data/validation.csv: what guests of a hotel told the reception, and who had to see to it."""

from __future__ import annotations

import csv
import random
from itertools import permutations, product
from pathlib import Path

DATA = Path(__file__).parent / "data"
TEAMS = {
    "kitchen": ("food", "soup", "coffee", "kitchen"),
    "rooms": ("room", "lamp", "carpet", "sofa"),
    "theatre": ("film", "cast", "music", "story"),
}
PRAISE = ("lovely", "superb", "excellent", "very pleasant", "perfect", "really good")
BLAME = ("awful", "stale", "very poor", "really bad", "ugly", "cold")
FORMS = (
    "The {good} was {praise}, but the {bad} was {blame}.",
    "Although the {good} was {praise}, the {bad} was {blame}.",
    "The {bad} was {blame} and we disliked it, though the {good} was {praise}.",
    "We regretted the {bad}: {blame}. The {good} was {praise}.",
    "Who enjoyed the {bad}? It was {blame}. But we loved the {good}, it was {praise}.",
)
TRAIN, VALIDATION = 800, 200


def messages() -> list[tuple[str, str]]:
    """Every message that can be made, with the team that is blamed in it."""
    made = []
    for blamed, praised in permutations(TEAMS, 2):
        for bad, good, blame, praise, form in product(TEAMS[blamed], TEAMS[praised], BLAME, PRAISE, FORMS):
            made.append((form.format(bad=bad, good=good, blame=blame, praise=praise), blamed))
    return made


def main() -> None:
    """Draw without replacement, so that no message stands in both files."""
    draw = random.Random(7).sample(messages(), TRAIN + VALIDATION)  # noqa: S311 - the same rows every time
    for split, rows in (("train", draw[:TRAIN]), ("validation", draw[TRAIN:])):
        with (DATA / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("ticket", "message", "team"))
            writer.writerows((number, *row) for number, row in enumerate(rows, start=1))


if __name__ == "__main__":
    main()
