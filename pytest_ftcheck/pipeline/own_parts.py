"""The parts of a training that are the user's own, read from the user's Trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAKE_BATCHES = ("get_train_dataloader", "_get_train_sampler", "_get_dataloader", "get_batch_samples")


class TrainerOwnParts:
    """The own parts of a user's Trainer; see `pytest_ftcheck.pipeline.source.OwnParts`."""

    def __init__(self, trainer: Any) -> None:
        """Store a Trainer that has not trained."""
        self._trainer = trainer

    @property
    def trainer_class(self) -> type[Any]:
        """Class of the Trainer."""
        return type(self._trainer)

    @property
    def model_class(self) -> type[Any]:
        """Class of its model."""
        return type(self._trainer.model)

    @property
    def optimizer(self) -> Any:
        """The optimizer that the Trainer was given, or None."""
        return self._trainer.optimizer

    @property
    def lr_scheduler(self) -> Any:
        """The scheduler that the Trainer was given, or None."""
        return self._trainer.lr_scheduler

    @property
    def compute_loss_func(self) -> Any:
        """The loss that the Trainer was given, or None."""
        return self._trainer.compute_loss_func

    @property
    def callbacks(self) -> Sequence[Any]:
        """All its callbacks."""
        callbacks: Sequence[Any] = self._trainer.callback_handler.callbacks
        return callbacks

    @property
    def post_process_function(self) -> Any:
        """The function that makes answers of logits, or None."""
        return getattr(self._trainer, "post_process_function", None)

    @property
    def makes_optimizer(self) -> bool:
        """Whether the user made the optimizer, or changed how the Trainer makes it."""
        made = self.optimizer is not None or self._trainer.optimizer_cls_and_kwargs is not None
        return made or bool(self.methods("create_optimizer", "create_optimizer_and_scheduler"))

    @property
    def makes_schedule(self) -> bool:
        """Whether the user made the scheduler, or changed how the Trainer makes it."""
        if self.lr_scheduler is None and self.methods("create_optimizer"):
            self._trainer.create_optimizer()  # a user's method may make the scheduler, too
        made = self.lr_scheduler is not None
        return made or bool(self.methods("create_scheduler", "create_optimizer_and_scheduler"))

    @property
    def sampler(self) -> Any:
        """The sampler of rows or batches if the user's code makes it, else None."""
        if not self.methods(*_MAKE_BATCHES):
            return None
        loader = self._trainer.get_train_dataloader()
        batches = getattr(loader, "batch_sampler", None)
        if type(batches).__module__.partition(".")[0] not in ("builtins", "torch", "accelerate", "transformers"):
            return batches
        return getattr(batches, "sampler", getattr(loader, "sampler", None))

    def methods(self, *names: str) -> tuple[str, ...]:
        """Return those of the names whose method is not that of `transformers.Trainer`."""
        methods = ((name, getattr(self._trainer, name)) for name in names)
        return tuple(
            name for name, method in methods if getattr(method, "__func__", method) is not getattr(Trainer, name)
        )
