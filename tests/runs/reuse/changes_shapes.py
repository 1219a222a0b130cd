"""Changes of the parts that fixtures give, and of Trainers with data sets of several shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.runs.reuse.workplace import Change
else:
    from workplace import Change


def of(project: str, *changes: Change) -> tuple[Change, ...]:
    """Say whose changes they are."""
    from dataclasses import replace

    return tuple(replace(change, project=project, id=f"{project}-{change.id}") for change in changes)


PARTS = of(
    "parts",
    Change("constant", "parts.py", "EVERY = 4", "EVERY = 5"),
    Change("helper", "collate_helper.py", "== 3", "== 2"),
    Change("attribute-of-the-base", "collate_base.py", "keep = 20", "keep = 5"),
    Change("constant-of-the-base", "collate_base.py", "PAD_TO = 8", "PAD_TO = 40"),
    Change("method-of-the-base", "collate_base.py", "[: self.keep]", "[1 : self.keep]"),
    Change("late-import", "late_padding.py", '"right"', '"left"'),
    Change("late-variable", environment={"LAST_TOKEN": "9"}),
    Change("configuration-of-forward", "settings.json", '"scale": 1.3', '"scale": 1.4'),
    Change("configuration-of-the-loss", "settings.json", '{"scale": 0.8}', '{"scale": 0.9}'),
    Change("seed-of-the-model", "settings.json", '"seed": 3', '"seed": 4'),
    Change("dropout", "parts.py", "nn.Dropout(0.25)", "nn.Dropout(0.35)"),
    Change("hook", "parts.py", "output * 1.5", "output * 1.6"),
    Change("metrics", "parts.py", "0.5 * float", "0.6 * float"),
    Change("patch", "conftest.py", "1.1 * _cross", "1.2 * _cross"),
)

AUGMENTED = of(
    "augmented",
    Change("share", "config/settings.json", '"augmentation": 0.3', '"augmentation": 0.4'),
    Change("weights-of-the-sampler", "config/settings.json", "[0.2, 0.8]", "[0.3, 0.7]"),
    Change("first-weights", "config/settings.json", '"std": 0.3', '"std": 0.4'),
    Change("partial-of-the-loss", "config/settings.json", '"loss_power": 1.5', '"loss_power": 1.6'),
    Change("seed-of-the-data-set", "shapes.py", "seed=4", "seed=5"),
    Change("item", "shapes.py", "< self.share]", "<= self.share / 2]"),
    Change("loss-function", "train.py", "loss.pow(power) * 0.9", "loss.pow(power) * 0.8"),
    Change("seed-of-the-sampler", "train.py", "manual_seed(2)", "manual_seed(3)"),
    Change("sampler", "train.py", "len(weights), generator", "len(weights), replacement=False, generator"),
    Change("model-init", "train.py", "classifier.weight, std=std", "classifier.weight, mean=0.01, std=std"),
    Change("own-optimizer", "train.py", "momentum=0.5", "momentum=0.6"),
)

OTHERS = (
    *of(
        "stream",
        Change("argument-of-the-generator", "config/settings.json", '"stream_start": 2', '"stream_start": 3'),
        Change("generator", "shapes.py", "'warm' if row % 3", "'old' if row % 3"),
        Change("argument-of-the-map", "shapes.py", "mark, every=4", "mark, every=5"),
        Change("map", "shapes.py", "place % every == 2", "place % every == 1"),
        Change("shuffle", "config/settings.json", '"shuffle": 8', '"shuffle": 9'),
    ),
    *of(
        "pieces",
        Change("file-of-a-row", "pieces/row_3.txt", "cold", "old"),
        Change("late-import", "pieces_helper.py", "very warm", "so warm"),
        Change("late-variable", environment={"PIECES_ENDING": " too"}),
        Change("label", "shapes.py", "int(index % 3 > 0)", "int(index % 3 > 1)"),
    ),
    *of(
        "opened",
        Change("file-of-a-row", "pieces/row_3.txt", "cold", "old"),
        Change(
            "transform", "shapes.py", "(HERE / path).read_text()", '(HERE / path).read_text().replace("dog", "cat")'
        ),
    ),
    *of(
        "workers",
        Change("file-of-a-row", "pieces/row_3.txt", "cold", "old"),
        Change("late-import", "pieces_helper.py", "very warm", "so warm"),
        Change("late-variable", environment={"PIECES_ENDING": " too"}),
    ),
)
