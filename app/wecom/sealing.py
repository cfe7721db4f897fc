"""Sealing what is shared of WeCom's: a copy of the database or of Redis gives nobody a token."""

from __future__ import annotations

import base64
import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
PURPOSE = b"dianban: values shared by processes that call WeCom"


class Seal:
    """AES-256-GCM under a key derived (HKDF-SHA256) from the installation's secret; the text names the key it needs."""

    def __init__(self, secret_key: str) -> None:
        key = HKDF(SHA256(), 32, None, PURPOSE).derive(secret_key.encode())
        self._cipher = AESGCM(key)
        self._key_id = hashlib.sha256(b"id of " + key).hexdigest()[:8]

    def close(self, name: str, value: str) -> str:
        """The value as text that only `open` with the same name and the same secret reads."""
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, value.encode(), name.encode())
        return f"{self._key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, name: str, text: str) -> str | None:
        """What was closed; None for what another key closed, for another name, or what is no sealed text."""
        key_id, _, sealed = text.partition(".")
        if key_id != self._key_id:
            return None
        try:
            raw = base64.urlsafe_b64decode(sealed)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode()).decode()
        except (InvalidTag, ValueError):
            return None
