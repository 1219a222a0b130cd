"""The page of all options, ``docs/options.md``; run as a script, this module writes it."""

from __future__ import annotations

import sys

from pytest_ftcheck.configuration import COMMAND_LINE_ALONE
from pytest_ftcheck.option_groups import described_options

_INTRODUCTION = """# The options

`pytest --help` prints them, too. An option that has no effect in a session is a usage error.

An option with a key can also be set in `[tool.ftcheck]` of `pyproject.toml`, or in `ftcheck.toml`; an option without a
value is `true` there. The command line has precedence. A relative path in the file starts at the file's folder, a
relative path on the command line at the current folder.

```toml
[tool.ftcheck]
engine = "both"
seeds = "0-2"
reuse = true
store = "runs"
```

"""


def options_page() -> str:
    """Render every option as Markdown: form on the command line, effect, and key in the configuration file."""
    lines = []
    for title, options in described_options().items():
        lines += ["", f"## {title.capitalize()}", ""]
        for typed, field, text in options:
            key = typed.removeprefix("--ftcheck-").partition("=")[0].removesuffix("[")
            in_file = field is not None and field not in COMMAND_LINE_ALONE
            lines.append(f"- `{typed}`: {text}" + (f"; key `{key}`" if in_file else ""))
    return _INTRODUCTION + "\n".join(lines).lstrip("\n") + "\n"


if __name__ == "__main__":
    sys.stdout.write(options_page())
