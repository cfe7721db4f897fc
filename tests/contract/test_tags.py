"""Customer tags (facts 3.5): get_corp_tag_list, add_corp_tag, edit_corp_tag, del_corp_tag, mark_tag."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.wecom.apis.tags import TagGroup
from app.wecom.app import WeComApp
from app.wecom.errors import WeComRetryable
from tests.contract.conftest import Place, refused
from tests.contract.customers import Customers
from tests.wecom.local_sandbox import LocalSandbox

UNKNOWN = "etNobodyMadeThis"


@pytest.fixture
def customers(corp: LocalSandbox) -> Customers:
    return Customers(corp)


@pytest.fixture
def group(wecom: WeComApp) -> Iterator[TagGroup]:
    """A group of this app with two tags."""
    made = wecom.tags.add(["高意向", "已试穿"], group_name=f"意向{uuid4().hex[:8]}", order=7)
    yield made
    left = [one for one in wecom.tags.groups() if one.group_id == made.group_id]
    if left:
        wecom.tags.delete(group_ids=[made.group_id])


def names_of(group: TagGroup) -> list[str]:
    return [tag.name for tag in group.tags]


def test_tags_are_made_with_their_group(wecom: WeComApp, group: TagGroup):
    assert (names_of(group), group.order, group.deleted) == (["高意向", "已试穿"], 7, False)
    assert group.group_id in {one.group_id for one in wecom.tags.groups()}


def test_tags_are_added_to_the_group_of_the_name_and_only_the_new_ones_answered(
    wecom: WeComApp, group: TagGroup
):
    more = wecom.tags.add(["高意向", "要发票", "要发票"], group_name=group.name)
    assert (more.group_id, names_of(more)) == (group.group_id, ["要发票"])
    again = wecom.tags.add(["要礼盒"], group_id=group.group_id, group_name="不看这个", order=99)
    assert (again.group_id, again.name, again.order) == (group.group_id, group.name, 7)
    (whole,) = wecom.tags.groups_of(group_ids=[group.group_id])
    assert set(names_of(whole)) == {"高意向", "已试穿", "要发票", "要礼盒"}


def test_no_tag_is_no_group(wecom: WeComApp):
    with refused(40058):
        wecom.tags.add([], group_name="空组")


@pytest.mark.parametrize("name", ["", "长" * 31])
def test_a_name_is_one_to_thirty_characters(wecom: WeComApp, group: TagGroup, name: str):
    with refused(40058):
        wecom.tags.add([name], group_id=group.group_id)
    with refused(40058):
        wecom.tags.add(["好"], group_name=name)


def test_a_tag_for_an_unknown_group_is_refused(wecom: WeComApp):
    with refused(40068):
        wecom.tags.add(["好"], group_id=UNKNOWN)


def test_the_corp_has_so_many_tags_and_no_more(wecom: WeComApp, customers: Customers, group: TagGroup):
    there_are = sum(len(one.tags) for one in wecom.tags.groups())
    with customers.rules(tag_cap=there_are + 1):
        wecom.tags.add(["放得下"], group_id=group.group_id)
        with refused(40126):
            wecom.tags.add(["放不下"], group_id=group.group_id)
    (whole,) = wecom.tags.groups_of(group_ids=[group.group_id])
    assert "放不下" not in names_of(whole)


def test_tags_are_found_by_id_with_their_group(wecom: WeComApp, group: TagGroup):
    (found,) = wecom.tags.groups_of(tag_ids=[group.tags[0].tag_id])
    assert (found.group_id, names_of(found)) == (group.group_id, ["高意向"])
    (both,) = wecom.tags.groups_of(tag_ids=[UNKNOWN], group_ids=[group.group_id])
    assert both.group_id == group.group_id
    assert wecom.tags.groups_of() == ()


def test_an_unknown_tag_is_not_found(wecom: WeComApp):
    with refused(40068):
        wecom.tags.groups_of(tag_ids=[UNKNOWN])
    with refused(40068):
        wecom.tags.groups_of(group_ids=[UNKNOWN])


def test_a_tag_and_a_group_get_another_name_and_order(wecom: WeComApp, group: TagGroup):
    wecom.tags.edit(group.tags[1].tag_id, name="已成交", order=5)
    wecom.tags.edit(group.group_id, name=f"{group.name}改")
    (found,) = wecom.tags.groups_of(group_ids=[group.group_id])
    assert (found.name, names_of(found)) == (f"{group.name}改", ["已成交", "高意向"])


def test_a_name_that_is_taken_in_the_group_is_refused(wecom: WeComApp, group: TagGroup):
    with refused(40071):
        wecom.tags.edit(group.tags[1].tag_id, name="高意向")


def test_what_there_is_not_cannot_be_edited_or_deleted(wecom: WeComApp):
    with refused(40068):
        wecom.tags.edit(UNKNOWN, name="好")
    with refused(40068):
        wecom.tags.delete(tag_ids=[UNKNOWN])
    with refused(40058):
        wecom.tags.delete()


def test_the_consoles_tags_can_be_marked_but_not_changed(wecom: WeComApp, customers: Customers):
    made = customers.tags("老客")
    tag_id, group_id = made["tag_ids"][0], made["group_id"]
    with refused(81011):
        wecom.tags.edit(tag_id, name="新客")
    with refused(81011):
        wecom.tags.delete(tag_ids=[tag_id])
    with refused(81011):
        wecom.tags.delete(group_ids=[group_id])
    added = customers.add("lina")["external_userid"]
    wecom.tags.mark("lina", added, add=[tag_id])
    assert marks(wecom, added) == {tag_id}


def test_a_group_ends_with_its_last_tag(wecom: WeComApp, group: TagGroup):
    first, second = (tag.tag_id for tag in group.tags)
    wecom.tags.delete(tag_ids=[first])
    assert group.group_id in {one.group_id for one in wecom.tags.groups()}
    wecom.tags.delete(tag_ids=[second])
    assert group.group_id not in {one.group_id for one in wecom.tags.groups()}
    (gone,) = wecom.tags.groups_of(group_ids=[group.group_id])
    assert gone.deleted
    assert all(tag.deleted for tag in gone.tags)


def test_a_deleted_group_takes_its_tags_off_every_customer(
    wecom: WeComApp, customers: Customers, group: TagGroup
):
    added = customers.add("lina")["external_userid"]
    wecom.tags.mark("lina", added, add=[tag.tag_id for tag in group.tags])
    wecom.tags.delete(group_ids=[group.group_id])
    assert marks(wecom, added) == set()
    with refused(40068):
        wecom.tags.mark("lina", added, add=[group.tags[0].tag_id])


def test_marks_are_of_one_account_on_one_contact(wecom: WeComApp, customers: Customers, group: TagGroup):
    added = customers.add("lina")["external_userid"]
    customers.corp.control("POST", "graph/add", {"userid": "wangwei", "customer": added})
    first, second = (tag.tag_id for tag in group.tags)
    wecom.tags.mark("LINA", added, add=[first, second])
    wecom.tags.mark("lina", added, add=[first], remove=[second])
    contact = wecom.contacts.get(added)
    assert contact is not None
    assert {one.wecom_userid: set(one.tag_ids) for one in contact.bindings} == {
        "lina": {first},
        "wangwei": set(),
    }
    batch = [one for one in wecom.contacts.of_users(["lina"]) if one.profile.external_userid == added]
    assert [set(one.binding.tag_ids) for one in batch] == [{first}]


def test_personal_tags_have_no_id_and_are_left_out(wecom: WeComApp, customers: Customers, group: TagGroup):
    added = customers.add("lina")["external_userid"]
    wecom.tags.mark("lina", added, add=[group.tags[0].tag_id])
    customers.do("mark", "lina", added, personal=["爱砍价"])
    assert marks(wecom, added) == {group.tags[0].tag_id}


def test_marking_is_refused_without_a_contact_or_a_tag(wecom: WeComApp, place: Place, group: TagGroup):
    tag_id = group.tags[0].tag_id
    with refused(84061):
        wecom.tags.mark(place.idle_userid, place.external_userid, add=[tag_id])
    with refused(60111):
        wecom.tags.mark(place.unknown_userid, place.external_userid, add=[tag_id])
    with refused(40068):
        wecom.tags.mark(place.userid, place.external_userid, add=[tag_id, UNKNOWN])
    with refused(40058):
        wecom.tags.mark(place.userid, place.external_userid)


def test_a_refused_mark_changes_nothing(wecom: WeComApp, customers: Customers, group: TagGroup):
    added = customers.add("lina")["external_userid"]
    with refused(40068):
        wecom.tags.mark("lina", added, add=[group.tags[0].tag_id, UNKNOWN])
    assert marks(wecom, added) == set()


def test_while_another_call_marks_the_pair_it_is_worth_trying_again(
    corp: LocalSandbox, wecom: WeComApp, customers: Customers, group: TagGroup
):
    added = customers.add("lina")["external_userid"]
    corp.control("PUT", f"graph/busy/lina/{added}")
    with pytest.raises(WeComRetryable, match="45035"):
        wecom.tags.mark("lina", added, add=[group.tags[0].tag_id])
    corp.control("DELETE", f"graph/busy/lina/{added}")
    wecom.tags.mark("lina", added, add=[group.tags[0].tag_id])
    assert marks(wecom, added) == {group.tags[0].tag_id}


def test_tags_of_the_api_are_not_told_and_those_of_people_are(
    wecom: WeComApp, customers: Customers, group: TagGroup
):
    added = customers.add("lina")["external_userid"]
    wecom.tags.mark("lina", added, add=[group.tags[0].tag_id])
    wecom.tags.edit(group.tags[0].tag_id, name="很高意向")
    customers.do("mark", "lina", added, add=[group.tags[1].tag_id])
    assert customers.changes() == ["add_external_contact", "edit_external_contact"]


def test_what_the_console_does_to_tags_is_told(corp: LocalSandbox, customers: Customers):
    made = customers.tags("甲", "乙")
    first, second = made["tag_ids"]
    corp.control("PATCH", f"graph/tags/{first}", {"name": "丙"})
    corp.control("PUT", f"graph/tags/{made['group_id']}/order", {"tag_ids": [second, first]})
    corp.control("DELETE", f"graph/tags/{first}")
    corp.control("DELETE", f"graph/tags/{second}")
    told = [(event["ChangeType"], event["TagType"], event["Id"]) for event in customers.events()]
    assert told == [
        ("create", "tag_group", made["group_id"]),
        ("create", "tag", first),
        ("create", "tag", second),
        ("update", "tag", first),
        ("shuffle", "tag_group", made["group_id"]),
        ("delete", "tag", first),
        ("delete", "tag", second),
        ("delete", "tag_group", made["group_id"]),
    ]


def test_the_larger_order_stands_first(corp: LocalSandbox, wecom: WeComApp, customers: Customers):
    made = customers.tags("甲", "乙", "丙")
    corp.control("PUT", f"graph/tags/{made['group_id']}/order", {"tag_ids": made["tag_ids"][::-1]})
    (found,) = wecom.tags.groups_of(group_ids=[made["group_id"]])
    assert names_of(found) == ["丙", "乙", "甲"]


def marks(wecom: WeComApp, external_userid: str) -> set[str]:
    contact = wecom.contacts.get(external_userid)
    assert contact is not None
    return set(contact.bindings[0].tag_ids)
