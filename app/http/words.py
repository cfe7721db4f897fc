"""What a person is told for each refusal code. A code without words of its own gets those of its status."""

from __future__ import annotations

from flask_babel import lazy_gettext as _

BY_CODE = {
    "invalid": _("Some of what was sent is wrong; the fields are named below."),
    "not_json": _("The request must be a JSON object."),
    "repeated_field": _("A field was given twice."),
    "signed_out": _("Your sign-in has expired. Open the page again."),
    "csrf": _("The page is out of date. Load it again."),
    "login_state": _("This sign-in link was used or has expired. Please start again."),
    "login_refused": _("WeCom did not confirm who you are. Please start again."),
    "unknown_person": _("You are not on the list of this chain's associates. Ask headquarters to add you."),
    "not_for_this_role": _("This page is not for your role."),
    "wecom_unavailable": _("WeCom does not answer at the moment. Please try again in a minute."),
    "wecom_misconfigured": _(
        "WeCom has not opened this interface to the app, or the app is set up wrongly. Tell your administrator."
    ),
    "task_closed": _("This task is already closed."),
    "task_done": _("This task is already done."),
    "task_cancelled": _("This task is not to be done any more."),
    "task_expired": _("The time of this task has run out."),
    "nothing_to_undo": _("This task is open: there is nothing to undo."),
    "was_sent": _("The message is in the chat: that cannot be undone."),
    "too_late_to_undo": _("That was too long ago to be undone."),
    "another_opened": _("Another task of this customer was opened in its place: that one stays."),
    "cap_reached": _("This customer has been written to often enough by now."),
    "not_yours_to_do": _("The system does this by itself."),
    "taken_back": _("WeCom has already taken this out of the send: that cannot be undone."),
    "opted_out": _("This customer does not want to be disturbed."),
    "beyond_validity": _("The task ends before, or the store is closed then."),
    "until_missing": _("Say when to call back."),
    "note_missing": _("Say the reason."),
    "wrong_channel": _("A note of a call does not fit this task."),
    "no_call": _("This task is no call."),
    "no_number": _("This customer's mobile number is not known here."),
    "cannot_take": _(
        "This colleague cannot take the task: it has to be a contact of the customer, or the manager."
    ),
    "sending_elsewhere": _("This is being sent in another window or on another device."),
    "not_your_task": _("Somebody else is to do this task."),
    "unknown_task": _("There is no such task, or it is not yours to see."),
    "not_this_members_chat": _("This chat is not with the member of this task."),
    "wrong_evidence": _("This kind of proof does not fit the task."),
    "not_our_page": _("Only pages of this installation are signed."),
    "unknown_id": _("There is nothing here, or it is not yours to see."),
    "nothing_due": _("Nothing is waiting to fall due."),
    "wrong_api_key": _("The API key is missing, wrong or has ended."),
    "idempotency_key": _("The header Idempotency-Key must have 1 to 128 visible characters."),
    "idempotency_key_reused": _("This Idempotency-Key was used for another request."),
    "key_reused": _("This came before with other content: that was recorded. Load the page and do it again."),
    "in_flight": _("The same request is being worked on. Please repeat it in a moment."),
    "sync_not_ready": _("This plan was applied already, or is being worked on. Look at it again."),
    "sync_without_branch": _("A store stands below no branch. Map a department above it first."),
    "sync_ends_many": _("More than a fifth of the associates would end. Tick that this is meant."),
    "edited_meanwhile": _("Somebody else saved this after you opened it. Look at it again."),
    "not_confirmed": _("Tick that this is meant."),
    "unknown_store": _("There is no store with this code."),
    "bad_plan": _("The plan has a mistake at the place named below."),
    "bad_plan_step": _("A rule of the plan cannot be read at the place named below."),
    "bad_plan_code": _("A code has small letters, digits and _, and begins with a letter."),
    "overloaded": _("The system is busy. Please try again in a moment."),
}
BY_STATUS = {
    400: _("The request could not be understood."),
    403: _("You may not do this."),
    404: _("There is nothing here, or it is not yours to see."),
    405: _("This address does not do that."),
    409: _("This contradicts what is already stored."),
    413: _("That is too much at once."),
    422: _("Some of what was sent is wrong; the fields are named below."),
    503: _("The system is busy. Please try again in a moment."),
}
OTHERWISE = _("Something went wrong on our side. It has been written down.")


def explain(code: str, status: int) -> str:
    """The sentence for a refusal, in the reader's language."""
    return str(BY_CODE.get(code) or BY_STATUS.get(status, OTHERWISE))
