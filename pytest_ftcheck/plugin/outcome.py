"""What the session found: collected from the reports of all processes, shown and written at the end."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.compat.of_pytest import terminal_writer
from pytest_ftcheck.errors import CheckFailure, SettingsError
from pytest_ftcheck.findings import Finding
from pytest_ftcheck.plugin.baseline_outcome import finish_baselines
from pytest_ftcheck.plugin.causes import causes_of
from pytest_ftcheck.plugin.effects import unused_options
from pytest_ftcheck.plugin.junit import record_case
from pytest_ftcheck.plugin.session import SUITE, is_worker, own_tests_line

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from pytest_ftcheck.plugin.causes import Causes
    from pytest_ftcheck.plugin.reports import Reports
    from pytest_ftcheck.plugin.session import FtcheckSession
    from pytest_ftcheck.settings import Settings


_FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
_TABLE_COLUMNS = 160
"""Room for the summary on any terminal: a line that wraps can be read, a number cut in half cannot."""


class SessionOutcome:
    """Judges the session by what all tests told, in the process that has the terminal."""

    def __init__(self, session: FtcheckSession, reports: Reports) -> None:
        self._session = session
        self._reports = reports
        self._more_notes: list[str] = []
        self._unused: str = ""
        """Why the session is misused as a whole; empty where it is not."""
        self._baseline: dict[str, Any] = {}
        self._lost: str = ""
        """Why the JSON document was not written; empty where it was, or is not asked for."""

    @property
    def used(self) -> bool:
        """Whether any test of this session used the plugin."""
        return bool(self._session.settings.tasks or self._runs or self._reports.told("findings"))

    @property
    def _runs(self) -> dict[str, dict[str, Any]]:
        """Runs that tests looked at, by their names."""
        runs: dict[str, dict[str, Any]] = {}
        for told in self._reports.values("runs").values():
            for key, run in told.items():
                # Made anew by one test and shared by the others: it counts as reused only where nobody made it.
                runs[key] = {**run, "reused": run["reused"] and runs.get(key, run)["reused"]}
        return runs

    @property
    def _checks(self) -> dict[str, dict[str, Any]]:
        return self._reports.cases

    @property
    def _left_to(self) -> dict[str, str]:
        """Tests that were skipped because another one tells why there is no run: the other by the first."""
        return self._reports.values("left_to")

    @property
    def _notes(self) -> list[str]:
        told = (note for notes in self._reports.values("notes").values() for note in notes)
        return list(dict.fromkeys([*told, *self._more_notes]))

    @property
    def _warnings(self) -> list[dict[str, Any]]:
        """Findings of gates that are inconclusive, and pass."""
        return [{"nodeid": nodeid, **found} for nodeid, found in self._reports.told_by("warnings")]

    @cached_property
    def _causes(self) -> Causes:
        """What is red, and because of what; asked for when all reports are in."""
        return causes_of(self._reports)

    @cached_property
    def _over_seeds(self) -> list[dict[str, Any]]:
        """The gates over several seeds; asked for when all reports are in."""
        gates = self._reports.told("gates")
        if not any(gate["informs"] for gate in gates):
            return []
        from pytest_ftcheck.plugin.seeds import judge_together  # noqa: PLC0415 - slow to import

        told = {(*_origin(gate), gate["metric"]) for gate in gates}
        cases = [check for check in self._checks.values() if check["check"] == "metrics.floor" and "metric" in check]
        lost = [
            case
            for case in cases
            if (case["outcome"] == "failed" or case["nodeid"] in self._left_to)
            and (*_origin(case), case["metric"]) not in told
        ]
        return judge_together(self._session, self._verdicts, lost)

    def _red_over_seeds(self) -> list[dict[str, Any]]:
        """Findings over several seeds that fail the session; the others are warnings."""
        return [found for row in self._over_seeds if self._is_red(row) for found in row["findings"]]

    def _is_red(self, row: Mapping[str, Any]) -> bool:
        return row["status"] == "fail" or (row["status"] == "inconclusive" and self._session.settings.strict)

    @property
    def _verdicts(self) -> list[dict[str, Any]]:
        """The gates by task, engine and seed, whatever the order in which the workers told of them."""
        settings, gates = self._session.settings, self._reports.told("gates")
        made = {_origin(gate) for gate in gates if not gate["reused"]}
        return [
            {**gate, "reused": _origin(gate) not in made}
            for gate in sorted(gates, key=lambda gate: _place(gate, settings))
        ]

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Tell the JUnit report of what no test tells, before it is written; judge the session when all others have."""
        listed = session.config.getoption("collectonly")
        if not listed and session.exitstatus in _FINISHED:
            self._record_over_seeds(session.config)
        yield
        if not listed:
            self._finish(session)

    def _record_over_seeds(self, config: pytest.Config) -> None:
        """Make each verdict over several seeds a case of the JUnit report, beside those of single seeds."""
        for row in self._over_seeds:
            names = [row["metric"], row["slice"], row["engine"], f"mean of {len(row['values'])} seeds"]
            name = "-".join(filter(None, names))
            red = CheckFailure([Finding(**found) for found in row["findings"]]) if self._is_red(row) else ""
            kind = "floor" if row["limits"]["greater_is_better"] else "ceiling"
            limit = {} if row["floor"] is None else {f"{row['metric']}_{kind}": row["floor"]}
            values = {row["metric"]: row["value"], **limit}
            record_case(config, f"{SUITE}{row['task']}::test_metric_floor[{name}]", failure=str(red), values=values)

    def _finish(self, session: pytest.Session) -> None:
        """Fail closed: a task of which no test ran, and misuse that only showed in a test."""
        if self._session.settings.tasks:
            from pytest_ftcheck.plugin.collection import unreached_overrides  # noqa: PLC0415 - as the suite

            self._more_notes += unreached_overrides(session.config)
        finished = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)
        if finished and self._idle_tasks(session.config):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if finished and (self._untold or self._red_over_seeds()):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        self._unused = unused_options(session.config, self._session.settings, used=self._reports.used)
        misused = self._reports.misused and session.exitstatus == pytest.ExitCode.TESTS_FAILED
        if misused or (self._unused and finished):
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        self._causes.reorder(session.config)
        # It accepts runs only where all of the above is green.
        self._baseline = finish_baselines(session)
        if self._session.settings.json:
            self._write_json(session, self._session.settings.json)

    def _write_json(self, session: pytest.Session, path: Path) -> None:
        """Write the document; a session whose document is lost fails, and shows everything else."""
        from pytest_ftcheck.files import what_to_do  # noqa: PLC0415 - only where asked for
        from pytest_ftcheck.report.json import write_json  # noqa: PLC0415 - as above

        try:
            write_json(path, self._document(session))
        except OSError as error:
            todo = what_to_do(error, "Make it writable")
            self._lost = (
                f"--ftcheck-json={path}: not written, {error.strerror or error}: the session fails. {todo}, or give "
                "another file."
            )
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _idle_tasks(self, config: pytest.Config) -> list[str]:
        """Selected tasks of which no test ran; those that --lf left out have passed before."""
        if config.getoption("lf", default=False):
            return []
        ran = {check["task"] for check in self._checks.values() if check["outcome"] != "skipped"}
        return [task for task in self._session.settings.tasks if task not in ran]

    @property
    def _untold(self) -> list[str]:
        """Tests that should have told why there is no run, and did not fail."""
        failed = {nodeid for nodeid, check in self._checks.items() if check["outcome"] == "failed"}
        return sorted(set(self._left_to.values()) - failed)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
        """Show the table that says whether the model may ship."""
        for error in filter(None, (self._unused, self._lost)):
            terminalreporter.write_line(f"ERROR: {error}", red=True)
        if not self.used or config.getoption("collectonly"):
            return
        from pytest_ftcheck.report import summary  # noqa: PLC0415 - imports rich

        terminalreporter.section("ftcheck", "=")
        for line in summary.cause_lines(self._causes.told()):
            terminalreporter.write_line(line)
        if self._reports.told("gates"):
            writer = terminal_writer(terminalreporter)
            terminalreporter.write_line(
                summary.summary_table(
                    self._verdicts,
                    self._over_seeds,
                    color=writer.hasmarkup,
                    width=max(writer.fullwidth, _TABLE_COLUMNS),
                )
            )
        runs, idle = list(self._runs.values()), self._idle_tasks(config)
        for line in (
            *summary.seed_lines(self._over_seeds, self._red_over_seeds()),
            *summary.warning_lines(self._all_warnings()),
            *summary.check_lines(list(self._checks.values())),
            *summary.closing_lines(
                runs, self._notes, idle, self._untold, None if self._lost else self._session.settings.json
            ),
        ):
            terminalreporter.write_line(line)

    def _all_warnings(self) -> list[dict[str, Any]]:
        red = self._red_over_seeds()
        over_seeds = [found for row in self._over_seeds for found in row["findings"] if found not in red]
        return [*self._warnings, *over_seeds]

    def _document(self, session: pytest.Session) -> dict[str, Any]:
        from pytest_ftcheck.runs.environment import versions  # noqa: PLC0415 - after start-up

        settings = self._session.settings
        return {
            "finished": True,
            "versions": versions(),
            "tasks": list(settings.tasks),
            "engines": list(settings.engines),
            "seeds": list(settings.seeds),
            "exit_status": int(session.exitstatus),
            "idle_tasks": self._idle_tasks(session.config),
            "gates": self._verdicts,
            "seed_gates": self._over_seeds,
            "warnings": self._all_warnings(),
            "runs": list(self._runs.values()),
            "checks": list(self._checks.values()),
            "findings": self._causes.findings(),
            "causes": self._causes.told(),
            "baseline": self._baseline,
            "calibration": self._session.calibration,
            "faults": self._reports.told("faults"),
            "notes": self._notes,
        }


def _origin(gate: Mapping[str, Any]) -> tuple[Any, ...]:
    """The run that a gate has judged."""
    return gate["task"], gate["engine"], gate["seed"]


def _place(gate: Mapping[str, Any], settings: Settings) -> tuple[int, int, int]:
    """The place of a gate in reports; last what only a user's own test looks at."""
    of = ((settings.tasks, gate["task"]), (settings.engines, gate["engine"]), (settings.seeds, gate["seed"]))
    first, second, third = (known.index(name) if name in known else len(known) for known, name in of)
    return first, second, third


def header(session: FtcheckSession, config: pytest.Config) -> list[str]:
    """Lines of the report header."""
    from pytest_ftcheck.report.header import header_lines  # noqa: PLC0415 - after start-up
    from pytest_ftcheck.training.launch import environment_of  # noqa: PLC0415 - slow to import

    pipelines = list(session.pipelines.values())
    environments = [environment_of(session.settings, pipeline) for pipeline in pipelines]
    return [*header_lines(pipelines, session.settings, environments), *own_tests_line(config, session)]


def begin_json(config: pytest.Config, path: Path | str | None) -> None:
    """Write a JSON document that says that the session is not finished: should it die, nobody reads an older one.

    Raises:
        SettingsError: it cannot be written.

    """
    if not path or config.getoption("collectonly") or is_worker(config):
        return
    from pytest_ftcheck.files import is_special, what_to_do  # noqa: PLC0415 - only where asked for
    from pytest_ftcheck.report.json import check_writable, write_json  # noqa: PLC0415 - as above

    check_writable(Path(path))
    if is_special(Path(path)):  # a pipe gets one document
        return
    try:
        write_json(Path(path), {"finished": False, "exit_status": None})
    except OSError as error:
        todo = what_to_do(error, "Make it writable")
        msg = f"--ftcheck-json={path}: cannot be written, {error.strerror or error}. {todo}, or give another file."
        raise SettingsError(msg) from error
