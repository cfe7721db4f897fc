-- A gateway of text messages (短信): signatures and templates approved, numbers of customers, what was sent.

CREATE TABLE sms_sign (
    name TEXT PRIMARY KEY
);

CREATE TABLE sms_template (
    code TEXT PRIMARY KEY,
    content TEXT NOT NULL,
    marketing INTEGER NOT NULL
);

CREATE TABLE sms_number (
    external_userid TEXT PRIMARY KEY,
    number TEXT NOT NULL
);

CREATE TABLE sms_nonce (
    nonce TEXT PRIMARY KEY,
    used_at INTEGER NOT NULL
);

CREATE TABLE sms_message (
    id INTEGER PRIMARY KEY,
    biz_id TEXT NOT NULL UNIQUE,
    out_id TEXT NOT NULL,
    number TEXT NOT NULL,
    template TEXT NOT NULL,
    content TEXT NOT NULL,
    sent_at INTEGER NOT NULL
);
CREATE INDEX sms_message_number ON sms_message (number, id);

-- answered_at is virtual, due_at the machine's: when the app is to be told (again), NULL once it is, or nobody tries again
CREATE TABLE sms_answer (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL,
    content TEXT NOT NULL,
    answered_at INTEGER NOT NULL,
    due_at INTEGER,
    tries INTEGER NOT NULL,
    told INTEGER NOT NULL
);
CREATE INDEX sms_answer_due ON sms_answer (due_at) WHERE due_at IS NOT NULL;
