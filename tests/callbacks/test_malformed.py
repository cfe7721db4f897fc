"""Five hundred callbacks, each wrong in its own way: every one is refused, quickly, and the process lives."""

from __future__ import annotations

import base64
import random
import time
from collections.abc import Callable
from hashlib import sha1

from flask.testing import FlaskClient
from sqlalchemy import select

from app.db import Database
from app.inbound.models import Inbound
from tests.callbacks.envelopes import PATH, Letter, Sender, added, wrap, xml

MANY = 500
# CPU time, which other processes do not lengthen; scaled by how much slower than a common core this machine is at
# a fixed piece of work. A callback that takes longer is tried again: the first one loads words, a collector may run.
MOST_S = 0.050
TRIES = 5
REFERENCE_S = 0.030

Break = Callable[[random.Random, Sender], Letter]


def truncated(dice: random.Random, sender: Sender) -> Letter:
    letter = sender.letter(xml(added(dice.randrange(10**6))))
    return Letter(letter.query, letter.body[: dice.randrange(len(letter.body))])


def flipped(dice: random.Random, sender: Sender) -> Letter:
    """One byte of the ciphertext is another; the signature is right, as it would be under a lost key."""
    sealed = bytearray(base64.b64decode(sender.seal(xml(added(1)))))
    sealed[-1 - dice.randrange(32)] ^= 1 << dice.randrange(8)
    return sender.letter_of(base64.b64encode(sealed).decode())


def wrong_base64(dice: random.Random, sender: Sender) -> Letter:
    return sender.letter_of("".join(dice.choices("ABC+/=*-_ \n", k=dice.randrange(1, 500))) + "*")


def wrong_padding(dice: random.Random, sender: Sender) -> Letter:
    frame = sender.frame(xml(added(1)).encode())
    whole = frame + b"x" * (-len(frame) % 32)
    return sender.letter_of(sender.encrypt(whole, bytes([dice.choice([0, 33, 64, 255])]) * 32))


def wrong_length(dice: random.Random, sender: Sender) -> Letter:
    frame = bytearray(sender.frame(xml(added(1)).encode()))
    frame[16:20] = dice.randrange(10**3, 2**32).to_bytes(4, "big")
    return sender.letter_of(sender.encrypt(bytes(frame)))


def bad_xml(dice: random.Random, sender: Sender) -> Letter:
    message = xml(added(1))
    place = dice.choice([place for place, letter in enumerate(message) if letter.isalnum()])
    return sender.letter(message[:place] + dice.choice("<&\0\x0b") + message[place + 1 :])


def nested(dice: random.Random, sender: Sender) -> Letter:
    depth = dice.randrange(20, 100_000)
    text = "<a>" * depth + "</a>" * depth
    return sender.letter(text) if dice.random() < 0.5 else Letter(sender.query(""), text.encode())


def many_attributes(dice: random.Random, sender: Sender) -> Letter:
    tag = "<xml " + " ".join(f'a{n}="1"' for n in range(dice.randrange(10, 10_000)))
    text = f"<xml>{f'{tag}/>' * (1_000_000 // len(tag))}</xml>"
    return Letter(sender.query(""), text.encode())


def laughing(dice: random.Random, sender: Sender) -> Letter:
    levels = dice.randrange(2, 30)
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(levels))
    text = f'<!DOCTYPE x [<!ENTITY a0 "ha">{entities}]><xml><Encrypt>&a{levels};</Encrypt></xml>'
    return sender.letter(text) if dice.random() < 0.5 else Letter(sender.query(""), text.encode())


def bad_utf8(dice: random.Random, sender: Sender) -> Letter:
    body = b"<xml><MsgType>event</MsgType><Event>" + dice.randbytes(40) + b"\xff</Event></xml>"
    return sender.letter_of(sender.encrypt(sender.frame(body)))


def noise(dice: random.Random, sender: Sender) -> Letter:
    return Letter(sender.query("x"), dice.randbytes(dice.choice([0, 1, 100, 100_000])))


def field_missing(dice: random.Random, sender: Sender) -> Letter:
    fields = added(1)
    del fields[dice.choice(["MsgType", "Event", "CreateTime"])]
    return sender.letter(xml(fields))


def query_wrong(dice: random.Random, sender: Sender) -> Letter:
    letter = sender.letter(xml(added(1)))
    query = dict(letter.query)
    name = dice.choice(sorted(query))
    if dice.random() < 0.5:
        del query[name]
    else:
        query[name] = dice.choice(["", "é", "😀", "\0", "x" * 10_000, "-1", "1e9"])
    return Letter(query, letter.body)


def huge(dice: random.Random, sender: Sender) -> Letter:
    size = dice.choice([900_000, 1_048_577, 3_000_000])
    return Letter(sender.query("x"), wrap(dice.choice("Aé<&") * size).encode())


BREAKS: tuple[Break, ...] = (
    *(truncated, flipped, wrong_base64, wrong_padding, wrong_length, bad_xml, nested),
    *(many_attributes, laughing, bad_utf8, noise, field_missing, query_wrong, huge),
)


def slowness() -> float:
    """How much slower this machine is than one on which REFERENCE_S was measured; never below 1."""
    best = 1e9
    for _ in range(3):
        started = time.thread_time()
        for number in range(30_000):
            sha1(number.to_bytes(4, "big")).hexdigest()
        best = min(best, time.thread_time() - started)
    return max(1.0, best / REFERENCE_S)


def cpu_of(client: FlaskClient, letter: Letter) -> tuple[int, float]:
    started = time.thread_time()
    answer = client.post(PATH, query_string=letter.query, data=letter.body)
    return answer.status_code, time.thread_time() - started


def test_500_malformed_callbacks_are_refused_quickly_and_the_next_good_one_is_taken(
    client: FlaskClient, database: Database, sender: Sender
):
    dice, most_s = random.Random(20260301), MOST_S * slowness()
    statuses, slow = set(), []
    for number in range(MANY):
        broken = BREAKS[number % len(BREAKS)]
        letter = broken(dice, sender)
        status, took_s = cpu_of(client, letter)
        tries = (cpu_of(client, letter)[1] for _ in range(TRIES))
        if took_s > most_s and all(again > most_s for again in tries):
            slow.append((broken.__name__, took_s))
        statuses.add(status)
    assert statuses <= {400, 403, 413}
    assert slow == []
    with database.reading() as session:
        assert session.scalars(select(Inbound)).all() == []
    letter = sender.letter(xml(added(1)))
    assert client.post(PATH, query_string=letter.query, data=letter.body).status_code == 200
