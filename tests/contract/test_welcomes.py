"""Welcomes (facts 3.7): send_welcome_msg, group_welcome_template/{add,edit,get,del}."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.wecom.apis.attachments import ImageAttachment, LinkAttachment
from app.wecom.apis.welcomes import WelcomeOutcome
from app.wecom.app import WeComApp
from app.wecom.errors import WeComRetryable
from tests.contract.conftest import refused
from tests.contract.customers import Customers
from tests.wecom.local_sandbox import LocalSandbox

SEND = "externalcontact/send_welcome_msg"
LINK = LinkAttachment("新品", "https://shop.example/new", "看看", "https://shop.example/new.png")


@pytest.fixture
def customers(corp: LocalSandbox) -> Customers:
    return Customers(corp)


@pytest.fixture
def template_id(wecom: WeComApp) -> Iterator[str]:
    """A template for groups; deleted afterwards, as there may be but a hundred."""
    made = wecom.welcomes.add_template("欢迎入群", LINK)
    yield made
    wecom.welcomes.delete_template(made)


def test_a_welcome_is_in_the_chat_as_several_messages(wecom: WeComApp, customers: Customers):
    met = customers.add("lina")
    sent = wecom.welcomes.send(met["welcome_code"], content="您好，我是李娜", attachments=[LINK])
    assert sent is WelcomeOutcome.SENT
    said = customers.chat("lina", met["external_userid"])
    assert [(message["from"], message["msgtype"]) for message in said] == [
        ("associate", "text"),
        ("associate", "news"),
    ]
    assert said[0]["body"]["content"] == "您好，我是李娜"
    assert said[1]["body"]["link"] == "https://shop.example/new"


def test_a_picture_by_its_address_is_enough(wecom: WeComApp, customers: Customers):
    met = customers.add("lina")
    picture = ImageAttachment(pic_url="https://pic.example/a.png")
    assert wecom.welcomes.send(met["welcome_code"], attachments=[picture]) is WelcomeOutcome.SENT


def test_a_code_is_good_once(wecom: WeComApp, customers: Customers):
    met = customers.add("lina")
    wecom.welcomes.send(met["welcome_code"], content="您好")
    assert wecom.welcomes.send(met["welcome_code"], content="您好") is WelcomeOutcome.ALREADY
    assert len(customers.chat("lina", met["external_userid"])) == 1


def test_no_welcome_once_they_talk(wecom: WeComApp, customers: Customers):
    met = customers.add("lina")
    customers.say("lina", met["external_userid"], "在吗")
    assert wecom.welcomes.send(met["welcome_code"], content="您好") is WelcomeOutcome.ALREADY
    assert len(customers.chat("lina", met["external_userid"])) == 1


def test_an_unknown_code_is_too_late(wecom: WeComApp):
    assert wecom.welcomes.send("never-issued", content="您好") is WelcomeOutcome.TOO_LATE


def test_no_code_is_refused(wecom: WeComApp):
    with refused(41049):
        wecom.welcomes.send("", content="您好")


def test_a_fast_forward_does_not_end_a_code(corp: LocalSandbox, wecom: WeComApp, customers: Customers):
    met = customers.add("lina")
    corp.travel(timedelta(days=30))
    assert wecom.welcomes.send(met["welcome_code"], content="您好") is WelcomeOutcome.SENT


def test_while_another_app_sends_it_is_worth_one_more_try(
    corp: LocalSandbox, wecom: WeComApp, customers: Customers
):
    met = customers.add("lina")
    held = f"graph/busy/welcome_code/{met['welcome_code']}"
    corp.control("PUT", held)
    with pytest.raises(WeComRetryable, match="41096"):
        wecom.welcomes.send(met["welcome_code"], content="您好")
    corp.control("DELETE", held)
    assert wecom.welcomes.send(met["welcome_code"], content="您好") is WelcomeOutcome.SENT


@pytest.mark.parametrize(
    ("content", "errcode"),
    [
        ({}, 40058),
        ({"text": {"content": "长" * 1334}}, 40058),
        (
            {"attachments": [{"msgtype": "link", "link": {"title": "a", "url": "https://a.example"}}] * 10},
            41064,
        ),
        ({"attachments": [{"msgtype": "voice", "voice": {"media_id": "m"}}]}, 41065),
        ({"attachments": [{"msgtype": "image", "image": {"media_id": "unknown"}}]}, 40007),
        (
            {"attachments": [{"msgtype": "link", "link": {"title": "长" * 43, "url": "https://a.example"}}]},
            40058,
        ),
    ],
)
def test_wrong_content_is_refused_and_leaves_the_code_good(
    corp: LocalSandbox, wecom: WeComApp, customers: Customers, content: dict[str, Any], errcode: int
):
    met = customers.add("lina")
    with refused(errcode):
        corp.client().post(SEND, data={"welcome_code": met["welcome_code"], **content})
    assert wecom.welcomes.send(met["welcome_code"], content="长" * 1333) is WelcomeOutcome.SENT


def test_no_code_where_the_console_welcomes_itself(customers: Customers):
    with customers.member("lina", console_welcome=True):
        assert customers.add("lina")["welcome_code"] == ""
    (event,) = customers.events()
    assert "WelcomeCode" not in event


def test_no_code_for_somebody_of_another_corp(corp: LocalSandbox, customers: Customers):
    partner = {"external_userid": "woVisitor", "name": "渠道", "type": 2, "follow": []}
    corp.control("PUT", "contacts", [partner])
    met = corp.control("POST", "graph/add", {"userid": "lina", "customer": "woVisitor"})
    assert (met["outcome"], met["welcome_code"]) == ("added", "")


def test_no_second_code_once_the_half_added_was_welcomed(wecom: WeComApp, customers: Customers):
    met = customers.add("lina", half=True)
    assert wecom.welcomes.send(met["welcome_code"], content="您好") is WelcomeOutcome.SENT
    assert customers.do("accept", "lina", met["external_userid"])["welcome_code"] == ""
    assert "WelcomeCode" not in customers.events()[-1]


def test_no_second_code_once_the_half_added_talks(customers: Customers):
    met = customers.add("lina", half=True)
    customers.say("lina", met["external_userid"], "你好呀")
    assert customers.do("accept", "lina", met["external_userid"])["welcome_code"] == ""


def test_a_customer_who_comes_back_may_be_welcomed_again(wecom: WeComApp, customers: Customers):
    met = customers.add("lina")
    wecom.welcomes.send(met["welcome_code"], content="您好")
    customers.do("delete-by-customer", "lina", met["external_userid"])
    again = customers.add("lina", customer=met["external_userid"])
    assert wecom.welcomes.send(again["welcome_code"], content="欢迎回来") is WelcomeOutcome.SENT
    assert wecom.welcomes.send(met["welcome_code"], content="您好") is WelcomeOutcome.TOO_LATE


def test_a_template_is_read_as_it_was_made(wecom: WeComApp, template_id: str):
    found = wecom.welcomes.get_template(template_id)
    assert found.text == "欢迎入群"
    assert found.attachment is not None
    assert found.attachment["link"]["url"] == "https://shop.example/new"


def test_a_template_is_replaced_whole(wecom: WeComApp, template_id: str):
    wecom.welcomes.edit_template(template_id, "欢迎")
    found = wecom.welcomes.get_template(template_id)
    assert (found.text, found.attachment) == ("欢迎", None)


def test_a_deleted_template_is_unknown(wecom: WeComApp):
    made = wecom.welcomes.add_template("欢迎")
    wecom.welcomes.delete_template(made)
    with refused(40058):
        wecom.welcomes.get_template(made)


def test_a_template_without_content_is_refused(wecom: WeComApp):
    with refused(40058):
        wecom.welcomes.add_template("")


def test_a_hundred_templates_are_all(corp: LocalSandbox, wecom: WeComApp):
    made: list[str] = []
    try:
        with refused(41055):
            for _ in range(101):
                made.append(wecom.welcomes.add_template("欢迎"))
        assert made
    finally:
        for template_id in made:
            wecom.welcomes.delete_template(template_id)
