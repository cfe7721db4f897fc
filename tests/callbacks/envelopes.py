"""WeCom's side of a callback, written anew from the protocol (facts 4.1): nothing of the product makes one."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TOKEN = "sandboxCallback"
AES_KEY = "sandbox0callback0key0for0the0demo0only00000"
CORP_ID = "ww0000sandbox0000"
PATH = "/callbacks/wecom"


@dataclass(frozen=True)
class Sender:
    """Seals like WeCom; every step can be replaced by a wrong one."""

    token: str = TOKEN
    aes_key: str = AES_KEY
    corp_id: str = CORP_ID

    def frame(self, message: bytes) -> bytes:
        length = len(message).to_bytes(4, "big")
        return secrets.token_bytes(16) + length + message + self.corp_id.encode()

    def encrypt(self, frame: bytes, pad: bytes | None = None) -> str:
        """In base64; padded to 32 bytes unless another padding is given."""
        if pad is None:
            missing = 32 - len(frame) % 32
            pad = bytes([missing]) * missing
        key = base64.b64decode(f"{self.aes_key}=")
        sealer = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        return base64.b64encode(sealer.update(frame + pad) + sealer.finalize()).decode()

    def seal(self, message: str) -> str:
        return self.encrypt(self.frame(message.encode()))

    def query(self, encrypted: str, at_s: int | None = None) -> dict[str, str]:
        timestamp, nonce = str(int(time.time()) if at_s is None else at_s), str(secrets.randbelow(10**10))
        joined = "".join(sorted([self.token, timestamp, nonce, encrypted])).encode()
        return {"msg_signature": hashlib.sha1(joined).hexdigest(), "timestamp": timestamp, "nonce": nonce}

    def letter(self, message: str, at_s: int | None = None) -> Letter:
        """A message on its way, in an envelope nobody has seen before."""
        return self.letter_of(self.seal(message), at_s)

    def letter_of(self, encrypted: str, at_s: int | None = None) -> Letter:
        """Anything at all in a rightly signed envelope."""
        return Letter(self.query(encrypted, at_s), wrap(encrypted).encode())


@dataclass(frozen=True)
class Letter:
    query: dict[str, str]
    body: bytes


def wrap(encrypted: str) -> str:
    return (
        f"<xml><ToUserName><![CDATA[{CORP_ID}]]></ToUserName><AgentID>1000002</AgentID>"
        f"<Encrypt><![CDATA[{encrypted}]]></Encrypt></xml>"
    )


def xml(fields: Mapping[str, Any]) -> str:
    return f"<xml>{''.join(_element(name, value) for name, value in fields.items())}</xml>"


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, one) for one in value)
    nested = isinstance(value, dict)
    inside = "".join(_element(*pair) for pair in value.items()) if nested else escape(value)
    return f"<{name}>{inside}</{name}>"


def added(number: int, **more: Any) -> dict[str, Any]:
    """A customer added an associate; every number another customer."""
    return {
        "ToUserName": CORP_ID,
        "FromUserName": "sys",
        "CreateTime": "1772352000",
        "MsgType": "event",
        "Event": "change_external_contact",
        "ChangeType": "add_external_contact",
        "UserID": "lin",
        "ExternalUserID": f"wm{number:08d}",
        **more,
    }
