"""What published versions say, from rows of steps to documents; each newest one is released everywhere"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

metadata = sa.MetaData()


def upgrade() -> None:
    connection = op.get_bind()
    plans, versions, steps, releases = _tables(connection)
    of_plan = {row.id: row for row in connection.execute(sa.select(plans))}
    for version in connection.execute(sa.select(versions).order_by(versions.c.number)).all():
        rows = connection.execute(
            sa.select(steps).where(steps.c.plan_version_id == version.id).order_by(steps.c.step_no)
        )
        plan = of_plan[version.plan_id]
        document = {
            "code": plan.code,
            "name": plan.name,
            "product_fallback": version.product_fallback,
            "steps": [_step(row) for row in rows],
        }
        text = json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        its = sa.update(versions).where(versions.c.id == version.id)
        connection.execute(its.values(document=text, content_hash=digest))
        # A version's id is taken for its release's: both are of one moment, and unique.
        connection.execute(
            sa.insert(releases).values(
                id=version.id,
                plan_id=version.plan_id,
                plan_version_id=version.id,
                is_everywhere=True,
                released_at=version.published_at,
                note="",
            )
        )


def downgrade() -> None:
    connection = op.get_bind()
    _, versions, steps, releases = _tables(connection)
    for version in connection.execute(sa.select(versions)).all():
        document = json.loads(version.document)
        for number, step in enumerate(document["steps"], start=1):
            connection.execute(sa.insert(steps).values(_row(version.id, number, step)))
        its = sa.update(versions).where(versions.c.id == version.id)
        connection.execute(its.values(product_fallback=document["product_fallback"]))
    connection.execute(sa.delete(releases))


def _tables(connection: sa.Connection) -> list[sa.Table]:
    names = ("follow_up_plans", "plan_versions", "plan_steps", "plan_releases")
    metadata.clear()
    return [sa.Table(name, metadata, autoload_with=connection) for name in names]


def _step(row: Any) -> dict[str, Any]:
    in_minutes = row.offset_minutes is not None
    return {
        "kind": row.kind,
        "after": f"{row.offset_minutes} minutes" if in_minutes else f"{row.offset_days} days",
        "valid": f"{row.valid_days} {'noon' if row.valid_to_noon else 'days'}",
        "on_repurchase": row.on_repurchase,
        "priority": row.priority,
        "title": row.title,
        "why": row.why,
        "script": row.script_code,
        "invite_script": row.invite_script_code,
    }


def _row(version_id: int, number: int, step: dict[str, Any]) -> dict[str, Any]:
    """What the former table can hold of a step; its key is the version's and the step's number together."""
    amount, unit = step["after"].split()[:2]
    valid, valid_unit = step["valid"].split()
    return {
        "id": version_id + number,
        "plan_version_id": version_id,
        "step_no": number,
        "kind": step["kind"],
        "offset_minutes": int(amount) if unit == "minutes" else None,
        "offset_days": int(amount) if unit == "days" else None,
        "valid_days": int(valid),
        "valid_to_noon": valid_unit == "noon",
        "on_repurchase": step["on_repurchase"],
        "priority": step["priority"],
        "title": step["title"],
        "why": step["why"],
        "script_code": step.get("script", ""),
        "invite_script_code": step["invite_script"],
    }
