-- The corp's customer tags. agent_id 0 is the console's. A deleted one stays: a query by its id still shows it.

CREATE TABLE tag_group (
    group_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    sort_order INTEGER NOT NULL,
    created_at_s INTEGER NOT NULL,
    agent_id INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE tag (
    tag_id TEXT PRIMARY KEY,
    group_id TEXT NOT NULL REFERENCES tag_group (group_id),
    name TEXT NOT NULL,
    sort_order INTEGER NOT NULL,
    created_at_s INTEGER NOT NULL,
    agent_id INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tag_by_group ON tag (group_id);

CREATE TABLE mark (
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    tag_id TEXT NOT NULL REFERENCES tag (tag_id),
    PRIMARY KEY (userid, external_userid, tag_id)
) WITHOUT ROWID;
CREATE INDEX mark_by_tag ON mark (tag_id);

CREATE TABLE personal_mark (
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (userid, external_userid, name)
) WITHOUT ROWID;
