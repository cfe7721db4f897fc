"""The envelope of a callback: signature, AES-CBC, XML (facts 4.1). Written from the protocol alone."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

PAD_BITS = 32 * 8  # WeCom pads to 32 bytes, not to AES's 16 (facts 4.1)
RANDOM_BYTES = 16
LENGTH_BYTES = 4

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KEY = re.compile(r"[0-9A-Za-z]{43}")
_TOKEN = re.compile(r"[0-9A-Za-z]{1,32}")


class NotOurs(ValueError):
    """What was to be opened was not sealed with this key for this corp."""


@dataclass(frozen=True)
class Envelope:
    """Seals and opens what passes between WeCom and one callback address."""

    token: str
    aes_key: str
    corp_id: str

    def sign(self, timestamp: str, nonce: str, sealed: str) -> str:
        """msg_signature: SHA-1 of the sorted values, nothing between them."""
        return hashlib.sha1("".join(sorted((self.token, timestamp, nonce, sealed))).encode()).hexdigest()  # noqa: S324

    def seal(self, message: str) -> str:
        """Encrypted and in base64: 16 random bytes, the length in bytes, the message, the corp's id."""
        body = message.encode()
        framed = secrets.token_bytes(RANDOM_BYTES) + len(body).to_bytes(LENGTH_BYTES, "big") + body
        padder = PKCS7(PAD_BITS).padder()
        padded = padder.update(framed + self.corp_id.encode()) + padder.finalize()
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()

    def open(self, sealed: str) -> str:
        """The message in a sealed text; raises NotOurs."""
        try:
            decryptor = self._cipher().decryptor()
            padded = decryptor.update(base64.b64decode(sealed, validate=True)) + decryptor.finalize()
            unpadder = PKCS7(PAD_BITS).unpadder()
            framed = unpadder.update(padded) + unpadder.finalize()
            start = RANDOM_BYTES + LENGTH_BYTES
            end = start + int.from_bytes(framed[RANDOM_BYTES:start], "big")
            message, receiver = framed[start:end].decode(), framed[end:].decode()
        except ValueError as error:
            raise NotOurs(str(error)) from None
        if receiver != self.corp_id:
            raise NotOurs("sealed for another corp")
        return message

    def _cipher(self) -> Cipher[modes.CBC]:
        key = base64.b64decode(self.aes_key + "=")
        return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def is_token(text: str) -> bool:
    """Whether this can be a callback's Token: at most 32 letters and digits."""
    return _TOKEN.fullmatch(text) is not None


def is_aes_key(text: str) -> bool:
    """Whether this can be an EncodingAESKey: exactly 43 letters and digits."""
    return _KEY.fullmatch(text) is not None


def as_xml(fields: Mapping[str, Any]) -> str:
    """The fields as WeCom writes them: <xml>, texts in CDATA, numbers bare, dicts nested, lists repeated."""
    return "<xml>" + "".join(_elements(fields)) + "</xml>"


def _elements(fields: Mapping[str, Any]) -> Iterator[str]:
    for name, value in fields.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            yield f"<{escape(name)}>{_content(item)}</{escape(name)}>"


def _content(value: Any) -> str:
    if isinstance(value, Mapping):
        return "".join(_elements(value))
    if isinstance(value, int):
        return str(int(value))
    text = _NOT_XML.sub("", str(value)).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{text}]]>"
