-- What belongs to the relations of members and customers beside the follow rows of core.sql.

CREATE TABLE friend_request (
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    add_way INTEGER NOT NULL,
    state TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    PRIMARY KEY (userid, external_userid)
) WITHOUT ROWID;

CREATE TABLE temp_chat (
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    config_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (userid, external_userid)
) WITHOUT ROWID;

-- issued_at and used_at are of the machine's clock, as the lives of tokens are.
CREATE TABLE welcome_code (
    code TEXT PRIMARY KEY,
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    issued_at INTEGER NOT NULL,
    used_at INTEGER
);
CREATE INDEX welcome_code_by_pair ON welcome_code (userid, external_userid);

-- What the console sets for one member, and a member without a row has the defaults.
CREATE TABLE member_switch (
    userid TEXT PRIMARY KEY COLLATE NOCASE,
    console_welcome INTEGER NOT NULL,
    real_named INTEGER NOT NULL
);
