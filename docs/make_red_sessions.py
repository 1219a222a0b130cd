"""Write docs/red-sessions.md and docs/terminal.svg from red sessions that are run here: ``make red-sessions``."""

from __future__ import annotations

import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "red_sessions"))

from run_sessions import Ran, RedSession, red_sessions, run_red  # noqa: E402 - the line above lets Python find it

PICTURED = "The collator"
"""The session that stands in docs/terminal.svg."""
WIDTH = 116
_ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
_MARKDOWN_LINES = 20

HEAD = """\
# Red sessions: what each looks like

Each session is a healthy project with one fault of a user. The page shows the change, the summary in the terminal, and
the beginning of the Markdown for a pull request. `make red-sessions` runs the sessions of
`docs/red_sessions/sessions.toml`, and writes this page from what they print; a slow test compares the causes.
[A check fails: what now?](red.md) has the steps after that.
"""


def plain(output: str) -> str:
    """Return an output without its colours."""
    return _ESCAPE.sub("", output)


def summary(output: str) -> list[str]:
    """Return the section ``ftcheck`` of a session down to the counts of the checks, colours included."""
    lines = output.splitlines()
    first = next(place for place, line in enumerate(lines) if "= ftcheck =" in plain(line))
    last = next(place for place, line in enumerate(lines) if plain(line).startswith("checks: "))
    return lines[first : last + 1]


def section(session: RedSession, ran: Ran) -> str:
    """Return a session as a section of the page."""
    before = [f"$ {command}" for command in session.before]
    after = [f"$ {command}" for command in session.after]
    markdown = ran.markdown.splitlines()
    shown = [*markdown[:_MARKDOWN_LINES], *(["..."] if len(markdown) > _MARKDOWN_LINES else [])]
    card = ["", "```toml", session.card.strip(), "```"] if session.card else []
    return "\n".join(
        [
            f"## {session.title}",
            "",
            f"{session.text} The project is `{session.project}`, the change in `{session.file}`:",
            *card,
            "",
            "```diff",
            *session.diff(),
            "```",
            "",
            "```console",
            *before,
            *after,
            f"$ {session.command} --ftcheck-md=red.md",
            "...",
            *summary(plain(ran.output)),
            "...",
            "```",
            "",
            "```markdown",
            *shown,
            "```",
            "",
        ]
    )


def picture(session: RedSession, ran: Ran) -> str:
    """Return the summary of a session in the terminal as SVG, which loads no font from elsewhere."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text(f"$ {session.command}"))
    for line in summary(ran.output):
        console.print(Text.from_ansi(line), soft_wrap=False)
    svg = console.export_svg(title=session.command, unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def main() -> None:
    """Run all sessions; write the page and the picture."""
    sections = []
    for session in red_sessions():
        with tempfile.TemporaryDirectory() as folder:
            ran = run_red(session, Path(folder), "--color=yes")
        print(f"{session.title}: exit code {ran.status}, causes: {', '.join(ran.causes())}", flush=True)
        sections.append(section(session, ran))
        if session.title == PICTURED:
            (DOCS / "terminal.svg").write_text(picture(session, ran), encoding="utf-8")
    (DOCS / "red-sessions.md").write_text("\n".join([HEAD, *sections]).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
