"""What WeCom calls us with: checking that it is WeCom, opening the envelope, and the event inside as a plain value.

Facts 4.1. Knows nothing of HTTP and nothing of the database. Contents of callbacks (names, phones, welcome codes) never
stand in an error's text or in a `repr`: both end up in logs.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from xml.etree.ElementTree import Element, ParseError

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

AES_BLOCK_BYTES = 16
PADDING_BLOCK_BYTES = 32  # not AES's 16: pads are 1 to 32
RANDOM_BYTES = 16
LENGTH_BYTES = 4
KEY_LETTERS = 43  # base64 of 32 bytes without its "="
# A group of 500 members is named with an element each; nothing WeCom sends comes near these.
MOST_TAGS = 10_000
DEEPEST = 12
# Anybody can post an envelope: before its signature is checked, reading it must cost next to nothing.
MOST_ENVELOPE_TAGS = 64
LONG_TAG = re.compile(r"<(?!!\[CDATA\[)[^>]{1000}")  # attributes by the hundred: WeCom writes none
LONGEST_NAME = 48
LONGEST_SUBJECT = 96
SUBJECTS = ("ExternalUserID", "ChatId", "LivingId", "TaskId", "UserID", "Id", "TagId")
LONGEST_SECONDS = 10  # until the year 2286
MESSAGE = "message"
TAGS = "change_external_tag"  # of whichever tag: all are read anew as one, the vocabulary


class BadCallback(Exception):
    """Not from WeCom, not for us, or not to be understood. The reason is ours: nothing of the contents is in it."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class NotGenuine(BadCallback):
    """Well formed, but whoever sent it did not know our token, or meant another corp."""


@dataclass(frozen=True, slots=True, repr=False)
class WeComEvent:
    """An event, with every field WeCom sent: text, or a dict or list of such where it was nested.

    `name` is its Event ("message" for what somebody writes to the app), `change` its ChangeType or "".
    """

    name: str
    change: str
    created_at_s: int
    fields: Mapping[str, Any]

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """The event that consists of these fields. Raises `BadCallback` where it has no type or no time."""
        kind, seconds = _leaf(fields, "MsgType"), _leaf(fields, "CreateTime").strip()
        if not kind:
            raise BadCallback("no MsgType")
        if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > LONGEST_SECONDS:
            raise BadCallback("CreateTime is no number of seconds")
        if kind != "event":
            return cls(MESSAGE, kind, int(seconds), fields)
        name = _leaf(fields, "Event")
        if not name:
            raise BadCallback("no Event")
        return cls(name, _leaf(fields, "ChangeType"), int(seconds), fields)

    @classmethod
    def decode(cls, text: str) -> Self:
        """What `encode` wrote. Raises `BadCallback` for anything else."""
        try:
            fields = json.loads(text)
        except ValueError:
            raise BadCallback("not an encoded event") from None
        if not isinstance(fields, dict):
            raise BadCallback("not an encoded event")
        return cls.of(fields)

    def encode(self) -> str:
        """As JSON; the same fields in whatever order always give the same text."""
        return json.dumps(self.fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @property
    def key(self) -> str:
        """By which a repeat is known: at most 190 characters, made of the whole event.

        WeCom's own key, FromUserName + CreateTime, is one for all customers of a second (facts 4.1). Nothing is left
        out of ours, so two events never share it; WeCom retries with the same plaintext, its welcome code included
        (only the envelope's nonce and time are new), so a repeat always has it.
        """
        digest = hashlib.blake2b(self.encode().encode(), digest_size=16).hexdigest()
        names = f"{self.name[:LONGEST_NAME]}:{self.change[:LONGEST_NAME]}"
        return f"{names}:{self.created_at_s}:{digest}"

    @property
    def subject(self) -> str:
        """Whose state it tells of, in at most 96 characters; "" where nobody's.

        In lower case, as accounts are compared (facts 3.3); two contacts taken for one cost no more than a second look.
        """
        if self.name == TAGS:
            return TAGS
        for name in SUBJECTS:
            if self.text(name):
                return f"{name}:{self.text(name).lower()}"[:LONGEST_SUBJECT]
        return ""

    def text(self, name: str) -> str:
        """A field that is plain text; "" where it is absent, empty or nested."""
        return _leaf(self.fields, name)

    def many(self, name: str) -> list[Any]:
        """The members of a field, see `members_of`; empty where it is absent."""
        return members_of(self.fields.get(name))

    def __repr__(self) -> str:
        """Without its fields."""
        return f"WeComEvent({self.name!r}, {self.change!r}, {self.created_at_s})"


def members_of(value: Any) -> list[Any]:
    """The members of a list, however WeCom wrote it: "a,b", one nested element or several (facts 4.3).

    `{"Item": "a"}` and `{"Item": ["a", "b"]}` are lists of one and of two.
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, dict):
        return [one for each in value.values() for one in (each if isinstance(each, list) else [each])]
    return list(value)


class CallbackCipher:
    """One app's callback configuration: its Token, its EncodingAESKey, and the corp that may call."""

    def __init__(self, token: str, aes_key: str, corp_id: str) -> None:
        """Raises ValueError for a key that is not 43 letters and digits which decode to 32 bytes."""
        self._token = token
        self._corp_id = corp_id.encode()
        self._key = _key_of(aes_key)

    def verify_url(self, signature: str, timestamp: str, nonce: str, echostr: str) -> str:
        """The text that proves to WeCom that the URL is ours. Raises `BadCallback`."""
        self._check(signature, timestamp, nonce, echostr)
        return self._decrypt(echostr)

    def open(self, signature: str, timestamp: str, nonce: str, body: bytes) -> WeComEvent:
        """The event in a body. Raises `BadCallback`; how old `timestamp` may be is the caller's to judge."""
        encrypted = _leaf(_envelope(_decoded(body)), "Encrypt").strip()
        if not encrypted:
            raise BadCallback("no Encrypt")
        self._check(signature, timestamp, nonce, encrypted)
        return WeComEvent.of(_fields(self._decrypt(encrypted)))

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """SHA-1, in hex, of the sorted values joined without anything between."""
        joined = "".join(sorted((self._token, timestamp, nonce, encrypted)))
        return hashlib.sha1(joined.encode(errors="replace")).hexdigest()  # noqa: S324 - WeCom's choice

    def _check(self, signature: str, timestamp: str, nonce: str, encrypted: str) -> None:
        right = self.signature(timestamp, nonce, encrypted)
        if not hmac.compare_digest(right.encode(), signature.encode(errors="replace")):
            raise NotGenuine("wrong signature")

    def _decrypt(self, encrypted: str) -> str:
        """16 random bytes, the length, so many bytes of text, the receiver's corp id, 32-byte padding."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except ValueError:
            raise BadCallback("not base64") from None
        if not sealed or len(sealed) % AES_BLOCK_BYTES:
            raise BadCallback("not whole blocks")
        opener = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:AES_BLOCK_BYTES])).decryptor()
        frame = _unpadded(opener.update(sealed) + opener.finalize())
        start = RANDOM_BYTES + LENGTH_BYTES
        if len(frame) < start:
            raise BadCallback("too short")
        end = start + int.from_bytes(frame[RANDOM_BYTES:start], "big")
        if end > len(frame):
            raise BadCallback("wrong length")
        if not hmac.compare_digest(frame[end:], self._corp_id):
            raise NotGenuine("for another corp")
        return _decoded(frame[start:end])


def _key_of(aes_key: str) -> bytes:
    # Its last letter carries two bits that belong to no byte; WeCom does not care which they are.
    if len(aes_key) != KEY_LETTERS or not (aes_key.isascii() and aes_key.isalnum()):
        raise ValueError(f"an EncodingAESKey has {KEY_LETTERS} letters and digits")
    return base64.b64decode(f"{aes_key}=", validate=True)


def _unpadded(padded: bytes) -> bytes:
    pad = padded[-1]
    if not 1 <= pad <= PADDING_BLOCK_BYTES or padded[-pad:] != bytes([pad]) * pad:
        raise BadCallback("wrong padding")
    return padded[:-pad]


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadCallback("not UTF-8") from None


def _envelope(text: str) -> dict[str, Any]:
    if text.count("<") > MOST_ENVELOPE_TAGS or LONG_TAG.search(text):
        raise BadCallback("not an envelope")
    return _fields(text)


def _fields(text: str) -> dict[str, Any]:
    """The children of an XML document's root. No DTD, no entities; at most `MOST_TAGS`, nested at most `DEEPEST`."""
    if text.count("<") > MOST_TAGS:
        raise BadCallback("too many elements")
    try:
        root = fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError):
        raise BadCallback("not plain XML") from None
    value = _value(root, DEEPEST)
    if not isinstance(value, dict):
        raise BadCallback("XML without fields")
    return value


def _value(element: Element, deeper: int) -> Any:
    """Text for a leaf, else its children by name; a name that comes again makes a list."""
    if deeper < 0:
        raise BadCallback("nested too deeply")
    if not len(element):
        return element.text or ""
    found: dict[str, Any] = {}
    for child in element:
        found.setdefault(child.tag, []).append(_value(child, deeper - 1))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _leaf(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""
