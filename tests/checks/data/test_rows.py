"""The data family as a whole: quiet on every bundled task, and on user's rows of many shapes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, RobertaConfig, RobertaForSequenceClassification

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.heads.traits import of_another_kind
from pytest_ftcheck.pipeline.card_source import CardRows, CardSource
from pytest_ftcheck.pipeline.from_card import build_pipeline
from pytest_ftcheck.settings import Settings
from pytest_ftcheck.tasks.card import builtin_tasks, load_card

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

TASKS = tuple(builtin_tasks())
ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}


def evidence_of(pipeline: Pipeline) -> Evidence:
    return Evidence(
        pipeline,
        engine="trainer",
        seed=0,
        environment=ENVIRONMENT,
        make_run=lambda: pytest.fail("a free check must not train"),
        make_probe=lambda **_: pytest.fail("a free check must not train"),
    )


def judge(name: str, pipeline: Pipeline) -> list[Finding]:
    return run_check(catalogue()[f"data.{name}"], evidence_of(pipeline))


def judge_all(pipeline: Pipeline) -> tuple[list[Finding], set[str]]:
    """Findings of all free checks of the data, and the names of those that could not be asked."""
    evidence, found, skipped = evidence_of(pipeline), [], set()
    traits = pipeline.card.head_rules.traits
    for entry in (check for check in catalogue().values() if not of_another_kind(check.needs, traits)):
        if entry.family == "data" and entry.cost == "free" and entry.name != "evaluation_rows":  # they are few here
            try:
                found += run_check(entry, evidence)
            except NotApplicable:
                skipped.add(entry.name)
    return found, skipped


@pytest.mark.parametrize("task", TASKS)
def test_bundled_tasks_are_healthy(make_pipeline: Callable[..., Pipeline], task: str) -> None:
    found, skipped = judge_all(make_pipeline(task, train_rows=200, eval_rows=80))
    assert found == []
    card = load_card(task, {})
    if card.head not in {"sequence-classification", "regression"}:
        return
    about_classes = {"classes_in_train", "classes_in_evaluation", "giveaways", "label_names"}
    about_classes |= {"merged_words", "sources_agree"}
    regression = about_classes if card.head == "regression" else set()
    # Of five classes, a quarter of 200 rows has too few of each.
    few = {"sources_agree"} if len(card.label_names) > 2 else set()
    assert skipped == regression | few | (set() if len(card.text_columns) > 1 else {"segments"})


@pytest.mark.parametrize("checkpoint", ["tiny-bert", "tiny-distilbert"])
def test_few_rows_are_healthy(make_pipeline: Callable[..., Pipeline], checkpoint: str) -> None:
    assert judge_all(make_pipeline("mrpc", model=checkpoint, train_rows=16, eval_rows=8))[0] == []


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_real_data_is_healthy(real_data: Path, minilm: Path, task: str) -> None:
    folder = real_data / "glue" / task
    folder = folder if folder.is_dir() else real_data / task
    if not folder.is_dir():
        pytest.skip(f"FTCHECK_REAL_DATA has no folder {task}")
    settings = Settings(model=str(minilm), data=str(folder))
    assert judge_all(build_pipeline(load_card(task, {}), settings))[0] == []


# -- rows of a user's Trainer, which may have any shape ----------------------------------------------------------------


def users(pipeline: Pipeline, tokenizer: Any, *, keep_texts: bool = True, **options: Any) -> Pipeline:
    """As a user's Trainer hands its rows over: one table with texts and tokens, or with tokens alone."""

    def rows(raw: Dataset) -> Dataset:
        texts = [list(raw[column]) for column in pipeline.card.text_columns]
        encoded = dict(tokenizer(*texts, truncation=True, **options))
        columns = {name: list(raw[name]) for name in raw.column_names if name != "label"} if keep_texts else {}
        return Dataset.from_dict({**columns, **encoded, "labels": list(raw["label"])})

    train, evaluation = rows(pipeline.data.train), rows(pipeline.data.evaluation)
    return replace(
        pipeline,
        card=pipeline.card if keep_texts else replace(pipeline.card, text_columns=()),
        data=replace(pipeline.data, train=train, evaluation=evaluation),
        train_dataset=train,
        eval_dataset=evaluation,
        source=CardSource(rows=CardRows(tokenized_here=False)),
    )


@pytest.fixture(scope="module")
def pair(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("mrpc", train_rows=200, eval_rows=80)


@pytest.mark.parametrize("keep_texts", [True, False])
@pytest.mark.parametrize("options", [{}, {"padding": "max_length", "max_length": 64}])
def test_users_rows_are_healthy(pair: Pipeline, keep_texts: bool, options: dict[str, Any]) -> None:  # noqa: FBT001 - parametrized
    assert judge_all(users(pair, pair.processing_class, keep_texts=keep_texts, **options))[0] == []


def test_rows_in_the_format_of_torch_are_healthy(pair: Pipeline) -> None:
    given = replace(pair, train_dataset=pair.train_dataset.with_format("torch"))
    assert judge_all(given)[0] == []


def test_rows_without_tokenizer_are_healthy(pair: Pipeline) -> None:
    given = users(pair, pair.processing_class, padding="max_length", max_length=64)
    found, skipped = judge_all(replace(given, processing_class=None))
    assert found == []
    assert {"unknown_tokens", "stale_tokens", "decodes", "tokenizer_vocabulary"} <= skipped


@pytest.fixture(scope="module")
def byte_level(pair: Pipeline) -> PreTrainedTokenizerFast:
    """Bytes, no unknown tokens, two separators and one kind of segment, as RoBERTa has it."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    words = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=words, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    made.train_from_iterator(
        [text for row in pair.data.train for text in (row["sentence1"], row["sentence2"])], trainer
    )
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    names = ("cls_token", "pad_token", "sep_token", "unk_token")
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        model_input_names=["input_ids", "attention_mask"],
        eos_token="</s>",
        bos_token="<s>",
        **dict(zip(names, words, strict=True)),
    )


@pytest.mark.parametrize("keep_texts", [True, False])
def test_byte_level_tokens_are_healthy(
    pair: Pipeline,
    byte_level: PreTrainedTokenizerFast,
    keep_texts: bool,  # noqa: FBT001 - parametrized
) -> None:
    config = RobertaConfig(
        vocab_size=len(byte_level),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=130,
        type_vocab_size=1,
        id2label=dict(enumerate(pair.card.label_names)),
        label2id={name: index for index, name in enumerate(pair.card.label_names)},
    )
    given = users(pair, byte_level, keep_texts=keep_texts)
    given = replace(
        given,
        processing_class=byte_level,
        model_init=lambda: RobertaForSequenceClassification(config),
        checkpoint=replace(pair.checkpoint, folder=None),
        data_collator=lambda features: byte_level.pad(
            [{name: row[name] for name in ("input_ids", "attention_mask", "labels")} for row in features],
            return_tensors="pt",
        ),
    )
    assert judge_all(given)[0] == []


# -- data.splits_not_empty ---------------------------------------------------------------------------------------------


def test_empty_split_is_found(pair: Pipeline) -> None:
    empty = pair.eval_dataset.select([])
    given = replace(pair, eval_dataset=empty, data=replace(pair.data, evaluation=pair.data.evaluation.select([])))
    found, _ = judge_all(given)
    assert [(finding.check, finding.subject, finding.observed) for finding in found] == [
        ("data.splits_not_empty", f"{pair.subject}, validation split", "0 rows")
    ]


def test_lost_rows_are_found(pair: Pipeline) -> None:
    (finding,) = judge("splits_not_empty", replace(pair, train_dataset=pair.train_dataset.select(range(150))))
    assert finding.expected == "200 tokenized rows, one for each raw row"
    assert finding.observed == "150"
    assert "filters" in finding.hint
