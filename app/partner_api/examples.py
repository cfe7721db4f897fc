"""Requests and answers the documentation shows; a test sends them, so they work."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _

DESCRIPTION = "亚麻衬衫"
PURCHASE: dict[str, Any] = {
    "purchases": [
        {
            "ref": "SH01-20260301-0042",
            "store": "SH01",
            "customer": "M100234",
            "seller": "chenjiahui",
            "occurred_at": "2026-03-01T18:30:00+08:00",
            "currency": "CNY",
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
REFUND: dict[str, Any] = {
    "refunds": [
        {
            "ref": "SH01-20260303-R007",
            "cancels": "SH01-20260301-0042",
            "store": "SH01",
            "customer": "M100234",
            "occurred_at": "2026-03-03T11:05:00+08:00",
            "currency": "CNY",
            "lines": [{"sku": "TS-1150-WH", "quantity": 1, "unit_price_fen": 19900}],
        }
    ]
}
DAY_ONLY: dict[str, Any] = {
    "purchases": [
        {
            "ref": "ERP-889123",
            "store": "SH01",
            "customer": "M100234",
            "occurred_at": "2026-03-01",
            "currency": "CNY",
            "amount_fen": 139912,
        }
    ]
}
BATCHES = {
    "purchase": {"summary": _("A purchase with its lines"), "value": PURCHASE},
    "refund": {"summary": _("A refund of one line"), "value": REFUND},
    "day_only": {"summary": _("Only a day and a total are known"), "value": DAY_ONLY},
}
ANSWER: dict[str, Any] = {
    "purchases": [{"index": 0, "ref": "SH01-20260301-0042", "status": "applied"}],
    "refunds": [],
    "applied": 1,
    "repeated": 0,
    "refused": 0,
    "quarantined": 0,
}
