"""The fourteen things a sandbox of WeCom has to imitate (facts 8), and by which tests each is shown.

A test that is renamed or dropped is missed here. Items are in our own words; what each means is in the tests.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from importlib import import_module

import pytest

from tests.house.source import ROOT

ITEMS = 14


@dataclass(frozen=True)
class Item:
    """A thing to imitate; `shown_by` maps modules below tests/ to the tests in them, without `test_`."""

    says: str
    shown_by: dict[str, tuple[str, ...]]


CHECKLIST = {
    1: Item(
        "WeCom's paths; a business error has status 200, a hint in its text and empty lists; an unknown path is 404",
        {
            "sandbox.test_tokens": (
                "an_error_has_wecoms_shape_and_status_200",
                "an_unknown_path_is_404",
            ),
            "sandbox.test_gate": (
                "a_refused_list_is_there_and_empty",
                "a_list_refused_by_its_endpoint_is_empty_too",
                "what_answers_no_list_refuses_without_one",
            ),
        },
    ),
    2: Item(
        "a body is JSON whatever its type says, fields nobody knows are ignored, a GET of what is posted is refused",
        {
            "sandbox.test_messages": ("unknown_fields_are_ignored",),
            "sandbox.test_tokens": ("get_on_a_post_only_api_is_40058",),
            "sandbox.test_campaigns": ("a_get_is_refused_where_a_post_is_meant",),
            "sandbox.test_wechatpy": ("a_message_is_sent",),
        },
    ),
    3: Item(
        "address, token, permission, parameters, business: checked in this order",
        {
            "sandbox.test_gate": (
                "address_token_permission_and_parameters_are_checked_in_this_order",
                "a_foreign_address_buys_no_token",
            ),
            "sandbox.test_tokens": (
                "the_token_is_checked_before_the_parameters",
                "permission_comes_after_the_token_and_before_the_parameters",
                "a_foreign_address_is_60020",
            ),
        },
    ),
    4: Item(
        "each app has its tokens; tests end or revoke them, disable the app, move the clock, set addresses and scope",
        {
            "sandbox.test_tokens": (
                "a_token_belongs_to_one_app",
                "an_expired_token_is_42001_and_a_revoked_one_40014",
                "tokens_can_be_ended_before_their_time",
                "a_fast_forward_ends_no_token",
            ),
            "sandbox.test_control": ("the_clock_follows_an_offset",),
            "contract.test_tokens_and_tickets": (
                "a_token_that_ends_before_its_time_is_bought_anew",
                "a_disabled_app_and_an_untrusted_address_are_refused",
            ),
            "contract.test_contacts": (
                "without_the_permission_no_contact_is_read",
                "a_contact_whose_followers_are_out_of_scope_is_refused",
            ),
            "contract.test_campaign_scope": ("a_hidden_member_sends_nothing",),
        },
    ),
    5: Item(
        "calls are limited by time and by number at once; busy, slow, broken and unreadable answers come on demand",
        {
            "contract.test_limits": (
                "too_many_calls_block_an_api_for_as_long_as_the_limit_is",
                "trying_wrong_secrets_shuts_an_address_out_for_an_hour",
                "more_calls_at_once_than_may_be_are_45033",
            ),
            "contract.test_faults": (
                "what_may_have_happened_is_said_and_done_again_without_a_double",
                "a_bad_gateway_after_the_effect_leaves_one_message",
                "an_answer_that_trickles_is_read_to_its_end",
                "a_bad_hour_from_a_script_passes",
            ),
            "sandbox.test_control": (
                "an_error_code_comes_as_often_as_asked_and_has_no_effect",
                "an_http_error",
                "a_delayed_call_does_what_was_asked",
                "a_malformed_answer_comes_after_the_effect",
                "a_bad_gateway_comes_after_the_effect",
                "a_dropped_answer_comes_after_the_effect",
            ),
            "sandbox.test_fault_script": ("the_same_seed_strikes_the_same_calls",),
        },
    ),
    6: Item(
        "a message may reach some only, be dropped as too many or held as a repeat; cards change once, recalls end",
        {
            "sandbox.test_messages": (
                "part_of_the_receivers_may_be_nobody",
                "the_surplus_of_a_minute_is_dropped_and_the_answer_is_ok",
                "the_same_request_is_delivered_once_within_the_interval",
            ),
            "contract.test_card_changes": (
                "a_response_code_is_good_for_72_hours",
                "the_buttons_become_a_grey_text_once",
            ),
            "contract.test_messages": (
                "a_message_is_recalled_within_a_day",
                "a_message_older_than_a_day_stays",
            ),
        },
    ),
    7: Item(
        "a card's lists, keys, action, task and callback address are checked, its lengths are not; a text is cut",
        {
            "contract.test_cards": (
                "a_wrong_card_is_refused",
                "a_wrong_notice_is_refused",
                "a_task_id_is_used_once",
                "an_app_without_a_callback_address_cannot_send_what_calls_back",
                "texts_longer_than_recommended_are_not_refused",
            ),
            "sandbox.test_messages": ("a_long_text_is_cut_at_2048_bytes_not_refused",),
        },
    ),
    8: Item(
        "a relation is one-way, mutual or half; 84061 says there is none, or no customer at all; 500 are a page",
        {
            "sandbox.test_graph": ("the_customer_deletes_and_the_member_keeps_a_one_way_relation",),
            "sandbox.test_contacts": (
                "a_list_is_refused_and_none_is_84061",
                "five_hundred_followers_are_a_page",
            ),
            "contract.test_contacts": (
                "a_half_added_customer_is_no_contact_until_the_associate_confirms",
                "a_customer_the_associate_deleted_is_gone",
            ),
        },
    ),
    9: Item(
        "a scan adds or half adds, with its state and a welcome code: for twenty seconds, once, by one app",
        {
            "contract.test_contact_ways": (
                "a_scan_connects_the_two_with_state_and_welcome_code",
                "a_half_added_customer_is_told_twice",
            ),
            "contract.test_welcomes": (
                "a_code_is_good_once",
                "an_unknown_code_is_too_late",
                "while_another_app_sends_it_is_worth_one_more_try",
            ),
            "sandbox.test_graph": (
                "a_welcome_code_is_good_for_twenty_seconds_of_the_machines_clock",
                "both_apps_have_the_code_and_the_first_one_wins",
                "two_apps_that_send_one_welcome_at_once_do_not_both_pass",
            ),
        },
    ),
    10: Item(
        "tags are their app's; names collapse, empty groups end, there are only so many, a pair has one writer",
        {
            "contract.test_tags": (
                "tags_are_added_to_the_group_of_the_name_and_only_the_new_ones_answered",
                "the_consoles_tags_can_be_marked_but_not_changed",
                "a_group_ends_with_its_last_tag",
                "the_corp_has_so_many_tags_and_no_more",
            ),
            "sandbox.test_graph": ("what_another_app_made_is_not_to_be_changed",),
            "sandbox.test_tags": ("two_calls_that_mark_one_pair_at_once_do_not_both_pass",),
        },
    ),
    11: Item(
        "of a group send the last to chat has the task and confirms it; quota, early questions and reminders",
        {
            "contract.test_group_sends": (
                "only_the_last_to_chat_gets_the_task",
                "confirming_sends_it_and_it_is_in_the_chat",
                "a_customer_has_enough",
                "by_default_a_customer_may_get_one_for_each_day_of_the_month",
                "questions_come_too_early_just_after_the_order",
                "three_reminders_a_day",
            ),
        },
    ),
    12: Item(
        "events are sealed with the app's key, tried again, doubled, reordered, lost; the API's changes are not told",
        {
            "sandbox.test_callback_crypto": ("the_documents_sample_is_signed_and_opened_alike",),
            "sandbox.test_callbacks": (
                "an_event_arrives_signed_now_and_says_when_it_happened",
                "an_address_that_thinks_too_long_is_not_saved",
                "whatever_is_not_200_is_tried_again",
                "after_three_retries_it_gives_up",
                "an_answer_after_the_window_is_none",
                "events_come_as_often_as_the_test_wants",
                "held_events_leave_when_they_are_let_go_in_any_order",
                "events_get_lost_on_demand",
            ),
            "contract.test_contacts": ("a_remark_through_the_api_is_not_told",),
            "contract.test_tags": ("tags_of_the_api_are_not_told_and_those_of_people_are",),
        },
    ),
    13: Item(
        "tickets sign pages and the sandbox checks them; login codes of web and mini program: once, five minutes",
        {
            "sandbox.test_tickets": (
                "the_official_vector",
                "a_page_is_let_in_by_its_own_kind_of_ticket_only",
                "whatever_was_not_signed_is_refused",
            ),
            "contract.test_tokens_and_tickets": ("signatures_match_the_official_sample",),
            "sandbox.test_logins": ("a_code_is_used_once_and_lives_five_minutes",),
            "contract.test_logins": ("a_mini_program_code_is_used_once_and_within_five_minutes",),
        },
    ),
    14: Item(
        "media are kept three days and checked in size and kind; uploads for moments and products are apart",
        {
            "contract.test_media": (
                "a_media_id_is_gone_after_three_days",
                "a_file_that_is_not_what_it_should_be_is_refused",
                "a_wrong_attachment_is_refused",
            ),
            "contract.test_messages": ("a_media_id_of_another_kind_or_none_is_40007",),
            "contract.test_moments": ("pictures_come_from_the_uploads_for_moments",),
            "contract.test_products": ("a_product_needs_pictures_of_its_own_uploads",),
        },
    ),
}  # fmt: skip


def missing(checklist: dict[int, Item]) -> list[str]:
    """What the checklist names and is no test."""
    named = [
        (number, module, name)
        for number, item in checklist.items()
        for module, names in item.shown_by.items()
        for name in names
    ]
    return [
        f"{number}: {module}.test_{name}"
        for number, module, name in named
        if not callable(getattr(import_module(f"tests.{module}"), f"test_{name}", None))
    ]


def test_every_item_has_tests():
    assert list(CHECKLIST) == list(range(1, ITEMS + 1))
    assert [number for number, item in CHECKLIST.items() if not sum(map(len, item.shown_by.values()))] == []


@pytest.mark.parametrize("number", CHECKLIST)
def test_the_tests_of_an_item_are_there(number: int):
    assert missing({number: CHECKLIST[number]}) == []


def test_a_test_that_is_gone_is_missed():
    assert missing({0: Item("", {"contract.test_cards": ("no_such_thing",)})}) == [
        "0: contract.test_cards.test_no_such_thing"
    ]


def test_the_modules_are_collected_and_each_test_is_named_once_an_item():
    for item in CHECKLIST.values():
        for module, names in item.shown_by.items():
            assert (ROOT / "tests" / f"{module.replace('.', '/')}.py").is_file()
            assert max(Counter(names).values()) == 1
