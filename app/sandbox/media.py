"""The media store: what was uploaded, for three days, in three spaces that do not know each other (facts 3.13).

Rows are in the state file, bytes in a folder beside it. What a file must be like is in uploads.
"""

from __future__ import annotations

import secrets
import sqlite3
from pathlib import Path
from urllib.parse import quote

from app.sandbox import corp_days, rules, uploads
from app.sandbox.answers import Answer, Download, WeComError, ok
from app.sandbox.calls import Call, Endpoint, World
from app.sandbox.clock import HOUR, SECOND
from app.sandbox.uploads import MEGABYTE, Upload

LIFE = 72 * HOUR
WHOLE_MOST = 20 * MEGABYTE  # larger files are fetched in ranges
MEDIA, MOMENTS, ALBUM = "media", "moments", "album"
SPACES = {"1": MOMENTS, "2": ALBUM}


def check(connection: sqlite3.Connection, now: int, media_id: str, space: str, kind: str) -> None:
    """Refuse an id that cannot be used here; "media", "moments" and "album" are the spaces.

    Raises 40007 for an unknown or expired id, another kind, or one of the other upload API; 41072 for an attachment
    of the other scene.
    """
    row = find(connection, now, media_id)
    if row is None or row["kind"] != kind or (row["space"] == MEDIA) != (space == MEDIA):
        raise WeComError(40007)
    if row["space"] != space:
        raise WeComError(41072)


def find(connection: sqlite3.Connection, now: int, media_id: str) -> sqlite3.Row | None:
    """The row of an id that has not expired by the virtual clock, or None."""
    row: sqlite3.Row | None = connection.execute(
        "SELECT * FROM media WHERE media_id = ? AND expires_at > ?", (media_id, now)
    ).fetchone()
    return row


def path_of(world: World, name: str) -> Path:
    """Where the bytes of a media id, or of an image's name, are kept."""
    return world.settings.state.with_suffix(".media") / name


def upload(call: Call) -> Answer:
    """media/upload: a temporary file any app of the corp may use. created_at is a string (facts 3.13)."""
    kind = call.args.get("type", "")
    if kind not in uploads.MOST:
        raise WeComError(40005)
    sent = uploads.read(call)
    uploads.check(sent, kind)
    return ok(type=kind, **_keep(call, MEDIA, kind, sent))


def upload_attachment(call: Call) -> Answer:
    """media/upload_attachment: for moments (1) or the product album (2), not interchangeable.

    41072 for a kind of file the scene has no use for: moments show images and videos, the album images (D96347).
    """
    kind, scene = call.args.get("media_type", ""), call.args.get("attachment_type", "")
    if scene not in SPACES:
        raise WeComError(40058, "attachment_type")
    if kind not in uploads.ATTACHMENT_KINDS[scene]:
        raise WeComError(41072)
    space = SPACES[scene]
    sent = uploads.read(call)
    uploads.check_attachment(sent, kind, for_moments=space == MOMENTS)
    return ok(type=kind, **_keep(call, space, kind, sent))


def get(call: Call) -> Answer | Download:
    """media/get: the file; a part of it with a Range header, which files above 20 MB need (830002)."""
    with call.world.store.reading() as connection:
        row = find(connection, call.now, call.arg("media_id", 41006))
    if row is None:
        raise WeComError(40007)
    content = path_of(call.world, row["media_id"]).read_bytes()
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(row['filename'])}"}
    wanted = call.headers.get("Range", "")
    if wanted:
        return uploads.part_of(content, wanted, row["content_type"], headers)
    if len(content) > WHOLE_MOST:
        raise WeComError(830002)
    return Download(content, row["content_type"], headers=headers)


def upload_image(call: Call) -> Answer:
    """media/uploadimg: an image with an address of its own, for good; 3,000 a month and 1,000 a day (45009)."""
    sent = uploads.read(call)
    uploads.check(sent, uploads.IMAGE, most=2 * MEGABYTE)
    name = secrets.token_hex(16)
    with call.world.store.writing() as connection:
        _check_image_quota(connection, call.now)
        connection.execute("INSERT INTO uploaded_image VALUES (?, ?, ?)", (name, sent.content_type, call.now))
        _write(call.world, name, sent.content)
    return ok(url=f"http://{call.headers.get('Host', 'localhost')}/sandbox/images/{name}")


def _check_image_quota(connection: sqlite3.Connection, now: int) -> None:
    today, in_force = corp_days.day_of(now), rules.of(connection)
    limits = (
        (corp_days.start_of(today), in_force.images_a_day),
        (corp_days.start_of_month(today), in_force.images_a_month),
    )
    for since, most in limits:
        query = "SELECT count(*) FROM uploaded_image WHERE created_at BETWEEN ? AND ?"
        if connection.execute(query, (since, now)).fetchone()[0] >= most:
            raise WeComError(45009)


def _keep(call: Call, space: str, kind: str, sent: Upload) -> Answer:
    media_id = secrets.token_urlsafe(48)
    with call.world.store.writing() as connection:
        connection.execute(
            "INSERT INTO media VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                media_id, space, kind, sent.filename, sent.content_type, len(sent.content), call.now,
                call.now + LIFE,
            ),
        )  # fmt: skip
        _write(call.world, media_id, sent.content)
    created_at = call.now // SECOND
    return {"media_id": media_id, "created_at": str(created_at) if space == MEDIA else created_at}


def _write(world: World, name: str, content: bytes) -> None:
    path = path_of(world, name)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


ENDPOINTS = {
    "media/upload": Endpoint(upload, post=True),
    "media/get": Endpoint(get),
    "media/uploadimg": Endpoint(upload_image, post=True),
    "media/upload_attachment": Endpoint(upload_attachment, post=True, contacts=True),
}
