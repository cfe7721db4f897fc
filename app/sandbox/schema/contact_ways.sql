-- Contact ways (联系我): made by one app, found by config_id alone. body is what get_contact_way shows.

CREATE TABLE contact_way (
    config_id TEXT PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    is_temp INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX contact_way_by_time ON contact_way (agent_id, created_at, config_id);

CREATE TABLE contact_way_scan (
    config_id TEXT NOT NULL REFERENCES contact_way (config_id) ON DELETE CASCADE,
    userid TEXT NOT NULL COLLATE NOCASE,
    scans INTEGER NOT NULL,
    PRIMARY KEY (config_id, userid)
) WITHOUT ROWID;
