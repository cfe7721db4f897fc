"""WeCom's APIs by subject, with our own dataclasses; attached to the client, reached as `wecom.<subject>`."""
