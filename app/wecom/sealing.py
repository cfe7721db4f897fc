"""Sealing what is shared of WeCom's: a copy of the database or of Redis gives nobody a token."""

from __future__ import annotations

from app import sealing

PURPOSE = b"dianban: values shared by processes that call WeCom"


class Seal(sealing.Seal):
    """For values shared by processes that call WeCom."""

    def __init__(self, secret_key: str) -> None:
        super().__init__(secret_key, PURPOSE)
