"""What axe finds in a page. Only what it found is fetched: all it looked at is a hundred times as much to hand over."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT, AxeResults  # type: ignore[import-untyped]
from playwright.sync_api import Frame, Page

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
RUN = """async rules => {
  const found = await axe.run({ runOnly: rules, resultTypes: ["violations"] });
  return { ...found, passes: [], incomplete: [], inapplicable: [] };
}"""


def complaints_of_axe(page: Page | Frame, rules: tuple[str, ...] = (*WCAG, "best-practice")) -> str:
    """Its report on the page as it is shown now; empty where nothing is wrong."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = AxeResults(page.evaluate(RUN, list(rules)))
    return str(found.generate_report()) if found.violations_count else ""
