"""Print the tables of how fast training and the whole check are; ``make bench``.

The committed tables come from the same scripts, with real data where one takes it; each names its command.
"""

from __future__ import annotations

import engines
import whole_check
from machine import describe_machine


def main() -> None:
    """Measure and print."""
    print(
        f"# Benchmarks\n\nOn: {describe_machine()}\n\n## Engines\n\n{engines.main([])}\n## The whole check\n",
        flush=True,
    )
    print(whole_check.main([]))


if __name__ == "__main__":
    main()
