"""Masks tokens: drawn again for every train batch, and always the same for evaluation rows.

As in BERT, a drawn token is replaced by the mask token (80%) or by a random token (10%), or stays unchanged (10%).
Shapes: N rows, B rows of a batch, T tokens.
"""

from __future__ import annotations

import random
import zlib
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.inputs import TextInputs
from pytest_ftcheck.heads.traits import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from datasets import Dataset
    from numpy.typing import NDArray
    from transformers import BatchEncoding, PreTrainedTokenizerBase

MASK_RATE = 0.15
"""Fraction of the tokens that are drawn."""
AS_MASK, AS_ANY = 0.8, 0.1
"""Fractions of the drawn tokens that become the mask token, and a random token; the others stay unchanged."""
_LABELS = "labels"


class LineInputs(TextInputs):
    """See `InputRules`: one text a row; long texts are truncated."""

    def refusal(self, columns: Sequence[str]) -> str:
        """Require one column."""
        return "" if len(columns) == 1 else f"text_columns must be one column of texts, not {list(columns)!r}"

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Tokenize the texts, without labels, which a collator draws.

        Raises:
            DataError: the tokenizer has no mask token.

        """
        del labels, options
        if tokenizer.mask_token_id is None:
            msg = f"{type(tokenizer).__name__} has no mask token. Give a checkpoint that was trained with a mask token."
            raise DataError(msg)
        made: BatchEncoding = self.tokens(tokenizer, columns, truncation=True, max_length=max_length)
        return dict(made)

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[dict[str, Any]]], Any]:
        """Make the collator, which pads rows and masks tokens."""
        return MaskingCollator(tokenizer)


@dataclass
class MaskingCollator:
    """Pads rows to the longest row of the batch, and masks tokens.

    Rows without ``labels`` go to `transformers.DataCollatorForLanguageModeling`, which draws again for each batch. The
    labels of other rows determine the drawn tokens, which always get the same replacement.
    """

    tokenizer: PreTrainedTokenizerBase
    mlm_probability: float = MASK_RATE
    mask_replace_prob: float = AS_MASK
    random_replace_prob: float = AS_ANY
    _drawing: Any = field(init=False, repr=False)
    _padding: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Make the two collators of transformers."""
        from transformers import (  # noqa: PLC0415 - slow to import
            DataCollatorForLanguageModeling,
            DataCollatorForTokenClassification,
        )

        self._drawing = DataCollatorForLanguageModeling(
            self.tokenizer,
            mlm=True,
            mlm_probability=self.mlm_probability,
            mask_replace_prob=self.mask_replace_prob,
            random_replace_prob=self.random_replace_prob,
        )
        self._padding = DataCollatorForTokenClassification(self.tokenizer, label_pad_token_id=IGNORED)

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        """Make a batch of rows, which all have labels or all have none."""
        if _LABELS not in features[0]:
            return self._drawing(features)
        return self._padding([{**row, "input_ids": self._shown(row["input_ids"], row[_LABELS])} for row in features])

    def _shown(self, ids: Sequence[int], labels: Sequence[int]) -> list[int]:
        """Return the tokens ``[T]`` as the model sees them, for the labels ``[T]`` of a row that is evaluated."""
        row, drawn = np.asarray(ids), np.asarray(labels) != IGNORED
        drawing = generator_of(row, "shown")
        share, other = drawing.random(len(row)), drawing.integers(0, len(self.tokenizer), len(row))
        mask = self.tokenizer.mask_token_id
        seen = np.where(
            share < self.mask_replace_prob,
            mask,
            np.where(share < self.mask_replace_prob + self.random_replace_prob, other, row),
        )
        shown: list[int] = np.where(drawn, seen, row).tolist()
        return shown


class MasksOfRows:
    """See `MaskRules`."""

    def fixed(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> Dataset:
        """Draw tokens of each row, seeded by the row's tokens: the same in each evaluation, session and process."""
        from pytest_ftcheck.columns import walk  # noqa: PLC0415 - a card is read before Arrow is imported

        special = set(tokenizer.all_special_ids)
        return rows.add_column(_LABELS, [_drawn(ids, special) for (ids,) in walk(rows, ["input_ids"])])

    def candidates(self, rows: Dataset, tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
        """Return the token ids of each row, `IGNORED` for special tokens."""
        from pytest_ftcheck.columns import walk  # noqa: PLC0415 - a card is read before Arrow is imported

        special = set(tokenizer.all_special_ids)
        return [[IGNORED if token in special else token for token in ids] for (ids,) in walk(rows, ["input_ids"])]

    def steady(self, collator: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return a collator that masks like the given one, but masks the same tokens of a row in every batch."""
        return SteadyCollator(collator)

    def unmasked(self, collator: Callable[[list[dict[str, Any]]], Any]) -> Any:
        """Return a collator whose batches have the tokens before masking, and no labels."""
        return UnmaskedCollator(collator)


def generator_of(ids: NDArray[Any] | Sequence[int], purpose: str) -> np.random.Generator:
    """Return a generator that is seeded only by a row's tokens ``[T]`` and the purpose of the draw."""
    content = np.asarray(ids, dtype=np.int64).tobytes() + purpose.encode()
    return np.random.default_rng(zlib.crc32(content))


def _drawn(ids: Sequence[int], special: set[int]) -> list[int]:
    """Return the labels of a row: the ids of the drawn tokens, `IGNORED` for all others."""
    taken = generator_of(ids, "drawn").random(len(ids)) < MASK_RATE
    return [token if drawn and token not in special else IGNORED for token, drawn in zip(ids, taken, strict=True)]


@dataclass
class SteadyCollator:
    """See `MasksOfRows.steady`."""

    collator: Callable[[list[dict[str, Any]]], Any]

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        """Pad the rows together, then mask each row as in a batch of its own.

        A batch without labels stays unchanged. The states of the process's generators are restored.
        """
        import torch  # noqa: PLC0415 - slow to import

        batch = dict(_seeded(self.collator, features, 0))
        if _LABELS not in batch:
            return batch
        ids, labels = torch.where(batch[_LABELS] == IGNORED, batch["input_ids"], batch[_LABELS]), batch[_LABELS].clone()
        labels.fill_(IGNORED)
        for row, feature in enumerate(features):
            plain = np.asarray(feature["input_ids"])
            alone = _seeded(self.collator, [feature], zlib.crc32(plain.astype(np.int64).tobytes()))
            width, mask = len(plain), batch.get("attention_mask")
            # In a batch that is padded on the left, the row is at the end.
            start = ids.shape[1] - width if mask is not None and not bool(mask[row, 0]) else 0
            begin = alone["input_ids"].shape[1] - width if start else 0
            ids[row, start : start + width] = alone["input_ids"][0, begin : begin + width]
            labels[row, start : start + width] = alone[_LABELS][0, begin : begin + width]
        return {**batch, "input_ids": ids, _LABELS: labels}


@dataclass
class UnmaskedCollator:
    """See `MasksOfRows.unmasked`."""

    collator: Callable[[list[dict[str, Any]]], Any]

    def __call__(self, features: list[dict[str, Any]]) -> Any:
        """Replace tokens by their labels, if the labels have the shape of the tokens."""
        import torch  # noqa: PLC0415 - slow to import

        made = self.collator([{name: value for name, value in row.items() if name != _LABELS} for row in features])
        if _LABELS not in made or made[_LABELS].shape != made["input_ids"].shape:
            return made
        batch = {name: value for name, value in made.items() if name != _LABELS}
        batch["input_ids"] = torch.where(made[_LABELS] == IGNORED, made["input_ids"], made[_LABELS])
        return batch


def _seeded(collator: Callable[[list[dict[str, Any]]], Any], features: list[dict[str, Any]], seed: int) -> Any:
    """Make a batch with this seed; a collator of transformers with a seed has its own generator."""
    own: Any = collator
    if getattr(own, "seed", None) is not None and hasattr(own, "generator"):
        own = copy(own)
        own.seed, own.generator = seed, None
    with _generators_kept(seed):
        return own(features)


@contextmanager
def _generators_kept(seed: int) -> Iterator[None]:
    """Seed all generators that a collator may use inside this context, and restore their states at the end."""
    import torch  # noqa: PLC0415 - slow to import

    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - a user's collator may draw from it
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - as above
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002 - as above
