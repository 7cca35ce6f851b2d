-- +goose Up
-- The phone that a person bound last, 0 once it is unknown, and when the person went from one phone to another.
CREATE TABLE IF NOT EXISTS handsets (
    learner_id BIGINT NOT NULL DEFAULT 0,
    identity_id BIGINT NOT NULL DEFAULT 0,
    moved_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (learner_id)
);
CREATE INDEX IF NOT EXISTS handsets_identity ON handsets (identity_id);

-- What people ask of an administrator: to learn in another's place (helper_id asks for learner_id), to correct or
-- to delete own data. identity_id is the phone it came from, 0 once that is unknown. settled is 0 while it is
-- open, then the row's own number: one of a kind is open for a person at a time.
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(kind) <= 12),
    learner_id BIGINT NOT NULL DEFAULT 0,
    helper_id BIGINT NOT NULL DEFAULT 0,
    identity_id BIGINT NOT NULL DEFAULT 0,
    body VARCHAR(400) NOT NULL DEFAULT '' CHECK (length(body) <= 400),
    state VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(state) <= 12),
    settled BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
    asked_at BIGINT NOT NULL DEFAULT 0,
    closed_at BIGINT NOT NULL DEFAULT 0,
    closed_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(closed_by) <= 120)
);
CREATE UNIQUE INDEX IF NOT EXISTS requests_open ON requests (kind, learner_id, helper_id, settled);
CREATE INDEX IF NOT EXISTS requests_state ON requests (state, id);
CREATE INDEX IF NOT EXISTS requests_identity ON requests (identity_id);

-- What a person is told with the next reply, about somebody. A row goes when it has been told. identity_id 0: on
-- whichever phone the person binds next.
CREATE TABLE IF NOT EXISTS news (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    identity_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    about_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(24) NOT NULL DEFAULT '' CHECK (length(kind) <= 24),
    reason VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(reason) <= 200),
    created_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS news_identity ON news (identity_id, id);
CREATE INDEX IF NOT EXISTS news_learner ON news (learner_id, identity_id);
