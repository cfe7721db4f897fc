"""wechatpy's own client, unchanged, on a server that takes any token: what ours is compared with."""

from __future__ import annotations

from wechatpy.work import WeChatClient


def bare_client(url: str) -> WeChatClient:
    """One that has its token already."""
    client = WeChatClient("ww0123456789", "secret", access_token="t" * 128)
    client.API_BASE_URL = f"{url}/cgi-bin/"
    return client
