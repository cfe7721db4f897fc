"""The table of sales scripts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class SalesScript(Base):
    """A script; `code` is how plans refer to it.

    `sms_template` is the template a gateway of text messages approved for it, with the same variables. `link` is where
    the variable `{link}` of its body leads, by way of an address of ours that tells when a member opens it. "": none.
    """

    __tablename__ = "sales_scripts"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    code: Mapped[str] = mapped_column(String(64), unique=True)
    title: Mapped[str] = mapped_column(String(64))
    scene: Mapped[str] = mapped_column(String(32))
    body: Mapped[str] = mapped_column(Text)
    sms_template: Mapped[str] = mapped_column(String(64), default="")
    link: Mapped[str] = mapped_column(String(512), default="")
    ended_at: Mapped[datetime | None]
