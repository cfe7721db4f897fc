"""Ids as they stand in URLs: a keyed permutation, so that nobody can guess one from another.

A Feistel network over 64 bits (Luby and Rackoff 1988: four rounds of a keyed pseudo-random function are a
permutation that cannot be told from a random one). Ids themselves have 63 bits and grow with time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from app.errors import NotFound

ROUNDS = 4
HALF = 0xFFFFFFFF
LENGTH = 13


class PublicIds:
    """Turns ids into short texts and back. The same number of two kinds gives two unrelated texts."""

    def __init__(self, secret: str) -> None:
        self._key = hashlib.blake2b(secret.encode(), person=b"public ids", digest_size=32).digest()

    def encode(self, kind: str, number: int) -> str:
        """The text for an id: 13 letters and digits."""
        left, right = number >> 32, number & HALF
        for turn in range(ROUNDS):
            left, right = right, left ^ self._mix(kind, turn, right)
        mixed = (left << 32 | right).to_bytes(8, "big")
        return base64.b32encode(mixed).decode().rstrip("=").lower()

    def decode(self, kind: str, text: str) -> int:
        """The id that `encode` made this text of. Raises `NotFound` for any other text."""
        if len(text) != LENGTH or not text.isascii() or text != text.lower():
            raise NotFound("unknown_id", place=kind)
        try:
            mixed = int.from_bytes(base64.b32decode(text.upper() + "==="), "big")
        except binascii.Error:
            raise NotFound("unknown_id", place=kind) from None
        left, right = mixed >> 32, mixed & HALF
        for turn in reversed(range(ROUNDS)):
            left, right = right ^ self._mix(kind, turn, left), left
        number = left << 32 | right
        if number >> 63 or self.encode(kind, number) != text:
            raise NotFound("unknown_id", place=kind)
        return number

    def _mix(self, kind: str, turn: int, half: int) -> int:
        data = half.to_bytes(4, "big") + kind.encode()
        digest = hashlib.blake2b(data, key=self._key, salt=turn.to_bytes(1, "big"), digest_size=4).digest()
        return int.from_bytes(digest, "big")
