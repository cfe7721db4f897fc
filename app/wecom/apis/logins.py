"""Who is logged in (facts 3.2, 7.4). Where a browser is sent for a code is in oauth."""

from __future__ import annotations

from dataclasses import dataclass

from app.wecom.apis.base import CorpAPI, needed, text


@dataclass(frozen=True, slots=True)
class MiniProgramLogin:
    """Whose phone opened the mini program; `corp_id` may be another corp's that linked the same program."""

    corp_id: str
    wecom_userid: str  # lower case


@dataclass(frozen=True, slots=True)
class PersonalDetail:
    """What a person agreed to show this app; empty is what they did not."""

    wecom_userid: str  # lower case
    mobile: str
    email: str
    biz_mail: str
    avatar: str


class LoginsAPI(CorpAPI):
    """Exchanges a code or ticket for a person. `login_of` of the port takes the OAuth code."""

    def detail(self, user_ticket: str) -> PersonalDetail:
        """Personal details, with the ticket of a login of scope snsapi_privateinfo, good for 1,800 seconds.

        Raises `WeComRejected` 84014 for a ticket that is too old, 84015 for one that is none.
        """
        path = "auth/getuserdetail"
        answer = self._post(path, data={"user_ticket": user_ticket})
        return PersonalDetail(
            wecom_userid=needed(path, answer, "userid").lower(),
            mobile=text(answer, "mobile"),
            email=text(answer, "email"),
            biz_mail=text(answer, "biz_mail"),
            avatar=text(answer, "avatar"),
        )

    def mini_program(self, code: str) -> MiniProgramLogin:
        """Whose wx.qy.login this code is; good once, within five minutes (`WeComRejected` 40029 else).

        The app must be linked to the mini program (`WeComMisconfigured` 48002). The session key is not kept:
        nothing of ours decrypts with it.
        """
        path = "miniprogram/jscode2session"
        answer = self._get(path, params={"js_code": code, "grant_type": "authorization_code"})
        return MiniProgramLogin(needed(path, answer, "corpid"), needed(path, answer, "userid").lower())

    def launch_code(self, operator_userid: str, other_userid: str) -> str:
        """A code that opens a chat with the other person in the operator's client, within five minutes."""
        path = "get_launch_code"
        sent = {"operator_userid": operator_userid, "single_chat": {"userid": other_userid}}
        return needed(path, self._post(path, data=sent), "launch_code")
