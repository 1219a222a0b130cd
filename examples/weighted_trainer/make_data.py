"""Write data/feedback.csv: most guests praise, some have mixed feelings, and few complain."""

from __future__ import annotations

import csv
import random
from pathlib import Path

DATA = Path(__file__).parent / "data" / "feedback.csv"
THINGS = ("room", "food", "view", "staff", "coffee", "music", "hotel", "service", "garden", "soup")
GOOD = ("lovely", "superb", "excellent", "very pleasant", "charming", "wonderful", "really fresh", "truly great")
BAD = ("awful", "dreadful", "very poor", "really stale", "horrible", "nasty", "truly boring", "ugly")
WHO = ("Anna", "Paul", "Ruth", "Henry", "Jack", "Kate", "Olga", "Frank", "Vera", "Tom", "Clara", "Leo")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
FORMS = (
    "The {0} was {2} and the {1} was {3}, so said {who} and {other}.",
    "{who} was at the hotel on {day} and {other} came too. The {0} was {2}, the {1} {3}.",
    "On {day}, {who} and {other} had the {0} and the {1}. One was {2}, one was {3}.",
    "Is the {0} {2}? {who} and {other} said so on {day}. The {1} is {3}.",
)
ROWS = {"praise": 630, "mixed": 180, "complaint": 90}


def message(feeling: str, chance: random.Random) -> str:
    """Draw a message of one feeling."""
    moods = {"praise": (GOOD, GOOD), "mixed": chance.choice([(GOOD, BAD), (BAD, GOOD)]), "complaint": (BAD, BAD)}[
        feeling
    ]
    words = [chance.choice(mood) for mood in moods]
    who, other = chance.sample(WHO, 2)
    return chance.choice(FORMS).format(*chance.sample(THINGS, 2), *words, who=who, other=other, day=chance.choice(DAYS))


def main() -> None:
    """Draw the rows, and mix them."""
    chance = random.Random(11)  # noqa: S311 - the same rows every time
    rows = [(message(feeling, chance), feeling) for feeling, count in ROWS.items() for _ in range(count)]
    chance.shuffle(rows)
    with DATA.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("text", "feeling"), *rows])


if __name__ == "__main__":
    main()
