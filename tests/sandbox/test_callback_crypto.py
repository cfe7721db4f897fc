"""The envelope of a callback (facts 4.1), against WeCom's own sample and against wechatpy."""

from __future__ import annotations

import pytest
from wechatpy.work.crypto import WeChatCrypto

from app.sandbox.callback_crypto import Envelope, NotOurs, as_xml
from tests.sandbox.corp import CORP
from tests.sandbox.receiver import AES_KEY, TOKEN

# The sample of WeCom's document on encryption (facts 4.1, "Sample vector").
SAMPLE_CORP = "wx5823bf96d3bd56c7"
SAMPLE = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/sYYvu"
    "JTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwG"
    "c2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9"
    "EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0"
    "lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)


def test_the_documents_sample_is_signed_and_opened_alike():
    envelope = Envelope(TOKEN, AES_KEY, SAMPLE_CORP)
    assert envelope.sign("1409659813", "1372623149", SAMPLE) == "477715d11cdb4164915debcba66cb864d751f3e6"
    assert "<Content><![CDATA[hello]]></Content>" in envelope.open(SAMPLE)


def test_nobody_elses_envelope_is_opened():
    with pytest.raises(NotOurs, match="another corp"):
        Envelope(TOKEN, AES_KEY, "wwOther").open(SAMPLE)
    with pytest.raises(NotOurs):
        Envelope(TOKEN, AES_KEY[::-1], SAMPLE_CORP).open(SAMPLE)
    with pytest.raises(NotOurs):
        Envelope(TOKEN, AES_KEY, SAMPLE_CORP).open("no base64")


@pytest.mark.parametrize("length", [0, 1, 11, 12, 13, 31, 32, 33, 5000])
def test_wechatpy_reads_every_length_and_letter(length):
    """The pad is 1 to 32 bytes: every remainder must come out whole."""
    text = "店🛍"[: length % 3] + "x" * length
    sealed = Envelope(TOKEN, AES_KEY, CORP).seal(text)
    theirs = WeChatCrypto(TOKEN, AES_KEY, CORP)
    signature = Envelope(TOKEN, AES_KEY, CORP).sign("1", "2", sealed)
    assert theirs.check_signature(signature, "1", "2", sealed) == text


def test_texts_keep_out_of_the_markup():
    made = as_xml({"Name": "]]></Name><Evil/>\x00&", "Number": 7, "Items": {"Item": ["a", "b"]}, "None": []})
    assert made == (
        "<xml><Name><![CDATA[]]]]><![CDATA[></Name><Evil/>&]]></Name><Number>7</Number>"
        "<Items><Item><![CDATA[a]]></Item><Item><![CDATA[b]]></Item></Items></xml>"
    )
