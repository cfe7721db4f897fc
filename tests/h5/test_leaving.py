"""Who leaves is out with the next request and stays out with the old cookie; other changes take effect at once too."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from app.associates.models import Associate, Role
from app.associates.service import bring_back, end_associate
from app.db import Database
from app.sessions.models import WebSession
from tests.faces.chain import Chain
from tests.faces.web import JSON, PAGE, sign_in


def change(database: Database, userid: str, act: Callable[[Associate], None]) -> None:
    with database.transaction() as session:
        act(session.scalars(select(Associate).where(Associate.wecom_userid == userid)).one())


def end(database: Database, userid: str) -> None:
    with database.transaction() as session:
        end_associate(
            session, session.scalars(select(Associate).where(Associate.wecom_userid == userid)).one()
        )


def return_(database: Database, userid: str) -> None:
    with database.transaction() as session:
        bring_back(session, session.scalars(select(Associate).where(Associate.wecom_userid == userid)).one())


def sessions_of(database: Database, associate_id: int) -> int:
    with database.reading() as session:
        return session.query(WebSession).filter(WebSession.associate_id == associate_id).count()


@pytest.mark.parametrize("face", ["/h5/", "/console/"])
def test_the_next_request_is_refused_and_every_session_goes(
    app: Flask, database: Database, chain: Chain, face: str
):
    client = sign_in(app, "zhaohq", face)
    sign_in(app, "zhaohq", "/h5/")
    sign_in(app, "zhaohq", "/console/")
    end(database, "zhaohq")
    assert client.get(face, headers=JSON).status_code == 401
    assert sessions_of(database, chain.people["zhaohq"]) == 0
    assert client.get(face, headers=PAGE).status_code == 302


def test_coming_back_does_not_revive_an_old_cookie(app: Flask, database: Database):
    client = sign_in(app, "lina")
    end(database, "lina")
    return_(database, "lina")
    assert client.get("/h5/worklist", headers=JSON).status_code == 401
    assert sign_in(app, "lina").get("/h5/worklist", headers=PAGE).status_code == 200


def test_sessions_nobody_uses_any_more_are_swept_with_later_sign_ins(
    app: Flask, database: Database, chain: Chain
):
    sign_in(app, "lina")
    end(database, "lina")
    assert sessions_of(database, chain.people["lina"]) == 1
    sign_in(app, "chenjie")
    assert sessions_of(database, chain.people["lina"]) == 0


def test_sessions_of_others_stay(app: Flask, database: Database):
    other = sign_in(app, "chenjie")
    client = sign_in(app, "lina")
    end(database, "lina")
    assert client.get("/h5/worklist", headers=JSON).status_code == 401
    assert other.get("/h5/worklist", headers=PAGE).status_code == 200


def test_another_role_counts_with_the_next_request(app: Flask, database: Database):
    client = sign_in(app, "zhaohq", "/console/")
    change(database, "zhaohq", lambda person: setattr(person, "role", Role.ASSOCIATE))
    assert client.get("/console/", headers=JSON).status_code == 403
    change(database, "zhaohq", lambda person: setattr(person, "role", Role.HQ))
    assert client.get("/console/", headers=PAGE).status_code == 200


def test_another_store_counts_with_the_next_request(app: Flask, database: Database, chain: Chain):
    client = sign_in(app, "wangwei")
    assert "何佳" in client.get("/h5/worklist", headers=PAGE).text
    change(database, "wangwei", lambda person: setattr(person, "store_id", chain.stores["S2"]))
    page = client.get("/h5/worklist", headers=PAGE).text
    assert ("何佳" in page, "陈洁" in page) == (False, True)
