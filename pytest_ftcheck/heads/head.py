"""The class of a head: a name, traits, and small parts, each with one protocol.

Shapes: N rows, B rows of a batch, K columns of logits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_ftcheck.heads.inputs import TextInputs
from pytest_ftcheck.heads.traits import CLASSES, LABEL_PER_ROW, VALUES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_ftcheck.heads.answer_rules import AnswerRules
    from pytest_ftcheck.heads.data_parts import CardRules, InputRules, LabelRules, SingleTexts
    from pytest_ftcheck.heads.kept import KeptRules, MaskRules
    from pytest_ftcheck.heads.model_parts import Loss, ModelRules, Outputs, Scoring


@dataclass(frozen=True)
class Serving:
    """How a server calls the saved model: the arguments of `transformers.pipeline`."""

    task: str = "text-classification"
    """Task of the pipeline; empty where transformers has no pipeline for such a model."""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `pipeline`."""
    called_with: Mapping[str, Any] = field(default_factory=lambda: {"top_k": None})
    """Arguments of a call of the pipeline."""
    takes_strings: bool = False
    """True if a call takes a string instead of ``{"text": …}``."""


@dataclass(frozen=True)
class Head:
    """A head: its name, traits and parts."""

    name: str
    """Name in a task card."""
    traits: frozenset[str]
    """See `pytest_ftcheck.heads.traits`."""
    card: CardRules
    labels: LabelRules
    model: ModelRules
    loss: Loss
    outputs: Outputs
    scoring: Scoring
    inputs: InputRules = field(default_factory=TextInputs)
    serving: Serving = field(default_factory=Serving)
    answers: AnswerRules | None = None
    """Rules for raw rows that become several tokenized rows; None: row i of one is row i of the other."""
    single_texts: SingleTexts | None = None
    """Splits rows of several texts; None: a row has one text or one pair."""
    kept: KeptRules | None = None
    """The part of the logits that an evaluation keeps; None: all logits."""
    masks: MaskRules | None = None
    """How a collator masks tokens; None: the rows have labels."""
    leaves_out_empty: bool = False
    """True if rows without any text are removed when data is loaded."""

    def __post_init__(self) -> None:
        """Refuse one label a row that is neither a class nor a value: checks assume that it is one of the two.

        Raises:
            ValueError: the head has one label a row, and neither of the two traits or both.

        """
        if LABEL_PER_ROW in self.traits and len(self.traits & {CLASSES, VALUES}) != 1:
            msg = f"head {self.name!r} has trait {LABEL_PER_ROW!r}: give it either trait {CLASSES!r} or {VALUES!r}."
            raise ValueError(msg)

    def logits_shape(self, label_ids: NDArray[Any], num_labels: int) -> tuple[int, ...]:
        """Return the shape of an evaluation's logits; a size that the head does not fix is that of the labels."""
        shape = self.outputs.shapes(len(label_ids), num_labels)["logits"]
        return tuple(label_ids.shape[axis] if size is None else size for axis, size in enumerate(shape))

    @property
    def values(self) -> bool:
        """True if labels and predictions are numbers on a scale, False for classes."""
        return VALUES in self.traits
