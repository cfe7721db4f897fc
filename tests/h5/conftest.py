from tests.faces.fixtures import app, chain, wecom

__all__ = ["app", "chain", "wecom"]
