"""The report page in a real browser: hostile texts, search, widths, contrast and labels, and no script at all."""

from __future__ import annotations

import shutil
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pytest

from pytest_ftcheck.report.html.history import history_page
from pytest_ftcheck.report.html.page import page
from tests.report.html.test_history import series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_ftcheck.report.document import Document

pytestmark = pytest.mark.slow
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTHS = (375, 800, 1440)
SCHEMES = ("light", "dark")
PAGES = ("report", "history")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; skips where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed: pip install playwright"
    )
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no Chromium is installed: none of {', '.join(BROWSERS)} is on the PATH")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.fixture
def show(
    browser: Any, tmp_path: Path, make_document: Callable[..., Document], hostile: str
) -> Iterator[Callable[..., Any]]:
    """Return a function that opens a page with hostile texts, and fails on any error there."""
    pages = {
        "report": page(make_document(text=hostile, flips=30, worst=3)),
        "history": history_page(series(text=hostile)),
    }
    for name, text in pages.items():
        (tmp_path / f"{name}.html").write_text(text, encoding="utf-8")
    errors: list[str] = []
    contexts = []

    def open_page(name: str = "report", *, width: int = 1440, **options: Any) -> Any:
        file = tmp_path / f"{name}.html"
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        shown = context.new_page()
        shown.on("console", lambda message: errors.append(message.text))
        shown.on("pageerror", lambda error: errors.append(str(error)))
        shown.on("request", lambda request: errors.append(request.url) if file.name not in request.url else None)
        shown.goto(file.as_uri())
        return shown

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def unfold(shown: Any) -> None:
    """Open everything that can be unfolded."""
    shown.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")


def test_hostile_texts_of_a_history_do_not_run_and_are_seen(show: Callable[..., Any], hostile: str) -> None:
    shown = show("history")
    unfold(shown)
    assert shown.evaluate("window.hacked") is None
    assert shown.locator("img").count() == 0
    assert hostile[:40] in shown.locator("tbody th").last.inner_text()


def test_hostile_texts_do_not_run_and_are_seen(show: Callable[..., Any], hostile: str) -> None:
    shown = show()
    unfold(shown)
    assert shown.evaluate("window.hacked") is None
    assert shown.locator("img").count() == 0
    assert hostile[:40] in shown.locator("p.data").first.inner_text()
    assert r"\u202eevil" in shown.locator("p.data").first.inner_text()


def test_rows_are_searched_and_sorted(show: Callable[..., Any]) -> None:
    shown = show()
    unfold(shown)
    table = shown.locator("details.searchable").first
    field = table.locator("input[type=search]")
    field.fill("hacked nowhere")
    assert table.locator("tbody tr:visible").count() == 0
    assert table.get_by_role("status").inner_text() == "0 of 30 rows"
    field.fill("")
    assert table.locator("tbody tr:visible").count() == 30
    head = table.get_by_role("button", name="row", exact=True)
    head.focus()
    shown.keyboard.press("Enter")
    shown.keyboard.press("Enter")
    assert table.locator("thead th").first.get_attribute("aria-sort") == "descending"
    assert table.locator("tbody th").first.inner_text() == "29"


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(show: Callable[..., Any], width: int, name: str) -> None:
    shown = show(name, width=width)
    unfold(shown)
    assert shown.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [375, 1440])
def test_axe_finds_nothing(show: Callable[..., Any], scheme: str, width: int, name: str) -> None:
    pytest.importorskip("axe_playwright_python", reason="axe-core is not installed: pip install axe-playwright-python")
    axe = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
    shown = show(name, width=width, color_scheme=scheme)
    unfold(shown)
    shown.evaluate(axe)
    found = shown.evaluate("axe.run()")
    assert found["passes"]
    wrong = [
        (rule["id"], rule["impact"], [node["html"][:160] for node in rule["nodes"][:3]]) for rule in found["violations"]
    ]
    assert wrong == []


def test_without_scripts_all_but_search_works(show: Callable[..., Any]) -> None:
    shown = show(java_script_enabled=False)
    table = shown.locator("details.searchable").first
    assert not table.locator("tbody tr").first.is_visible()
    table.locator("summary").click()
    assert table.locator("tbody tr:visible").count() == 30
    assert not table.locator("input").is_visible()
    assert shown.get_by_role("heading", name="Likely causes").is_visible()


def test_the_keyboard_reaches_the_results_and_shows_where_it_is(show: Callable[..., Any]) -> None:
    shown = show()
    shown.keyboard.press("Tab")
    assert shown.evaluate("document.activeElement.textContent") == "Skip to the results"
    assert shown.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shown.keyboard.press("Enter")
    assert shown.evaluate("document.activeElement.id") == "main"
