-- Customer moments (客户朋友圈): the job that makes one, the moment, each member's task, who may see it, what they said.

CREATE TABLE moment (
    id INTEGER PRIMARY KEY,
    moment_id TEXT NOT NULL UNIQUE,
    agent_id INTEGER NOT NULL,
    creator TEXT NOT NULL COLLATE NOCASE,
    create_type INTEGER NOT NULL,
    content TEXT NOT NULL,
    visible_type INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    cancelled_at INTEGER
);

CREATE TABLE moment_job (
    jobid TEXT PRIMARY KEY,
    moment_id TEXT NOT NULL,
    agent_id INTEGER NOT NULL,
    result TEXT NOT NULL,
    polls INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX moment_job_by_moment ON moment_job (moment_id);

CREATE TABLE moment_task (
    moment_id TEXT NOT NULL,
    userid TEXT NOT NULL COLLATE NOCASE,
    published_at INTEGER,
    PRIMARY KEY (moment_id, userid)
) WITHOUT ROWID;
CREATE INDEX moment_task_open ON moment_task (userid) WHERE published_at IS NULL;

CREATE TABLE moment_viewer (
    moment_id TEXT NOT NULL,
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    PRIMARY KEY (moment_id, userid, external_userid)
) WITHOUT ROWID;

CREATE TABLE moment_reaction (
    id INTEGER PRIMARY KEY,
    moment_id TEXT NOT NULL,
    userid TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    kind TEXT NOT NULL,
    reacted_at INTEGER NOT NULL
);
CREATE INDEX moment_reaction_by_moment ON moment_reaction (moment_id, userid);
