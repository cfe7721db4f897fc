"""Envelopes of two others who know the protocol open as well: the sandbox's, and an independent library's."""

from __future__ import annotations

import time

import pytest
import xmltodict
from wechatpy.work.crypto import WeChatCrypto

from app.sandbox.callback_crypto import Envelope as SandboxEnvelope
from app.wecom.callbacks import CallbackCipher, NotGenuine
from tests.callbacks.envelopes import AES_KEY, CORP_ID, TOKEN, added, wrap, xml

MESSAGE = xml(added(1, State="店伴 👗", WelcomeCode="code"))


def test_what_the_sandbox_seals_opens(cipher: CallbackCipher):
    sandbox = SandboxEnvelope(TOKEN, AES_KEY, CORP_ID)
    for length in range(64):
        sealed = sandbox.seal(xml(added(1, Remark="x" * length)))
        event = cipher.open(sandbox.sign("1", "2", sealed), "1", "2", wrap(sealed).encode())
        assert event.text("Remark") == "x" * length


def test_what_wechatpy_seals_opens(cipher: CallbackCipher):
    timestamp = str(int(time.time()))
    sealed = xmltodict.parse(
        WeChatCrypto(TOKEN, AES_KEY, CORP_ID).encrypt_message(MESSAGE, "nonce", timestamp)
    )["xml"]
    signed = (sealed["MsgSignature"], timestamp, "nonce")
    body = wrap(sealed["Encrypt"]).encode()
    assert cipher.open(*signed, body).text("State") == "店伴 👗"
    with pytest.raises(NotGenuine):
        cipher.open(signed[0], timestamp, "other", body)
