"""A measured case: a pipeline with another batch size, dtype or length, compiled or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from datasets import Dataset

    from pytest_ftcheck.pipeline.parts import Pipeline

_PRECISION = {"float32": (False, False), "bfloat16": (True, False), "float16": (False, True)}
"""``bf16`` and ``fp16`` of the recipe, by the dtype of matrix products. Weights keep their dtype."""


@dataclass(frozen=True)
class StepCase:
    """One row of a table of steps; a field with None keeps the value of the recipe."""

    batch_size: int | None = None
    """Rows of a micro-batch."""
    dtype: str | None = None
    """Dtype of matrix products: ``bfloat16`` and ``float16`` by autocast."""
    seq_len: int | None = None
    """Number of tokens that every row is cut or repeated to, so that there is no padding."""
    compiled: bool | None = None
    engine: str = "manual"

    @property
    def label(self) -> str:
        """The name in node ids and tables: ``manual-8x128-bfloat16-compiled``."""
        size = "x".join(str(number) for number in (self.batch_size, self.seq_len) if number is not None)
        if self.batch_size is None and self.seq_len is not None:
            size = f"len{self.seq_len}"
        words = (self.engine, size, self.dtype, {True: "compiled", False: "eager", None: None}[self.compiled])
        return "-".join(word for word in words if word)

    def of(self, pipeline: Pipeline) -> Pipeline:
        """Return the pipeline with recipe and rows of this case."""
        changed: dict[str, Any] = {}
        if self.batch_size is not None:
            changed["per_device_train_batch_size"] = self.batch_size
        if self.dtype is not None:
            changed["bf16"], changed["fp16"] = _PRECISION[self.dtype]
        if self.compiled is not None:
            changed["torch_compile"] = self.compiled
        if self.compiled is False:
            changed |= {"torch_compile_backend": None, "torch_compile_mode": None}
        found = replace(pipeline, args={**pipeline.args, **changed})
        if self.seq_len is None:
            return found
        rows = of_length(pipeline.train_dataset, self.seq_len, pipeline.card.head_rules.traits)
        return replace(found, train_dataset=rows)


def of_length(rows: Dataset, length: int, traits: Collection[str] = ()) -> Dataset:
    """Cut or repeat tokenized rows to a length, in every column with one value per token; `traits` are the head's.

    Raises:
        SettingsError: the rows have no column ``input_ids`` of token ids, or several texts each.

    """
    from datasets import Dataset  # noqa: PLC0415 - slow to import

    from pytest_ftcheck.columns import holds_lists  # noqa: PLC0415 - imports pyarrow
    from pytest_ftcheck.heads.token_columns import columns_per_token  # noqa: PLC0415 - pyarrow is slow to import

    if "input_ids" not in rows.column_names:
        msg = f"a length of {length} tokens needs a column input_ids; the rows have {', '.join(rows.column_names)}."
        raise SettingsError(msg)
    plain = rows.with_format(None)
    if len(rows) and holds_lists(plain[0]["input_ids"]):
        msg = f"a length of {length} tokens needs rows of one text: these have {len(plain[0]['input_ids'])} texts each."
        raise SettingsError(msg)
    each = columns_per_token(plain, traits)
    columns: dict[str, list[Any]] = {}
    for name in rows.column_names:
        values = list(plain[name])
        columns[name] = [(value * (length // len(value) + 1))[:length] for value in values] if name in each else values
    return Dataset.from_dict(columns)


def sweep(
    batch_sizes: Sequence[int], dtypes: Sequence[str], seq_len: int | None, *, compiled: bool
) -> tuple[StepCase, ...]:
    """List the cases of a sweep: every batch size with every dtype; with ``compiled``, both eager and compiled."""
    modes = (False, True) if compiled else (None,)
    cases = product(batch_sizes or (None,), dtypes or (None,), modes)
    return tuple(StepCase(batch_size, dtype, seq_len, mode) for batch_size, dtype, mode in cases)
