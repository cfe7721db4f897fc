-- Handovers of customers (在职/离职继承): one row for each time a customer was offered to another member.

CREATE TABLE handover (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    handover TEXT NOT NULL COLLATE NOCASE,
    takeover TEXT NOT NULL COLLATE NOCASE,
    external_userid TEXT NOT NULL,
    message TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    status INTEGER NOT NULL,
    settled_at INTEGER
);
CREATE INDEX handover_by_pair ON handover (handover, takeover, external_userid);
CREATE INDEX handover_by_contact ON handover (external_userid, started_at);
CREATE INDEX handover_waiting ON handover (started_at) WHERE status = 2;

-- When a member was first seen to have left.
CREATE TABLE dimission (userid TEXT PRIMARY KEY COLLATE NOCASE, left_at INTEGER NOT NULL);
