"""The product album (商品图册; facts 3.17). Prices are in fen."""

from __future__ import annotations

import json
import re
import secrets
import sqlite3
from typing import Any

from app.sandbox import media
from app.sandbox.answers import Answer, WeComError, ok
from app.sandbox.calls import Body, Call, Endpoint, list_of, object_of, text_of
from app.sandbox.clock import SECOND
from app.sandbox.cursors import limit_of, paged

PRICE_MOST = 5_000_000
DESCRIPTION_CHARACTERS = 300
PICTURES_MOST = 9
PRODUCT_SN = re.compile(r"[0-9A-Za-z]{1,128}")


def add(call: Call) -> Answer:
    """externalcontact/add_product_album: its product_id."""
    product_id = f"pd{secrets.token_urlsafe(20)}"
    with call.world.store.writing() as connection:
        product = _product_of(connection, call.now, call.body())
        connection.execute(
            "INSERT INTO product (product_id, agent_id, body, created_at) VALUES (?, ?, ?, ?)",
            (product_id, call.app.agent_id, json.dumps(product, ensure_ascii=False), call.now),
        )
    return ok(product_id=product_id)


def get(call: Call) -> Answer:
    """externalcontact/get_product_album: 41075 for an unknown one, 41074 for one deleted."""
    with call.world.store.reading() as connection:
        return ok(product=_as_product(_product(connection, call.body())))


def list_products(call: Call) -> Answer:
    """externalcontact/get_product_album_list: 50 a page, 100 at most."""
    body = call.body()
    with call.world.store.reading() as connection:
        rows, cursor = paged(
            connection,
            "SELECT * FROM product WHERE deleted_at IS NULL ORDER BY id",
            {},
            body,
            limit_of(body, 50, 100),
        )
    return ok(product_list=[_as_product(row) for row in rows], next_cursor=cursor)


def update(call: Call) -> Answer:
    """externalcontact/update_product_album: of this app's own (else 41075); fields left out stay."""
    body = call.body()
    with call.world.store.writing() as connection:
        row = _own(connection, call, body)
        product = _product_of(connection, call.now, {**json.loads(row["body"]), **body}, changed=set(body))
        connection.execute(
            "UPDATE product SET body = ? WHERE id = ?",
            (json.dumps(product, ensure_ascii=False), row["id"]),
        )
    return ok()


def delete(call: Call) -> Answer:
    """externalcontact/delete_product_album: of this app's own."""
    with call.world.store.writing() as connection:
        row = _own(connection, call, call.body())
        connection.execute("UPDATE product SET deleted_at = ? WHERE id = ?", (call.now, row["id"]))
    return ok()


def _product_of(
    connection: sqlite3.Connection, now: int, body: Body, changed: set[str] | None = None
) -> dict[str, Any]:
    """The product as sent, checked. Pictures that stay may have expired since: only new ones are looked at."""
    description, price = body.get("description"), body.get("price")
    if not isinstance(description, str) or not 0 < len(description) <= DESCRIPTION_CHARACTERS:
        raise WeComError(41087)
    if not isinstance(price, int) or isinstance(price, bool) or not 0 <= price <= PRICE_MOST:
        raise WeComError(41086)
    product_sn = body.get("product_sn") or ""
    if product_sn and not (isinstance(product_sn, str) and PRODUCT_SN.fullmatch(product_sn)):
        raise WeComError(41085)
    attachments = list_of(body, "attachments", PICTURES_MOST, 41064)
    if not attachments:
        raise WeComError(41088)
    if changed is None or "attachments" in changed:
        for attachment in attachments:
            _check_picture(connection, now, attachment)
    return {
        "description": description,
        "price": price,
        "product_sn": product_sn,
        "attachments": attachments,
    }


def _check_picture(connection: sqlite3.Connection, now: int, attachment: object) -> None:
    if not isinstance(attachment, dict) or attachment.get("type", "image") != "image":
        raise WeComError(41065)
    media.check(connection, now, text_of(object_of(attachment, "image"), "media_id", 40007), "album", "image")


def _product(connection: sqlite3.Connection, body: Body) -> sqlite3.Row:
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM product WHERE product_id = ?", (text_of(body, "product_id", 41075),)
    ).fetchone()
    if row is None:
        raise WeComError(41075)
    if row["deleted_at"] is not None:
        raise WeComError(41074)
    return row


def _own(connection: sqlite3.Connection, call: Call, body: Body) -> sqlite3.Row:
    row = _product(connection, body)
    if row["agent_id"] != call.app.agent_id:
        raise WeComError(41075)
    return row


def _as_product(row: sqlite3.Row) -> dict[str, Any]:
    product = json.loads(row["body"])
    return {"product_id": row["product_id"], **product, "create_time": row["created_at"] // SECOND}


ENDPOINTS = {
    "externalcontact/add_product_album": Endpoint(add, post=True, contacts=True),
    "externalcontact/get_product_album": Endpoint(get, post=True, contacts=True),
    "externalcontact/get_product_album_list": Endpoint(list_products, post=True, contacts=True),
    "externalcontact/update_product_album": Endpoint(update, post=True, contacts=True),
    "externalcontact/delete_product_album": Endpoint(delete, post=True, contacts=True),
}
