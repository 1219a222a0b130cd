"""The head of multiple choice: one logit for each of C texts of a row; the highest logit is the prediction.

A row is a context and C endings. Each ending is tokenized after the context: a row's ``input_ids`` are C lists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.heads.arrays import MATRIX
from pytest_ftcheck.heads.class_metrics import ScoringOfClasses
from pytest_ftcheck.heads.classes import CardOfClasses, CrossEntropy, LabelsOfClasses, OutputsOfClasses
from pytest_ftcheck.heads.each_choice import EachChoice, endings_of
from pytest_ftcheck.heads.head import Head, Serving
from pytest_ftcheck.heads.model import TransformersModel
from pytest_ftcheck.heads.traits import CHOICES, CLASSES, LABEL_PER_ROW

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from transformers import BatchEncoding, PreTrainedTokenizerBase

_FEWEST = 2
"""A choice needs two endings."""
_MOST_CONTEXT = 2
"""Maximum number of columns before the endings."""


class OutputsOfChoices(OutputsOfClasses):
    """See `Outputs`: logits ``[N, C]``."""

    def are_of(self, logits: Any, labels: Any, num_labels: int) -> bool:
        """Accept logits ``[B, C]`` and integers ``[B]``; the caller has checked that a row has several texts."""
        del num_labels
        if getattr(logits, "ndim", 0) != MATRIX or getattr(labels, "ndim", 0) != 1:
            return False
        return bool(len(logits) == len(labels) and logits.shape[1] >= _FEWEST and not labels.is_floating_point())


class ChoiceInputs:
    """See `InputRules`: up to two columns of context, then a column of texts for each choice.

    The first column of the context is the first segment; the second column, as in SWAG, begins the second segment of
    all choices.
    """

    recipe_keys: tuple[str, ...] = ()
    column = "a string"

    def refusal(self, columns: Sequence[str]) -> str:
        """Require one or two columns of context and at least two endings."""
        endings = endings_of(columns)
        context = len(columns) - len(endings)
        if len(endings) >= _FEWEST and 1 <= context <= _MOST_CONTEXT:
            return ""
        return (
            "text_columns must be one or two columns of context, then one column for each choice, whose names end with "
            f"their numbers, such as ['context', 'ending0', 'ending1'], not {list(columns)!r}"
        )

    def holds(self, column: str, columns: Sequence[str], kind: pa.DataType) -> bool:
        """Accept only texts."""
        import pyarrow as pa  # noqa: PLC0415 - a card is read before anything heavy is imported

        del column, columns
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    def tokens(
        self, tokenizer: PreTrainedTokenizerBase, columns: Mapping[str, Sequence[Any]], **options: Any
    ) -> BatchEncoding:
        """Tokenize each ending after its row's context: each column has C lists a row."""
        from transformers import BatchEncoding  # noqa: PLC0415 - slow to import

        endings = endings_of(list(columns))
        first, *start = (list(columns[name]) for name in columns if name not in endings)
        firsts, seconds = [], []
        for row, context in enumerate(first):
            firsts += [context] * len(endings)
            seconds += [" ".join([*(column[row] for column in start), columns[name][row]]) for name in endings]
        flat = tokenizer(firsts, seconds, verbose=False, **options)
        size = len(endings)
        return BatchEncoding(
            {
                name: [list(values[begin : begin + size]) for begin in range(0, len(values), size)]
                for name, values in flat.items()
            }
        )

    def encode(
        self,
        tokenizer: PreTrainedTokenizerBase,
        columns: Mapping[str, Sequence[Any]],
        labels: Sequence[Any],
        max_length: int | None,
        **options: Any,
    ) -> dict[str, Any]:
        """Tokenize the choices of each row; labels stay unchanged.

        Raises:
            DataError: a label is not the index of a choice.

        """
        del options
        made = self.tokens(tokenizer, columns, truncation=True, max_length=max_length)
        endings = endings_of(list(columns))
        if labels and max(labels) >= len(endings):
            named = ", ".join(endings)
            msg = (
                f"label {max(labels)}, but a row has {len(endings)} choices: {named}. Give label_names one name for "
                "each choice."
            )
            raise DataError(msg)
        return {**made, "labels": list(labels)}

    def collator(self, tokenizer: PreTrainedTokenizerBase) -> Callable[[list[dict[str, Any]]], Any]:
        """Pad all choices of all rows of a batch to the longest choice, ``[B, C, T]``."""
        from transformers import DataCollatorForMultipleChoice  # noqa: PLC0415 - slow to import

        return DataCollatorForMultipleChoice(tokenizer)


HEAD = Head(
    name="multiple-choice",
    traits=frozenset({CHOICES, CLASSES, LABEL_PER_ROW}),
    card=CardOfClasses(),
    labels=LabelsOfClasses(),
    model=TransformersModel(
        auto_class="AutoModelForMultipleChoice",
        words="multiple choice",
        problem_type=None,
        mistaken_problem_type="multi_label_classification",
        one_label="one of {} choices a row",
    ),
    loss=CrossEntropy(),
    outputs=OutputsOfChoices(),
    scoring=ScoringOfClasses(),
    inputs=ChoiceInputs(),
    serving=Serving(task=""),
    single_texts=EachChoice(),
)
