"""What must make a difference to a trained model: quiet where it does, red where rows, order or texts are lost."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import save_file
from torch import nn

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.checks.model import inputs_matter, second_segment
from pytest_ftcheck.checks.model.logits import logits_of_rows, trained_model
from pytest_ftcheck.checks.model.token_rows import TokenRow, rows_of_texts, second_span, shuffled, text_spans
from pytest_ftcheck.heads.registry import head_named
from pytest_ftcheck.tasks.datasets import TaskData

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
CLS, SEP, PAD = 2, 3, 0
ROWS = 96


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(train_rows=8, eval_rows=48)


@pytest.fixture(scope="module")
def pairs(parts: Pipeline) -> Pipeline:
    """Pairs of texts; the label says whether they share a word."""
    tokenizer: Any = parts.processing_class
    vocabulary = sorted(tokenizer.get_vocab())
    words = [word for word in vocabulary if word.isalpha() and word.islower() and tokenizer.tokenize(word) == [word]]
    random = Random(0)  # noqa: S311 - no secret
    rows = []
    for _ in range(ROWS):
        first, others = random.sample(words, 4), random.sample(words, 5)
        label = random.randrange(2)
        second = [*[word for word in others if word not in first][:3], *([first[0]] if label else [])]
        rows.append({"sentence1": " ".join(first), "sentence2": " ".join(second), "label": label})
    return with_rows(parts, Dataset.from_list(rows))


def with_rows(parts: Pipeline, raw: Dataset, *, second: bool = True) -> Pipeline:
    tokenizer: Any = parts.processing_class
    texts = [list(raw["sentence1"]), *([list(raw["sentence2"])] if second else [])]
    rows = Dataset.from_dict({**tokenizer(*texts), "labels": raw["label"]})
    data = TaskData(raw, raw, "validation", "memory", synthetic=True)
    return replace(parts, train_dataset=rows, eval_dataset=rows, data=data)


class Shared(nn.Module):
    """Says whether the texts share a word; ``second`` scales how much the second one counts."""

    def __init__(self, second: float = 1.0, noise: float = 0.0) -> None:
        super().__init__()
        self.second, self.noise = second, noise

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None, labels: Any = None) -> Any:
        del labels
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        text = attention_mask.bool() & (input_ids > SEP)
        counts = nn.functional.one_hot(input_ids, 374).float()
        first, second = ((counts * (text & (types == kind))[..., None]).sum(dim=1) for kind in (0, 1))
        hashed = torch.sin(torch.arange(374.0) * 12.9898)
        score = (first * second).sum(dim=1) * self.second - 0.5
        score = score + 0.1 * (first @ hashed) + self.noise * (second @ hashed)
        return {"logits": torch.stack([-score, score], dim=1)}


def evidence_of(pipeline: Pipeline, model: Any, **changes: Any) -> Evidence:
    evidence = Evidence(
        replace(pipeline, **changes),
        engine="trainer",
        seed=0,
        environment=ENVIRONMENT,
        make_run=lambda: pytest.fail("no run is needed"),
        make_probe=lambda **_: pytest.fail("no probe is needed"),
    )
    evidence.__dict__["stands_in"] = model
    return evidence


@pytest.fixture(autouse=True)
def _nothing_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that a test gives stands for the trained one."""
    for module in (inputs_matter, second_segment):
        monkeypatch.setattr(module, "trained_model", lambda evidence: evidence.stands_in)


def judge(name: str, evidence: Evidence) -> list[Finding]:
    return run_check(catalogue()[f"model.{name}"], evidence)


# -- model.second_segment ---------------------------------------------------------------------------------------------


def test_second_text_that_matters_is_healthy(pairs: Pipeline) -> None:
    assert judge("second_segment", evidence_of(pairs, Shared())) == []


def test_second_text_that_changes_nothing_is_found(pairs: Pipeline) -> None:
    (finding,) = judge("second_segment", evidence_of(pairs, Shared(second=0)))
    assert finding.expected.endswith("with the second text of another row")
    assert finding.observed.startswith(f"a change of 0 of that in the middle one of {ROWS} rows; accuracy 0.")
    for how in ("as it is", "of another row", "without it", "with both texts exchanged"):
        assert how in finding.observed
    assert "tokenizer(first, second)" in finding.hint


def test_weak_model_is_not_judged(pairs: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="too weak to tell: the logits change, but of 96 rows"):
        judge("second_segment", evidence_of(pairs, Shared(second=0, noise=0.1)))


def test_second_text_that_was_never_tokenized_is_found(pairs: Pipeline) -> None:
    first_alone = with_rows(pairs, pairs.data.evaluation, second=False)
    (finding,) = judge("second_segment", evidence_of(first_alone, Shared()))
    assert finding.expected == "both texts of a pair among the tokens of a row"
    assert finding.observed == f"no token of the second text (sentence2) in {ROWS} of {ROWS} rows"


def test_texts_in_one_string_are_told_apart_by_their_tokens(pairs: Pipeline) -> None:
    raw = pairs.data.evaluation
    joined = raw.map(lambda row: {"sentence1": f"{row['sentence1']} {row['sentence2']}"})
    pipeline = with_rows(pairs, joined, second=False)
    pipeline = replace(pipeline, data=replace(pipeline.data, evaluation=raw))
    (finding,) = judge("second_segment", evidence_of(pipeline, Constant()))
    assert "in the middle one of" in finding.observed


class Constant(nn.Module):
    """Reads the first four words alone."""

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None, labels: Any = None) -> Any:
        del labels, attention_mask, token_type_ids
        score = input_ids[:, 1:5].sum(dim=1).float() / 374
        return {"logits": torch.stack([-score, score], dim=1)}


def test_single_texts_are_not_judged(make_pipeline: Callable[..., Pipeline]) -> None:
    single = make_pipeline("sst2", train_rows=8, eval_rows=16)
    with pytest.raises(NotApplicable, match="the task has one text a row"):
        judge("second_segment", evidence_of(single, Shared()))


def test_pairs_are_known_by_their_tokens_alone(pairs: Pipeline) -> None:
    unknown = replace(pairs, card=replace(pairs.card, text_columns=()))
    assert judge("second_segment", evidence_of(unknown, Shared())) == []
    assert judge("second_segment", evidence_of(unknown, Shared(second=0)))
    without_types = replace(unknown, eval_dataset=unknown.eval_dataset.remove_columns("token_type_ids"))
    assert judge("second_segment", evidence_of(without_types, Constant()))


def test_pairs_of_regression_are_judged_by_their_error(make_pipeline: Callable[..., Pipeline], pairs: Pipeline) -> None:
    card = make_pipeline("stsb", train_rows=8, eval_rows=8).card
    rows = pairs.eval_dataset.map(lambda row: {"labels": float(row["labels"])})
    scored = replace(pairs, card=card, eval_dataset=rows)
    assert judge("second_segment", evidence_of(scored, Score())) == []
    (finding,) = judge("second_segment", evidence_of(scored, Score(second=0)))
    assert "mean squared error 0." in finding.observed


class Score(Shared):
    def forward(self, *args: Any, **inputs: Any) -> Any:
        return {"logits": super().forward(*args, **inputs)["logits"][:, 1:] + 0.5}


def test_texts_that_the_collator_tokenizes_are_judged(pairs: Pipeline) -> None:
    raw = pairs.data.evaluation.rename_column("label", "labels")
    tokenizer: Any = pairs.processing_class

    def collate(features: list[dict[str, Any]]) -> dict[str, Any]:
        texts = [[row[name] for row in features] for name in ("sentence1", "sentence2")]
        batch = dict(tokenizer(*texts, padding=True, return_tensors="pt"))
        return {**batch, "labels": torch.tensor([row["labels"] for row in features])}

    own = replace(pairs, eval_dataset=raw, data_collator=collate)
    for model, quiet in ((Shared(), True), (Shared(second=0), False)):
        evidence = evidence_of(own, model)
        evidence.features = lambda rows, indices: rows.select(indices).to_list()  # type: ignore[method-assign]  # of this one alone
        assert (judge("second_segment", evidence) == []) is quiet


# -- model.token_order ------------------------------------------------------------------------------------------------


def test_order_of_tokens_matters_to_a_transformer(parts: Pipeline) -> None:
    assert judge("token_order", evidence_of(parts, parts.model_init().eval())) == []


def test_lost_positions_are_found(parts: Pipeline) -> None:
    model: Any = parts.model_init().eval()
    nn.init.zeros_(model.bert.embeddings.position_embeddings.weight)
    (finding,) = judge("token_order", evidence_of(parts, model))
    assert finding.expected.startswith("a change of more than 2e-05 of what logits differ by")
    assert finding.observed.endswith("over 48 rows with the tokens of each text shuffled")
    assert "position_ids that are all 0" in finding.hint


def test_order_cannot_matter_where_no_row_does(parts: Pipeline) -> None:
    model: Any = parts.model_init().eval()
    nn.init.zeros_(model.classifier.weight)
    with pytest.raises(NotApplicable, match=r"because of model\.input_matters"):
        judge("token_order", evidence_of(parts, model))


def test_bag_of_words_has_no_order(pairs: Pipeline) -> None:
    with pytest.raises(NotApplicable, match="Shared contains no pretrained model"):
        judge("token_order", evidence_of(pairs, Shared(), model_init=Shared))


# -- the trained model ------------------------------------------------------------------------------------------------


def saved_run(scored_evidence: Callable[..., Evidence], parts: Pipeline, folder: Path, model: Any) -> Evidence:
    """Evidence of a run that saved this model, and whose logits are its own."""
    (folder / "model").mkdir()
    save_file(model.state_dict(), folder / "model" / "model.safetensors")
    logits = logits_of_rows(evidence_of(parts, model), model, parts.eval_dataset.to_list()).numpy()
    labels = parts.eval_dataset["labels"]
    return scored_evidence(labels, logits, eval_dataset=parts.eval_dataset, model_init=parts.model_init, folder=folder)


def test_saved_weights_go_into_the_pipelines_own_model(
    scored_evidence: Callable[..., Evidence], parts: Pipeline, tmp_path: Path
) -> None:
    model: Any = parts.model_init().eval()
    evidence = saved_run(scored_evidence, parts, tmp_path, model)
    loaded = trained_model(evidence)
    assert loaded is not evidence.fresh_model
    assert torch.equal(loaded.get_parameter("classifier.weight"), model.classifier.weight)


def test_weights_of_another_run_are_not_judged(
    scored_evidence: Callable[..., Evidence], parts: Pipeline, tmp_path: Path
) -> None:
    model: Any = parts.model_init().eval()
    evidence = saved_run(scored_evidence, parts, tmp_path, model)
    evidence.run.logits[:] += 1
    with pytest.raises(NotApplicable, match=r"because of serving\.reload"):
        trained_model(evidence)


# -- model.input_matters ----------------------------------------------------------------------------------------------


def with_logits(scored_evidence: Callable[..., Evidence], logits: Any, **changes: Any) -> Evidence:
    return scored_evidence([0, 1] * (len(logits) // 2), logits, **changes)


def test_logits_of_a_sound_model_differ(scored_evidence: Callable[..., Evidence]) -> None:
    logits = np.random.default_rng(0).normal(size=(100, 2))
    assert judge("input_matters", with_logits(scored_evidence, logits)) == []


@pytest.mark.parametrize("logits", [np.ones((100, 2)), np.zeros((100, 2)), np.ones((100, 2)) + 1e-7])
def test_logits_that_are_the_same_for_all_rows_are_found(scored_evidence: Callable[..., Evidence], logits: Any) -> None:
    (finding,) = judge("input_matters", with_logits(scored_evidence, logits))
    assert finding.expected == "logits that differ between 100 different rows"
    assert "decode a few rows" in finding.hint


def test_logits_that_follow_the_length_alone_are_found(scored_evidence: Callable[..., Evidence]) -> None:
    lengths = np.random.default_rng(0).integers(5, 15, 100)
    (finding,) = judge("input_matters", with_logits(scored_evidence, np.stack([lengths, -lengths], axis=1)))
    assert finding.expected == "other logits for most of 100 different rows"
    assert finding.observed == "10 different rows of logits"


def test_equal_rows_may_have_equal_logits(scored_evidence: Callable[..., Evidence]) -> None:
    rows = Dataset.from_dict({"input_ids": [[5, 6 + index % 25] for index in range(100)], "labels": [0, 1] * 50})
    logits = np.stack([np.arange(100) % 25, np.zeros(100)], axis=1)
    assert judge("input_matters", with_logits(scored_evidence, logits, eval_dataset=rows)) == []


def test_few_rows_say_nothing(scored_evidence: Callable[..., Evidence]) -> None:
    with pytest.raises(NotApplicable, match="only 10 of the evaluated rows are different"):
        judge("input_matters", with_logits(scored_evidence, np.ones((10, 2))))


# -- rows taken apart -------------------------------------------------------------------------------------------------

SPECIAL = frozenset({PAD, CLS, SEP})
COLUMNS = ("input_ids", "attention_mask", "token_type_ids")


def test_padding_is_taken_off() -> None:
    row = TokenRow.of({"input_ids": [PAD, CLS, 7, SEP], "attention_mask": [0, 1, 1, 1], "labels": 1}, COLUMNS)
    assert row.feature() == {"input_ids": [CLS, 7, SEP], "attention_mask": [1, 1, 1], "labels": 1}


def texts_of(rows: list[dict[str, Any]], head: str) -> list[list[TokenRow]]:
    evidence: Any = SimpleNamespace(pipeline=SimpleNamespace(card=SimpleNamespace(head_rules=head_named(head))))
    return rows_of_texts(evidence, rows)


def test_labels_of_a_row_are_not_taken_apart_where_it_has_as_many_tokens() -> None:
    short = {"input_ids": [CLS, 7, SEP], "labels": [0.0, 1.0, 0.0]}
    longer = {"input_ids": [CLS, 7, 8, SEP], "labels": [1.0, 0.0, 0.0]}
    for rows in ([short, longer], [longer, short]):
        found = [row.others["labels"] for (row,) in texts_of(rows, "sequence-classification")]
        assert found == [row["labels"] for row in rows]
    ((alone,),) = texts_of([short], "multi-label-classification")
    assert alone.others["labels"] == [0.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("ids", "types", "second", "span"),
    [
        pytest.param([CLS, 7, 8, SEP, 9, SEP], [0, 0, 0, 0, 1, 1], [], (4, 5), id="by types"),
        pytest.param([CLS, 7, 8, SEP, SEP, 9, 10, SEP], None, [], (5, 7), id="by separators"),
        pytest.param([CLS, 7, 8, 9, 10, SEP], None, [9, 10], (3, 5), id="by tokens"),
        pytest.param([CLS, 7, 8, 9, 10, SEP], None, [9, 10, 11], (3, 5), id="by the tokens that were kept"),
        pytest.param([CLS, 7, 8, SEP], None, [9, 10], None, id="not there"),
        pytest.param([CLS, 7, SEP, 8, SEP, 9, SEP], None, [], None, id="three texts"),
    ],
)
def test_second_text_is_found(
    ids: list[int], types: list[int] | None, second: list[int], span: tuple[int, int] | None
) -> None:
    row = TokenRow.of({"input_ids": ids} | ({} if types is None else {"token_type_ids": types}), COLUMNS)
    assert second_span(row, SPECIAL, [7, 8], second) == span


def test_tokens_are_exchanged_within_their_text() -> None:
    row = TokenRow.of({"input_ids": [CLS, 7, 8, SEP, 9, 10, 11, SEP], "token_type_ids": [0] * 4 + [1] * 4}, COLUMNS)
    assert text_spans(row, SPECIAL) == [(1, 3), (4, 7)]
    assert shuffled(row, SPECIAL, lambda count: range(count)[::-1]).ids == [CLS, 8, 7, SEP, 11, 10, 9, SEP]
    assert row.replaced((4, 7), [5]).feature() == {
        "input_ids": [CLS, 7, 8, SEP, 5, SEP],
        "token_type_ids": [0] * 4 + [1] * 2,
    }
