"""The checks of the collator: each invariant over generated batches, and one batch of real rows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_ftcheck.checks.catalogue import NotApplicable, Thresholds, check, warning
from pytest_ftcheck.checks.collator.batches import COLUMNS, CollatorSubject, plain_values
from pytest_ftcheck.checks.collator.invariants import INVARIANTS, check_invariant, check_lengths_example
from pytest_ftcheck.checks.collator.moved_rows import moves_rows_with_labels, require_rows_in_place
from pytest_ftcheck.checks.collator.ragged import features_of_lengths
from pytest_ftcheck.checks.collator.repetition import collate
from pytest_ftcheck.checks.data.splits import splits
from pytest_ftcheck.checks.model.logits import is_public, takes
from pytest_ftcheck.checks.training.declared import own_loss
from pytest_ftcheck.pipeline.forward import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.findings import Finding

_EXAMPLES = 16
"""Number of real rows that are the pattern of generated ones."""
_LENGTHS = 400
"""Number of real rows of a split whose lengths are read."""


def collator_subject(evidence: Evidence) -> CollatorSubject:
    """Return the subject of the checks: a pipeline's collator, and the features that it gets.

    Raises:
        NotApplicable: the collator tokenizes texts itself.

    """
    pipeline, (train, evaluated) = evidence.pipeline, splits(evidence)
    examples = evidence.features(evaluated.rows, evaluated.few(_EXAMPLES))
    if "input_ids" not in examples[0]:
        msg = (
            f"the collator makes the token ids itself, from {', '.join(sorted(examples[0]))}: there are none to "
            "compare its batches with"
        )
        raise NotApplicable(msg)
    collator, tokenizer = evidence.evaluation_collator, pipeline.processing_class
    by_split = [[len(ids) for ids in split.values("input_ids", split.few(_LENGTHS))] for split in (evaluated, train)]
    lengths = [length for split in by_split for length in split]
    types = [any(plain_values(row["token_type_ids"])) for row in examples if "token_type_ids" in row]
    made_by = getattr(collator, "__module__", "").partition(".")[0]
    subject = CollatorSubject(
        data_collator=collator,
        processing_class=tokenizer,
        head=pipeline.card.head,
        num_labels=pipeline.card.num_labels,
        input_names=tuple(name for name in examples[0] if name in COLUMNS),
        vocab_size=1 + max(max(plain_values(row["input_ids"])) for row in examples)
        if tokenizer is None
        else len(tokenizer),
        max_length=max(lengths),
        label_key=pipeline.label_columns[0],
        # Each split may be padded to its own longest row.
        fixed_length=all(len(set(split)) == 1 for split in by_split) and len(lengths) > len(by_split),
        # Collators of transformers take any row. A user's collator gets only rows as they occur in the data.
        min_length=1 if made_by == "transformers" else min(lengths),
        examples=tuple(examples),
        segments=not types or any(types),
        # A model class of the user's own may convert labels before its loss.
        own_loss=bool(own_loss(evidence)) or not is_public(unwrapped(evidence.fresh_model)),
        takes_mask=takes(evidence.fresh_model, "attention_mask"),
    )
    return replace(subject, narrowest=_narrowest(subject))


def _narrowest(subject: CollatorSubject) -> int | None:
    """Return the width of a batch of the shortest row alone, or None if it is unknown."""
    batch, _ = collate("collator.shape", subject, features_of_lengths(subject, (subject.min_length,)))
    shape = tuple(getattr((batch or {}).get("input_ids"), "shape", ()))
    return shape[-1] if len(shape) > 1 and shape[-1] else None


_NEED_TOKENIZER = ("collator.side", "collator.pad_id")

_ABOUT = {
    "collator.shape": (
        "a last row that is dropped, columns that are cut off, padding to one less than a multiple",
        "return one row for each feature, as wide as the longest of them or the required multiple.",
    ),
    "collator.tokens": (
        "truncation in the collator, tokens that are masked or overwritten",
        "truncate when tokenizing, and do not change the tokens in the collator.",
    ),
    "collator.order": (
        "rows that are sorted by length while the labels keep their order",
        "sort or group rows in the sampler, never in the collator.",
    ),
    "collator.side": (
        "padding on another side than the tokenizer's",
        "use tokenizer.pad, which knows the side, or correct tokenizer.padding_side.",
    ),
    "collator.pad_id": (
        "padding with a constant, or with the pad id of another tokenizer",
        "pad input_ids with tokenizer.pad_token_id.",
    ),
    "collator.mask": (
        "a mask of ones, an inverted mask, a mask that is built from the wrong pad id, no mask at all",
        "return the features' attention_mask, padded with 0, as tokenizer.pad does.",
    ),
    "collator.token_type_ids": (
        "token_type_ids that are dropped, replaced, or padded with 1",
        "return the features' token_type_ids, padded with tokenizer.pad_token_type_id.",
    ),
    "collator.labels": (
        "labels that are shifted, rounded, reordered, lost, or padded with 0 where they are sequences",
        "return the labels as `labels`, of shape [B], in the order of the features.",
    ),
    "collator.dtype": (
        "labels of a regression as integers, class ids as floats, half precision",
        "make tensors with dtype=torch.long, and the labels of a regression with torch.float32.",
    ),
    "collator.mutation": (
        "feature.pop('labels') and +=, which change the rows of the next epoch",
        "build new dictionaries and lists.",
    ),
    "collator.determinism": (
        "augmentation in the collator, a collator that remembers earlier batches",
        "move augmentation into the training data set: evaluation uses the same collator.",
    ),
    "collator.key_order": (
        "columns that are taken by position instead of by name",
        "take each column by its name.",
    ),
    "collator.extra_column": (
        "an additional column, such as an id, that is mistaken for another one",
        "select the columns by name, and drop or refuse the others.",
    ),
}


def _registered(name: str) -> Callable[[Evidence, Thresholds], list[Finding]]:
    """Make a check of an invariant."""

    def judged(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
        subject = collator_subject(evidence)
        if name in _NEED_TOKENIZER:
            _ = evidence.tokenizer
        if name == "collator.mask" and not subject.takes_mask:
            msg = "the model takes no attention_mask"
            raise NotApplicable(msg)
        if name == "collator.labels" and evidence.pipeline.card.head_rules.masks is not None:
            msg = "the collator draws the labels: collator.masked_labels looks at them"
            raise NotApplicable(msg)
        found = check_invariant(name, subject, examples=int(thresholds["examples"]))
        if found and name == "collator.labels":
            require_rows_in_place(evidence)
        if found and name == "collator.order" and moves_rows_with_labels(evidence):
            # Training and metrics are right, but the output of predict() is in another order than the data set.
            expected, observed = found[0].expected, f"{found[0].observed}, and their labels with them"
            return [warning(f"{expected} (fails where the labels stay)", observed, share=1.0, subject=found[0].subject)]
        return found

    judged.__name__ = name.replace(".", "_")
    judged.__doc__ = INVARIANTS[name].__doc__
    return judged


for _name, (_catches, _hint) in _ABOUT.items():
    # Number of generated batches.
    check(_name, cost="free", single_texts=True, thresholds={"examples": 50}, catches=_catches, hint=_hint)(
        _registered(_name)
    )


@check(
    "collator.lengths_example",
    cost="free",
    single_texts=True,
    catches="padding to more or fewer columns than required",
    hint="pad to the longest row of the batch, or up to the next multiple of pad_to_multiple_of.",
)
def lengths_example(evidence: Evidence, thresholds: Thresholds) -> list[Finding]:
    """Eight rows of 50, 59, 47, 67, 59, 50, 62 and 32 tokens give a batch of 67 columns, or the required multiple.

    If the data's rows are shorter, all eight are shortened by the same factor.

    Assumes: a batch is as wide as its longest row, or as its padding rule requires.

    Unusual but healthy: rows that are shorter than this, or of one fixed length, are scaled down first.

    False alarms: none by chance: the rows are fixed.
    """
    del thresholds
    return check_lengths_example(collator_subject(evidence))
