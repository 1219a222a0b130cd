"""The projects in the folders here are those of users: they are copied, never collected."""

from __future__ import annotations

collect_ignore_glob = ["project*", "beside"]
