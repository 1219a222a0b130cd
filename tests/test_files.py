"""Files of a user are written whole, or stay as they were; what they are stays."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_ftcheck.files import (
    NoTemporaryFolderError,
    is_full,
    lock_path,
    remove_leftovers,
    what_to_do,
    write_whole,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "ftcheck.toml"
    path.write_bytes(b"old")
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_is_as_any_other(tmp_path: Path) -> None:
    write_whole(tmp_path / "new.json", b"new")
    (tmp_path / "other.json").touch()
    assert (tmp_path / "new.json").read_bytes() == b"new"
    assert (tmp_path / "new.json").stat().st_mode == (tmp_path / "other.json").stat().st_mode
    assert names(tmp_path) == ["new.json", "other.json"]


@pytest.mark.skipif(os.name == "nt", reason="modes are those of POSIX")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755])
def test_the_mode_stays(file: Path, mode: int) -> None:
    file.chmod(mode)
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == mode


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away")
def test_the_owner_stays(file: Path) -> None:
    os.chown(file, 1234, 2345)
    write_whole(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)


def test_the_owner_stays_where_we_may_not_set_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    real = os.stat
    monkeypatch.setattr(Path, "stat", lambda path, **keywords: _with_owner(real(path, **keywords), path.name))
    inode = os.stat(file).st_ino  # noqa: PTH116 - the one of the disk
    write_whole(file, b"new")
    assert file.read_bytes() == b"new"
    assert os.stat(file).st_ino == inode  # noqa: PTH116 - as above
    assert names(file.parent) == ["ftcheck.toml"]


def test_a_file_of_another_owner_is_as_it_was_where_it_cannot_be_written(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(path: Path, content: bytes) -> None:
        with path.open("wb") as opened:
            opened.write(content[:2])
            if content == b"new":
                raise OSError(errno.ENOSPC, "No space left on device")
            opened.write(content[2:])

    monkeypatch.setattr("pytest_ftcheck.files._keep_attributes", lambda *_: False)
    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"new")
    assert file.read_bytes() == b"old"
    assert names(file.parent) == ["ftcheck.toml"]


def _with_owner(found: os.stat_result, name: str) -> os.stat_result:
    return os.stat_result((*found[:4], 99 if name == "ftcheck.toml" else 1, *found[5:]))


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
@pytest.mark.parametrize("target", ["real.toml", "elsewhere/real.toml"])
@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing"])
def test_a_link_stays_a_link(tmp_path: Path, target: str, there: bool) -> None:  # noqa: FBT001 - a parameter
    real, link = tmp_path / target, tmp_path / "ftcheck.toml"
    real.parent.mkdir(exist_ok=True)
    if there:
        real.write_bytes(b"old")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    assert not real.is_symlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="devices of Linux")
def test_a_device_stays_a_device() -> None:
    with pytest.raises(OSError, match="No space left"):
        write_whole(Path("/dev/full"), b"new")
    assert Path("/dev/full").is_char_device()
    write_whole(Path("/dev/null"), b"new")
    assert Path("/dev/null").is_char_device()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")
def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as reader:
        read = reader.submit(pipe.read_bytes)
        write_whole(pipe, b"new")
        assert read.result() == b"new"
    assert pipe.is_fifo()


@pytest.mark.parametrize("step", ["fsync", "replace", "open"])
def test_what_fails_leaves_the_file_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"fsync": (os, step), "replace": (Path, step), "open": (Path, step)}[step], fail)
    with pytest.raises(OSError, match="No space left"):
        write_whole(file, b"new")
    monkeypatch.undo()
    assert file.read_bytes() == b"old"
    assert names(file.parent) == ["ftcheck.toml"]


KILLED = """
import os, signal, sys
from pathlib import Path
from pytest_ftcheck.files import write_whole
os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
write_whole(Path(sys.argv[1]), b"new")
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
@pytest.mark.parametrize("clean", [remove_leftovers, None], ids=["removed", "written again"])
def test_what_a_killed_process_leaves_is_gone_next_time(file: Path, clean: Callable[[Path], None] | None) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(file)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert file.read_bytes() == b"old"
    assert len(names(file.parent)) == 2
    if clean:
        clean(file.parent)
    else:
        write_whole(file, b"new")
    assert names(file.parent) == ["ftcheck.toml"]


def test_what_another_process_is_writing_stays(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def look(_: int) -> None:
        look_for = "import sys; from pathlib import Path; from pytest_ftcheck.files import remove_leftovers\n"
        code = look_for + "remove_leftovers(Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", code, str(file.parent)], check=True)
        seen.append(names(file.parent))

    monkeypatch.setattr(os, "fsync", look)
    write_whole(file, b"new")
    assert len(seen[0]) == 2
    assert file.read_bytes() == b"new"


def test_locks_are_few_however_many_files_are_written() -> None:
    names = {lock_path("file", f"/projects/{number}/out.json").name for number in range(2000)}
    assert len(names) <= 256
    # An update of a baseline holds one while it writes files.
    assert not names & {lock_path("baseline", f"/projects/{number}").name for number in range(2000)}


SCRATCH = """
import os, signal, sys
from pathlib import Path
from pytest_ftcheck.files import remove_leftovers, scratch_folder
if sys.argv[1:] == ["another"]:
    remove_leftovers(Path(sys.argv[0]))
    sys.exit()
(scratch_folder() / "request.json").touch()
assert scratch_folder() is scratch_folder()
if len(sys.argv) > 1:
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="signals of POSIX")
def test_temporary_files_go_with_their_process_or_with_the_next_one(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", SCRATCH], check=True, env=environment)
    assert names(tmp_path) == []
    for next_one in ([], ["another"]):  # the other one makes no temporary files
        subprocess.run([sys.executable, "-c", SCRATCH, "killed"], check=False, env=environment)
        assert len(names(tmp_path)) == 2
        subprocess.run([sys.executable, "-c", SCRATCH, *next_one], check=True, env=environment)
        assert names(tmp_path) == []


def test_a_system_without_a_temporary_folder_is_said(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", refuse)
    remove_leftovers(file.parent)
    with pytest.raises(NoTemporaryFolderError) as raised:
        write_whole(file, b"new")
    assert what_to_do(raised.value, "") == "Set TMPDIR to a folder that can be written"
    assert file.read_bytes() == b"old"


class Untold(Exception):  # noqa: N818 - an error of a user, whose text fails
    """Cannot be told."""

    def __str__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), True),
        (RuntimeError("I/O error: No space left on device (os error 28)"), True),
        (OSError(errno.EROFS, "Read-only file system"), False),
        (ZeroDivisionError(), False),
        (None, False),
        (Untold(), False),
    ],
)
def test_a_full_disk_is_told_from_other_errors(error: BaseException | None, full: bool) -> None:  # noqa: FBT001
    assert is_full(error) is full
    outer = ValueError("cannot save")
    outer.__cause__ = error
    assert is_full(outer) is full


@pytest.mark.parametrize(
    ("error", "todo"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Free some space"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "Free some space"),
        (OSError(errno.EFBIG, "File too large"), "Raise the limit on the size of files (ulimit -f)"),
        (RuntimeError("I/O error: File too large (os error 27)"), "Raise the limit on the size of files (ulimit -f)"),
        (OSError(errno.EROFS, "Read-only file system"), "Make it writable"),
    ],
)
def test_what_helps_follows_from_the_error(error: Exception, todo: str) -> None:
    assert what_to_do(error, "Make it writable") == todo
