-- +goose Up
-- Sessions (课次) of classes that meet. open_from and late_after 0: by the rule of study.Session. The place
-- is in millionths of a degree; law: the document that demands to look at it. From secret come the rotating
-- code and the number that is typed where scanning fails. closed_at 0: the trainer has not confirmed it.
CREATE TABLE IF NOT EXISTS sessions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    cohort_id BIGINT NOT NULL DEFAULT 0,
    number INT NOT NULL DEFAULT 0,
    title VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(title) <= 200),
    place VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(place) <= 200),
    starts_at BIGINT NOT NULL DEFAULT 0,
    ends_at BIGINT NOT NULL DEFAULT 0,
    open_from BIGINT NOT NULL DEFAULT 0,
    late_after BIGINT NOT NULL DEFAULT 0,
    hundredths INT NOT NULL DEFAULT 0,
    trainer_id BIGINT NOT NULL DEFAULT 0,
    fenced TINYINT NOT NULL DEFAULT 0,
    latitude INT NOT NULL DEFAULT 0,
    longitude INT NOT NULL DEFAULT 0,
    metres INT NOT NULL DEFAULT 0,
    law VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(law) <= 200),
    secret BLOB NOT NULL,
    closed_at BIGINT NOT NULL DEFAULT 0,
    closed_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(closed_by) <= 120),
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS sessions_place ON sessions (cohort_id, number);
CREATE INDEX IF NOT EXISTS sessions_time ON sessions (starts_at);

-- What happened to people in sessions (签到); append-only. at: when it happened; received_at: when we were
-- told. doubts: parted by commas. device: keyed hash of the phone.
CREATE TABLE IF NOT EXISTS attendance_events (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    event_key VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(event_key) <= 80),
    session_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(kind) <= 12),
    way VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(way) <= 12),
    mark VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(mark) <= 12),
    happened_at BIGINT NOT NULL DEFAULT 0,
    received_at BIGINT NOT NULL DEFAULT 0,
    device VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(device) <= 64),
    distance VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(distance) <= 12),
    doubts VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(doubts) <= 80),
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    note VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(note) <= 200)
);
CREATE UNIQUE INDEX IF NOT EXISTS attendance_events_key ON attendance_events (event_key);
CREATE INDEX IF NOT EXISTS attendance_events_session ON attendance_events (session_id, learner_id, id);
CREATE INDEX IF NOT EXISTS attendance_events_learner ON attendance_events (learner_id, id);

-- What a trainer counted in the room; append-only, the last one counts. count_key: the same
-- count told twice is one.
CREATE TABLE IF NOT EXISTS head_counts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    count_key VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(count_key) <= 80),
    session_id BIGINT NOT NULL DEFAULT 0,
    counted INT NOT NULL DEFAULT 0,
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    counted_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS head_counts_key ON head_counts (count_key);
CREATE INDEX IF NOT EXISTS head_counts_session ON head_counts (session_id, counted_at, id);

-- Leaves (请假) and the sessions they cover.
CREATE TABLE IF NOT EXISTS leaves (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
    status VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(status) <= 12),
    asked_at BIGINT NOT NULL DEFAULT 0,
    decided_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(decided_by) <= 120),
    decided_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS leaves_enrolment ON leaves (enrolment_id);
CREATE INDEX IF NOT EXISTS leaves_status ON leaves (status, id);

CREATE TABLE IF NOT EXISTS leave_sessions (
    leave_id BIGINT NOT NULL DEFAULT 0,
    session_id BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (leave_id, session_id)
);
CREATE INDEX IF NOT EXISTS leave_sessions_session ON leave_sessions (session_id);
