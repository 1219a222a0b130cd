"""Checks of tokens: they are those of the texts, and the model knows each of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest
from datasets import Dataset
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from pytest_ftcheck.checks.catalogue import NotApplicable, catalogue, run_check
from pytest_ftcheck.checks.data.splits import shorten
from pytest_ftcheck.checks.evidence import Evidence
from pytest_ftcheck.pipeline.from_checkpoint import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedModel

    from pytest_ftcheck.findings import Finding
    from pytest_ftcheck.pipeline.parts import Pipeline

ENVIRONMENT = {"device": "cpu", "dtype": "float32", "threads": "1"}
ROWS = 60


@pytest.fixture(scope="module")
def parts(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("sst2", train_rows=ROWS, eval_rows=30)


@pytest.fixture(scope="module")
def stsb(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline("stsb", train_rows=ROWS, eval_rows=30)


def judge(name: str, pipeline: Pipeline, no_run: Any = None) -> list[Finding]:
    evidence = Evidence(pipeline, engine="trainer", seed=0, environment=ENVIRONMENT, make_run=no_run, make_probe=no_run)
    return run_check(catalogue()[f"data.{name}"], evidence)


def with_ids(pipeline: Pipeline, ids: list[list[int]]) -> Pipeline:
    """Give the train rows other tokens."""
    rows = Dataset.from_dict({"input_ids": ids, "labels": list(pipeline.train_dataset["labels"])})
    return replace(pipeline, train_dataset=rows)


def ids_of(pipeline: Pipeline) -> list[list[int]]:
    return list(pipeline.train_dataset["input_ids"])


def unknown_id(pipeline: Pipeline) -> int:
    tokenizer: Any = pipeline.processing_class
    return int(tokenizer.unk_token_id)


def shuffled_vocabulary(pipeline: Pipeline) -> PreTrainedTokenizerFast:
    """Make a tokenizer with the same words under other ids."""
    tokenizer: Any = pipeline.processing_class
    words = sorted(tokenizer.get_vocab(), key=lambda word: (word not in tokenizer.all_special_tokens, word[::-1]))
    vocabulary = {word: index for index, word in enumerate(words)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    names = {name: tokenizer.special_tokens_map[name] for name in ("unk_token", "pad_token", "cls_token", "sep_token")}
    return PreTrainedTokenizerFast(tokenizer_object=made, **names)


# -- data.empty_rows ---------------------------------------------------------------------------------------------------


def test_rows_without_text_are_found(parts: Pipeline) -> None:
    assert judge("empty_rows", parts) == []
    tokenizer: Any = parts.processing_class
    empty = tokenizer("")["input_ids"] + [tokenizer.pad_token_id] * 3
    (finding,) = judge("empty_rows", with_ids(parts, [*ids_of(parts)[:50], *[empty] * 10]))
    assert finding.subject == f"{parts.subject}, train split"
    alone = "sampled rows are empty: special tokens and padding alone, the first is row 50"
    assert finding.observed == f"10 of 60 (16.7%) {alone}"


# -- data.unknown_tokens -----------------------------------------------------------------------------------------------


def without_texts(pipeline: Pipeline) -> Pipeline:
    """The rows alone, as a user's Trainer often has them."""
    data = replace(pipeline.data, train=pipeline.train_dataset, evaluation=pipeline.eval_dataset)
    return replace(pipeline, card=replace(pipeline.card, text_columns=()), data=data)


def test_unknown_tokens_are_found(parts: Pipeline) -> None:
    assert judge("unknown_tokens", parts) == []
    unknown = unknown_id(parts)
    all_unknown = with_ids(parts, [[ids[0], *[unknown] * 8, ids[-1]] for ids in ids_of(parts)])
    (finding,) = judge("unknown_tokens", without_texts(all_unknown))
    assert finding.expected == "at most 25% of the tokens of 60 sampled rows [UNK]"
    assert finding.observed == "480 of 480 (100.0%)"
    assert "AutoTokenizer" in finding.hint


def test_some_unknown_tokens_are_a_warning(parts: Pipeline) -> None:
    unknown = unknown_id(parts)
    some = [[ids[0], *([unknown] + [ids[1]] * 7), ids[-1]] for ids in ids_of(parts)]
    (warned,) = judge("unknown_tokens", without_texts(with_ids(parts, some)))
    assert warned.level == "warn"
    assert warned.expected == "at most 5% of the tokens of 60 sampled rows [UNK] (more than 25% fail)"
    assert warned.observed == "60 of 480 (12.5%)"


def test_tokens_that_only_the_rows_do_not_know_are_found(parts: Pipeline) -> None:
    unknown = unknown_id(parts)
    some = [[ids[0], *([unknown] + [ids[1]] * 7), ids[-1]] for ids in ids_of(parts)]
    (found,) = judge("unknown_tokens", with_ids(parts, some))
    assert found.level == "fail"
    assert found.expected == "the tokens that the tokenizer makes of these texts, of which 0.0% are unknown"
    assert "convert_tokens_to_ids() of text.split()" in found.hint


def test_few_unknown_tokens_are_healthy(parts: Pipeline) -> None:
    unknown = unknown_id(parts)
    few = with_ids(parts, [[unknown, *ids] for ids in ids_of(parts)])
    assert judge("unknown_tokens", without_texts(few)) == []


def test_tokenizer_without_unknown_token_is_not_judged(parts: Pipeline) -> None:
    words = Tokenizer(models.WordLevel({"<eos>": 0}, unk_token="<eos>"))
    made = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", unk_token="<eos>")
    with pytest.raises(NotApplicable, match="no unknown token of its own"):
        judge("unknown_tokens", replace(parts, processing_class=made))


# -- data.token_ids ----------------------------------------------------------------------------------------------------


def resized(pipeline: Pipeline, change: int) -> Pipeline:
    def model_init() -> PreTrainedModel:
        model = pipeline.model_init()
        model.resize_token_embeddings(model.config.vocab_size + change, mean_resizing=False)
        return model

    return replace(pipeline, model_init=model_init)


def test_ids_beyond_the_embedding_are_found(parts: Pipeline) -> None:
    assert judge("token_ids", parts) == []
    assert judge("token_ids", resized(parts, 8)) == []
    (finding,) = judge("token_ids", with_ids(parts, [*ids_of(parts)[:-1], [2, 999, 3]]))
    assert finding.expected == "input_ids from 0 to 373, the rows of the embedding"
    assert finding.observed == "input_ids from 2 to 999"


def test_negative_ids_are_found(parts: Pipeline) -> None:
    (finding,) = judge("token_ids", with_ids(parts, [*ids_of(parts)[:-1], [2, -1, 3]]))
    assert finding.observed.startswith("input_ids from -1 to ")


def test_vocabulary_larger_than_the_embedding_is_found(parts: Pipeline) -> None:
    found = judge("token_ids", resized(parts, -1))
    tokenizer: Any = parts.processing_class
    assert found[-1].expected == "ids of the vocabulary from 0 to 372, the rows of the embedding"
    assert found[-1].observed == f"1 beyond, the largest is 373, of {tokenizer.convert_ids_to_tokens(373)!r}"
    assert "resize_token_embeddings" in found[-1].hint


def test_a_single_id_far_beyond_the_embedding_is_found_though_no_row_has_it(parts: Pipeline, tmp_path: Path) -> None:
    cast("Any", parts.processing_class).save_pretrained(tmp_path)
    path = tmp_path / "tokenizer.json"
    backend = json.loads(path.read_text(encoding="utf-8"))
    backend["model"]["vocab"]["neverwritten"] = 2**32 - 1
    path.write_text(json.dumps(backend), encoding="utf-8")
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(path))
    (finding,) = judge("token_ids", replace(parts, processing_class=tokenizer))
    assert finding.observed == "1 beyond, the largest is 4294967295, of 'neverwritten'"


def test_segment_numbers_beyond_their_embedding_are_found(stsb: Pipeline) -> None:
    assert judge("token_ids", stsb) == []
    rows = stsb.train_dataset.remove_columns("token_type_ids")
    rows = rows.add_column("token_type_ids", [[2] * len(ids) for ids in rows["input_ids"]])
    (finding,) = judge("token_ids", replace(stsb, train_dataset=rows))
    assert finding.observed == "token_type_ids from 2 to 2"


# -- data.tokenizer_vocabulary -----------------------------------------------------------------------------------------


def test_vocabulary_of_another_checkpoint_is_found(parts: Pipeline) -> None:
    assert judge("tokenizer_vocabulary", parts) == []
    (finding,) = judge("tokenizer_vocabulary", replace(parts, processing_class=shuffled_vocabulary(parts)))
    assert finding.expected == "the vocabulary of tiny-bert"
    assert finding.observed.startswith("0 of 374 (0.0%) tokens of the checkpoint's are missing, ")
    assert " of the others have another id: '" in finding.observed


def test_tokens_may_be_added(parts: Pipeline) -> None:
    tokenizer = load_tokenizer(parts.checkpoint)
    tokenizer.add_tokens(["<user>", "<place>"])
    assert judge("tokenizer_vocabulary", replace(parts, processing_class=tokenizer)) == []


def test_checkpoint_without_tokenizer_is_not_judged(parts: Pipeline, tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="no tokenizer of its own"):
        judge("tokenizer_vocabulary", replace(parts, checkpoint=replace(parts.checkpoint, folder=tmp_path)))


# -- data.stale_tokens -------------------------------------------------------------------------------------------------


def test_tokens_of_other_rows_are_found(parts: Pipeline) -> None:
    assert judge("stale_tokens", parts) == []
    ids = ids_of(parts)
    (finding,) = judge("stale_tokens", with_ids(parts, [*ids[7:], *ids[:7]]))
    assert finding.expected == "tokens that tokenizing the texts again gives"
    assert " sampled rows hold other tokens, the first is row " in finding.observed
    assert "load_from_cache_file=False" in finding.hint
    assert len(finding.evidence) == 3
    assert finding.observed.endswith(f"the first is {finding.evidence[0]}")
    text = list(parts.data.train["sentence"])
    rows = [int(shown.partition(":")[0].removeprefix("row ")) for shown in finding.evidence]
    for row, shown in zip(rows, finding.evidence, strict=True):
        assert shown.endswith(f" for {shorten(text[row])}")


def test_tokens_of_another_vocabulary_are_found(parts: Pipeline) -> None:
    ids = shuffled_vocabulary(parts)(list(parts.data.train["sentence"]))["input_ids"]
    (finding,) = judge("stale_tokens", with_ids(parts, ids))
    assert finding.observed.startswith("60 of 60 (100.0%)")


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda ids: ids[:6], id="truncated"),
        pytest.param(lambda ids: [0] * 4 + ids, id="padded on the left"),
        pytest.param(lambda ids: [*ids[:3], 20, *ids[3:]], id="with an addition"),
        pytest.param(lambda ids: [*ids[:3], 20, *ids[4:]], id="with a change"),
    ],
)
def test_tokens_may_be_less_or_more(parts: Pipeline, change: Callable[[list[int]], list[int]]) -> None:
    assert judge("stale_tokens", with_ids(parts, [change(ids) for ids in ids_of(parts)])) == []


def test_labels_of_other_rows_are_found(parts: Pipeline) -> None:
    labels = list(parts.train_dataset["labels"])
    rows = parts.train_dataset.remove_columns("labels").add_column("labels", labels[7:] + labels[:7])
    (finding,) = judge("stale_tokens", replace(parts, train_dataset=rows))
    assert finding.expected == "the label of each row's own raw label"
    assert "rows have another label than most rows of their raw label 'label'" in finding.observed


def test_labels_may_be_encoded_anew(parts: Pipeline) -> None:
    labels = [1 - label for label in parts.train_dataset["labels"]]
    rows = parts.train_dataset.remove_columns("labels").add_column("labels", labels)
    assert judge("stale_tokens", replace(parts, train_dataset=rows)) == []


def test_numbers_of_other_rows_are_found(stsb: Pipeline) -> None:
    labels = list(stsb.train_dataset["labels"])
    for values, healthy in ((labels[7:] + labels[:7], False), ([value / 5 for value in labels], True)):
        rows = stsb.train_dataset.remove_columns("labels").add_column("labels", values)
        found = judge("stale_tokens", replace(stsb, train_dataset=rows))
        assert [finding.observed[:22] for finding in found] == ([] if healthy else ["a rank correlation of "])


# -- data.decodes ------------------------------------------------------------------------------------------------------


def test_tokens_that_decode_to_something_else_are_found(parts: Pipeline) -> None:
    assert judge("decodes", parts) == []
    ids = shuffled_vocabulary(parts)(list(parts.data.train["sentence"]))["input_ids"]
    (finding,) = judge("decodes", with_ids(parts, ids))
    assert finding.observed.startswith("60 of 60 (100.0%) sampled rows decode to something else, the first is row 0: ")
    assert "processing_class" in finding.hint
    assert [shown.partition(":")[0] for shown in finding.evidence] == ["row 0", "row 1", "row 2"]
    assert finding.observed.endswith(f"the first is {finding.evidence[0]}")


def test_text_is_recognised_whatever_the_tokenizer_drops(parts: Pipeline) -> None:
    texts = [f"  «{text.upper().replace('E', 'É')}» " for text in parts.data.train["sentence"]]
    raw = Dataset.from_dict({"sentence": texts, "label": list(parts.data.train["label"])})
    ids = [ids[:9] for ids in ids_of(parts)]
    assert judge("decodes", with_ids(replace(parts, data=replace(parts.data, train=raw)), ids)) == []


def test_without_known_texts_all_texts_of_the_row_are_compared(parts: Pipeline) -> None:
    unnamed = replace(parts, card=replace(parts.card, text_columns=()))
    assert judge("decodes", unnamed) == []
    ids = shuffled_vocabulary(parts)(list(parts.data.train["sentence"]))["input_ids"]
    assert len(judge("decodes", with_ids(unnamed, ids))) == 1


def test_rows_without_texts_are_tokenized_again(parts: Pipeline) -> None:
    assert judge("decodes", without_texts(parts)) == []
    tokenizer: Any = parts.processing_class
    pieces = [token for word, token in tokenizer.get_vocab().items() if word.startswith("##")]
    # Of another tokenizer: what was a word may be any piece of one.
    ids = [[pieces[token % len(pieces)] for token in row] for row in ids_of(parts)]
    (finding,) = judge("decodes", without_texts(with_ids(parts, ids)))
    assert finding.expected == "at least 50% of the sampled rows to give the same tokens, decoded and tokenized again"
    assert "or they come from an old cache" in finding.hint


def test_few_rows_without_texts_are_not_judged(parts: Pipeline) -> None:
    few = replace(parts, train_dataset=parts.train_dataset.select(range(4)))
    with pytest.raises(NotApplicable, match="no raw text is known"):
        judge("decodes", without_texts(few))


def test_words_that_are_unknown_for_their_capitals_are_found(parts: Pipeline) -> None:
    tokenizer: Any = parts.processing_class
    cased = type(tokenizer).from_pretrained(str(parts.checkpoint.folder))
    cased.backend_tokenizer.normalizer = None

    def shouting(raw: Dataset) -> Dataset:
        return raw.map(lambda row: {"sentence": row["sentence"].upper()}, load_from_cache_file=False)

    def rows(raw: Dataset, old: Dataset) -> Dataset:
        return Dataset.from_dict({**cased(list(raw["sentence"])), "labels": list(old["labels"])})

    data = replace(parts.data, train=shouting(parts.data.train), evaluation=shouting(parts.data.evaluation))
    changes = {"train_dataset": rows(data.train, parts.train_dataset), "processing_class": cased, "data": data}
    found = judge("unknown_tokens", replace(parts, eval_dataset=rows(data.evaluation, parts.eval_dataset), **changes))
    assert {entry.level for entry in found} == {"fail"}
    assert all(
        "unknown words with capitals are in the vocabulary in lower case: '" in entry.observed for entry in found
    )
