"""Opening an envelope: only WeCom's, only for us, only plain XML; and what an event is made of."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.wecom.callbacks import BadCallback, CallbackCipher, NotGenuine, WeComEvent, members_of
from tests.callbacks.envelopes import CORP_ID, TOKEN, Letter, Sender, added, wrap, xml

# Facts 4.1: the documents' own sample, with a padding of 30.
SAMPLE = CallbackCipher("QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7")
SAMPLE_QUERY = ("477715d11cdb4164915debcba66cb864d751f3e6", "1409659813", "1372623149")
SAMPLE_ENCRYPTED = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911L3vg3W/s"
    "YYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLxAUHzM6+kDZ+HMZfJ"
    "YuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGU"
    "callcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDY"
    "A5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q=="
)


def opened(cipher: CallbackCipher, letter: Letter) -> WeComEvent:
    query = letter.query
    return cipher.open(query["msg_signature"], query["timestamp"], query["nonce"], letter.body)


def reason(cipher: CallbackCipher, letter: Letter) -> str:
    with pytest.raises(BadCallback) as refused:
        opened(cipher, letter)
    return refused.value.reason


def test_the_documents_sample_opens():
    event = SAMPLE.open(*SAMPLE_QUERY, wrap(SAMPLE_ENCRYPTED).encode())
    assert (event.name, event.change, event.created_at_s) == ("message", "text", 1409659813)
    assert event.text("Content") == "hello"


def test_the_signature_covers_timestamp_nonce_and_text(cipher: CallbackCipher, sender: Sender):
    letter = sender.letter(xml(added(1)))
    for name in ("msg_signature", "timestamp", "nonce"):
        changed = letter.query | {name: letter.query[name][:-1] + "x"}
        with pytest.raises(NotGenuine, match="wrong signature"):
            opened(cipher, Letter(changed, letter.body))
    with pytest.raises(NotGenuine, match="wrong signature"):
        opened(cipher, Letter(letter.query, sender.letter(xml(added(1))).body))


def test_another_token_key_or_corp_is_refused(cipher: CallbackCipher):
    assert reason(cipher, Sender(token="other").letter(xml(added(1)))) == "wrong signature"
    assert reason(cipher, Sender(corp_id="ww1").letter(xml(added(1)))) == "for another corp"
    with pytest.raises(BadCallback):
        opened(cipher, Sender(aes_key="b" * 43).letter(xml(added(1))))


@pytest.mark.parametrize("text", ["", "店伴 👗", "x" * 11, "x" * 12, "x" * 100_000])
def test_texts_of_all_lengths_survive(cipher: CallbackCipher, sender: Sender, text: str):
    assert opened(cipher, sender.letter(xml(added(1, Remark=text)))).text("Remark") == text


def test_every_padding_from_1_to_32_is_taken(cipher: CallbackCipher, sender: Sender):
    lengths = {len(sender.frame(xml(added(1, Remark="x" * more)).encode())) % 32 for more in range(32)}
    assert len(lengths) == 32
    for more in range(32):
        assert (
            opened(cipher, sender.letter(xml(added(1, Remark="x" * more)))).change == "add_external_contact"
        )


def test_wrong_padding_is_refused(cipher: CallbackCipher, sender: Sender):
    frame = sender.frame(xml(added(1)).encode())
    whole = frame + b"x" * (-len(frame) % 32)
    for pad in (b"\0" * 32, b"\x21" * 32, b"\x01" * 31 + b"\x02", b"\xff" * 32):
        assert reason(cipher, sender.letter_of(sender.encrypt(whole, pad))) == "wrong padding"


@pytest.mark.parametrize(
    ("encrypted", "why"),
    [
        ("", "no Encrypt"),
        ("*** not base64 ***", "not base64"),
        ("QUJD", "not whole blocks"),
        (base64.b64encode(bytes(15)).decode(), "not whole blocks"),
    ],
)
def test_what_is_not_a_ciphertext_is_refused(
    cipher: CallbackCipher, sender: Sender, encrypted: str, why: str
):
    assert reason(cipher, sender.letter_of(encrypted)) == why


def test_a_wrong_length_is_refused(cipher: CallbackCipher, sender: Sender):
    for length in (2**32 - 1, 10_000):
        frame = bytes(16) + length.to_bytes(4, "big") + b"<xml/>" + CORP_ID.encode()
        assert reason(cipher, sender.letter_of(sender.encrypt(frame))) == "wrong length"
    assert reason(cipher, sender.letter_of(sender.encrypt(b"short"))) == "too short"


def test_what_is_not_utf8_is_refused(cipher: CallbackCipher, sender: Sender):
    broken = sender.letter_of(sender.encrypt(sender.frame(b"<xml><a>\xff\xfe</a></xml>")))
    assert reason(cipher, broken) == "not UTF-8"
    assert reason(cipher, Letter(broken.query, b"\xff\xfe<xml/>")) == "not UTF-8"


LAUGHS = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
OUTSIDE = '<!ENTITY x SYSTEM "file:///etc/passwd">'


@pytest.mark.parametrize(
    "document",
    [
        f'<!DOCTYPE xml [<!ENTITY a0 "ha">{LAUGHS}]><xml><Event>&a9;</Event></xml>',
        f"<!DOCTYPE xml [{OUTSIDE}]><xml><Event>&x;</Event></xml>",
        "<!DOCTYPE xml><xml><MsgType>event</MsgType></xml>",
        "<xml><MsgType>event</MsgType>",
        "<xml><MsgType>&unknown;</MsgType></xml>",
        "not XML",
        "",
    ],
)
def test_dtds_entities_and_broken_xml_are_refused_inside_and_outside(
    cipher: CallbackCipher, sender: Sender, document: str
):
    assert reason(cipher, sender.letter(document)) == "not plain XML"
    assert reason(cipher, Letter(sender.query(""), document.encode())) == "not plain XML"


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("<a>" * 40 + "</a>" * 40, "nested too deeply"),
        ("<xml>" + "<a>1</a>" * 6_000 + "</xml>", "too many elements"),
        ("<xml>text</xml>", "XML without fields"),
    ],
)
def test_huge_or_deep_xml_is_refused(cipher: CallbackCipher, sender: Sender, document: str, why: str):
    assert reason(cipher, sender.letter(document)) == why


@pytest.mark.parametrize(
    "document",
    [
        "<a>" * 40 + "</a>" * 40,
        "<xml " + " ".join(f'a{n}="1"' for n in range(500)) + "><Encrypt>x</Encrypt></xml>",
    ],
)
def test_an_envelope_is_no_more_than_an_envelope(cipher: CallbackCipher, sender: Sender, document: str):
    assert reason(cipher, Letter(sender.query("x"), document.encode())) == "not an envelope"


def test_a_text_may_have_anything_in_it(cipher: CallbackCipher, sender: Sender):
    text = "<" + "x" * 5_000 + "&]] >\n"
    assert opened(cipher, sender.letter(xml(added(1, Remark=text)))).text("Remark") == text


@pytest.mark.parametrize("missing", ["MsgType", "CreateTime", "Event"])
def test_an_event_needs_a_type_a_name_and_a_time(cipher: CallbackCipher, sender: Sender, missing: str):
    fields = {name: value for name, value in added(1).items() if name != missing}
    assert missing in reason(cipher, sender.letter(xml(fields)))


@pytest.mark.parametrize(
    "time", ["", "soon", "-1", "1.5", "９", "1" * 11, "999999999999", "99999999999999999999"]
)
def test_a_time_is_a_number_of_seconds(cipher: CallbackCipher, sender: Sender, time: str):
    assert "CreateTime" in reason(cipher, sender.letter(xml(added(1, CreateTime=time))))


def test_nested_fields_become_dicts_and_lists(cipher: CallbackCipher, sender: Sender):
    items = [
        {"QuestionKey": "size", "OptionIds": {"OptionId": ["m", "l"]}},
        {"QuestionKey": "colour", "OptionIds": {"OptionId": "red"}},
    ]
    event = opened(cipher, sender.letter(xml(added(1, SelectedItems={"SelectedItem": items}))))
    assert event.many("SelectedItems") == items
    assert [members_of(item["OptionIds"]) for item in event.many("SelectedItems")] == [["m", "l"], ["red"]]
    assert event.text("SelectedItems") == ""


@pytest.mark.parametrize(
    ("written", "members"),
    [
        ("wm1,wm2", ["wm1", "wm2"]),
        ({"Item": ["wm1", "wm2"]}, ["wm1", "wm2"]),
        ({"Item": "wm1"}, ["wm1"]),
        ("wm1", ["wm1"]),
        ("", []),
    ],
)
def test_member_lists_are_read_however_they_are_written(
    cipher: CallbackCipher, sender: Sender, written: Any, members: list[str]
):
    event = opened(cipher, sender.letter(xml(added(1, MemChangeList=written))))
    assert event.many("MemChangeList") == members
    assert event.many("NoSuchField") == []


def test_the_url_check_gives_the_text_back(cipher: CallbackCipher, sender: Sender):
    encrypted = sender.seal("1616140317555161061")
    query = sender.query(encrypted)
    signed = (query["msg_signature"], query["timestamp"], query["nonce"])
    assert cipher.verify_url(*signed, encrypted) == "1616140317555161061"
    with pytest.raises(NotGenuine):
        cipher.verify_url(*signed, sender.seal("1616140317555161061"))


@pytest.mark.parametrize("key", ["", "a" * 42, "a" * 44, "a" * 42 + "=", "中" * 43])
def test_a_wrong_key_is_refused_at_once(key: str):
    with pytest.raises(ValueError, match="43"):
        CallbackCipher(TOKEN, key, CORP_ID)


# What an event's key is made of.

names = st.sampled_from(["UserID", "ExternalUserID", "ChatId", "Id", "TaskId", "WelcomeCode", "CreateTime"])
words = st.text(alphabet="abAB12,:|", max_size=6)
SOME_FIELDS = st.dictionaries(names, words)


def event_of(fields: dict[str, str]) -> WeComEvent:
    return WeComEvent("change_external_contact", "edit_external_contact", 1772352000, fields)


@given(SOME_FIELDS, SOME_FIELDS)
def test_two_events_have_one_key_only_if_they_are_one(one: dict[str, str], other: dict[str, str]):
    assert (event_of(one).key == event_of(other).key) == (one == other)


def test_customers_of_one_second_have_keys_of_their_own():
    events = [WeComEvent.of(added(number)) for number in range(1_000)]
    assert len({event.key for event in events}) == 1_000


def test_a_repeat_in_another_envelope_has_the_same_key(cipher: CallbackCipher, sender: Sender):
    message = xml(added(1, WelcomeCode="secret-code"))
    first, again = (opened(cipher, sender.letter(message, at_s)) for at_s in (1772352001, 1772352009))
    assert first.key == again.key


def test_a_key_fits_its_column_whatever_the_event_is_called():
    event = WeComEvent.of(added(1, Event="e" * 500, ChangeType="变" * 500))
    assert len(event.key) <= 190
    assert event.key != WeComEvent.of(added(1, Event="e" * 501, ChangeType="变" * 500)).key


def test_encoding_is_the_same_for_any_order_and_decodes():
    fields = added(1, State="店伴")
    turned = dict(reversed(fields.items()))
    event = WeComEvent.of(fields)
    assert event.encode() == WeComEvent.of(turned).encode()
    assert WeComEvent.decode(event.encode()) == event
    for wrong in ("", "[]", "null", "{}", "{"):
        with pytest.raises(BadCallback):
            WeComEvent.decode(wrong)


def test_secrets_do_not_show_when_an_event_or_its_refusal_is_printed(cipher: CallbackCipher, sender: Sender):
    event = WeComEvent.of(added(1, WelcomeCode="SECRET", ResponseCode="SECRET"))
    assert "SECRET" not in repr(event) + str(event) + event.key
    fields = added(1, WelcomeCode="SECRET") | {"CreateTime": "SECRET"}
    assert "SECRET" not in reason(cipher, sender.letter(xml(fields)))


def test_the_subject_is_whose_state_it_tells_of():
    told = [
        ({"ExternalUserID": "wmA", "UserID": "lin"}, "ExternalUserID:wma"),
        ({"UserID": "Lin"}, "UserID:lin"),
        ({"ChatId": "wr1"}, "ChatId:wr1"),
        ({"Id": "et1", "TagType": "tag"}, "Id:et1"),
        ({}, ""),
        ({"ExternalUserID": "w" * 500}, f"ExternalUserID:{'w' * 500}"[:96]),
    ]
    assert [event_of(fields).subject for fields, _ in told] == [subject for _, subject in told]
    assert all(first != then for (_, first), (_, then) in pairwise(told))
