"""How many real defects are caught, and how many healthy projects are not: every case in a session of its own.

    python benchmarks/corpus/score.py [--half seen|unseen|all] [--case NAME] [--fresh] [--self-test]

A session is ``python -m pytest --ftcheck-trainer=train.py:defect`` in a folder that holds the case, as train.py, and
its helpers; then the same for ``fixed``, and for ``build`` of healthy ones. One runs at a time, with one thread. What a
session said is kept in corpus.json, under the digest of its files: a second call goes on where the first one stopped,
and runs a case again when its files changed, or with --fresh. The tables go to corpus.md.
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
from collections import defaultdict
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from cases import HELPERS, Case, all_cases, self_test  # noqa: E402 - after the path is set
from machine import describe_machine, markdown_table  # noqa: E402 - as above

KEPT = HERE / "corpus.json"
TABLES = HERE / "corpus.md"
TIMEOUT = 900
HALVES = ("seen", "unseen")

Row = dict[str, Any]


def package_digest() -> str:
    """Hash the source of the package: tells which results are of another state of it."""
    hashed = hashlib.sha256()
    for file in sorted((REPOSITORY / "pytest_ftcheck").rglob("*.py")):
        hashed.update(file.read_bytes())
    return hashed.hexdigest()[:12]


def one_session(case: Case, factory: str) -> Row:
    """Run one session and return what it said."""
    with tempfile.TemporaryDirectory(prefix="ftcheck-corpus-") as name:
        folder = Path(name)
        shutil.copy(case.path, folder / "train.py")
        for helper in HELPERS:
            shutil.copy(HERE / helper, folder / helper)
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        options = [f"--ftcheck-trainer=train.py:{factory}", "--ftcheck-json=document.json", "--basetemp=runs"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(REPOSITORY)}
        started = time.perf_counter()
        try:
            done = subprocess.run(  # noqa: S603 - this very interpreter
                [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT,
            )
        except subprocess.TimeoutExpired:
            return {"outcome": "timeout", "seconds": TIMEOUT, "findings": [], "tail": ""}
        seconds = round(time.perf_counter() - started, 1)
        document = folder / "document.json"
        said: Row = json.loads(document.read_text(encoding="utf-8")) if document.is_file() else {}
    findings = [
        {key: finding.get(key) for key in ("check", "subject", "expected", "observed", "hint")}
        for finding in said.get("findings", [])
    ]
    return {
        "outcome": outcome(done.returncode, finished=bool(said.get("finished")), findings=bool(findings)),
        "exit": done.returncode,
        "seconds": seconds,
        "findings": findings,
        "tail": "" if done.returncode == 0 else (done.stdout + done.stderr)[-1500:],
    }


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
    text = " ".join(str(first[key]) for key in ("check", "expected", "observed", "hint")).lower()
    return any(re.search(alternative, text, re.IGNORECASE | re.DOTALL) for alternative in cause)


def run(case: Case, kept: Row, package: str, *, fresh: bool) -> Row:
    """Run the sessions of a case that are not kept, or are of other files."""
    key = f"{case.kind}/{case.name}"
    entry: Row = kept.get(key, {})
    if fresh or entry.get("digest") != case.digest:
        entry = {"digest": case.digest, "half": case.half, "sessions": {}}
    module = case.load() if case.kind == "defects" else None
    for factory in case.factories:
        if factory not in entry["sessions"]:
            entry["sessions"][factory] = {**one_session(case, factory), "package": package}
            session = entry["sessions"][factory]
            checks = ", ".join(dict.fromkeys(finding["check"] for finding in session["findings"]))
            print(f"{key}:{factory}: {session['outcome']} in {session['seconds']} s {checks}", flush=True)
    if module is not None:
        entry |= {"family": module.FAMILY, "report": module.REPORT}
        entry["named"] = named(entry["sessions"]["defect"], module.CAUSE)
    return entry


def share(count: int, of: int) -> str:
    """`7/8 (0.53 to 0.98)`: with Wilson's 95% interval."""
    if not of:
        return "0/0"
    interval = binomtest(count, of).proportion_ci(method="wilson")
    return f"{count}/{of} ({interval.low:.2f} to {interval.high:.2f})"


def summary(entries: dict[str, Row]) -> Row:
    """Count what was caught, named, and alarmed falsely."""
    defects = [entry for key, entry in entries.items() if key.startswith("defects/")]
    healthy = [entry for key, entry in entries.items() if key.startswith("healthy/")]
    outcomes = {name: [entry["sessions"][name]["outcome"] for entry in defects] for name in ("defect", "fixed")}
    built = [entry["sessions"]["build"]["outcome"] for entry in healthy]
    seconds = [session["seconds"] for entry in entries.values() for session in entry["sessions"].values()]
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
    lines = ["# Defects from the wild, and healthy projects", "", describe_machine(), ""]
    head = [
        "half",
        "defects caught",
        "cause named first",
        "refused or error",
        "fixed twins not green",
        "healthy not green",
    ]
    rows, halves = [], {half: {k: e for k, e in kept.items() if e["half"] == half} for half in HALVES}
    for half in (*HALVES, "all"):
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
    stale = sum(s["package"] != package for entry in kept.values() for s in entry["sessions"].values())
    if stale:
        lines += [f"{stale} sessions are of another state of the package than this one ({package}).", ""]
    for half in HALVES:
        lines += [f"## By family: {half}", "", families(halves[half]), ""]
    lines += ["## The seen cases", "", told(halves["seen"]), ""]
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
        seconds = sum(session["seconds"] for session in sessions.values())
        rows.append([key, entry.get("report", ""), first["outcome"], check, mark, twin, f"{seconds:.0f}"])
    return markdown_table(["case", "report", "outcome", "first check", "cause named", "fixed twin", "seconds"], rows)


def main() -> int:
    """Run what is asked for, keep it, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", choices=(*HALVES, "all"), default="all")
    parser.add_argument("--case", default="")
    parser.add_argument("--fresh", action="store_true", help="run again what is kept")
    parser.add_argument("--self-test", action="store_true", help="only build every Trainer, and check the files")
    options = parser.parse_args()
    cases = all_cases(options.half, options.case)
    if not cases:
        parser.error(f"no case {options.case!r} in this half")
    if options.self_test:
        wrong = self_test(cases)
        print(*wrong, f"{len(cases)} cases, {len(wrong)} complaints", sep="\n")
        return bool(wrong)
    kept: Row = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    package = package_digest()
    for case in cases:
        kept[f"{case.kind}/{case.name}"] = run(case, kept, package, fresh=options.fresh)
        KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    existing = {f"{case.kind}/{case.name}" for case in all_cases()}
    kept = {key: entry for key, entry in kept.items() if key in existing}
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    TABLES.write_text(tables(kept, package), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
