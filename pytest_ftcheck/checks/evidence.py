"""The input of checks: the parts of a fine-tune and their results, each computed once, when a check first needs it.

The caller that makes the evidence keeps the run: see `pytest_ftcheck.training.train_or_load.SessionRuns`.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from transformers import set_seed

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.checks.collator.moved_rows import in_order
from pytest_ftcheck.columns import label_values
from pytest_ftcheck.training.batches import only_accepted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from datasets import Dataset
    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.parts import Pipeline
    from pytest_ftcheck.runs.run import Run
    from pytest_ftcheck.training.probe import Probe

_Made = TypeVar("_Made")


class Evidence:
    """The parts of one fine-tune and their results, for the checks.

    Everything is computed lazily and kept: a check of cost ``free`` never causes a forward pass, and all checks of cost
    ``run`` use the same run.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        engine: str,
        seed: int,
        environment: Mapping[str, str],
        make_run: Callable[[], Run],
        make_probe: Callable[..., Probe],
        other_run: Callable[[], Run] | None = None,
    ) -> None:
        """Store the parts.

        Args:
            pipeline: the parts.
            engine: engine of the training.
            seed: seed of the run.
            environment: device, dtype and threads, as `describe_environment` gives them.
            make_run: returns the run of the pipeline, the same one each time.
            make_probe: makes a short fine-tune in memory; see `pytest_ftcheck.training.probe.probe`.
            other_run: returns the run of the other engine, if the session has both.

        """
        self.pipeline = pipeline
        self.engine = engine
        self.seed = seed
        self.environment = environment
        self.other_run = other_run
        self.has_run = False
        """True if a check used the run; access to a run that no check needed would train it."""
        self._once: dict[Callable[[Evidence], Any], Any] = {}
        self._make_run = make_run
        self._make_probe = make_probe
        self._gradients = torch.is_grad_enabled()

    @contextmanager
    def _outside_checks(self) -> Iterator[None]:
        """Switch gradients as outside of the checks: one may need a run first where it switched them off for itself.

        They are not simply switched on: where the user's code switches them off, the training must fail as it does
        without pytest.
        """
        with torch.inference_mode(mode=False), torch.set_grad_enabled(self._gradients):
            yield

    @property
    def precision(self) -> str:
        """Precision in which the run computes: that of autocast if the recipe uses it, else of the weights."""
        if self.pipeline.args.get("bf16"):
            return "bfloat16"
        return "float16" if self.pipeline.args.get("fp16") else self.environment["dtype"]

    @property
    def run(self) -> Run:
        """The run; trained at the first access.

        Raises:
            CheckFailure: training failed.

        """
        with self._outside_checks():
            run = self._make_run()
        self.has_run = True
        return run

    @property
    def trained_run(self) -> Run:
        """The run, if it was trained in this session and not only evaluated.

        Raises:
            NotApplicable: nothing was trained (``--ftcheck-no-train``).

        """
        self.require_training()
        return self.run

    def require_training(self) -> None:
        """Stop a check of training if nothing is trained.

        Raises:
            NotApplicable: ``--ftcheck-no-train``.

        """
        if not self.pipeline.trains:
            msg = "nothing was trained: the model is judged without training (--ftcheck-no-train)"
            raise NotApplicable(msg)

    def probe(self, **changes: Any) -> Probe:
        """Make a short fine-tune in memory, see `pytest_ftcheck.training.probe.probe`; equal calls give one object."""
        self.require_training()
        with self._outside_checks():
            return self._make_probe(**{"engine": self.engine, "seed": self.seed} | changes)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The tokenizer.

        Raises:
            NotApplicable: the Trainer has none.

        """
        if self.pipeline.processing_class is None:
            msg = "the Trainer has no tokenizer: give it processing_class=tokenizer"
            raise NotApplicable(msg)
        return self.pipeline.processing_class

    @property
    def text_columns(self) -> tuple[str, ...]:
        """Names of the raw text columns in ``pipeline.data``.

        Raises:
            NotApplicable: none are known.

        """
        if not self.pipeline.card.text_columns:
            msg = (
                "no raw text is known: keep the text columns in the data sets, or name them in the card's text_columns"
            )
            raise NotApplicable(msg)
        return self.pipeline.card.text_columns

    def labels(self, rows: Dataset) -> list[Any]:
        """Return the labels of a tokenized data set, ``[N]``."""
        return label_values(rows)

    def label_array(self, rows: Dataset) -> NDArray[Any]:
        """Return the labels of a tokenized data set as an evaluation has them, ``[N]``; for other heads ``[N, …]``."""
        return self.pipeline.card.head_rules.labels.stacked(self.labels(rows))

    def of_parts(self, pipeline: Pipeline, make_probe: Callable[..., Probe] | None = None) -> Evidence:
        """Return evidence of other parts, with the runs of this evidence; its short fine-tunes if none are given."""
        made = Evidence(
            pipeline,
            engine=self.engine,
            seed=self.seed,
            environment=self.environment,
            make_run=self._make_run,
            make_probe=make_probe or self._make_probe,
            other_run=self.other_run,
        )
        made._gradients = self._gradients
        return made

    def once(self, make: Callable[[Evidence], _Made]) -> _Made:
        """Return the result of a function of this evidence, computed when a check first needs it."""
        if make not in self._once:
            self._once[make] = make(self)
        return cast("_Made", self._once[make])

    @cached_property
    def fresh_model(self) -> PreTrainedModel:
        """The model before training, with the run's seed, in evaluation mode, on the run's device. Do not change it."""
        return self.make_model()

    def make_model(self, seed: int | None = None) -> PreTrainedModel:
        """Make a new untrained model, which may be changed."""
        with torch.random.fork_rng(devices=[]):
            set_seed(self.seed if seed is None else seed)
            model = self.pipeline.model_init()
        return self._ready(model)

    @cached_property
    def trained_model(self) -> PreTrainedModel:
        """The model as the run saved it, in evaluation mode, on the run's device. Do not change it."""
        return self._ready(self.run.load_model())

    # Any, because the declared type of `to` in transformers is wrong.
    def _ready(self, model: Any) -> PreTrainedModel:
        ready: PreTrainedModel = model.to(self.environment["device"]).eval()
        return ready

    def loss(self, model: PreTrainedModel, batch: Mapping[str, Any]) -> Tensor:
        """Compute the loss of a batch as training does; see `pytest_ftcheck.pipeline.source.SourceLoss.of_batch`."""
        return self.pipeline.source.loss.of_batch(model, batch)

    def features(self, rows: Dataset, indices: list[int]) -> list[dict[str, Any]]:
        """Return rows as the collator gets them: without the columns that training drops, in the user's format."""
        if self.pipeline.args.get("remove_unused_columns", True):
            rows = only_accepted(rows, self.fresh_model)
        chosen = self.pipeline.source.rows.formatted(rows).select(indices)
        return [chosen[index] for index in range(len(chosen))]

    @cached_property
    def evaluation_collator(self) -> Callable[[list[dict[str, Any]]], Any]:
        """The collator of the evaluation: a user's Trainer may have another one with augmentation for training."""
        return self.pipeline.source.rows.evaluation_collator(self.pipeline.data_collator)

    def collate(self, features: list[dict[str, Any]], *, as_it_comes: bool = False) -> dict[str, Any]:
        """Make a batch with the pipeline's own collator, on the run's device.

        Args:
            features: rows, as the collator gets them.
            as_it_comes: keep the order of rows that the collator gives; else row i is feature i, also if the collator
                sorts rows with their labels.

        """
        batch = self.evaluation_collator(features)
        device = self.environment["device"]
        batch = {key: value.to(device) if hasattr(value, "to") else value for key, value in batch.items()}
        return batch if as_it_comes else in_order(self, features, batch)
