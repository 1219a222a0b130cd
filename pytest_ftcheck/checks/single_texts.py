"""Makes evidence with one text for each row, for checks that need it: rows of several texts are split."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from datasets import Dataset, concatenate_datasets

from pytest_ftcheck.columns import tables

if TYPE_CHECKING:
    from pytest_ftcheck.checks.evidence import Evidence
    from pytest_ftcheck.heads.data_parts import SingleTexts
    from pytest_ftcheck.pipeline.parts import Pipeline


def of_single_texts(evidence: Evidence) -> Evidence:
    """Return evidence whose rows have one text or one pair each; the same object if they already have."""
    return evidence.once(_apart)


def _apart(evidence: Evidence) -> Evidence:
    apart = evidence.pipeline.card.head_rules.single_texts
    return evidence if apart is None else evidence.of_parts(_single(evidence, apart))


def _single(evidence: Evidence, apart: SingleTexts) -> Pipeline:
    """Split data sets and collator; model and run stay those of whole rows."""
    pipeline = evidence.pipeline
    card, data = pipeline.card, pipeline.data
    rows_of = partial(_rows, apart=apart, columns=card.text_columns, labels=(card.label_column, pipeline.label_column))
    train, evaluated = rows_of(pipeline.train_dataset), rows_of(pipeline.eval_dataset)
    return replace(
        pipeline,
        card=replace(
            card,
            head=apart.head,
            label_names=apart.label_names,
            text_columns=apart.text_columns(card.text_columns),
        ),
        data=replace(
            data,
            train=train if data.train is pipeline.train_dataset else rows_of(data.train),
            evaluation=evaluated if data.evaluation is pipeline.eval_dataset else rows_of(data.evaluation),
        ),
        train_dataset=train,
        eval_dataset=evaluated,
        data_collator=apart.collator(evidence.evaluation_collator, card.num_labels),
    )


def _rows(rows: Dataset, *, apart: SingleTexts, columns: tuple[str, ...], labels: tuple[str, str]) -> Dataset:
    name = next((label for label in labels if label in rows.column_names), labels[0])
    return (
        concatenate_datasets([Dataset(apart.rows(table, columns, name)) for table in tables(rows)])
        if len(rows)
        else rows
    )
