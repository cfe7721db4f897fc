"""The partner API: how POS, mall and ERP systems report purchases and what else happens to members."""

from __future__ import annotations

from flask import Flask
from flask_smorest import Api

from app.partner_api.documentation import SPEC, documentation
from app.partner_api.routes import partner
from app.partner_api.schemas import ProblemSchema

TITLE = "店伴 Dianban partner API"
VERSION = "1"
OPENAPI = "3.1.0"


class PartnerApi(Api):  # type: ignore[misc]
    """Describes errors as what they are here: problem+json."""

    ERROR_SCHEMA = ProblemSchema
    DEFAULT_ERROR_RESPONSE_NAME = None


def register(app: Flask) -> None:
    """Add these routes and their documentation."""
    api = PartnerApi(app, spec_kwargs={"title": TITLE, "version": VERSION, "openapi_version": OPENAPI})
    api.spec.components.security_scheme("apiKey", {"type": "http", "scheme": "bearer"})
    api.register_blueprint(partner)
    app.register_blueprint(documentation)
    app.extensions[SPEC] = api.spec
