"""A process that imports a server's packages once for a session, and answers in forked copies, one for each folder."""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import sys
import threading
from typing import IO, TYPE_CHECKING, cast

from pytest_ftcheck.checks.serving import fresh_script

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS = 600
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "OPENBLAS_NUM_THREADS": "1",  # numpy's threads, which a copy of a process does not have
}

_process: FreshProcess | None = None


def fresh_process() -> FreshProcess:
    """Return the process of this session; it is started if none runs, which takes seconds."""
    global _process  # noqa: PLW0603 - all checks of a session share it, and it can end and be replaced
    if _process is not None and not _process.runs:
        _process.close()
        _process = None
    _process = _process or FreshProcess()
    return _process


class FreshProcess:
    """A separate, offline process that answers requests in folders."""

    def __init__(self) -> None:
        """Start the process; it imports in parallel, and ends with this process."""
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and it runs this very Python with a script of ours
            [sys.executable, "-I", fresh_script.__file__],
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # the process and its copies are one group, which is ended together
        )
        atexit.register(self.close)

    @property
    def runs(self) -> bool:
        """Whether the process runs and can take requests."""
        return self._process.poll() is None

    def serve(self, folder: Path, seconds: float | None = None) -> str:
        """Let the process answer the folder's request; return the error, or an empty text.

        Args:
            folder: folder with the request.
            seconds: time limit; None for ten minutes.

        """
        limit = seconds or _SECONDS
        hung = threading.Event()

        def give_up() -> None:
            hung.set()
            self._kill()

        late = threading.Timer(limit, give_up)
        late.daemon = True
        late.start()
        try:
            code = self._exit_code(folder)
        finally:
            late.cancel()
        if code == fresh_script.LAST:
            self.close()
        if code in ("0", fresh_script.LAST):
            return ""
        if hung.is_set():
            self.close()
            return f"the fresh process did not answer within {limit:g} s"
        if code:
            errors = folder / fresh_script.STDERR
            return _ended(code, errors.read_text(encoding="utf-8", errors="replace") if errors.is_file() else "")
        last_words = self.close()
        return _ended(str(self._process.returncode), last_words)

    def _exit_code(self, folder: Path) -> str:
        """Return the exit code of the copy that answered; empty if the process ended before it could report."""
        # Popen declares the pipes as optional; this process was opened with both.
        requests, answers = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        try:
            requests.write(f"{folder}\n")
            requests.flush()
        except OSError:
            return ""
        return answers.readline().strip()

    def _kill(self) -> None:
        if hasattr(os, "killpg"):
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
        else:
            self._process.kill()

    def close(self) -> str:
        """End the process and its copies; return its unread output of stderr."""
        atexit.unregister(self.close)
        if self.runs:
            self._kill()
        return self._process.communicate()[1]


def _ended(code: str, errors: str) -> str:
    last = errors.strip().splitlines()[-1:] or ["it wrote nothing to stderr"]
    return f"the fresh process ended with {code}: {last[0]}"
