"""Data sets of several shapes."""

import json
import os
import tempfile
from functools import partial
from pathlib import Path

import torch
from datasets import Dataset
from small import PLACES, TOKENIZER, make_rows

HERE = Path(__file__).parent
SETTINGS = json.loads((HERE / "config" / "settings.json").read_text())


class Augmented(torch.utils.data.Dataset):
    """Hides some of the words, drawn anew at every reading."""

    def __init__(self, count, share, seed=4):
        self.rows = make_rows(count)
        self.share = share
        self.generator = torch.Generator().manual_seed(seed)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]
        ids = torch.tensor(row["input_ids"])
        ids[torch.rand(len(ids), generator=self.generator) < self.share] = TOKENIZER.unk_token_id
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "label": row["label"]}


class Pieces(torch.utils.data.Dataset):
    """One file for each row: it is read when the row is asked for, as images are."""

    def __init__(self, count):
        self.paths = [HERE / "pieces" / f"row_{row % 8}.txt" for row in range(count)]

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        from pieces_helper import clean

        text = clean(self.paths[index].read_text()) + os.environ.get("PIECES_ENDING", "")
        return {**TOKENIZER(text), "label": int(index % 3 > 0)}


def stream(first, last):
    for row in range(first, last):
        yield {
            **TOKENIZER(f"the {PLACES[row % 4]} was {'warm' if row % 3 else 'cold'} {row}"),
            "label": int(row % 3 > 0),
        }


def streamed():
    first = SETTINGS["stream_start"]
    rows = Dataset.from_generator(stream, gen_kwargs={"first": first, "last": first + 16}, cache_dir=tempfile.mkdtemp())
    return rows.shuffle(seed=SETTINGS["shuffle"]).map(partial(mark, every=4))


def mark(row, every):
    ids = [TOKENIZER.unk_token_id if place % every == 2 else token for place, token in enumerate(row["input_ids"])]
    return {**row, "input_ids": ids}


def opened(count):
    """The rows name files, and a transform opens them."""
    rows = Dataset.from_dict(
        {"path": [f"pieces/row_{row % 8}.txt" for row in range(count)], "label": [0, 1] * (count // 2)}
    )

    def transform(batch):
        return {**TOKENIZER([(HERE / path).read_text() for path in batch["path"]]), "label": batch["label"]}

    return rows.with_transform(transform)


def rows_of(shape):
    if shape == "stream":
        return streamed(), make_rows(8)
    if shape in {"pieces", "workers"}:
        return Pieces(16), Pieces(8)
    if shape == "opened":
        return opened(16), opened(8)
    return Augmented(16, SETTINGS["augmentation"]), make_rows(8)
