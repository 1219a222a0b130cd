"""Nothing is published: a hub on this machine counts its requests, with ``push_to_hub=True`` in the user's Trainer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.tasks.bundled import bundled_checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRAIN = f"""
from datasets import Dataset
from transformers import (
    AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer, TrainingArguments,
)

CHECKPOINT = {str(bundled_checkpoint("tiny-bert"))!r}
TEXTS = ["the food was great", "the food was awful", "we loved the music", "we hated the room"]


def build(output_dir="tuned"):
    tokenizer = AutoTokenizer.from_pretrained(CHECKPOINT)
    rows = Dataset.from_dict({{"text": TEXTS * 8, "label": [1, 0] * 16}})
    rows = rows.map(lambda row: tokenizer(row["text"], truncation=True))
    return Trainer(
        model=AutoModelForSequenceClassification.from_pretrained(CHECKPOINT, num_labels=2),
        args=TrainingArguments(
            output_dir, num_train_epochs=2, use_cpu=True, push_to_hub=True, hub_token="hf_1", hub_model_id="me/tuned",
            hub_strategy="all_checkpoints", hub_always_push=True, save_strategy="epoch", eval_strategy="epoch",
            load_best_model_at_end=True,
        ),
        train_dataset=rows, eval_dataset=rows.select(range(16)), processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
    )


if __name__ == "__main__":
    build().train()
"""


class Hub:
    """Counts what it is asked, and answers each question with an empty object."""

    def __init__(self) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                asked.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = answer  # noqa: N815 - names of the standard library

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.asked = asked
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def hub() -> Iterator[Hub]:
    found = Hub()
    thread = threading.Thread(target=found.server.serve_forever, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def run(folder: Path, hub: Hub, *arguments: str) -> subprocess.CompletedProcess[str]:
    names = ("PYTEST_", "HF_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(names)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment | {"HF_ENDPOINT": hub.url, "HF_HOME": str(folder / "hub")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_the_script_itself_asks_the_hub(tmp_path: Path, hub: Hub) -> None:
    """Else the test below could not fail."""
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    run(tmp_path, hub, "train.py")
    assert hub.asked


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="offline", marks=pytest.mark.slow),
        pytest.param(("--ftcheck-online",), id="online", marks=pytest.mark.slow),
    ],
)
def test_a_trainer_that_publishes_is_judged_and_publishes_nothing(
    tmp_path: Path, hub: Hub, options: tuple[str, ...]
) -> None:
    (tmp_path / "train.py").write_text(TRAIN, encoding="utf-8")
    (tmp_path / "ftcheck.toml").touch()
    checks = "--ftcheck-checks=model.logits_shape,training.resume,training.finite_loss"
    done = run(
        tmp_path, hub, "-m", "pytest", "--ftcheck-trainer=train.py:build", "--ftcheck-engine=both", checks, *options,
        "--ftcheck-json=out.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert hub.asked == []
    assert "publishing" in done.stdout
    checks_run = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["checks"]
    assert [check["outcome"] for check in checks_run].count("passed") >= 4
