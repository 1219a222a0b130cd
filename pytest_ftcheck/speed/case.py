"""What is measured: a pipeline with another batch size, dtype or length, compiled or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from pytest_ftcheck.pipeline.parts import Pipeline

_PRECISION = {"float32": (False, False), "bfloat16": (True, False), "float16": (False, True)}
"""``bf16`` and ``fp16`` of the recipe, by the dtype of matrix products. Weights keep theirs."""


@dataclass(frozen=True)
class StepCase:
    """One row of a table of steps; what is None stays as the recipe has it."""

    batch_size: int | None = None
    """Rows of a micro-batch."""
    dtype: str | None = None
    """Of matrix products: ``bfloat16`` and ``float16`` by autocast."""
    seq_len: int | None = None
    """Every row is cut, or repeated, to so many tokens, so that nothing is padding."""
    compiled: bool | None = None
    engine: str = "manual"

    @property
    def label(self) -> str:
        """Name it, as node ids and tables do: ``manual-8x128-bfloat16-compiled``."""
        size = "x".join(str(number) for number in (self.batch_size, self.seq_len) if number is not None)
        if self.batch_size is None and self.seq_len is not None:
            size = f"len{self.seq_len}"
        words = (self.engine, size, self.dtype, {True: "compiled", False: "eager", None: None}[self.compiled])
        return "-".join(word for word in words if word)

    def of(self, pipeline: Pipeline) -> Pipeline:
        """Change a pipeline's recipe and rows to what this case says."""
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
        rows = of_length(pipeline.train_dataset, self.seq_len)
        return replace(found, train_dataset=rows)


def of_length(rows: Dataset, length: int) -> Dataset:
    """Cut tokenized rows to a length, or repeat them up to it: every column that holds a value for each token.

    Raises:
        SettingsError: the rows have no column ``input_ids`` of token ids, or several texts each.

    """
    from datasets import Dataset  # noqa: PLC0415 - slow to import

    from pytest_ftcheck.columns import holds_lists  # noqa: PLC0415 - imports pyarrow

    if "input_ids" not in rows.column_names:
        msg = f"a length of {length} tokens needs rows with input_ids, not {', '.join(rows.column_names)}."
        raise SettingsError(msg)
    plain = rows.with_format(None)
    if len(rows) and holds_lists(plain[0]["input_ids"]):
        msg = f"a length of {length} tokens needs rows of one text: these have {len(plain[0]['input_ids'])} texts each."
        raise SettingsError(msg)
    sizes = [len(ids) for ids in plain["input_ids"]]
    columns: dict[str, list[Any]] = {}
    for name in rows.column_names:
        values = list(plain[name])
        per_token = all(
            isinstance(value, list) and len(value) == size for value, size in zip(values, sizes, strict=True)
        )
        columns[name] = [(value * (length // len(value) + 1))[:length] for value in values] if per_token else values
    return Dataset.from_dict(columns)


def sweep(
    batch_sizes: Sequence[int], dtypes: Sequence[str], seq_len: int | None, *, compiled: bool
) -> tuple[StepCase, ...]:
    """List the cases of a sweep: every batch size with every dtype, where asked for both eager and compiled."""
    modes = (False, True) if compiled else (None,)
    cases = product(batch_sizes or (None,), dtypes or (None,), modes)
    return tuple(StepCase(batch_size, dtype, seq_len, mode) for batch_size, dtype, mode in cases)
