-- What a login leaves behind. Lives are measured by the virtual clock, in microseconds.

CREATE TABLE oauth_code (
    code TEXT PRIMARY KEY,
    agent_id INTEGER,
    userid TEXT,
    external_userid TEXT,
    scope TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    used INTEGER NOT NULL
);

CREATE TABLE consent (
    agent_id INTEGER NOT NULL,
    userid TEXT NOT NULL COLLATE NOCASE,
    fields TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    PRIMARY KEY (agent_id, userid)
) WITHOUT ROWID;

CREATE TABLE user_ticket (
    ticket TEXT PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    userid TEXT NOT NULL,
    fields TEXT NOT NULL,
    issued_at INTEGER NOT NULL
);

CREATE TABLE mini_program_code (
    code TEXT PRIMARY KEY,
    userid TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    used INTEGER NOT NULL
);
