-- Welcome templates of customer groups (入群欢迎语素材), each its app's own.

CREATE TABLE group_welcome_template (
    template_id TEXT PRIMARY KEY,
    agent_id INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
