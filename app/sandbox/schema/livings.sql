-- Lives (直播), who watched, and the codes that lead into one (of the machine's clock, as all codes).

CREATE TABLE living (
    id INTEGER PRIMARY KEY,
    livingid TEXT NOT NULL UNIQUE,
    agent_id INTEGER NOT NULL,
    anchor_userid TEXT NOT NULL COLLATE NOCASE,
    body TEXT NOT NULL,
    living_start INTEGER NOT NULL,
    living_duration INTEGER NOT NULL,
    status INTEGER NOT NULL,
    replay_status INTEGER NOT NULL,
    began_at INTEGER,
    ended_at INTEGER
);
CREATE INDEX living_by_anchor ON living (anchor_userid);

CREATE TABLE living_viewer (
    livingid TEXT NOT NULL,
    viewer TEXT NOT NULL COLLATE NOCASE,
    is_external INTEGER NOT NULL,
    watch_time INTEGER NOT NULL,
    is_comment INTEGER NOT NULL,
    is_mic INTEGER NOT NULL,
    invitor TEXT NOT NULL,
    PRIMARY KEY (livingid, viewer)
) WITHOUT ROWID;

CREATE TABLE living_code (
    code TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    livingid TEXT NOT NULL,
    viewer TEXT NOT NULL,
    invitor TEXT NOT NULL,
    issued_at INTEGER NOT NULL
);
