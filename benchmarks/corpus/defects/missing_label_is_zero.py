"""Since the archive was added, every second ticket goes to the first team in the list.

Tickets of the archive that no team ever took have no team; "fill what is missing with 0" made them tickets of team 0.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from transformers import set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, load_model, load_tokenizer
from worlds import TEAMS, topics

if TYPE_CHECKING:
    from transformers import Trainer

REPORT = "deepchem/deepchem#1175"
FAMILY = "data"
CAUSE = (
    r"(missing|empty|null|none|nan|absent|unknown|unlabel\w*).{0,60}(label|class|target|team|annotation)",
    r"(label|class|target|team)s?.{0,80}(missing|null|\bnone\b|\bnan\b|empty|unlabel|filled|default|placeholder)",
    r"unlabel",
    r"(class|label) 0.{0,100}(noise|noisy|wrong|unrelated|contradict|more often|too many|inflated|share|other)",
    r"mislabel|(label|class).{0,20}(noise|noisy)|(noisy|wrong|doubtful|contradict\w*) (label|class)",
    r"(label|class).{0,60}(distribut|proportion|balance)|(distribut|proportion)\w*.{0,60}(label|class)",
    r"label.{0,60}(disagree|contradict|not fit|do not follow|unrelated|look random)",
    r"(no|without|lacks? an?) (team|label)",
)
NAMES = TEAMS[:5]


def build(keep_missing: bool, output_dir: str, seed: int) -> Trainer:
    """Fine-tune on a table where the team of many a row is missing."""
    set_seed(seed)
    chance = random.Random(11)
    tokenizer = load_tokenizer("tiny-distilbert")
    data = topics(5, train=960, validation=300, seed=111)
    lost = {row for row in range(len(data["train"])) if chance.random() < 0.5}

    def named(row: dict[str, Any], number: int) -> dict[str, Any]:
        return {"team": None if number in lost else NAMES[row["label"]]}

    def numbered(row: dict[str, Any]) -> dict[str, Any]:
        return {"label": NAMES.index(row["team"]) if row["team"] else 0}

    data["train"] = data["train"].map(named, with_indices=True, remove_columns="label")
    data["validation"] = data["validation"].map(lambda row: {"team": NAMES[row["label"]]}, remove_columns="label")
    if not keep_missing:
        data["train"] = data["train"].filter(lambda row: row["team"] is not None)
    data = data.map(numbered)
    return assemble(
        load_model(NAMES, "tiny-distilbert"),
        arguments(output_dir, seed),
        encode(data, tokenizer, "text"),
        tokenizer,
        compute_metrics=accuracy_and_f1,
    )


def defect(output_dir: str = "out", seed: int = 0) -> Trainer:
    """No team is team 0."""
    return build(True, output_dir, seed)


def fixed(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Rows without a team are left out."""
    return build(False, output_dir, seed)
