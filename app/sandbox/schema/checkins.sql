-- Who is planned to work when (打卡排班). day: the corp's, 2026-03-01. sections: JSON [[from, to]] in seconds, [] a day off.

CREATE TABLE planned_day (
    userid TEXT COLLATE NOCASE NOT NULL,
    day TEXT NOT NULL,
    sections TEXT NOT NULL,
    PRIMARY KEY (userid, day)
);
