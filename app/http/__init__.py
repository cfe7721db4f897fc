"""What every face shares: who may call a route, how input is read, how a refusal looks, security headers.

Knows nothing of any domain; `app.errors` is mapped to HTTP here and nowhere else.
"""

from __future__ import annotations

from app.http.input import NO_FIELDS, load_form, load_json, load_query
from app.http.policy import ANYONE, PARTNER, TRAVEL_KEY, allow, allowed, policy_of

__all__ = [
    "ANYONE",
    "NO_FIELDS",
    "PARTNER",
    "TRAVEL_KEY",
    "allow",
    "allowed",
    "load_form",
    "load_json",
    "load_query",
    "policy_of",
]
