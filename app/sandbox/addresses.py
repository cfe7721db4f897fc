"""Which addresses WeCom has: where its API answers and where its callbacks come from (facts 2.1)."""

from __future__ import annotations

from app.sandbox.answers import Answer, ok
from app.sandbox.calls import Call, Endpoint

# Documentation addresses (RFC 5737), with the forms the real lists have: single, wildcard and CIDR.
API_ADDRESSES = ["192.0.2.10", "192.0.2.11", "198.51.100.0/24"]
CALLBACK_ADDRESSES = ["127.0.0.1", "203.0.113.7", "203.0.113.*"]


def get_api_domain_ip(call: Call) -> Answer:
    """Where qyapi answers, for firewalls on the way out."""
    return ok(ip_list=API_ADDRESSES)


def getcallbackip(call: Call) -> Answer:
    """Where callbacks come from; the sandbox's own are this machine's."""
    return ok(ip_list=CALLBACK_ADDRESSES)


ENDPOINTS = {
    "get_api_domain_ip": Endpoint(get_api_domain_ip, lists=("ip_list",)),
    "getcallbackip": Endpoint(getcallbackip, lists=("ip_list",)),
}
