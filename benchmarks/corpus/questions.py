"""Questions about contexts, their windows and their answers, as the helper module of a team holds them."""

from __future__ import annotations

import json
import random
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from datasets import Dataset, DatasetDict
from transformers import AutoModelForQuestionAnswering

from pytest_ftcheck.tasks.bundled import bundled_checkpoint, bundled_data

if TYPE_CHECKING:
    from collections.abc import Iterable

Row = dict[str, Any]
LONGEST = 30


def questions(task: str = "squad", train: int = 1200, validation: int = 200, seed: int = 0) -> DatasetDict:
    """Draw questions with id, context and answers, as SQuAD has them."""
    found = {}
    for split, count in (("train", train), ("validation", validation)):
        lines = (Path(str(bundled_data(task))) / f"{split}.jsonl").read_text(encoding="utf-8").splitlines()
        rows = random.Random(seed).sample([json.loads(line) for line in lines], count)
        found[split] = Dataset.from_list([{**row, "id": f"{split}-{row['idx']}"} for row in rows])
    return DatasetDict(found)


def load_span_model(checkpoint: str = "tiny-bert", **changes: Any) -> Any:
    """Load a bundled checkpoint with a new head for start and end."""
    return AutoModelForQuestionAnswering.from_pretrained(bundled_checkpoint(checkpoint), **changes)


def windows(rows: Row, tokenizer: Any, **options: Any) -> Any:
    """Cut contexts into windows; tell which row each is of, and which characters its tokens are of."""
    encoded = tokenizer(
        rows["question"],
        rows["context"],
        **{
            "truncation": "only_second",
            "max_length": 64,
            "stride": 16,
            "return_overflowing_tokens": True,
            "return_offsets_mapping": True,
            "padding": "max_length",
            **options,
        },
    )
    for window, offsets in enumerate(encoded["offset_mapping"]):
        segments = encoded.sequence_ids(window)
        encoded["offset_mapping"][window] = [
            offset if segment == 1 else None for segment, offset in zip(segments, offsets, strict=True)
        ]
    return encoded


def labelled(rows: Row, tokenizer: Any, *, keep: Iterable[str] = (), **options: Any) -> Row:
    """Make training rows: windows with first and last token of the answer, [CLS] where it is not there."""
    encoded = windows(rows, tokenizer, **options)
    samples = encoded.pop("overflow_to_sample_mapping")
    places: dict[str, list[int]] = {"start_positions": [], "end_positions": []}
    for sample, offsets in zip(samples, encoded["offset_mapping"], strict=True):
        answers = rows["answers"][sample]
        begin = answers["answer_start"][0] if answers["text"] else 10**6
        end = begin + len(answers["text"][0]) if answers["text"] else 10**6
        starts = [token for token, place in enumerate(offsets) if place and place[0] <= begin < place[1]]
        ends = [token for token, place in enumerate(offsets) if place and place[0] < end <= place[1]]
        whole = bool(starts and ends)
        places["start_positions"].append(starts[0] if whole else 0)
        places["end_positions"].append(ends[0] if whole else 0)
    encoded["example_id"] = [rows["id"][sample] for sample in samples]
    kept = {name: values for name, values in encoded.items() if name not in {"offset_mapping", "example_id"}}
    return {**kept, **places, **{name: encoded[name] for name in keep}}


def features(rows: Row, tokenizer: Any, **options: Any) -> Row:
    """Make evaluation rows: windows with the id of their question, and no labels."""
    encoded = windows(rows, tokenizer, **options)
    samples = encoded.pop("overflow_to_sample_mapping")
    return {**encoded, "example_id": [rows["id"][sample] for sample in samples]}


def answers_of(examples: Any, rows: Any, predictions: Any) -> list[str]:
    """Give each question its best span over all windows."""
    start, end = predictions[:2]
    if len(start) != len(rows):
        message = f"got {len(start)} predictions and {len(rows)} features"
        raise ValueError(message)
    of_question = defaultdict(list)
    for window, name in enumerate(rows["example_id"]):
        of_question[name].append(window)
    texts = []
    for example in examples:
        best, text = -np.inf, ""
        for window in of_question[example["id"]]:
            offsets = rows[window]["offset_mapping"]
            for first in np.argsort(start[window])[::-1][:15]:
                for last in np.argsort(end[window])[::-1][:15]:
                    score = start[window][first] + end[window][last]
                    known = offsets[first] is not None and offsets[last] is not None
                    if known and first <= last < first + LONGEST and score > best:
                        best, text = score, example["context"][offsets[first][0] : offsets[last][1]]
        texts.append(text)
    return texts


def plain(text: str) -> list[str]:
    """Return the words that count."""
    return re.sub(r"\b(a|an|the)\b", " ", re.sub(r"[^\w\s]", "", text.lower())).split()


def overlap(answer: str, right: str) -> float:
    """Return F1 of the words of two texts."""
    given, expected = plain(answer), plain(right)
    if not given or not expected:
        return float(given == expected)
    shared = sum((Counter(given) & Counter(expected)).values())
    return 2 * shared / (len(given) + len(expected))


def squad_metrics(answers: list[str], examples: Any) -> dict[str, float]:
    """Return exact match and F1 in percent."""
    golds = [example["answers"]["text"] or [""] for example in examples]
    exact = [max(plain(text) == plain(gold) for gold in right) for text, right in zip(answers, golds, strict=True)]
    f1 = [max(overlap(text, gold) for gold in right) for text, right in zip(answers, golds, strict=True)]
    return {"exact_match": 100 * float(np.mean(exact)), "f1": 100 * float(np.mean(f1))}
