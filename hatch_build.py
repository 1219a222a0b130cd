"""What hatchling cannot know of the project's metadata: the README as it must stand outside of the repository.

The links of README.md are relative, so that they lead to the same version of a file in every clone. On the page of a
package index no file lies beside the README, and such a link leads nowhere: there each one gets the project's address.
"""

from __future__ import annotations

import re
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

_RELATIVE_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s]+)\)")


def with_absolute_links(text: str, source: str) -> str:
    """Let every relative link of a Markdown text lead to the main branch of the repository at `source`."""
    return _RELATIVE_LINK.sub(rf"]({source}/blob/main/\1)", text)


class ReadmeHook(MetadataHookInterface):
    """Put the README into the metadata."""

    def update(self, metadata: dict[str, object]) -> None:
        """Add what pyproject.toml declares as dynamic: ``readme``."""
        urls = metadata["urls"]
        if not isinstance(urls, dict):
            msg = f"pyproject.toml: [project.urls] is to be a table with the key Source, and is {urls!r}"
            raise TypeError(msg)
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": with_absolute_links(text, urls["Source"]),
        }
