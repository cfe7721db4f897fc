-- Customer groups (客户群), their members, what is said in them, join ways, changes of owner.

CREATE TABLE group_chat (
    id INTEGER PRIMARY KEY,
    chat_id TEXT NOT NULL UNIQUE,
    opengid TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    owner TEXT NOT NULL COLLATE NOCASE,
    notice TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    member_version TEXT NOT NULL,
    inherited INTEGER NOT NULL,
    dismissed_at INTEGER
);
CREATE INDEX group_chat_by_owner ON group_chat (owner);

CREATE TABLE group_chat_member (
    chat_id TEXT NOT NULL,
    userid TEXT NOT NULL COLLATE NOCASE,
    kind INTEGER NOT NULL,
    joined_at INTEGER NOT NULL,
    join_scene INTEGER NOT NULL,
    invitor TEXT NOT NULL,
    nickname TEXT NOT NULL,
    state TEXT NOT NULL,
    is_admin INTEGER NOT NULL,
    left_at INTEGER,
    PRIMARY KEY (chat_id, userid)
) WITHOUT ROWID;

CREATE TABLE group_chat_message (
    id INTEGER PRIMARY KEY,
    chat_id TEXT NOT NULL,
    sender TEXT NOT NULL COLLATE NOCASE,
    msgtype TEXT NOT NULL,
    body TEXT NOT NULL,
    sent_at INTEGER NOT NULL
);
CREATE INDEX group_chat_message_by_chat ON group_chat_message (chat_id, id);

CREATE TABLE group_chat_handover (
    chat_id TEXT NOT NULL,
    old_owner TEXT NOT NULL COLLATE NOCASE,
    new_owner TEXT NOT NULL COLLATE NOCASE,
    kind TEXT NOT NULL,
    handed_at INTEGER NOT NULL
);
CREATE INDEX group_chat_handover_by_chat ON group_chat_handover (chat_id, handed_at);

CREATE INDEX group_chat_handover_by_owner ON group_chat_handover (old_owner, handed_at);

CREATE TABLE join_way (
    config_id TEXT PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
