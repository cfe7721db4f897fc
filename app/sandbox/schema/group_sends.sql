-- Group sends (企业群发): the order, each member's task, each receiver.

CREATE TABLE group_send (
    id INTEGER PRIMARY KEY,
    msgid TEXT NOT NULL UNIQUE,
    agent_id INTEGER NOT NULL,
    chat_type TEXT NOT NULL,
    creator TEXT NOT NULL COLLATE NOCASE,
    create_type INTEGER NOT NULL,
    content TEXT NOT NULL,
    allow_select INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    cancelled_at INTEGER
);

CREATE TABLE group_send_task (
    send_id INTEGER NOT NULL REFERENCES group_send (id),
    userid TEXT NOT NULL COLLATE NOCASE,
    sent_at INTEGER,
    PRIMARY KEY (send_id, userid)
) WITHOUT ROWID;
CREATE INDEX group_send_task_open ON group_send_task (userid) WHERE sent_at IS NULL;

CREATE TABLE group_send_target (
    send_id INTEGER NOT NULL REFERENCES group_send (id),
    userid TEXT NOT NULL COLLATE NOCASE,
    target TEXT NOT NULL,
    status INTEGER NOT NULL,
    sent_at INTEGER,
    PRIMARY KEY (send_id, userid, target)
) WITHOUT ROWID;
CREATE INDEX group_send_target_reached ON group_send_target (target, sent_at) WHERE status = 1;

CREATE TABLE group_send_reminder (
    send_id INTEGER NOT NULL REFERENCES group_send (id),
    reminded_at INTEGER NOT NULL
);
