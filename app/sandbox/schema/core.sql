-- Contacts, tokens, messages, chats. Times are whole microseconds since 1970, UTC, but for createtime: seconds.

CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);

CREATE TABLE contact (
    external_userid TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    avatar TEXT NOT NULL,
    unionid TEXT NOT NULL,
    kind INTEGER NOT NULL,
    gender INTEGER NOT NULL DEFAULT 0,
    position TEXT NOT NULL DEFAULT '',
    corp_name TEXT NOT NULL DEFAULT ''
);

CREATE TABLE follow (
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    remark TEXT NOT NULL,
    description TEXT NOT NULL,
    remark_company TEXT NOT NULL,
    remark_mobiles TEXT NOT NULL,
    createtime INTEGER NOT NULL,
    add_way INTEGER NOT NULL,
    state TEXT NOT NULL,
    stage TEXT NOT NULL DEFAULT 'mutual',
    oper_userid TEXT NOT NULL DEFAULT '',
    chat_from INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (userid, external_userid)
) WITHOUT ROWID;
CREATE INDEX follow_by_contact ON follow (external_userid);

CREATE VIEW followed AS
    SELECT contact.*, follow.userid, follow.remark, follow.description, follow.remark_company,
        follow.remark_mobiles, follow.createtime, follow.add_way, follow.state, follow.stage, follow.oper_userid
    FROM follow JOIN contact USING (external_userid);

CREATE TABLE token (
    token TEXT PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    issued_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE ticket (
    ticket TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    agent_id INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE message (
    id INTEGER PRIMARY KEY,
    msgid TEXT NOT NULL UNIQUE,
    agent_id INTEGER NOT NULL,
    msgtype TEXT NOT NULL,
    body TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    answer TEXT NOT NULL,
    sent_at INTEGER NOT NULL
);
CREATE INDEX message_by_fingerprint ON message (fingerprint, sent_at);

CREATE TABLE card_task (
    agent_id INTEGER NOT NULL,
    task_id TEXT NOT NULL,
    PRIMARY KEY (agent_id, task_id)
) WITHOUT ROWID;

CREATE TABLE delivery (
    id INTEGER PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (id),
    agent_id INTEGER NOT NULL,
    userid TEXT NOT NULL COLLATE NOCASE,
    state TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    read_at INTEGER
);
CREATE INDEX delivery_by_person ON delivery (userid, agent_id, state, sent_at);
CREATE INDEX delivery_unread ON delivery (userid) WHERE read_at IS NULL AND state = 'delivered';

CREATE TABLE chat_message (
    id INTEGER PRIMARY KEY,
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    sender TEXT NOT NULL,
    msgtype TEXT NOT NULL,
    body TEXT NOT NULL,
    sent_at INTEGER NOT NULL,
    read_at INTEGER,
    delivered INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX chat_message_by_chat ON chat_message (userid, external_userid, id);
CREATE INDEX chat_message_unread ON chat_message (userid) WHERE read_at IS NULL;

CREATE TABLE fault (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    times_left INTEGER,
    value TEXT NOT NULL
);
