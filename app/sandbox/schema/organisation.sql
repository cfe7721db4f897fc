-- The contact book (facts 3.3): a tree of departments below the root, members in one or more of them.

CREATE TABLE department (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    parentid INTEGER NOT NULL,
    sort INTEGER NOT NULL,
    UNIQUE (parentid, name)
);
INSERT INTO department VALUES (1, '企业', 0, 0);

-- Each department within itself and all above it.
CREATE VIEW department_within AS
    WITH RECURSIVE up (department_id, within_id) AS (
        SELECT id, id FROM department
        UNION
        SELECT up.department_id, department.parentid
        FROM up JOIN department ON department.id = up.within_id WHERE department.parentid > 0
    )
    SELECT department_id, within_id FROM up;

-- department_id is the main one. Somebody deleted from the contact book stays as a row without membership, for chats.
CREATE TABLE person (
    userid TEXT PRIMARY KEY COLLATE NOCASE,
    name TEXT NOT NULL,
    alias TEXT NOT NULL DEFAULT '',
    mobile TEXT NOT NULL DEFAULT '',
    department_id INTEGER NOT NULL REFERENCES department (id),
    direct_leader TEXT NOT NULL DEFAULT '' COLLATE NOCASE,
    position TEXT NOT NULL,
    status INTEGER NOT NULL,
    contacts_enabled INTEGER NOT NULL
);

-- place: its turn in the member's list of departments. sort: the member's turn in the department.
CREATE TABLE membership (
    userid TEXT NOT NULL COLLATE NOCASE,
    department_id INTEGER NOT NULL REFERENCES department (id),
    place INTEGER NOT NULL,
    sort INTEGER NOT NULL,
    is_leader INTEGER NOT NULL,
    PRIMARY KEY (userid, department_id)
) WITHOUT ROWID;
CREATE INDEX membership_by_department ON membership (department_id, userid);

-- Asking user/getuserid for numbers nobody has.
CREATE TABLE wrong_mobile (
    id INTEGER PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    asked_at INTEGER NOT NULL
)
