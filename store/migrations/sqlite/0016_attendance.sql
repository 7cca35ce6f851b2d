-- +goose Up
-- What people have said about where they are (单独同意): version of the sentence they said yes to; withdrawn_at 0: it
-- holds. Append-only but for that.
CREATE TABLE IF NOT EXISTS location_consents (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    learner_id BIGINT NOT NULL DEFAULT 0,
    version INT NOT NULL DEFAULT 0,
    given_at BIGINT NOT NULL DEFAULT 0,
    withdrawn_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS location_consents_learner ON location_consents (learner_id, id);

-- 16 bits of a keyed hash of a position, to see equal ones (study.SignKey.Spot). The row goes when the session is closed.
CREATE TABLE IF NOT EXISTS attendance_spots (
    event_key VARCHAR(80) NOT NULL DEFAULT '' PRIMARY KEY CHECK (length(event_key) <= 80),
    session_id BIGINT NOT NULL DEFAULT 0,
    spot VARCHAR(8) NOT NULL DEFAULT '' CHECK (length(spot) <= 8)
);
CREATE INDEX IF NOT EXISTS attendance_spots_session ON attendance_spots (session_id);

-- Addresses of the page on which a trainer ticks people (点名). token_hash: SHA-256 of what the address ends with, which
-- is kept nowhere here. session_id 0: all sessions of the class. The right is the trainer's own, read at every request.
CREATE TABLE IF NOT EXISTS tick_links (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB NOT NULL,
    cohort_id BIGINT NOT NULL DEFAULT 0,
    session_id BIGINT NOT NULL DEFAULT 0,
    trainer_id BIGINT NOT NULL DEFAULT 0,
    until_at BIGINT NOT NULL DEFAULT 0,
    revoked_at BIGINT NOT NULL DEFAULT 0,
    created_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(created_by) <= 120),
    created_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS tick_links_token ON tick_links (token_hash);
CREATE INDEX IF NOT EXISTS tick_links_cohort ON tick_links (cohort_id, id);
CREATE INDEX IF NOT EXISTS tick_links_trainer ON tick_links (trainer_id, id);
