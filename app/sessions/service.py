"""Sign-ins and sessions as rows. All times here are real time: a fast-forward signs nobody out."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.associates.models import Associate
from app.associates.queries import Actor, find_actor
from app.clock import real_now
from app.errors import Forbidden
from app.sessions.models import LoginState, WebSession

STATE_LIFE = timedelta(minutes=10)
TOKEN_BYTES = 32
PRUNED_AT_ONCE = 100


def new_token() -> str:
    """256 random bits in letters and digits: WeCom takes a `state` of no other characters."""
    return secrets.token_hex(TOKEN_BYTES)


def begin_login(session: Session, face: str, browser: str, next_path: str) -> str:
    """Remember a sign-in of this browser; returns the `state` to send to WeCom, good for ten minutes."""
    _prune(session)
    state = new_token()
    expires_at = real_now(session) + STATE_LIFE
    session.add(
        LoginState(
            state_hash=_hash(state),
            browser_hash=_hash(browser),
            face=face,
            next_path=next_path,
            expires_at=expires_at,
        )
    )
    session.flush()
    return state


def use_state(session: Session, face: str, browser: str, state: str) -> str:
    """Use up a `state`; returns the path the person wanted.

    Raises `Forbidden` for one that is unknown, used, too old, of another face or of another browser.
    """
    query = select(LoginState).where(LoginState.state_hash == _hash(state)).with_for_update()
    login = session.scalar(query)
    if login is None or login.face != face or login.browser_hash != _hash(browser):
        raise Forbidden("login_state")
    if login.expires_at <= real_now(session):
        raise Forbidden("login_state")
    session.delete(login)
    session.flush()
    return login.next_path


def open_session(session: Session, face: str, associate_id: int, life: timedelta) -> str:
    """Begin a session; returns its token, which is stored nowhere else."""
    token = new_token()
    now = real_now(session)
    session.add(
        WebSession(
            token_hash=_hash(token),
            face=face,
            associate_id=associate_id,
            started_at=now,
            expires_at=now + life,
        )
    )
    session.flush()
    return token


def find_signed_in(session: Session, face: str, token: str) -> Actor | None:
    """The person of this session as the roster knows them now; None once it ended or they left."""
    row = session.get(WebSession, _hash(token))
    if row is None or row.face != face or row.expires_at <= real_now(session):
        return None
    return find_actor(session, row.associate_id, row.started_at)


def find_void_owner(session: Session, token: str) -> int | None:
    """Whose session this was, where it is void because they left; None for any other."""
    row = session.get(WebSession, _hash(token))
    if row is None or find_actor(session, row.associate_id, row.started_at) is not None:
        return None
    return row.associate_id


def drop_void_sessions(session: Session, associate_id: int) -> None:
    """Delete the sessions that somebody who left still has: on every face and phone."""
    rows = session.scalars(select(WebSession).where(WebSession.associate_id == associate_id)).all()
    void = [row.token_hash for row in rows if find_actor(session, associate_id, row.started_at) is None]
    session.execute(delete(WebSession).where(WebSession.token_hash.in_(sorted(void))))


def end_session(session: Session, token: str) -> None:
    """Sign out; a session that is already gone is no error."""
    session.execute(delete(WebSession).where(WebSession.token_hash == _hash(token)))


def _prune(session: Session) -> None:
    now = real_now(session)
    for key, expires_at in (
        (LoginState.state_hash, LoginState.expires_at),
        (WebSession.token_hash, WebSession.expires_at),
    ):
        ended = session.scalars(select(key).where(expires_at < now).limit(PRUNED_AT_ONCE)).all()
        if ended:
            session.execute(delete(key.class_).where(key.in_(sorted(ended))))
    left = (
        select(WebSession.token_hash)
        .join(Associate, Associate.id == WebSession.associate_id)
        .where(WebSession.started_at <= Associate.access_from)
    )
    void = session.scalars(left.limit(PRUNED_AT_ONCE)).all()
    if void:
        session.execute(delete(WebSession).where(WebSession.token_hash.in_(sorted(void))))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
