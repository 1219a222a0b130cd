"""Defines which failed check explains which others.

It is one table for all checks, so that it can be read and tested as a whole, without an import of the checks.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

SYMPTOMS = (
    "model.input_matters",
    "training.overfits_batch",
    "training.loss_falls",
    "model.token_order",
    "model.second_segment",
    "model.question_matters",
    "metrics.not_constant",
    "metrics.labels_answered",
    "metrics.keys",
    "metrics.label_permutation",
    "metrics.label_columns",
    "metrics.last_epoch",
    "metrics.beats_trivial",
    "metrics.beats_label_sets",
    "metrics.beats_trivial_answers",
    "metrics.beats_unigram",
    "metrics.floor",
    "metrics.baseline",
)
"""Symptoms: the model learned little, for an unknown reason. Each explains those after it; other checks come first."""

_SERVED = (
    *("serving.reload", "serving.pipeline", "serving.entities", "serving.answers", "serving.fill_mask"),
    *("serving.submission", "serving.embeddings", "serving.zero_shot"),
)
_PADDING = (
    "model.padding_invariance",
    "model.attention_mask_used",
    "model.batch_invariance",
    "model.gradients",
    *_SERVED,
)
_FORWARD = (
    *("model.attention_mask_used", "model.batch_invariance", "model.eval_deterministic", "model.finite"),
    *("model.gradient_checkpointing", "model.gradients", "model.loss_at_start", "model.loss_rows"),
    *("model.padding_invariance", "model.predictions", "model.train_mode_drops", "equivalence.*"),
    *("training.loss_extremes", "training.precision", "metrics.loss_agrees"),
    *_SERVED,
    *SYMPTOMS,
)
_TEXT_LOST = ("data.contradictions", "data.duplicates", "data.distinct_inputs", "serving.pipeline", *SYMPTOMS)

EXPLAINS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        # Failures that stop everything after them.
        "data.splits_not_empty": ("data.*", "collator.*", "model.*", "training.*", "metrics.*", "serving.*"),
        "data.token_ids": ("data.decodes", "model.*", "training.*", "metrics.*", "serving.*"),
        "data.labels_in_range": ("data.classes_*", "collator.*", "model.*", "training.*", "metrics.*", "serving.*"),
        "collator.dtype": ("collator.labels", "training.*", "metrics.*", *_FORWARD),
        "training.completes": ("training.*", "metrics.*", *_FORWARD),
        # Texts and tokens.
        "data.empty_rows": ("data.segments", "data.decodes", *_TEXT_LOST),
        "data.stale_tokens": ("data.decodes", "data.unused_columns", *_TEXT_LOST),
        "data.decodes": ("data.unused_columns", *_TEXT_LOST),
        "data.unknown_tokens": ("data.tokenizer_vocabulary", *_TEXT_LOST),
        "data.tokenizer_vocabulary": ("data.decodes", *_SERVED, *SYMPTOMS),
        "data.unused_columns": ("data.segments", "training.mask_reaches_model", *_TEXT_LOST),
        "data.words_alike": _TEXT_LOST,
        "data.merged_words": _TEXT_LOST,
        "data.sources_agree": ("data.contradictions", "metrics.train_labels", *SYMPTOMS),
        "data.rows_repeat": (
            *("collator.determinism", "model.label_ids", "model.eval_deterministic", "training.rows_once"),
            *("metrics.evaluated_rows", "metrics.loss_agrees", "metrics.recomputed", "training.best_checkpoint"),
            *_SERVED,
            *SYMPTOMS,
        ),
        "data.lengths_alike": ("data.words_alike", "data.truncation", *_TEXT_LOST),
        "data.giveaways": ("data.contradictions",),
        "data.splits_alike": ("data.special_tokens", "data.segments", *_TEXT_LOST),
        "data.segments": _TEXT_LOST,
        "data.truncation": ("data.entities_truncated", *_TEXT_LOST),
        "data.special_tokens": ("data.decodes", "serving.pipeline"),
        "data.distinct_inputs": ("data.contradictions", *SYMPTOMS),
        "data.duplicates": ("data.metrics_without_duplicates", "metrics.train_labels"),
        # Answers in a context.
        "data.answer_text": ("data.answer_positions", "data.no_answer_position", "data.answers_in_windows", *SYMPTOMS),
        "data.windows_cover": ("data.answers_in_windows", "serving.answers", *SYMPTOMS),
        "data.answers_in_windows": SYMPTOMS,
        "data.answer_spans": ("metrics.null_threshold", *SYMPTOMS),
        "data.answer_positions": ("metrics.null_threshold", *SYMPTOMS),
        "data.no_answer_position": ("metrics.null_threshold", *SYMPTOMS),
        # Choices.
        "data.choice_count": ("collator.*", "model.*", "training.*", "metrics.*", "serving.*"),
        "data.choice_labels": ("metrics.train_labels", "metrics.answer_only", "model.context_matters", *SYMPTOMS),
        "data.choices_in_place": (
            *("data.stale_tokens", "data.choices_differ", "metrics.train_labels", "metrics.answer_only"),
            *("model.context_matters", *_TEXT_LOST),
        ),
        "data.choice_context": (
            *("data.decodes", "data.segments", "data.stale_tokens", "data.truncation", "data.words_alike"),
            *("metrics.answer_only", "model.context_matters", *_TEXT_LOST),
        ),
        "data.choices_differ": ("data.truncation", "metrics.answer_only", "model.context_matters", *_TEXT_LOST),
        "collator.choices_together": (
            *("collator.labels", "collator.lengths_example", "collator.mask", "collator.order", "collator.shape"),
            *("collator.token_type_ids", "collator.tokens", "metrics.answer_only", "metrics.evaluated_rows"),
            *("model.choice_permutation", "model.context_matters", "training.rows_once", *_PADDING, *SYMPTOMS),
        ),
        "model.choice_permutation": ("model.context_matters", *_PADDING, *SYMPTOMS),
        "metrics.answer_only": ("model.context_matters",),
        # Labels.
        "data.label_encoding": ("data.label_names", "serving.label_names", *_SERVED, *SYMPTOMS),
        "data.label_source": ("data.contradictions", "metrics.train_labels", *SYMPTOMS),
        "data.label_names": ("serving.label_names", *_SERVED),
        "data.classes_in_train": ("data.classes_in_evaluation", "model.loss_at_start", *SYMPTOMS),
        "data.classes_in_evaluation": ("model.loss_at_start",),
        "data.labels_in_train": ("data.labels_per_row", "data.rows_without_label", *SYMPTOMS),
        "data.rows_without_label": ("data.labels_per_row", *SYMPTOMS),
        "data.labels_per_row": SYMPTOMS,
        # Tags of words.
        "data.words_joined": ("data.tags_aligned", "data.ignored_tokens", *_SERVED, *SYMPTOMS),
        "data.tags_aligned": ("data.tag_scheme", "data.entity_types", "metrics.tag_sequences", *SYMPTOMS),
        "data.ignored_tokens": (
            *("data.tags_aligned", "data.tag_scheme", "metrics.recomputed", "metrics.tag_sequences"),
            *SYMPTOMS,
        ),
        "data.tag_scheme": ("data.entity_types", "metrics.tag_sequences", "serving.entities", *SYMPTOMS),
        "data.entity_types": SYMPTOMS,
        "data.entities_truncated": SYMPTOMS,
        "metrics.tag_sequences": SYMPTOMS,
        # Batches.
        "collator.determinism": ("collator.*", "training.seeds", "training.resume", "training.workers", "metrics.*"),
        "collator.mutation": (
            "collator.labels",
            "collator.lengths_example",
            "collator.mask",
            "collator.order",
            "collator.pad_id",
            "collator.shape",
            "collator.token_type_ids",
            "collator.tokens",
            "training.rows_once",
            *SYMPTOMS,
        ),
        "collator.shape": (
            "collator.labels",
            "collator.lengths_example",
            "collator.tokens",
            "model.logits_shape",
            "model.label_ids",
            "metrics.evaluated_rows",
            "training.rows_once",
        ),
        "collator.pad_id": ("collator.mask", *_PADDING),
        "collator.side": _PADDING,
        "collator.mask": ("collator.shape", "data.unused_columns", "training.mask_reaches_model", *_PADDING, *SYMPTOMS),
        "collator.token_type_ids": ("training.mask_reaches_model", *_PADDING, *SYMPTOMS),
        "collator.tokens": ("serving.pipeline", *SYMPTOMS),
        "collator.labels": (
            "model.label_ids",
            "metrics.evaluated_rows",
            "metrics.recomputed",
            "training.rows_once",
            *SYMPTOMS,
        ),
        "collator.order": ("collator.labels", "model.label_ids", "metrics.evaluated_rows", *SYMPTOMS),
        # The model.
        "model.settings": SYMPTOMS,
        "model.problem_type": (
            "collator.dtype",
            "model.labels_compete",
            "serving.problem_type",
            "training.completes",
            "training.*",
            *_FORWARD,
        ),
        "model.dtype": ("training.finite_loss", "training.parameters_move", "serving.dtype", *_FORWARD),
        "model.new_tokens": SYMPTOMS,
        "model.new_weights": ("model.loss_at_start", *SYMPTOMS),
        "model.logits_shape": ("data.label_names", "training.loss_extremes", "metrics.*", *_SERVED, *SYMPTOMS),
        "model.eval_deterministic": ("metrics.recomputed", "metrics.loss_agrees", "training.resume", *_PADDING),
        "model.finite": ("metrics.recomputed", *_FORWARD),
        "model.pad_token_id": ("collator.pad_id", *_PADDING),
        "model.attention_mask_used": ("model.padding_invariance", "model.batch_invariance", *_SERVED),
        "model.batch_invariance": ("model.padding_invariance", "metrics.loss_agrees", *_SERVED),
        "model.padding_invariance": ("equivalence.padding", *_SERVED),
        "model.gradients": ("training.parameters_move", "training.gradients_reach", *SYMPTOMS),
        "model.label_ids": ("metrics.evaluated_rows", "metrics.recomputed", *SYMPTOMS),
        "model.loss_rows": SYMPTOMS,
        "model.labels_compete": ("model.loss_at_start", "metrics.loss_agrees", *SYMPTOMS),
        "model.loss_at_start": SYMPTOMS,
        # Training.
        "training.finite_loss": ("training.gradients_reach", "training.steps", *_FORWARD),
        "training.mask_reaches_model": (*_PADDING, *SYMPTOMS),
        "training.loss_extremes": ("model.loss_at_start", *SYMPTOMS),
        "training.optimizer_groups": (
            "training.parameters_move",
            "training.gradients_reach",
            "training.resume",
            *SYMPTOMS,
        ),
        "training.gradients_reach": ("training.parameters_move", *SYMPTOMS),
        "training.parameters_move": SYMPTOMS,
        "training.rows_once": ("training.shuffled", "training.workers", "training.extent", *SYMPTOMS),
        "training.shuffled": SYMPTOMS,
        "training.stopped": ("training.steps", "training.schedule", *SYMPTOMS),
        "training.extent": SYMPTOMS,
        "training.optimizer_settings": SYMPTOMS,
        "training.kept_weights": ("training.best_checkpoint",),
        "training.hooks_called": ("training.schedule", "training.class_weights", "training.shuffled", *SYMPTOMS),
        "training.evaluations": ("training.best_checkpoint", "metrics.keys", *SYMPTOMS),
        "training.class_weights": SYMPTOMS,
        "training.steps": ("training.schedule", *SYMPTOMS),
        "training.schedule": ("training.learning_rate", *SYMPTOMS),
        "training.learning_rate": SYMPTOMS,
        "training.gradients_cleared": SYMPTOMS,
        "training.precision": SYMPTOMS,
        "training.train_mode": SYMPTOMS,
        "training.eval_mode": ("training.best_checkpoint", "metrics.loss_agrees", "metrics.recomputed", *_SERVED),
        "training.eval_keeps_weights": ("model.new_weights", "training.resume", "metrics.recomputed", *_SERVED),
        "training.best_checkpoint": ("metrics.recomputed", *_SERVED, *SYMPTOMS),
        "training.accumulation": ("equivalence.accumulation", *SYMPTOMS),
        "training.resume": ("equivalence.resumed",),
        "training.workers": ("equivalence.workers",),
        "model.gradient_checkpointing": ("equivalence.gradient_checkpointing",),
        # Masks.
        "collator.mask_rate": SYMPTOMS,
        "collator.mask_shares": SYMPTOMS,
        "collator.mask_token": ("collator.mask_shares", "serving.fill_mask", *SYMPTOMS),
        "collator.masked_labels": (
            "collator.determinism",
            "collator.tokens",
            "metrics.loss_agrees",
            "serving.fill_mask",
            *SYMPTOMS,
        ),
        "collator.masked_padding": ("collator.tokens", "model.batch_invariance", *SYMPTOMS),
        "collator.masked_special": ("collator.mask_token", "serving.fill_mask", *SYMPTOMS),
        "collator.unmasked_ignored": ("serving.fill_mask", *SYMPTOMS),
        "metrics.evaluation_masks": ("metrics.loss_agrees", "serving.fill_mask", *SYMPTOMS),
        "model.tied_embeddings": (*_SERVED, *SYMPTOMS),
        # Metrics, and what is saved.
        "metrics.evaluated_rows": ("metrics.loss_agrees", "metrics.recomputed", *_SERVED, *SYMPTOMS),
        "metrics.definition": ("metrics.recomputed", *SYMPTOMS),
        "metrics.label_threshold": ("metrics.recomputed", *SYMPTOMS),
        "metrics.train_labels": SYMPTOMS,
        "metrics.best_windows": ("metrics.answers_recomputed", "serving.answers", *SYMPTOMS),
        "metrics.answers_recomputed": SYMPTOMS,
        "metrics.answers_decoded": SYMPTOMS,
        "metrics.recomputed": SYMPTOMS,
        "serving.safetensors": ("serving.dtype", *_SERVED),
        "serving.permissions": ("serving.tokenizer", *_SERVED),
        "serving.tokenizer": _SERVED,
        "serving.long_text": _SERVED,
        "serving.label_names": _SERVED[1:],
        "serving.problem_type": _SERVED[1:],
        "serving.dtype": _SERVED,
        "serving.reload": _SERVED[1:],
    }
)
"""For each check, by id: ids, or patterns of ids, of the checks that fail because of it. There are no cycles."""


def explains(check: str, other: str) -> bool:
    """Return whether the failure of a check explains the failure of another one."""
    if check in SYMPTOMS:
        return other in SYMPTOMS[SYMPTOMS.index(check) + 1 :]
    patterns = EXPLAINS.get(check, ())
    if check in EXPLAINS.get(other, ()) and other not in patterns:
        return False  # the other check names this one; this one names a family, of which the other is an exception
    return other != check and any(fnmatchcase(other, pattern) for pattern in patterns)
