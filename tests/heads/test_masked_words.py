"""The head of masked language modelling, part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import DataCollatorForLanguageModeling

from pytest_ftcheck.errors import DataError
from pytest_ftcheck.gates.trivial_limits import best_trivial_of
from pytest_ftcheck.heads.masked_metrics import unigram
from pytest_ftcheck.heads.masking import MaskingCollator, SteadyCollator, UnmaskedCollator
from pytest_ftcheck.heads.registry import head_named, head_of_outputs
from pytest_ftcheck.heads.row_metrics import metric_value
from pytest_ftcheck.heads.rows import EvaluatedRows
from pytest_ftcheck.runs.run import Run
from pytest_ftcheck.tasks.card import load_card
from pytest_ftcheck.tasks.datasets import load_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_ftcheck.pipeline.parts import Pipeline

HEAD = head_named("masked-language-modelling")
LABELS = np.array([[-100, 3, 1], [2, -100, -100]])


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("wikitext", train_rows=60, eval_rows=40)


def evaluated() -> tuple[torch.Tensor, EvaluatedRows]:
    logits = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0))
    assert HEAD.kept is not None
    kept = HEAD.kept.of_batch(logits, torch.as_tensor(LABELS)).numpy()
    return logits, EvaluatedRows.of_logits(kept, LABELS, HEAD.name)


def test_what_is_kept_gives_the_metrics_of_the_logits() -> None:
    logits, rows = evaluated()
    masked = torch.as_tensor(LABELS) != -100
    loss = torch.nn.functional.cross_entropy(logits[masked], torch.as_tensor(LABELS)[masked])
    right = (logits.argmax(-1)[masked] == torch.as_tensor(LABELS)[masked]).float().mean()
    values = {}
    for name in ("token_loss", "perplexity", "masked_accuracy"):
        metric = HEAD.scoring.row_metric(name, rows)
        assert metric is not None
        values[name] = metric_value(metric)
    assert values == pytest.approx(
        {"token_loss": float(loss), "perplexity": float(loss.exp()), "masked_accuracy": float(right)}
    )


def test_a_logit_that_is_not_finite_is_seen_in_what_is_kept() -> None:
    logits, _ = evaluated()
    logits[0, 1, 4] = torch.inf
    assert HEAD.kept is not None
    kept = HEAD.kept.of_batch(logits, torch.as_tensor(LABELS)).numpy()
    assert not EvaluatedRows.of_logits(kept, LABELS, HEAD.name).finite


def test_losses_are_judged_alike_of_logits_and_of_what_is_kept() -> None:
    logits, rows = evaluated()
    assert rows.logits is not None
    judged = HEAD.outputs.judged(logits.numpy(), LABELS)
    assert judged.shape == (3, 1)
    assert judged == pytest.approx(HEAD.outputs.judged(rows.logits, LABELS), abs=1e-6)


def test_it_is_told_apart_from_tags_by_the_width_of_its_logits() -> None:
    labels = torch.tensor([[-100, 3, -100], [2, -100, -100]])
    assert head_of_outputs(torch.zeros(2, 3, 5), labels, 2) is HEAD
    tags = head_of_outputs(torch.zeros(2, 3, 5), labels, 5)
    assert tags is not None
    assert tags.name == "token-classification"
    # A collator that labels every token; causal models are told apart by their class.
    assert head_of_outputs(torch.zeros(2, 3, 5), torch.ones(2, 3, dtype=torch.int64), 2) is HEAD


def test_unigram_losses_are_the_shares_and_of_tokens_never_seen_one_more() -> None:
    losses, most = unigram(np.array([1, 1, 1, 2]), LABELS)
    assert most == 1
    assert losses[0, 2] == pytest.approx(-np.log(3 / 5))
    assert losses[0, 1] == pytest.approx(-np.log(1 / 5))
    assert losses[0, 0] == 0


def test_trivial_models_know_no_text(parts: Pipeline) -> None:
    loss, accuracy = (best_trivial_of(parts, name) for name in ("token_loss", "masked_accuracy"))
    assert loss is not None
    assert accuracy is not None
    assert loss.name == "the fraction of each token as its probability"
    assert accuracy.name == "always the most frequent token"
    assert 3 < loss.value < np.log(374)
    assert accuracy.value < 0.2


def test_evaluation_rows_are_masked_the_same_each_time_and_training_rows_anew(parts: Pipeline) -> None:
    first, second = (parts.data_collator([parts.eval_dataset[row] for row in range(8)]) for _ in range(2))
    alone = parts.data_collator([parts.eval_dataset[3]])
    width = alone["input_ids"].shape[1]
    assert torch.equal(first["input_ids"], second["input_ids"])
    assert torch.equal(first["input_ids"][3, :width], alone["input_ids"][0])
    trained = [parts.data_collator([parts.train_dataset[row] for row in range(8)]) for _ in range(2)]
    assert not torch.equal(trained[0]["input_ids"], trained[1]["input_ids"])


@pytest.mark.parametrize(("side", "seed"), [("right", None), ("left", None), ("right", 5)])
def test_steady_masks_do_not_depend_on_the_batch_nor_touch_generators(
    parts: Pipeline, side: str, seed: int | None
) -> None:
    assert parts.processing_class is not None
    tokenizer: Any = type(parts.processing_class).from_pretrained(str(parts.checkpoint.folder), padding_side=side)
    steady = SteadyCollator(DataCollatorForLanguageModeling(tokenizer, seed=seed))
    rows = [parts.train_dataset[row] for row in range(6)]
    state = torch.get_rng_state()
    together = steady(rows)
    assert torch.equal(torch.get_rng_state(), state)
    assert (together["labels"] != -100).any()
    for place, row in enumerate(rows):
        alone, real = steady([row]), together["attention_mask"][place].bool()
        assert torch.equal(together["input_ids"][place][real], alone["input_ids"][0])
        assert torch.equal(together["labels"][place][real], alone["labels"][0])


def test_before_masking_a_batch_holds_the_rows_own_tokens(parts: Pipeline) -> None:
    assert parts.processing_class is not None
    row = parts.train_dataset[0]
    batch = UnmaskedCollator(MaskingCollator(parts.processing_class))([row])
    assert batch["input_ids"][0].tolist() == row["input_ids"]
    assert "labels" not in batch


def test_a_run_has_both_numbers_by_name_and_side_by_side() -> None:
    names: Any = {"task": "", "engine": "", "seed": 0, "checkpoint": "", "metrics": {}, "epochs": (), "trace": None}
    more: Any = {"best_epoch": None, "step_losses": (), "log_history": (), "train_rows": 1, "timings": {}}
    _, rows = evaluated()
    assert rows.logits is not None
    outputs = {"token_losses": rows.logits[..., 0], "token_ids": rows.logits[..., 1], "labels": LABELS}
    folder: Any = None
    run = Run(head=HEAD.name, outputs=outputs, environment={}, folder=folder, **names, **more)
    assert np.array_equal(run.logits, rows.logits)
    assert np.array_equal(run.predictions, rows.predictions)


def test_lines_without_text_are_left_out() -> None:
    from datasets import Dataset

    texts = Dataset.from_dict({"text": ["", " = A title = ", "  ", "A line ."]})
    data = load_data(load_card("wikitext", {}), {"train": texts, "validation": texts})
    assert data.train["text"][:] == [" = A title = ", "A line ."]
    empty = Dataset.from_dict({"text": ["", " "]})
    with pytest.raises(DataError, match="text is empty in all 2 rows"):
        load_data(load_card("wikitext", {}), {"train": empty, "validation": texts})


def test_a_card_takes_no_names_of_labels_and_one_column() -> None:
    assert (
        HEAD.card.refusal(["a", "b"], []) == "label_names must be absent: the labels are the tokens of the vocabulary"
    )
    assert HEAD.card.refusal([], ["class"]).startswith("slices: remove 'class'")
    assert HEAD.inputs.refusal(["a", "b"]) == "text_columns must be one column of texts, not ['a', 'b']"


def test_a_tokenizer_without_a_mask_token_is_refused() -> None:
    tokenizer: Any = type("Causal", (), {"mask_token_id": None})()
    with pytest.raises(DataError, match="Causal has no mask token"):
        HEAD.inputs.encode(tokenizer, {"text": ["a"]}, [], None)
