"""How many real defects are caught, and how many healthy projects are not: every case in a session of its own.

    python benchmarks/corpus/score.py [--half seen|unseen|all] [--case NAME] [--fresh] [--self-test]
        [--seeds N] [--torch FOLDER] [--kept FILE | --merge FILE...]

A session is ``python -m pytest --ftcheck-trainer=train.py:defect`` in a folder that holds the case, as train.py, and
its helpers; then the same for ``fixed``, and for ``build`` of healthy ones. One runs at a time, with one thread. What a
session said is kept in corpus.json, under the digest of its files: a second call goes on where the first one stopped,
and runs a case again when its files changed, or with --fresh. The tables go to corpus.md. Two processes may run at once
where each has a file of its own (--kept); --merge puts such files together.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from beside import FRESH, TORCH, beside_others, fresh, share  # noqa: E402 - after the path is set
from cases import HELPERS, Case, all_cases, self_test  # noqa: E402 - as above
from machine import describe_machine, markdown_table  # noqa: E402 - as above

KEPT = HERE / "corpus.json"
TABLES = HERE / "corpus.md"
TIMEOUT = 900
HALVES = ("seen", "unseen")
BESIDE = """The floor stands 0.03 below what the fixed twin's own run reached, for every metric but the loss (above it,
where less is better). It catches a defect where a metric of its run is worse or missing, or there is no run; it cannot
say why. A twin on the same data, with the same seed and without the mistake, is more than a team has who sets a floor.
pytest-torch's checks take models, batches, optimizers and steps; `torch_checks.py` hands them a Trainer's."""

if TYPE_CHECKING:
    from collections.abc import Callable

Row = dict[str, Any]


def package_digest() -> str:
    """Hash the source of the package: tells which results are of another state of it."""
    hashed = hashlib.sha256()
    for file in sorted((REPOSITORY / "pytest_ftcheck").rglob("*.py")):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()[:12]


def pytest_in(
    folder: Path, case: Case, options: list[str], **environment: str
) -> tuple[subprocess.CompletedProcess[str] | None, float]:
    """Run pytest in a folder that holds a case; return what it did, or None where it took too long, and the seconds."""
    shutil.copy(case.path, folder / "train.py")
    for helper in HELPERS:
        shutil.copy(HERE / helper, folder / helper)
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    started = time.perf_counter()
    try:
        done = subprocess.run(  # noqa: S603 - this very interpreter
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp=runs", *options],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return None, TIMEOUT
    return done, round(time.perf_counter() - started, 1)


def timed_out(seconds: float) -> Row:
    """Return the session that did not end."""
    return {"outcome": "timeout", "seconds": seconds, "findings": [], "tail": "", "metrics": None, "warnings": []}


def one_session(case: Case, factory: str, seed: int = 0) -> Row:
    """Run one session and return what it said."""
    with tempfile.TemporaryDirectory(prefix="ftcheck-corpus-") as name:
        folder = Path(name)
        options = [f"--ftcheck-trainer=train.py:{factory}", "--ftcheck-json=document.json"]
        done, seconds = pytest_in(folder, case, [*options, *([f"--ftcheck-seeds={seed}"] if seed else [])])
        if done is None:
            return timed_out(seconds)
        document = folder / "document.json"
        said: Row = json.loads(document.read_text(encoding="utf-8")) if document.is_file() else {}
    findings = [
        {key: anywhere(str(finding.get(key)), folder) for key in ("check", "subject", "expected", "observed", "hint")}
        for finding in said.get("findings", [])
    ]
    ended = outcome(done.returncode, finished=bool(said.get("finished")), findings=bool(findings))
    return {
        "outcome": ended,
        "exit": done.returncode,
        "seconds": seconds,
        "findings": findings,
        # What a red session says stands in its findings.
        "tail": "" if ended in {"green", "red"} else anywhere((done.stdout + done.stderr)[-1500:], folder),
        "metrics": next((ran["metrics"] for ran in said.get("runs", [])), None),
        "warnings": list(dict.fromkeys(warned["check"] for warned in said.get("warnings", []))),
    }


def torch_session(case: Case, factory: str, package: str) -> Row:
    """Run the checks of pytest-torch that take what a Trainer holds; `package` is the folder that it was put into."""
    with tempfile.TemporaryDirectory(prefix="ftcheck-corpus-") as name:
        folder = Path(name)
        shutil.copy(HERE / "torch_checks.py", folder / "test_torch_checks.py")
        path = os.pathsep.join([str(REPOSITORY), str(Path(package).resolve())])
        options = ["--junitxml=report.xml", "test_torch_checks.py"]
        done, seconds = pytest_in(folder, case, options, PYTHONPATH=path, CORPUS_FACTORY=factory)
        if done is None:
            return timed_out(seconds)
        report = folder / "report.xml"
        tests = list(ET.parse(report).getroot().iter("testcase")) if report.is_file() else []  # noqa: S314 - written here
    findings = [
        {"check": test.get("name"), "observed": failed.get("message")}
        for test in tests
        for failed in test.iter("failure")
    ]
    known = {0: "green", 1: "red" if findings else "error"}
    return {
        "outcome": known.get(done.returncode, "error"),
        "exit": done.returncode,
        "seconds": seconds,
        "findings": findings,
        "tail": "" if done.returncode == 0 or findings else anywhere(done.stdout[-1500:], folder),
    }


def anywhere(text: str, folder: Path) -> str:
    """Take the places of this machine out of a text, so that results read the same wherever they were made."""
    for place, name in ((folder, "."), (REPOSITORY, "pytest-ftcheck"), (Path(sys.prefix), "python")):
        text = text.replace(str(place), name)
    return text


def outcome(exit_code: int, *, finished: bool, findings: bool) -> str:
    """`green`, `red` because of a finding, `refused` as a usage error, or `error`: red for another reason."""
    if exit_code == 0 and finished:
        return "green"
    if exit_code == 4:
        return "refused"
    return "red" if finished and findings else "error"


def named(session: Row, cause: tuple[str, ...]) -> bool:
    """Whether the first finding names the cause."""
    if session["outcome"] != "red":
        return False
    first = session["findings"][0]
    text = " ".join(str(first.get(key, "")) for key in ("check", "expected", "observed", "hint")).lower()
    return any(re.search(alternative, text, re.IGNORECASE | re.DOTALL) for alternative in cause)


def wanted(case: Case, package: str, seeds: int, torch: str) -> dict[str, Callable[[], Row]]:
    """Return the sessions of a case, by name."""
    sessions: dict[str, Callable[[], Row]] = {
        factory: lambda factory=factory: {**one_session(case, factory), "package": package}  # type: ignore[misc]
        for factory in case.factories
    }
    if case.kind == "healthy":
        for seed in range(1, seeds + 1):
            sessions[f"{FRESH}{seed}"] = lambda seed=seed: {  # type: ignore[misc]
                **one_session(case, "build", seed),
                "package": package,
            }
    if torch:
        for factory in case.factories:
            sessions[f"{TORCH}{factory}"] = lambda factory=factory: torch_session(case, factory, torch)  # type: ignore[misc]
    return sessions


def run(case: Case, kept: Row, sessions: dict[str, Callable[[], Row]], *, again: bool) -> Row:
    """Run those of a case's sessions that are not kept, or are of other files."""
    key = f"{case.kind}/{case.name}"
    entry: Row = kept.get(key, {})
    if again or entry.get("digest") != case.digest:
        entry = {"digest": case.digest, "sessions": {}}
    entry["half"] = case.half
    module = case.load() if case.kind == "defects" else None
    for name, session_of in sessions.items():
        if name not in entry["sessions"]:
            session = entry["sessions"][name] = session_of()
            checks = ", ".join(dict.fromkeys(finding["check"] for finding in session["findings"]))
            print(f"{key}:{name}: {session['outcome']} in {session['seconds']} s {checks}", flush=True)
    if module is not None:
        entry |= {"family": module.FAMILY, "report": module.REPORT}
        entry["named"] = named(entry["sessions"]["defect"], module.CAUSE)
        if f"{TORCH}defect" in entry["sessions"]:
            entry["torch named"] = named(entry["sessions"][f"{TORCH}defect"], module.CAUSE)
    return entry


def plain(entry: Row) -> list[Row]:
    """Return the sessions that the tables count: with the first seed, of this plugin."""
    return [session for name, session in entry["sessions"].items() if not name.startswith((FRESH, TORCH))]


def merged(kept: Row, others: list[Row]) -> Row:
    """Put results together, the last of them first; those of a case's other files are left out."""
    digests = {f"{case.kind}/{case.name}": case.digest for case in all_cases()}
    result: Row = {}
    for results in (kept, *others):
        for key, entry in results.items():
            if entry["digest"] == digests.get(key):
                before = result.get(key, {"sessions": {}})
                result[key] = {**before, **entry, "sessions": {**before["sessions"], **entry["sessions"]}}
    return result


def summary(entries: dict[str, Row]) -> Row:
    """Count what was caught, named, and alarmed falsely."""
    defects = [entry for key, entry in entries.items() if key.startswith("defects/")]
    healthy = [entry for key, entry in entries.items() if key.startswith("healthy/")]
    outcomes = {name: [entry["sessions"][name]["outcome"] for entry in defects] for name in ("defect", "fixed")}
    built = [entry["sessions"]["build"]["outcome"] for entry in healthy]
    seconds = [session["seconds"] for entry in entries.values() for session in plain(entry)]
    return {
        "defects": len(defects),
        "caught": sum(said == "red" for said in outcomes["defect"]),
        "refused or error": sum(said not in {"red", "green"} for said in outcomes["defect"]),
        "named": sum(entry["named"] for entry in defects),
        "fixed": len(defects),
        "fixed red": sum(said != "green" for said in outcomes["fixed"]),
        "healthy": len(healthy),
        "healthy red": sum(said != "green" for said in built),
        "seconds": sum(seconds),
        "sessions": len(seconds),
    }


def tables(kept: Row, package: str) -> str:
    """Render both halves; only of the seen one are the cases told."""
    lines = ["# Defects seen in practice, and healthy projects", "", describe_machine(), ""]
    head = [
        "half",
        "defects caught",
        "cause named first",
        "refused or error",
        "fixed twins not green",
        "healthy not green",
    ]
    by_half = {half: {k: e for k, e in kept.items() if e["half"] == half} for half in HALVES}
    rows, halves = [], {half: entries for half, entries in by_half.items() if entries}
    for half in (*halves, "all"):
        counts = summary(kept if half == "all" else halves[half])
        rows.append(
            [
                half,
                share(counts["caught"], counts["defects"]),
                share(counts["named"], counts["defects"]),
                str(counts["refused or error"]),
                share(counts["fixed red"], counts["fixed"]),
                share(counts["healthy red"], counts["healthy"]),
            ]
        )
    lines += [markdown_table(head, rows), "", "In brackets: Wilson's 95% interval.", ""]
    reseeded = [session["outcome"] for session, _ in fresh(kept)]
    if reseeded:
        red = share(sum(said != "green" for said in reseeded), len(reseeded))
        lines += [f"Healthy projects with fresh seeds: {red} sessions not green.", ""]
    lines += ["## Beside others", "", beside_others({**halves, "all": kept}), "", BESIDE, ""]
    stale = sum(
        session.get("package", package) != package for entry in kept.values() for session in entry["sessions"].values()
    )
    if stale:
        lines += [f"{stale} sessions are of another state of the package than this one ({package}).", ""]
    for half, entries in halves.items():
        lines += [f"## By family: {half}", "", families(entries), ""]
    lines += ["## The seen cases", "", told(by_half["seen"]), ""]
    if "unseen" in halves:
        lines += ["The unseen ones are in corpus.json: whoever changes checks does not look.", ""]
    return "\n".join(lines)


def families(entries: dict[str, Row]) -> str:
    """Render one row per family."""
    grouped: dict[str, dict[str, Row]] = defaultdict(dict)
    for key, entry in entries.items():
        grouped[entry.get("family", "healthy projects")][key] = entry
    rows = []
    for family in sorted(grouped):
        counts = summary(grouped[family])
        total = counts["defects"] or counts["healthy"]
        alarms = counts["fixed red"] + counts["healthy red"]
        caught = [f"{counts['caught']}/{total}", f"{counts['named']}/{total}"] if counts["defects"] else ["", ""]
        per_session = counts["seconds"] / max(1, counts["sessions"])
        rows.append([family, *caught, f"{alarms}/{total}", f"{per_session:.0f}"])
    return markdown_table(["family", "caught", "named first", "false alarms", "seconds a session"], rows)


def told(entries: dict[str, Row]) -> str:
    """Render one row per case."""
    rows = []
    for key in sorted(entries):
        entry = entries[key]
        sessions = entry["sessions"]
        first = sessions.get("defect", sessions.get("build", {}))
        check = first["findings"][0]["check"] if first["findings"] else ""
        mark = ("yes" if entry["named"] else "no") if "named" in entry else ""
        twin = sessions["fixed"]["outcome"] if "fixed" in sessions else ""
        seconds = sum(session["seconds"] for session in plain(entry))
        rows.append([key, entry.get("report", ""), first["outcome"], check, mark, twin, f"{seconds:.0f}"])
    return markdown_table(["case", "report", "outcome", "first check", "cause named", "fixed twin", "seconds"], rows)


def main() -> int:
    """Run what is asked for, keep it, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all")
    parser.add_argument("--case", default="")
    parser.add_argument("--fresh", action="store_true", help="run again what is kept")
    parser.add_argument("--self-test", action="store_true", help="only build every Trainer, and check the files")
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="run healthy projects with seeds 1 to N, too")
    parser.add_argument("--torch", default="", metavar="FOLDER", help="run pytest-torch from this folder, too")
    parser.add_argument(
        "--kept", type=Path, default=KEPT, metavar="FILE", help="keep results here, and write no tables"
    )
    parser.add_argument("--merge", type=Path, nargs="+", default=[], metavar="FILE", help="only add these results")
    options = parser.parse_args()
    if options.merge:
        write(merged(read(KEPT), [read(file) for file in options.merge]), KEPT)
        return 0
    cases = all_cases(options.half, options.case)
    if not cases:
        parser.error(f"no case {options.case!r} in this half")
    if options.self_test:
        wrong = self_test(cases)
        print(*wrong, f"{len(cases)} cases, {len(wrong)} complaints", sep="\n")
        return bool(wrong)
    kept = read(options.kept)
    package = package_digest()
    for case in cases:
        sessions = wanted(case, package, options.seeds, options.torch)
        kept[f"{case.kind}/{case.name}"] = run(case, kept, sessions, again=options.fresh)
        options.kept.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    existing = {f"{case.kind}/{case.name}" for case in all_cases()}
    write({key: entry for key, entry in kept.items() if key in existing}, options.kept)
    return 0


def read(file: Path) -> Row:
    """Read results, if there are any."""
    results: Row = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return results


def write(kept: Row, file: Path) -> None:
    """Write results, and the tables where they are the corpus's own."""
    file.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if file.resolve() == KEPT:
        TABLES.write_text(tables(kept, package_digest()), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
