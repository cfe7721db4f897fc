"""Sealing values (AES-256-GCM) and finding them again (HMAC), under keys derived from the installation's secrets.

A copy of the database alone tells nobody what was sealed. What belongs together is told apart by its purpose: a text
sealed for one purpose opens for no other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_BYTES = 12
INDEX_BYTES = 16


class Seal:
    """AES-256-GCM under a key derived (HKDF-SHA256) from a secret; the text names the key it needs."""

    def __init__(self, secret_key: str, purpose: bytes) -> None:
        key = HKDF(SHA256(), 32, None, purpose).derive(secret_key.encode())
        self._cipher = AESGCM(key)
        self.key_id = hashlib.sha256(b"id of " + key).hexdigest()[:8]

    def close(self, name: str, value: str, nonce: bytes | None = None) -> str:
        """The value as text that only `open` with the same name and the same secret reads.

        Whoever brings a `nonce` sees to it that it never serves two values.
        """
        nonce = nonce or os.urandom(NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, value.encode(), name.encode())
        return f"{self.key_id}.{base64.urlsafe_b64encode(sealed).decode()}"

    def open(self, name: str, text: str) -> str | None:
        """What was closed; None for what another key closed, for another name, or what is no sealed text."""
        key_id, _, sealed = text.partition(".")
        if key_id != self.key_id:
            return None
        try:
            raw = base64.urlsafe_b64decode(sealed)
            return self._cipher.decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], name.encode()).decode()
        except (InvalidTag, ValueError):
            return None


class Keyring:
    """The newest secret closes; it and all former ones open and find, so a change of the secret loses nothing."""

    def __init__(self, secrets: Sequence[str], purpose: bytes) -> None:
        """`secrets`: the newest first."""
        self._seals = [Seal(secret, purpose) for secret in secrets]
        self._finders = [
            HKDF(SHA256(), 32, None, purpose + b", found by").derive(secret.encode()) for secret in secrets
        ]

    def close(self, name: str, value: str, salt: str) -> str:
        """The same text for the same name, value and salt, so that a repeated report is recognised as one.

        The nonce is a MAC of all three (as in SIV modes, RFC 5297): only equal ones share it.
        """
        text = "\0".join((name, value, salt))
        nonce = hmac.digest(self._finders[0], b"nonce of " + text.encode(), "sha256")[:NONCE_BYTES]
        return self._seals[0].close(name, value, nonce)

    def open(self, name: str, text: str) -> str | None:
        """What was closed under any of the secrets; None where none of them opens it."""
        opened = (seal.open(name, text) for seal in self._seals)
        return next((value for value in opened if value is not None), None)

    def is_newest(self, text: str) -> bool:
        """True for what the newest secret closed."""
        return text.partition(".")[0] == self._seals[0].key_id

    def index(self, name: str, value: str) -> str:
        """By what a value is found without being opened: a MAC of it under the newest secret."""
        return _mac(self._finders[0], name, value)

    def indexes(self, name: str, value: str) -> list[str]:
        """By what a value is found that any of the secrets may have closed."""
        return [_mac(key, name, value) for key in self._finders]


def _mac(key: bytes, name: str, value: str) -> str:
    return hmac.digest(key, f"{name}\0{value}".encode(), "sha256")[:INDEX_BYTES].hex()
