"""Contacts: what WeCom says of them, tags, group chats, livings, welcomes, pressed cards and syncs"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INSTANT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")


def upgrade() -> None:
    op.create_table(
        "binding_tags",
        sa.Column("binding_id", ID, autoincrement=False, nullable=False),
        sa.Column("wecom_tag_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("binding_id", "wecom_tag_id", name=op.f("pk_binding_tags")),
    )
    with op.batch_alter_table("binding_tags", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_binding_tags_wecom_tag_id"), ["wecom_tag_id"], unique=False)

    op.create_table(
        "card_presses",
        sa.Column("event_key", sa.String(length=190), nullable=False),
        sa.Column("task_id", sa.String(length=128), nullable=False),
        sa.Column("wecom_userid", sa.String(length=64), nullable=False),
        sa.Column("button", sa.String(length=1024), nullable=False),
        sa.Column("card_type", sa.String(length=32), nullable=False),
        sa.Column("selected", sa.Text(), nullable=False),
        sa.Column("pressed_at", INSTANT, nullable=False),
        sa.Column("card_update", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("event_key", name=op.f("pk_card_presses")),
    )
    with op.batch_alter_table("card_presses", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_card_presses_task_id_pressed_at"), ["task_id", "pressed_at"], unique=False
        )

    op.create_table(
        "group_chat_members",
        sa.Column("group_chat_id", ID, autoincrement=False, nullable=False),
        sa.Column("userid", sa.String(length=64), nullable=False),
        sa.Column("type", sa.Integer(), nullable=False),
        sa.Column("unionid", sa.String(length=64), nullable=True),
        sa.Column("join_scene", sa.Integer(), nullable=False),
        sa.Column("joined_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("group_chat_id", "userid", name=op.f("pk_group_chat_members")),
    )
    with op.batch_alter_table("group_chat_members", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_chat_members_userid"), ["userid"], unique=False)

    op.create_table(
        "group_chats",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("chat_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("owner_userid", sa.String(length=64), nullable=False),
        sa.Column("notice", sa.Text(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_group_chats")),
        sa.UniqueConstraint("chat_id", name=op.f("uq_group_chats_chat_id")),
    )
    with op.batch_alter_table("group_chats", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_group_chats_owner_userid"), ["owner_userid"], unique=False)

    op.create_table(
        "heartbeats",
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("beaten_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "livings",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("living_id", sa.String(length=64), nullable=False),
        sa.Column("theme", sa.String(length=255), nullable=False),
        sa.Column("anchor_userid", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reserved_at", INSTANT, nullable=True),
        sa.Column("starts_at", INSTANT, nullable=True),
        sa.Column("length_s", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_livings")),
        sa.UniqueConstraint("living_id", name=op.f("uq_livings_living_id")),
    )
    with op.batch_alter_table("livings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_livings_starts_at"), ["starts_at"], unique=False)

    op.create_table(
        "syncs",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("slot", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("requested_at", INSTANT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("cursor", sa.String(length=512), nullable=False),
        sa.Column("counts", sa.Text(), nullable=False),
        sa.Column("trouble", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_syncs")),
        sa.UniqueConstraint("slot", name=op.f("uq_syncs_slot")),
    )
    with op.batch_alter_table("syncs", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_syncs_state_requested_at"), ["state", "requested_at"], unique=False
        )

    op.create_table(
        "tag_groups",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("wecom_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("position", ID, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_groups")),
        sa.UniqueConstraint("wecom_id", name=op.f("uq_tag_groups_wecom_id")),
    )
    op.create_table(
        "tag_vocabulary",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tag_vocabulary")),
    )
    op.create_table(
        "tags",
        sa.Column("id", ID, autoincrement=False, nullable=False),
        sa.Column("wecom_id", sa.String(length=64), nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("position", ID, nullable=False),
        sa.Column("ended_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tags")),
        sa.UniqueConstraint("wecom_id", name=op.f("uq_tags_wecom_id")),
    )
    with op.batch_alter_table("tags", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tags_group_id"), ["group_id"], unique=False)

    op.create_table(
        "welcomes",
        sa.Column("inbound_id", ID, autoincrement=False, nullable=False),
        sa.Column("wecom_userid", sa.String(length=64), nullable=False),
        sa.Column("external_userid", sa.String(length=64), nullable=False),
        sa.Column("associate_id", ID, nullable=True),
        sa.Column("contact_name", sa.String(length=128), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("why", sa.String(length=255), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("next_due_at", INSTANT, nullable=True),
        sa.Column("recorded_at", INSTANT, nullable=True),
        sa.Column("work_item_id", ID, nullable=True),
        sa.Column("completed_by", ID, nullable=True),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("pk_welcomes")),
    )
    with op.batch_alter_table("welcomes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_welcomes_external_userid"), ["external_userid"], unique=False)
        batch_op.create_index(batch_op.f("ix_welcomes_work_item_id"), ["work_item_id"], unique=False)

    with op.batch_alter_table("contact_bindings", schema=None) as batch_op:
        batch_op.add_column(sa.Column("half_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("lost_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("deleted_at", INSTANT, nullable=True))
        batch_op.add_column(sa.Column("is_half", sa.Boolean(), server_default=sa.false(), nullable=False))
        batch_op.add_column(sa.Column("remark", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("state", sa.String(length=64), server_default="", nullable=False))
        batch_op.add_column(sa.Column("add_way", sa.Integer(), server_default="0", nullable=False))
        batch_op.alter_column("bound_at", existing_type=INSTANT, nullable=True)

    with op.batch_alter_table("external_contacts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("avatar", sa.String(length=512), server_default="", nullable=False))
        batch_op.add_column(sa.Column("unionid", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("is_wechat", sa.Boolean(), server_default=sa.true(), nullable=False))
        batch_op.add_column(sa.Column("version", sa.Integer(), server_default="0", nullable=False))
        batch_op.create_index(batch_op.f("ix_external_contacts_unionid"), ["unionid"], unique=False)

    with op.batch_alter_table("outbound_messages", schema=None) as batch_op:
        batch_op.add_column(sa.Column("maybe_sent_at", INSTANT, nullable=True))

    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("kind", sa.String(length=16), server_default="follow_up", nullable=False)
        )
        batch_op.alter_column("member_id", existing_type=ID, nullable=True)

    with op.batch_alter_table("contact_bindings", schema=None) as batch_op:
        for name, kind in (
            ("is_half", sa.Boolean()),
            ("remark", sa.String(64)),
            ("state", sa.String(64)),
            ("add_way", sa.Integer()),
        ):
            batch_op.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)

    with op.batch_alter_table("external_contacts", schema=None) as batch_op:
        for name, kind in (
            ("avatar", sa.String(512)),
            ("is_wechat", sa.Boolean()),
            ("version", sa.Integer()),
        ):
            batch_op.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)

    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.alter_column(
            "kind", existing_type=sa.String(16), existing_nullable=False, server_default=None
        )


def downgrade() -> None:
    work_items = sa.table("work_items", sa.column("id", sa.BigInteger), sa.column("member_id", sa.BigInteger))
    # What is about nobody known as a member cannot be kept without this version's columns.
    op.execute(work_items.delete().where(work_items.c.member_id.is_(None)))
    timers = sa.table("timers", sa.column("lane", sa.String), sa.column("member_id", sa.BigInteger))
    op.execute(timers.delete().where(timers.c.lane.in_(["welcome", "sync"])))
    op.execute(timers.delete().where(timers.c.lane == "expiry", timers.c.member_id.is_(None)))
    bindings = sa.table("contact_bindings", sa.column("bound_at", INSTANT))
    op.execute(bindings.delete().where(bindings.c.bound_at.is_(None)))
    with op.batch_alter_table("work_items", schema=None) as batch_op:
        batch_op.alter_column("member_id", existing_type=ID, nullable=False)
        batch_op.drop_column("kind")

    with op.batch_alter_table("outbound_messages", schema=None) as batch_op:
        batch_op.drop_column("maybe_sent_at")

    with op.batch_alter_table("external_contacts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_external_contacts_unionid"))
        batch_op.drop_column("version")
        batch_op.drop_column("is_wechat")
        batch_op.drop_column("unionid")
        batch_op.drop_column("avatar")

    with op.batch_alter_table("contact_bindings", schema=None) as batch_op:
        batch_op.alter_column("bound_at", existing_type=INSTANT, nullable=False)
        batch_op.drop_column("add_way")
        batch_op.drop_column("state")
        batch_op.drop_column("remark")
        batch_op.drop_column("is_half")
        batch_op.drop_column("deleted_at")
        batch_op.drop_column("lost_at")
        batch_op.drop_column("half_at")

    op.drop_table("welcomes")
    op.drop_table("tags")
    op.drop_table("tag_vocabulary")
    op.drop_table("tag_groups")
    op.drop_table("syncs")
    op.drop_table("livings")
    op.drop_table("heartbeats")
    op.drop_table("group_chats")
    op.drop_table("group_chat_members")
    op.drop_table("card_presses")
    op.drop_table("binding_tags")
