-- Events on their way to the app's callback address. emitted_at is virtual, due_at and attempt times are the machine's.

CREATE TABLE callback (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    copy_of INTEGER,
    agent_id INTEGER,
    fields TEXT NOT NULL,
    emitted_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    due_at INTEGER NOT NULL
);
CREATE INDEX callback_waiting ON callback (due_at) WHERE state = 'waiting';

CREATE TABLE callback_attempt (
    id INTEGER PRIMARY KEY,
    callback_id INTEGER NOT NULL REFERENCES callback (id),
    at INTEGER NOT NULL,
    took_ms INTEGER NOT NULL,
    status INTEGER,
    error TEXT NOT NULL,
    reply TEXT NOT NULL
);
CREATE INDEX callback_attempt_by_callback ON callback_attempt (callback_id);
