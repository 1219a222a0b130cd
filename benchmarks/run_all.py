"""Run every benchmark that takes minutes, and write the tables into ``benchmarks/results.md``."""

from __future__ import annotations

from pathlib import Path

import engines
import idle
from machine import describe_machine


def main() -> None:
    """Measure, print and write."""
    text = (
        f"# Benchmarks\n\nMade by `make bench` on: {describe_machine()}\n\n"
        f"## Idle cost\n\n{idle.main()}\n## Engines\n\n{engines.main()}"
    )
    Path(__file__).with_name("results.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
