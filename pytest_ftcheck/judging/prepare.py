"""Before any training: validates names, cards, limits and every part of the selected tasks; makes the header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_ftcheck.faults.fault import check_names
from pytest_ftcheck.judging.selection import FLOOR_ID, check_ids_of_card, choose_ids, costs
from pytest_ftcheck.pipeline.factory import check_spec

if TYPE_CHECKING:
    from pytest_ftcheck.sessions.session import FtcheckSession


def check_selection(session: FtcheckSession) -> None:
    """Refuse unknown names in the settings and in the cards of the selected tasks, without importing torch.

    Raises:
        FtcheckError: unknown check, fault or factory.

    """
    settings, known = session.settings, costs()
    choose_ids(known, settings.checks)
    check_names(settings.faults)
    for task in settings.tasks:
        table = session.table(task)
        check_ids_of_card(task, table.get("checks", ()), known)
        if "trainer" in table:
            check_spec(table["trainer"], settings.rootdir)


def choose_checks(session: FtcheckSession) -> None:
    """Choose the checks of a session, and validate the checks and thresholds in the selected tasks' cards.

    Raises:
        FtcheckError: unknown check or threshold, or a Trainer that cannot be made.

    """
    from pytest_ftcheck.judging.checks import choose, suite_catalogue, validate_card  # noqa: PLC0415 - slow to import

    known = suite_catalogue()
    # A planted fault needs all checks that are listed for it, in all families.
    session.checks = choose(known, session.settings.checks, opted_in=bool(session.settings.faults))
    for task in session.settings.tasks:
        validate_card(session.card(task), known, session.settings.dtype)


def check_everything(session: FtcheckSession) -> None:
    """Build every selected task's parts before a test runs, so that bad input is a usage error at once.

    Raises:
        FtcheckError: a part, a slice or a limit is wrong.

    """
    from pytest_ftcheck.gates.pipeline_slices import check_slices  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.gates.trivial_limits import refuse_trivial_limits  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.training.recipe import run_arguments  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.training.train_or_load import environment_of  # noqa: PLC0415 - slow to import

    store = session.runs.store
    for task in session.settings.tasks:
        pipeline = session.pipeline(task)
        environment = environment_of(session.settings, pipeline)
        check_slices(pipeline, session.settings.rootdir)
        judges = not session.settings.calibrate and not session.settings.measures
        if judges and any(check.id == FLOOR_ID for check in session.checks):
            session.parts.masks(pipeline)
            refuse_trivial_limits(pipeline)
        run_arguments(pipeline, seed=0, device=environment["device"], output_dir=store.root)
        # With a Trainer, this makes the second one, which may fail in a factory. The first tests use this model.
        session.parts.shared_model(task, session.settings.seeds[0])


def header_of(session: FtcheckSession) -> list[str]:
    """Describe the built tasks of a session: models, data, engines, seeds, device and versions."""
    from pytest_ftcheck.report.header import header_lines  # noqa: PLC0415 - slow to import
    from pytest_ftcheck.training.train_or_load import environment_of  # noqa: PLC0415 - slow to import

    pipelines = list(session.pipelines.values())
    environments = [environment_of(session.settings, pipeline) for pipeline in pipelines]
    return header_lines(pipelines, session.settings, environments)
