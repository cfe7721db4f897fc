-- How many person-times an app has sent to on a day of China's calendar.

CREATE TABLE app_day (
    agent_id INTEGER NOT NULL,
    day INTEGER NOT NULL,
    sent INTEGER NOT NULL,
    PRIMARY KEY (agent_id, day)
) WITHOUT ROWID;
