-- +goose Up
-- The phone that a person bound last, 0 once it is unknown, and when the person went from one phone to another.
CREATE TABLE IF NOT EXISTS handsets (
    learner_id BIGINT NOT NULL DEFAULT 0,
    identity_id BIGINT NOT NULL DEFAULT 0,
    moved_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (learner_id),
    KEY handsets_identity (identity_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What people ask of an administrator: to learn in another's place (helper_id asks for learner_id), to correct or
-- to delete own data. identity_id is the phone it came from, 0 once that is unknown. settled is 0 while it is
-- open, then the row's own number: one of a kind is open for a person at a time.
CREATE TABLE IF NOT EXISTS requests (
    id BIGINT NOT NULL AUTO_INCREMENT,
    kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    learner_id BIGINT NOT NULL DEFAULT 0,
    helper_id BIGINT NOT NULL DEFAULT 0,
    identity_id BIGINT NOT NULL DEFAULT 0,
    body VARCHAR(400) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    settled BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    asked_at BIGINT NOT NULL DEFAULT 0,
    closed_at BIGINT NOT NULL DEFAULT 0,
    closed_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    UNIQUE KEY requests_open (kind, learner_id, helper_id, settled),
    KEY requests_state (state, id),
    KEY requests_identity (identity_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a person is told with the next reply, about somebody. A row goes when it has been told. identity_id 0: on
-- whichever phone the person binds next.
CREATE TABLE IF NOT EXISTS news (
    id BIGINT NOT NULL AUTO_INCREMENT,
    identity_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    about_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(24) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    reason VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY news_identity (identity_id, id),
    KEY news_learner (learner_id, identity_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
