-- Template cards: the one-time codes that let an app replace a card, and what each phone shows now.

CREATE TABLE response_code (
    code TEXT PRIMARY KEY,
    message_id INTEGER NOT NULL REFERENCES message (id),
    issued_at INTEGER NOT NULL,
    used INTEGER NOT NULL
);

CREATE TABLE card_now (
    delivery_id INTEGER PRIMARY KEY REFERENCES delivery (id),
    body TEXT NOT NULL,
    replaced_at INTEGER NOT NULL
);
