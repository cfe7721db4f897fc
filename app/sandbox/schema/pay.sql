-- Bills and flows of external pay (对外收款). Amounts are in fen.

CREATE TABLE bill (
    id INTEGER PRIMARY KEY,
    transaction_id TEXT NOT NULL UNIQUE,
    payee_userid TEXT NOT NULL COLLATE NOCASE,
    payment_id TEXT NOT NULL,
    agent_id INTEGER NOT NULL,
    pay_time INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX bill_by_time ON bill (pay_time);
CREATE INDEX bill_by_payment ON bill (payment_id);

CREATE TABLE fund_flow (
    id INTEGER PRIMARY KEY,
    flowed_at INTEGER NOT NULL,
    body TEXT NOT NULL
);
