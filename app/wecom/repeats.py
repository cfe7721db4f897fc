"""Which calls may be made again inside one call of the port, where nobody knows whether the first was carried out.

A 5xx is the usual form of a lost answer: a gateway gave up waiting for what WeCom did all the same. A GET is asked
again, and so are the POSTs of `REPEATABLE`. Every other one, those we do not know among them, ends in
`WeComRetryable` with `sent`: whoever ordered it has to look first whether it is there (`NEVER` says where).
"""

from __future__ import annotations

from app.wecom.transport import Body

_CONTACT = "externalcontact/"

# Questions, which WeCom wants by POST.
READS = frozenset(
    {
        "auth/getuserdetail",
        "checkin/getcheckinschedulist",
        "externalpay/get_bill_list",
        "externalpay/get_fund_flow",
        "externalpay/get_payment_info",
        "idconvert/unionid_to_external_userid",
        "living/get_living_share_info",
        "living/get_user_all_livingid",
        "living/get_watch_stat",
        "user/getuserid",
        "user/list_id",
    }
    | {
        _CONTACT + name
        for name in (
            "batch/get_by_user",
            "convert_to_openid",
            "get_contact_way",
            "get_corp_tag_list",
            "get_groupmsg_list_v2",
            "get_groupmsg_send_result",
            "get_groupmsg_task",
            "get_moment_comments",
            "get_moment_customer_list",
            "get_moment_list",
            "get_moment_send_result",
            "get_moment_task",
            "get_product_album",
            "get_product_album_list",
            "get_unassigned_list",
            "get_user_behavior_data",
            "group_welcome_template/get",
            "groupchat/get",
            "groupchat/get_join_way",
            "groupchat/list",
            "groupchat/statistic",
            "groupchat/statistic_group_by_day",
            "list_contact_way",
            "opengid_to_chatid",
            "resigned/transfer_result",
            "transfer_result",
            "unionid_to_external_userid",
        )
    }
)

# Doing it twice is doing it once, and WeCom answers the same: what is there is overwritten with the same.
OVERWRITES = frozenset(
    {"living/modify"}
    | {
        _CONTACT + name
        for name in (
            "edit_corp_tag",
            "group_welcome_template/edit",
            "groupchat/update_join_way",
            "mark_tag",
            "remark",
            "update_contact_way",
            "update_product_album",
        )
    }
)

# Nobody sees the second one: a code or a file more that is forgotten by itself, and the words of a welcome code,
# which serves once, however often it is used.
UNSEEN = frozenset(
    {
        "externalcontact/send_welcome_msg",
        "get_launch_code",
        "living/get_living_code",
        "media/upload",
        "media/upload_attachment",
    }
)

REPEATABLE = READS | OVERWRITES | UNSEEN

# Sent again only with the duplicate check on, which shows equal bodies once (facts 3.14).
CHECKED = "message/send"

# Never, and why: what a second one would do, and where to look for the first.
NEVER = {
    "externalcontact/add_contact_way": "a second code: look with contact_ways.find_by_state",
    "externalcontact/add_corp_tag": "the answer names new tags only, so the ids would be lost: tags.groups",
    "externalcontact/add_moment_task": "a second post: moments.list",
    "externalcontact/add_msg_template": "a second task for every sender: group_sends.orders",
    "externalcontact/add_product_album": "a second product: products.list",
    "externalcontact/group_welcome_template/add": "a second template of a hundred; WeCom has no list of them",
    "externalcontact/groupchat/add_join_way": "a second code; WeCom has no list of them",
    "living/create": "a second live: livings.ids_of",
    "media/uploadimg": "a second picture that stays for good, of 1,000 a day",
    # Those who are begun are told apart from those who cannot be only by the first answer.
    "externalcontact/transfer_customer": "begun twice is refused (40100, 40129): transfers.results",
    "externalcontact/resigned/transfer_customer": "begun twice is refused: transfers.results_of_left",
    "externalcontact/groupchat/transfer": "done twice is refused: group_chats.get",
    "externalcontact/groupchat/onjob_transfer": "done twice is refused: group_chats.get",
    # A refusal would hide that the first was carried out.
    "externalcontact/cancel_groupmsg_send": "done twice is refused (41093)",
    "externalcontact/cancel_moment_task": "done twice may be refused: moments.tasks",
    "externalcontact/close_temp_chat": "done twice is refused (84061)",
    "externalcontact/del_contact_way": "done twice is refused (41044)",
    "externalcontact/del_corp_tag": "done twice is refused (40068)",
    "externalcontact/delete_product_album": "done twice is refused (41074)",
    "externalcontact/group_welcome_template/del": "done twice is refused",
    "externalcontact/groupchat/del_join_way": "done twice is refused",
    "externalcontact/remind_groupmsg_send": "a second reminder, of three a day",
    "living/cancel": "done twice is refused: livings.get",
    "living/delete_replay_data": "done twice is refused: livings.get",
    "message/recall": "done twice is refused",
    "message/update_template_card": "a response code is good once: a second call is refused (40058)",
}


def is_repeatable(method: str, path: str, body: Body | None) -> bool:
    """Whether a call that may have been carried out can be made again without anybody noticing."""
    if method == "GET" or path in REPEATABLE:
        return True
    return (
        path == CHECKED
        and body is not None
        and b'"enable_duplicate_check":1' in body.content.replace(b" ", b"")
    )
