"""The transformers model of a head, and the settings of its configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class TransformersModel:
    """A head that one of the auto classes of transformers loads; see `ModelRules`."""

    auto_class: str
    words: str
    problem_type: str | None
    mistaken_problem_type: str
    one_label: str
    """What a row's labels are, with ``{}`` for their number: ``one of {} classes a row``."""

    def takes(self, model: Any) -> bool:
        """Return True: the shapes of the outputs decide."""
        del model
        return True

    def configure(self, config: Any, num_labels: int, label_names: Sequence[str]) -> None:
        """Set number, kind and names of the labels in a configuration, in place."""
        config.num_labels = num_labels
        config.problem_type = self.problem_type
        if label_names:
            config.id2label = dict(enumerate(label_names))
            config.label2id = {name: index for index, name in enumerate(label_names)}

    def labels_in_words(self, num_labels: int) -> str:
        """Describe a row's labels."""
        return self.one_label.format(num_labels)
