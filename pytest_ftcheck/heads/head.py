"""What a head is: a name, traits, and eight small parts, each of which answers one kind of question.

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
    """How a server asks the saved model: the arguments of `transformers.pipeline`."""

    task: str = "text-classification"
    """Empty where transformers has no pipeline for such a model."""
    made_with: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of `pipeline` itself."""
    called_with: Mapping[str, Any] = field(default_factory=lambda: {"top_k": None})
    """Arguments of what it returns."""
    takes_strings: bool = False
    """It takes a string, and not ``{"text": …}``."""


@dataclass(frozen=True)
class Head:
    """A head: its name, traits and parts."""

    name: str
    """As a task card names it."""
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
    """Where a raw row may become several tokenized rows; None: row i of both is the same."""
    single_texts: SingleTexts | None = None
    """How rows of several texts are taken apart; None: a row has one text, or one pair."""
    kept: KeptRules | None = None
    """What an evaluation keeps of logits that are too many; None: all of them."""
    masks: MaskRules | None = None
    """How a collator masks tokens; None: labels stand in the rows."""
    leaves_out_empty: bool = False
    """Rows without any text are no rows, and left out when data are loaded."""

    def __post_init__(self) -> None:
        """Refuse one label a row that is neither a class nor a value: checks take it for one of both.

        Raises:
            ValueError: the head has one label a row, and neither trait or both.

        """
        if LABEL_PER_ROW in self.traits and len(self.traits & {CLASSES, VALUES}) != 1:
            msg = f"head {self.name!r}: with trait {LABEL_PER_ROW!r}, it needs either {CLASSES!r} or {VALUES!r}."
            raise ValueError(msg)

    def logits_shape(self, label_ids: NDArray[Any], num_labels: int) -> tuple[int, ...]:
        """Return the shape of an evaluation's logits; where the head leaves a size open, that of the labels."""
        shape = self.outputs.shapes(len(label_ids), num_labels)["logits"]
        return tuple(label_ids.shape[axis] if size is None else size for axis, size in enumerate(shape))

    @property
    def values(self) -> bool:
        """True if labels and predictions are numbers on a scale, False for classes."""
        return VALUES in self.traits
