-- Uploaded files. The bytes are in a folder beside the state file, by media_id. Times: microseconds since 1970, UTC.

CREATE TABLE media (
    media_id TEXT PRIMARY KEY,
    space TEXT NOT NULL,
    kind TEXT NOT NULL,
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE uploaded_image (
    name TEXT PRIMARY KEY,
    content_type TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX uploaded_image_by_time ON uploaded_image (created_at);
