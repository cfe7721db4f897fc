"""The main job: stores to follow-ups"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("key_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_keys_key_hash")),
    )
    op.create_table(
        "branches",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_branches")),
        sa.UniqueConstraint("code", name=op.f("uq_branches_code")),
    )
    op.create_table(
        "clock_offset",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("offset_us", ID, nullable=False),
        sa.Column("target_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_offset")),
    )
    op.create_table(
        "contact_bindings",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("external_contact_id", ID, nullable=False),
        sa.Column("bound_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contact_bindings")),
        sa.UniqueConstraint(
            "external_contact_id",
            "associate_id",
            name=op.f("uq_contact_bindings_external_contact_id_associate_id"),
        ),
    )
    with op.batch_alter_table("contact_bindings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_contact_bindings_associate_id"), ["associate_id"], unique=False)

    op.create_table(
        "digest_schedules",
        sa.Column("associate_id", ID, autoincrement=False, nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("associate_id", name=op.f("pk_digest_schedules")),
    )
    op.create_table(
        "enrollments",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        sa.Column("plan_version_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("anchor_event", sa.String(length=48), nullable=False),
        sa.Column("anchor_at", INSTANT, nullable=False),
        sa.Column("anchor_on", sa.Date(), nullable=False),
        sa.Column("time_known", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("ended_reason", sa.String(length=32), nullable=False),
        sa.Column("next_step_no", sa.Integer(), nullable=True),
        sa.Column("next_lane", sa.String(length=16), nullable=True),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("enrolled_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrollments")),
        sa.UniqueConstraint(
            "member_id", "anchor_event", "plan_id", name=op.f("uq_enrollments_member_id_anchor_event_plan_id")
        ),
    )
    with op.batch_alter_table("enrollments", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_enrollments_plan_version_id_state"), ["plan_version_id", "state"], unique=False
        )

    op.create_table(
        "external_contacts",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("member_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_external_contacts")),
        sa.UniqueConstraint("external_userid", name=op.f("uq_external_contacts_external_userid")),
    )
    with op.batch_alter_table("external_contacts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_external_contacts_member_id"), ["member_id"], unique=False)

    op.create_table(
        "follow_up_plans",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_plans")),
        sa.UniqueConstraint("code", name=op.f("uq_follow_up_plans_code")),
    )
    op.create_table(
        "follow_up_tasks",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("work_item_id", ID, nullable=False),
        sa.Column("enrollment_id", ID, nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("evidence", sa.String(length=24), nullable=True),
        sa.Column("sent_text", sa.Text(), nullable=True),
        sa.Column("completed_by", ID, nullable=True),
        sa.Column("claimed_by", sa.String(length=64), nullable=True),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_tasks")),
    )
    with op.batch_alter_table("follow_up_tasks", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_follow_up_tasks_enrollment_id_step_no"), ["enrollment_id", "step_no"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_follow_up_tasks_work_item_id"), ["work_item_id"], unique=True)

    op.create_table(
        "idempotency_keys",
        sa.Column("api_key_id", ID, autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=128), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("response", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql"), nullable=True),
        sa.Column("claimed_until", INSTANT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("api_key_id", "key", name=op.f("pk_idempotency_keys")),
    )
    op.create_table(
        "inbound",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("event_key", sa.String(length=190), nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql"), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("enrolls", sa.Boolean(), nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound")),
        sa.UniqueConstraint("source", "event_key", name=op.f("uq_inbound_source_event_key")),
        comment="every event from outside, once",
    )
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_state_id"), ["state", "id"], unique=False)

    op.create_table(
        "login_states",
        sa.Column("state_hash", sa.String(length=64), nullable=False),
        sa.Column("browser_hash", sa.String(length=64), nullable=False),
        sa.Column("face", sa.String(length=16), nullable=False),
        sa.Column("next_path", sa.String(length=512), nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_login_states")),
    )
    with op.batch_alter_table("login_states", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_login_states_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "member_care",
        sa.Column("member_id", ID, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_member_care")),
    )
    op.create_table(
        "member_identities",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=128), nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_member_identities")),
    )
    with op.batch_alter_table("member_identities", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_member_identities_member_id"), ["member_id"], unique=False)

    op.create_table(
        "member_purchases",
        sa.Column("member_id", ID, autoincrement=False, nullable=False),
        sa.Column("orders", ID, nullable=False),
        sa.Column("amount_fen", ID, nullable=False),
        sa.Column("refunded_fen", ID, nullable=False),
        sa.Column("first_purchased_at", INSTANT, nullable=True),
        sa.Column("last_purchased_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("member_id", name=op.f("pk_member_purchases")),
    )
    op.create_table(
        "members",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("owner_id", ID, nullable=True),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_members")),
    )
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_members_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_members_store_id"), ["store_id"], unique=False)

    op.create_table(
        "notices",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("work_item_id", ID, nullable=False),
        sa.Column("text", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("written_at", INSTANT, nullable=False),
        sa.Column("message_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_notices_associate_id_state"), ["associate_id", "state"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_notices_message_id"), ["message_id"], unique=False)

    op.create_table(
        "order_lines",
        sa.Column("order_id", ID, autoincrement=False, nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("size", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=14, scale=4), nullable=False),
        sa.Column("amount_fen", ID, nullable=False),
        sa.Column("refunded_quantity", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "line_no", name=op.f("pk_order_lines")),
    )
    op.create_table(
        "orders",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=True),
        sa.Column("seller_id", ID, nullable=True),
        sa.Column("purchased_at", INSTANT, nullable=False),
        sa.Column("purchased_on", sa.Date(), nullable=False),
        sa.Column("time_known", sa.Boolean(), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_fen", ID, nullable=False),
        sa.Column("goods_fen", ID, nullable=False),
        sa.Column("refunded_fen", ID, nullable=False),
        sa.Column("wholly_refunded", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("enrolls", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("source", "ref", name=op.f("uq_orders_source_ref")),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_orders_member_id_purchased_on"), ["member_id", "purchased_on"], unique=False
        )

    op.create_table(
        "outbound_messages",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("dedupe_key", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("enqueued_at", INSTANT, nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("delivered_at", INSTANT, nullable=True),
        sa.Column("wecom_msgid", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbound_messages")),
        sa.UniqueConstraint("dedupe_key", name=op.f("uq_outbound_messages_dedupe_key")),
    )
    with op.batch_alter_table("outbound_messages", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_outbound_messages_associate_id_enqueued_at"),
            ["associate_id", "enqueued_at"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_outbound_messages_state"), ["state"], unique=False)

    op.create_table(
        "products",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column("category", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("sku", name=op.f("uq_products_sku")),
    )
    op.create_table(
        "purchase_imports",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("file_name", sa.String(length=255), nullable=False),
        sa.Column("file_hash", sa.String(length=64), nullable=False),
        sa.Column("shift_days", sa.Integer(), nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("rows_read", ID, nullable=False),
        sa.Column("applied", ID, nullable=False),
        sa.Column("repeated", ID, nullable=False),
        sa.Column("refused", ID, nullable=False),
        sa.Column("quarantined", ID, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purchase_imports")),
    )
    with op.batch_alter_table("purchase_imports", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_purchase_imports_source_file_hash"), ["source", "file_hash"], unique=False
        )

    op.create_table(
        "refund_lines",
        sa.Column("refund_id", ID, autoincrement=False, nullable=False),
        sa.Column("line_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sku", sa.String(length=64), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("amount_fen", ID, nullable=False),
        sa.Column("order_id", ID, nullable=True),
        sa.Column("order_line_no", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("refund_id", "line_no", name=op.f("pk_refund_lines")),
    )
    with op.batch_alter_table("refund_lines", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refund_lines_order_id"), ["order_id"], unique=False)

    op.create_table(
        "refunds",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("cancels", sa.String(length=64), nullable=True),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=True),
        sa.Column("refunded_at", INSTANT, nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("amount_fen", ID, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refunds")),
        sa.UniqueConstraint("source", "ref", name=op.f("uq_refunds_source_ref")),
    )
    with op.batch_alter_table("refunds", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refunds_source_cancels"), ["source", "cancels"], unique=False)

    op.create_table(
        "sales_scripts",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("scene", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sales_scripts")),
        sa.UniqueConstraint("code", name=op.f("uq_sales_scripts_code")),
    )
    op.create_table(
        "step_records",
        sa.Column("enrollment_id", ID, autoincrement=False, nullable=False),
        sa.Column("step_no", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("recorded_at", INSTANT, nullable=False),
        sa.Column("task_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("enrollment_id", "step_no", name=op.f("pk_step_records")),
    )
    with op.batch_alter_table("step_records", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_step_records_outcome_reason_due_at"), ["outcome", "reason", "due_at"], unique=False
        )

    op.create_table(
        "timers",
        sa.Column("lane", sa.String(length=16), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=True),
        sa.PrimaryKeyConstraint("lane", "due_at", "subject_id", name=op.f("pk_timers")),
    )
    op.create_table(
        "web_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("face", sa.String(length=16), nullable=False),
        sa.Column("associate_id", ID, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_sessions")),
    )
    with op.batch_alter_table("web_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_web_sessions_associate_id"), ["associate_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_web_sessions_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "work_items",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("assignee_id", ID, nullable=False),
        sa.Column("store_id", ID, nullable=False),
        sa.Column("member_id", ID, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("due_at", INSTANT, nullable=False),
        sa.Column("valid_until", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=False),
        sa.Column("closed_at", INSTANT, nullable=True),
        sa.Column("close_reason", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_work_items")),
    )
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_work_items_assignee_id_state_due_at"),
            ["assignee_id", "state", "due_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_work_items_member_id_state"), ["member_id", "state"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_work_items_store_id_state_due_at"), ["store_id", "state", "due_at"], unique=False
        )

    op.create_table(
        "plan_versions",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("plan_id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=32), nullable=False),
        sa.Column("product_fallback", sa.String(length=64), nullable=False),
        sa.Column("published_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_id"],
            ["follow_up_plans.id"],
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_versions")),
        sa.UniqueConstraint("plan_id", "number", name=op.f("uq_plan_versions_plan_id_number")),
    )
    op.create_table(
        "stores",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("code", sa.String(length=32), nullable=False),
        sa.Column("branch_id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("time_zone", sa.String(length=64), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("opens_at", sa.Time(), nullable=False),
        sa.Column("closes_at", sa.Time(), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["branch_id"],
            ["branches.id"],
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stores")),
        sa.UniqueConstraint("code", name=op.f("uq_stores_code")),
    )
    with op.batch_alter_table("stores", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stores_branch_id"), ["branch_id"], unique=False)

    op.create_table(
        "associates",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("wecom_userid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("store_id", ID, nullable=True),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["store_id"],
            ["stores.id"],
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_associates")),
        sa.UniqueConstraint("wecom_userid", name=op.f("uq_associates_wecom_userid")),
    )
    with op.batch_alter_table("associates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_associates_store_id_role"), ["store_id", "role"], unique=False)

    op.create_table(
        "plan_steps",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("plan_version_id", ID, nullable=False),
        sa.Column("step_no", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("offset_minutes", sa.Integer(), nullable=True),
        sa.Column("offset_days", sa.Integer(), nullable=True),
        sa.Column("valid_days", sa.Integer(), nullable=False),
        sa.Column("valid_to_noon", sa.Boolean(), nullable=False),
        sa.Column("on_repurchase", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("script_code", sa.String(length=64), nullable=False),
        sa.Column("invite_script_code", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["plan_version_id"],
            ["plan_versions.id"],
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_steps")),
        sa.UniqueConstraint("plan_version_id", "step_no", name=op.f("uq_plan_steps_plan_version_id_step_no")),
    )
    op.create_table(
        "id_nodes",
        sa.Column("node", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("leased_until_s", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node"),
    )


def downgrade() -> None:
    op.drop_table("id_nodes")
    op.drop_table("plan_steps")
    op.drop_table("associates")
    op.drop_table("stores")
    op.drop_table("plan_versions")
    op.drop_table("work_items")
    op.drop_table("web_sessions")
    op.drop_table("timers")
    op.drop_table("step_records")
    op.drop_table("sales_scripts")
    op.drop_table("refunds")
    op.drop_table("refund_lines")
    op.drop_table("purchase_imports")
    op.drop_table("products")
    op.drop_table("outbound_messages")
    op.drop_table("orders")
    op.drop_table("order_lines")
    op.drop_table("notices")
    op.drop_table("members")
    op.drop_table("member_purchases")
    op.drop_table("member_identities")
    op.drop_table("member_care")
    op.drop_table("login_states")
    op.drop_table("inbound")
    op.drop_table("idempotency_keys")
    op.drop_table("follow_up_tasks")
    op.drop_table("follow_up_plans")
    op.drop_table("external_contacts")
    op.drop_table("enrollments")
    op.drop_table("digest_schedules")
    op.drop_table("contact_bindings")
    op.drop_table("clock_offset")
    op.drop_table("branches")
    op.drop_table("api_keys")
