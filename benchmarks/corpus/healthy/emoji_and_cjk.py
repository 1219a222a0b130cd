"""Unusual: texts of emoji and Chinese, Japanese and Korean words, a vocabulary of their own, trained from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transformers import DistilBertConfig, DistilBertForSequenceClassification, set_seed

from parts import accuracy_and_f1, arguments, assemble, encode, word_tokenizer
from worlds import notes

if TYPE_CHECKING:
    from transformers import Trainer

WORDS = (
    "😀 😍 👍 🎉 🌞 💯 好 很好 喜欢 漂亮 快乐 满意 😡 👎 💩 🤮 😭 💔 坏 讨厌 难吃 失望 "
    "生气 糟糕 ありがとう 素敵 最高 楽しい 嬉しい きれい 私 あなた これ それ 今日 明日 "
    "昨日 店 本 水 茶 車 駅 道 ☕ 🚗 🏠 📚 🍎 🍜 🐶 🌧 우리 오늘 내일 가게 책 물 차 "
    "길 집 나무 ☂ 🎵 📷 ⚽ 手紙 電話 学校 会社 朝 夜"
).split()


def build(output_dir: str = "out", seed: int = 0) -> Trainer:
    """Train from scratch."""
    set_seed(seed)
    names = ("赞", "批评", "感謝")
    data = notes(3, words=WORDS, length=(5, 12))
    tokenizer = word_tokenizer(data["train"]["text"])
    config = DistilBertConfig(
        vocab_size=len(tokenizer),
        dim=64,
        hidden_dim=128,
        n_layers=1,
        n_heads=2,
        max_position_embeddings=128,
        id2label=dict(enumerate(names)),
        label2id={name: label for label, name in enumerate(names)},
    )
    args = arguments(output_dir, seed, learning_rate=3e-3, num_train_epochs=5)
    model = DistilBertForSequenceClassification(config)
    return assemble(model, args, encode(data, tokenizer, "text"), tokenizer, compute_metrics=accuracy_and_f1)
