"""Plans that come with the product: texts for drafts to begin with, whether or not they were ever published here."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from app.errors import Invalid
from app.follow_ups.plans.documents import Document
from app.follow_ups.plans.reading import read_document

# Before a code in an address: the text that comes with the product, not the plan published under this code.
OF_PRODUCT = "product:"


@dataclass(frozen=True, slots=True)
class ProductPlan:
    """One of them as its file has it."""

    text: str
    document: Document

    @property
    def code(self) -> str:
        """By which it is published."""
        return self.document.code

    @property
    def name(self) -> str:
        """What people call it."""
        return self.document.name


def product_plans(folder: Path) -> list[ProductPlan]:
    """Those in a folder, by code. Installations may edit the files: one that says no plan is left out."""
    found = [_read(path) for path in sorted(folder.glob("*.toml"))]
    return sorted((one for one in found if one is not None), key=lambda one: one.code)


def product_text(folder: Path, code: str) -> str | None:
    """The text of one of them, None where there is none of this code."""
    return next((one.text for one in product_plans(folder) if one.code == code), None)


def _read(path: Path) -> ProductPlan | None:
    try:
        text = path.read_text("utf-8")
        return ProductPlan(text, read_document(tomllib.loads(text)))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, Invalid):
        return None
