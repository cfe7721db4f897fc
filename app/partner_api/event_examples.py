"""Requests and answers the documentation shows of what happens to members: of a store of this installation."""

from __future__ import annotations

from datetime import time
from typing import Any

from flask_babel import lazy_gettext as _

from app.partner_api.event_schemas import GROUPS
from app.partner_api.examples import Scene
from app.partner_api.schemas import EXAMPLE_PHONE


def joined(scene: Scene) -> dict[str, Any]:
    """Somebody became a member, and told their birthday."""
    return {
        "joins": [
            _item(scene, "J", time(15, 10), name="李先生", via=f"till-{scene.store}", phone=EXAMPLE_PHONE)
        ],
        "birthdays": [_item(scene, "B", time(15, 10), calendar="lunar", month=8, day=15, year=1990)],
    }


def visited(scene: Scene) -> dict[str, Any]:
    """Somebody came, tried two articles and bought nothing."""
    return {
        "visits": [
            _item(
                scene,
                "V",
                time(16),
                seller="chenjiahui",
                reason="size",
                tried=["LS-2107-NV", "TS-1150-WH"],
                size="175/92A",
            )
        ]
    }


def served(scene: Scene) -> dict[str, Any]:
    """What comes after a purchase: a tailoring that is ready, an answer, a case, a review, a new level."""
    return {
        "services": [_item(scene, "S", time(11), service="tailoring", about="裤长改短 2 厘米")],
        "satisfactions": [_item(scene, "A", time(20, 5), score=2, comment="袖子长了")],
        "after_sales": [_item(scene, "C", time(20, 30), about="袖口开线")],
        "reviews": [_item(scene, "R", time(21), stars=2, comment="袖子长了")],
        "level_changes": [_item(scene, "L", time(21, 30), before="银卡", after="金卡")],
    }


def answered(scene: Scene) -> dict[str, Any]:
    """What an archive of chats knows: an answer; and what a gateway of text messages does: R."""
    return {
        "replies": [
            _item(scene, "W1", time(19, 40), how="archive", seller="chenjiahui"),
            _item(scene, "W2", time(19, 45), how="sms", opts_out=True),
        ]
    }


def handed_over(scene: Scene) -> dict[str, Any]:
    """A member is looked after by somebody else."""
    return {"owners": [_item(scene, "O", time(18), owner=scene.associate)]}


def event_batches(scene: Scene) -> dict[str, dict[str, Any]]:
    """Every example of a request, with what it shows."""
    return {
        "joined": {"summary": _("Somebody became a member"), "value": joined(scene)},
        "visited": {"summary": _("Somebody came and bought nothing"), "value": visited(scene)},
        "answered": {"summary": _("A member answered"), "value": answered(scene)},
        "served": {"summary": _("What comes after a purchase"), "value": served(scene)},
        "handed_over": {"summary": _("A member gets another owner"), "value": handed_over(scene)},
    }


def event_answer(scene: Scene) -> dict[str, Any]:
    """What the first of them is answered."""
    sent = joined(scene)
    results = {
        group: [{"index": 0, "ref": item["ref"], "status": "applied"} for item in sent.get(group, ())]
        for group in GROUPS
    }
    return {**results, "applied": 2, "repeated": 0, "refused": 0, "quarantined": 0}


def _item(scene: Scene, letter: str, wall: time, **said: Any) -> dict[str, Any]:
    return {
        "ref": f"{scene.store}-{scene.on:%Y%m%d}-{letter}1",
        "store": scene.store,
        "customer": "M100234",
        "occurred_at": scene.at(0, wall),
        **said,
    }
