"""Requests and answers the documentation shows: of a store of this installation, in its currency, of the last days.

So what is copied works as it stands; a test sends them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import clock
from app.associates.models import Associate
from app.stores.queries import stores_by_code

DESCRIPTION = "亚麻衬衫"
DAYS_AGO = 3
INVENTED_ZONE = ZoneInfo("Asia/Shanghai")


@dataclass(frozen=True, slots=True)
class Scene:
    """Where and when the examples happen: the purchase on `on`, its refund two days later."""

    store: str = "SH01"
    currency: str = "CNY"
    zone: ZoneInfo = INVENTED_ZONE
    on: date = date(2026, 3, 1)
    associate: str = "chenjiahui"  # a WeCom account

    @property
    def ref(self) -> str:
        """The purchase's number; another one every day, as its content is."""
        return f"{self.store}-{self.on:%Y%m%d}-0042"

    def at(self, days: int, wall: time) -> str:
        """An instant so many days later, as it is sent."""
        return datetime.combine(self.on + timedelta(days=days), wall, self.zone).isoformat()


def read_scene(session: Session) -> Scene:
    """A store of this installation, the first by its code, a few days ago; where there is none, an invented one."""
    stores = stores_by_code(session)
    if not stores:
        return Scene()
    store = stores[min(stores)]
    today = store.hours.local_date(clock.now(session))
    scene = Scene(store.code, store.currency, store.hours.zone, today - timedelta(days=DAYS_AGO))
    people = select(Associate.wecom_userid).where(
        Associate.store_id == store.id, Associate.ended_at.is_(None)
    )
    userid = session.scalar(people.order_by(Associate.id).limit(1))
    return scene if userid is None else replace(scene, associate=userid)


def purchase(scene: Scene) -> dict[str, Any]:
    """A purchase with its lines."""
    return {
        "purchases": [
            {
                "ref": scene.ref,
                "store": scene.store,
                "customer": "M100234",
                "seller": "chenjiahui",
                "occurred_at": scene.at(0, time(18, 30)),
                "currency": scene.currency,
                "lines": [
                    {
                        "sku": "LS-2107-NV",
                        "description": DESCRIPTION,
                        "size": "175/92A",
                        "quantity": 1,
                        "unit_price_fen": 59900,
                    },
                    {"sku": "TS-1150-WH", "quantity": 2, "unit_price_fen": 19900},
                ],
            }
        ]
    }


def refund(scene: Scene) -> dict[str, Any]:
    """A refund of one of its lines."""
    return {
        "refunds": [
            {
                "ref": f"{scene.ref}-R1",
                "cancels": scene.ref,
                "store": scene.store,
                "customer": "M100234",
                "occurred_at": scene.at(2, time(11, 5)),
                "currency": scene.currency,
                "lines": [{"sku": "TS-1150-WH", "quantity": 1, "unit_price_fen": 19900}],
            }
        ]
    }


def day_only(scene: Scene) -> dict[str, Any]:
    """A purchase of which little is known."""
    return {
        "purchases": [
            {
                "ref": f"ERP-{scene.on:%Y%m%d}-889123",
                "store": scene.store,
                "customer": "M100234",
                "occurred_at": scene.on.isoformat(),
                "currency": scene.currency,
                "amount_fen": 139912,
            }
        ]
    }


def batches(scene: Scene) -> dict[str, dict[str, Any]]:
    """Every example of a request, with what it shows."""
    return {
        "purchase": {"summary": _("A purchase with its lines"), "value": purchase(scene)},
        "refund": {"summary": _("A refund of one line"), "value": refund(scene)},
        "day_only": {"summary": _("Only a day and a total are known"), "value": day_only(scene)},
    }


def answer(scene: Scene) -> dict[str, Any]:
    """What the first of them is answered."""
    return {
        "purchases": [{"index": 0, "ref": scene.ref, "status": "applied"}],
        "refunds": [],
        "applied": 1,
        "repeated": 0,
        "refused": 0,
        "quarantined": 0,
    }
