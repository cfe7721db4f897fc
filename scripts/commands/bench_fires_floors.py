"""What firing costs a database at the least: the same row changes by a few statements over whole sets, by hand.

No step is judged and no row reaches Python. Claimed as ours are, so that any number of processes may do it. Written for
the second step of the default plan, a promise told in a chat, in a chain of one time zone whose owners are all at work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymysql.cursors import Cursor
from sqlalchemy import select

from app import clock
from app.db import Database
from app.follow_ups.models import PlanVersion
from app.follow_ups.plans.versions import get_version
from app.messaging.models import NoticeKind
from app.orders.value import tiers_of_today
from app.worklist.attention import read_budget
from app.worklist.loads import BALANCE_AFTER
from app.worklist.reminding import on_grid

CHUNKS = (500, 2_000, 5_000)
STEP_NO = 2

TEMPORARY = (
    """
    CREATE TEMPORARY TABLE taken (
        n INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
        enrollment_id BIGINT NOT NULL, member_id BIGINT NOT NULL, timer_at DATETIME(6) NOT NULL
    ) ENGINE = MEMORY
    """,
    """
    CREATE TEMPORARY TABLE fired (
        n INT NOT NULL PRIMARY KEY, enrollment_id BIGINT NOT NULL, member_id BIGINT NOT NULL,
        timer_at DATETIME(6) NOT NULL, anchor_on DATE NOT NULL, net_fen BIGINT NOT NULL,
        due_at DATETIME(6) NOT NULL, valid_until DATETIME(6) NOT NULL, next_due_at DATETIME(6) NOT NULL,
        assignee_id BIGINT NOT NULL, store_id BIGINT NOT NULL,
        member_name VARCHAR(64) NOT NULL, associate_name VARCHAR(64) NOT NULL, store_name VARCHAR(64) NOT NULL,
        is_chat BOOLEAN NOT NULL, article VARCHAR(255) NOT NULL
    ) ENGINE = MEMORY
    """,
)
# Their one batch, in order. `base` is the id before the first of three for each row.
STATEMENTS = (
    "DELETE FROM taken",
    "DELETE FROM fired",
    """
    INSERT INTO taken (enrollment_id, member_id, timer_at)
    SELECT timers.subject_id, timers.member_id, timers.due_at
    FROM timers JOIN member_care USING (member_id)
    WHERE timers.lane = 'days' AND timers.due_at <= %(now)s
    ORDER BY timers.due_at, timers.subject_id LIMIT %(chunk)s FOR UPDATE SKIP LOCKED
    """,
    """
    INSERT INTO fired
    SELECT taken.n - (SELECT MIN(n) FROM taken AS first) + 1, taken.enrollment_id, taken.member_id, taken.timer_at,
        enrollment.anchor_on, bought.amount_fen - bought.refunded_fen,
        TIMESTAMP(enrollment.anchor_on + INTERVAL %(days)s DAY, store.opens_at) - INTERVAL 8 HOUR,
        TIMESTAMP(enrollment.anchor_on + INTERVAL %(days)s + %(valid_days)s DAY, store.opens_at)
            - INTERVAL 8 HOUR,
        TIMESTAMP(enrollment.anchor_on + INTERVAL %(next_days)s DAY, store.opens_at) - INTERVAL 8 HOUR,
        associate.id, associate.store_id, member.name, associate.name, store.name,
        EXISTS (
            SELECT 1 FROM external_contacts AS contact
            JOIN contact_bindings AS binding ON binding.external_contact_id = contact.id
            WHERE contact.member_id = member.id AND binding.associate_id = associate.id
            AND binding.ended_at IS NULL AND NOT binding.is_half
            AND (binding.lost_at IS NULL OR binding.lost_at < binding.bound_at)
        ),
        COALESCE((
            SELECT line.description FROM orders JOIN order_lines AS line ON line.order_id = orders.id
            WHERE orders.member_id = member.id AND orders.purchased_on = enrollment.anchor_on
            AND line.kind = 'goods' AND line.refunded_quantity < line.quantity
            ORDER BY line.amount_fen DESC, line.order_id, line.line_no LIMIT 1
        ), %(fallback)s)
    FROM taken
    STRAIGHT_JOIN enrollments AS enrollment ON enrollment.id = taken.enrollment_id
    JOIN members AS member ON member.id = enrollment.member_id
    JOIN stores AS store ON store.id = enrollment.store_id
    LEFT JOIN (
        SELECT store_id, MIN(id) AS id FROM associates
        WHERE role = 'store_manager' AND ended_at IS NULL GROUP BY store_id
    ) AS manager ON manager.store_id = member.store_id
    JOIN associates AS associate ON associate.id = COALESCE(member.owner_id, manager.id)
    JOIN member_purchases AS bought ON bought.member_id = member.id
    WHERE enrollment.state = 'active' AND enrollment.next_due_at = taken.timer_at
    """,
    """
    DELETE timers FROM taken STRAIGHT_JOIN timers
    ON timers.lane = 'days' AND timers.due_at = taken.timer_at AND timers.subject_id = taken.enrollment_id
    """,
    """
    INSERT INTO work_items (id, assignee_id, store_id, member_id, kind, state, priority, title, due_at, valid_until,
        opened_at, close_reason, is_service, value_fen, rank, urge_level, next_urge_at, elsewhere)
    SELECT %(base)s + 3 * n, assignee_id, store_id, member_id, 'follow_up', 'open', %(priority)s, %(title)s, due_at,
        valid_until, %(now)s, '', TRUE, net_fen,
        1000000 + (1 + (net_fen >= %(high_fen)s) + (net_fen >= %(top_fen)s)) * 100000 + %(priority)s * 100,
        0, %(urge_at)s, IF(is_chat, 'contact', 'nobody')
    FROM fired
    """,
    """
    INSERT INTO timers (lane, due_at, subject_id, member_id)
    SELECT 'expiry', valid_until, %(base)s + 3 * n, member_id FROM fired
    """,
    """
    INSERT INTO timers (lane, due_at, subject_id, member_id)
    SELECT 'urge', %(urge_at)s, %(base)s + 3 * n, member_id FROM fired
    """,
    """
    INSERT INTO balance_schedules (associate_id, next_due_at, counted, counted_until)
    SELECT assignee_id, NULL, COUNT(*), NULL FROM fired GROUP BY assignee_id ORDER BY assignee_id
    ON DUPLICATE KEY UPDATE counted = counted + VALUES(counted)
    """,
    """
    INSERT INTO timers (lane, due_at, subject_id, member_id)
    SELECT DISTINCT 'balance', %(balance_at)s, assignee_id, NULL
    FROM fired JOIN balance_schedules ON associate_id = assignee_id
    WHERE balance_schedules.next_due_at IS NULL AND counted > %(capacity)s
    """,
    """
    UPDATE balance_schedules JOIN fired ON associate_id = assignee_id
    SET balance_schedules.next_due_at = %(balance_at)s
    WHERE balance_schedules.next_due_at IS NULL AND counted > %(capacity)s
    """,
    """
    INSERT INTO follow_up_tasks (id, work_item_id, enrollment_id, step_no, channel, why, text, script_code,
        chosen_because, note)
    SELECT %(base)s + 3 * n + 1, %(base)s + 3 * n, enrollment_id, %(step_no)s, IF(is_chat, 'chat', 'invite'),
        REPLACE(REPLACE(%(why)s, '{product}', article), '{purchased_on}',
            CONCAT(MONTH(anchor_on), '月', DAY(anchor_on), '日')),
        REPLACE(REPLACE(REPLACE(REPLACE(script.body, '{member}', member_name), '{associate}', associate_name),
            '{store}', store_name), '{product}', article),
        script.code, '', ''
    FROM fired JOIN sales_scripts AS script ON script.code = IF(is_chat, %(script)s, %(invite)s)
    """,
    """
    INSERT INTO notices (id, associate_id, work_item_id, text, state, written_at, kind)
    SELECT %(base)s + 3 * n + 2, assignee_id, %(base)s + 3 * n, CONCAT(%(title)s, ' · ', member_name), 'waiting',
        %(now)s, %(kind)s
    FROM fired
    """,
    """
    INSERT INTO digest_schedules (associate_id, next_due_at)
    SELECT DISTINCT assignee_id, NULL FROM fired ORDER BY assignee_id
    ON DUPLICATE KEY UPDATE associate_id = VALUES(associate_id)
    """,
    """
    INSERT INTO timers (lane, due_at, subject_id, member_id)
    SELECT DISTINCT 'digest', %(now)s + INTERVAL 2 MINUTE, assignee_id, NULL
    FROM fired JOIN digest_schedules ON associate_id = assignee_id WHERE digest_schedules.next_due_at IS NULL
    """,
    """
    UPDATE digest_schedules JOIN fired ON associate_id = assignee_id
    SET digest_schedules.next_due_at = %(now)s + INTERVAL 2 MINUTE WHERE digest_schedules.next_due_at IS NULL
    """,
    """
    INSERT INTO step_records (enrollment_id, step_no, outcome, reason, due_at, recorded_at, task_id)
    SELECT enrollment_id, %(step_no)s, 'opened', 'late', due_at, %(now)s, %(base)s + 3 * n + 1 FROM fired
    """,
    """
    UPDATE fired STRAIGHT_JOIN enrollments AS enrollment ON enrollment.id = fired.enrollment_id
    SET enrollment.next_step_no = %(step_no)s + 1, enrollment.next_due_at = fired.next_due_at
    """,
    """
    INSERT INTO timers (lane, due_at, subject_id, member_id)
    SELECT 'days', next_due_at, enrollment_id, member_id FROM fired
    """,
)


def floor_values(database: Database) -> dict[str, Any]:
    """What the statements take as it is in this database now, but for `base` and `chunk`."""
    tiers = tiers_of_today(database, may_count=True)
    with database.reading() as session:
        now, budget = clock.now(session), read_budget(session)
        version = get_version(session, session.scalars(select(PlanVersion.id)).one())
    step, following = version.step(STEP_NO), version.step(STEP_NO + 1)
    return {
        "now": now.replace(tzinfo=None),
        "step_no": STEP_NO,
        "days": step.offset_days,
        "valid_days": step.valid_days,
        "next_days": following.offset_days,
        "priority": step.priority,
        "title": step.title,
        "why": step.why,
        "script": step.script_codes[0],
        "invite": step.invite_script_code,
        "fallback": version.document.product_fallback,
        "kind": str(NoticeKind.OPENED),
        "top_fen": tiers.top_fen,
        "high_fen": tiers.high_fen,
        "capacity": budget.daily_capacity,
        "balance_at": (now + BALANCE_AFTER).replace(tzinfo=None),
        "urge_at": on_grid(now + budget.urge_after).replace(tzinfo=None),
    }


def make_temporary_tables(cursor: Cursor) -> None:
    """What `fire_chunk` needs, once for each connection."""
    for statement in TEMPORARY:
        cursor.execute(statement)


def fire_chunk(cursor: Cursor, values: Mapping[str, Any]) -> int:
    """Fire `chunk` steps due by `now` with ids from `base` on; the caller commits. Returns how many were taken."""
    for statement in STATEMENTS:
        cursor.execute(statement, values)
    cursor.execute("SELECT COUNT(*) FROM taken")
    row = cursor.fetchone()
    assert row is not None
    return int(row[0])
