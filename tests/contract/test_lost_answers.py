"""Answers that are lost after WeCom did what was asked: said to be possible, never made a visible double of."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest

from app.wecom.apis.contact_ways import NewWay
from app.wecom.apis.group_sends import ChatType
from app.wecom.apis.livings import LivingPlan
from app.wecom.apis.media import MediaKind, Scene
from app.wecom.apis.moments import MomentContent
from app.wecom.apis.transfers import TransferStatus
from app.wecom.apis.welcomes import WelcomeOutcome
from app.wecom.app import WeComApp
from app.wecom.bodies import Text, render
from app.wecom.errors import WeComRetryable
from tests.contract.campaign import PNG, Campaign
from tests.contract.card_samples import buttons, shown
from tests.contract.customers import Customers
from tests.contract.samples import new_member
from tests.wecom.local_sandbox import OURS, LocalSandbox

AFTER = ["http500_after", "drop_answer", "malformed"]
Work = Callable[[], object]


class Creating:
    """What makes something new, and how many of it there are; each in a corner of the corp of its own."""

    def __init__(self, corp: LocalSandbox) -> None:
        self.corp, self.wecom, self.campaign = corp, corp.app(), Campaign(corp)
        self.seller, self.taker = self.campaign.person(), self.campaign.person()
        self.customer = self.campaign.customer(self.seller)
        self.since = int(time.time()) - 3_600
        self.state = f"lost-{self.seller}"

    def contact_way(self) -> tuple[str, Work, Work]:
        ways = self.wecom.contact_ways
        return (
            "externalcontact/add_contact_way",
            lambda: ways.add(NewWay(userids=[self.seller], state=self.state)),
            lambda: len(ways.find_by_state(self.state, self.since)),
        )

    def group_send(self) -> tuple[str, Work, Work]:
        sends = self.wecom.group_sends
        return (
            "externalcontact/add_msg_template",
            lambda: sends.to_contacts("上新", external_userids=[self.customer], sender=self.seller),
            lambda: len(list(sends.orders(ChatType.SINGLE, self.since, self.since + 7_200))),
        )

    def moment(self) -> tuple[str, Work, Work]:
        moments = self.wecom.moments

        def made() -> int:
            self.corp.travel(timedelta(minutes=2))  # the job ends by itself
            return len(list(moments.list(self.since, self.since + 7_200)))

        return (
            "externalcontact/add_moment_task",
            lambda: moments.begin(MomentContent(text="上新"), wecom_userids=[self.seller]),
            made,
        )

    def living(self) -> tuple[str, Work, Work]:
        livings = self.wecom.livings
        plan = LivingPlan(theme="春装上新", starts_at_s=int(time.time()) + 86_400, duration_s=1_800)
        return (
            "living/create",
            lambda: livings.create(self.seller, plan),
            lambda: len(list(livings.ids_of(self.seller))),
        )

    def product(self) -> tuple[str, Work, Work]:
        products = self.wecom.products
        picture = self.wecom.media.upload_attachment(MediaKind.IMAGE, Scene.ALBUM, "a.png", PNG).media_id
        before = len(list(products.list()))
        return (
            "externalcontact/add_product_album",
            lambda: products.add("羊毛西装", 199_900, [picture]),
            lambda: len(list(products.list())) - before,
        )

    def transfer(self) -> tuple[str, Work, Work]:
        transfers = self.wecom.transfers
        return (
            "externalcontact/transfer_customer",
            lambda: transfers.begin(self.seller, self.taker, [self.customer]),
            lambda: sum(
                found.status is TransferStatus.WAITING for found in transfers.results(self.seller, self.taker)
            ),
        )

    def tag(self) -> tuple[str, Work, Work]:
        tags = self.wecom.tags
        return (
            "externalcontact/add_corp_tag",
            lambda: tags.add(["新"], group_name=self.seller),
            lambda: sum(len(group.tags) for group in tags.groups() if group.name == self.seller),
        )


@pytest.mark.parametrize("kind", AFTER)
@pytest.mark.parametrize(
    "what", ["contact_way", "group_send", "moment", "living", "product", "transfer", "tag"]
)
def test_what_was_made_is_made_once_and_can_be_found(corp: LocalSandbox, what: str, kind: str):
    path, make, made = getattr(Creating(corp), what)()
    before = corp.calls().get(path, 0)
    corp.plant(path, kind, times=None)
    with pytest.raises(WeComRetryable) as caught:
        make()
    assert caught.value.sent
    assert corp.calls()[path] - before == 1
    corp.forget()
    assert made() == 1


def test_a_question_and_an_overwriting_call_are_asked_again(corp: LocalSandbox, wecom: WeComApp):
    campaign = Campaign(corp)
    seller = campaign.person()
    customer = campaign.customer(seller)
    for path in ("externalcontact/remark", "externalcontact/batch/get_by_user"):
        corp.plant(path, "http500_after")
    wecom.contacts.remark(seller, customer, remark="常客")
    (found,) = wecom.contacts.of_users([seller])
    assert found.binding.remark == "常客"


def test_a_message_that_was_taken_is_asked_for_again_and_shown_once(corp: LocalSandbox, wecom: WeComApp):
    userid = new_member(corp)
    corp.plant("message/send", "http500_after")
    assert wecom.send_app_message(render(OURS.agent_id, (userid,), Text("一次就好"))).msgid
    assert len(corp.messages(userid)) == 1


def test_a_welcome_that_was_sent_is_not_shown_twice(corp: LocalSandbox, wecom: WeComApp):
    customers = Customers(corp)
    met = customers.add("lina")
    corp.plant("externalcontact/send_welcome_msg", "http500_after")
    assert wecom.welcomes.send(met["welcome_code"], content="您好") is WelcomeOutcome.ALREADY
    assert len(customers.chat("lina", met["external_userid"])) == 1


def test_a_card_that_was_changed_is_not_said_to_have_failed(corp: LocalSandbox, wecom: WeComApp):
    corp.set_rules(callback_url_set=True)
    userid = new_member(corp)
    sent = wecom.send_app_message(render(OURS.agent_id, (userid,), buttons()))
    corp.plant("message/update_template_card", "http500_after")
    with pytest.raises(WeComRetryable) as caught:
        wecom.messages.update_card(sent.response_code, [userid], "已联系")
    assert caught.value.sent
    assert shown(corp, userid)["replace_text"] == "已联系"
