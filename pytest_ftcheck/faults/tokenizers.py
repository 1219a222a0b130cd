"""Tokenizers that are not the checkpoint's."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, normalizers

from pytest_ftcheck.checks.catalogue import NotApplicable
from pytest_ftcheck.compat.of_transformers import set_backend
from pytest_ftcheck.faults.planting import require_texts, tokenizer_of
from pytest_ftcheck.faults.rows import encode_both, texts_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from pytest_ftcheck.pipeline.parts import Pipeline

_TERMS = 16
_SAMPLE = 500


def with_tokenizer(pipeline: Pipeline, tokenizer: PreTrainedTokenizerBase) -> Pipeline:
    """Return the pipeline with another tokenizer: in the rows, in the collator, and in the saved folder."""
    require_texts(pipeline)
    collator: Any = pipeline.data_collator
    if getattr(collator, "tokenizer", None) is not None:
        collator = copy.copy(collator)
        collator.tokenizer = tokenizer
    changed = encode_both(pipeline, lambda *texts: texts, tokenizer=tokenizer)
    return replace(changed, processing_class=tokenizer, data_collator=collator)


def learned_anew(pipeline: Pipeline) -> PreTrainedTokenizerBase:
    """Return a tokenizer of the same kind with another vocabulary, smaller than the checkpoint's.

    Raises:
        NotApplicable: this kind of tokenizer cannot be trained.

    """
    tokenizer: Any = tokenizer_of(pipeline)
    texts = [text for segment in texts_of(pipeline, "train") for text in segment[:_SAMPLE]]
    if not hasattr(tokenizer, "train_new_from_iterator"):
        msg = "a tokenizer of this kind cannot be trained on another vocabulary"
        raise NotApplicable(msg)
    found: PreTrainedTokenizerBase = tokenizer.train_new_from_iterator(
        texts, vocab_size=len(tokenizer) * 2 // 3, show_progress=False
    )
    return found


def with_terms(pipeline: Pipeline) -> PreTrainedTokenizerBase:
    """Return the tokenizer with the most frequent terms of two words added."""
    tokenizer = copy.deepcopy(tokenizer_of(pipeline))
    counts: Counter[str] = Counter()
    for segment in texts_of(pipeline, "train"):
        for text in segment[:_SAMPLE]:
            words = re.findall(r"\w+", text)
            counts.update(f"{first} {second}" for first, second in itertools.pairwise(words))
    tokenizer.add_tokens([term for term, _ in counts.most_common(_TERMS)])
    return tokenizer


def stripping_accents(pipeline: Pipeline) -> PreTrainedTokenizerBase:
    """Return the tokenizer with a normalizer that removes accents.

    Raises:
        NotApplicable: the tokenizer has no normalizer.

    """
    tokenizer = copy.deepcopy(tokenizer_of(pipeline))
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        msg = "the tokenizer has no normalizer"
        raise NotApplicable(msg)
    strips = [normalizers.NFD(), normalizers.StripAccents()]
    backend.normalizer = normalizers.Sequence([*strips, *([backend.normalizer] if backend.normalizer else [])])
    return tokenizer


def without_words(pipeline: Pipeline) -> PreTrainedTokenizerBase:
    """Return the tokenizer with only its special tokens.

    Raises:
        NotApplicable: a tokenizer of this kind has no unknown token.

    """
    tokenizer = copy.deepcopy(tokenizer_of(pipeline))
    backend = getattr(tokenizer, "backend_tokenizer", None)
    table = json.loads(backend.to_str()) if backend is not None else {"model": {}}
    if table["model"].get("type") not in ("WordPiece", "WordLevel"):
        msg = "a tokenizer of this kind has no unknown token"
        raise NotApplicable(msg)
    special = set(tokenizer.all_special_tokens)
    table["model"]["vocab"] = {token: number for token, number in table["model"]["vocab"].items() if token in special}
    set_backend(tokenizer, Tokenizer.from_str(json.dumps(table)))
    return tokenizer
