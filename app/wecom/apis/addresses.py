"""Which addresses WeCom has (facts 2.1): for firewalls in both directions."""

from __future__ import annotations

from app.wecom.apis.base import CorpAPI, items


class AddressesAPI(CorpAPI):
    """An entry is an address, a wildcard like 203.0.113.* or a network like 198.51.100.0/24; they change."""

    def of_api(self) -> tuple[str, ...]:
        """Where WeCom's API answers."""
        return _listed(items(self._get("get_api_domain_ip"), "ip_list"))

    def of_callbacks(self) -> tuple[str, ...]:
        """Where WeCom's callbacks come from."""
        return _listed(items(self._get("getcallbackip"), "ip_list"))


def _listed(found: list[object]) -> tuple[str, ...]:
    return tuple(entry for entry in found if isinstance(entry, str))
