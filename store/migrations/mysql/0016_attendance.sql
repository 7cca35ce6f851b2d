-- +goose Up
-- What people have said about where they are (单独同意): version of the sentence they said yes to; withdrawn_at 0: it
-- holds. Append-only but for that.
CREATE TABLE IF NOT EXISTS location_consents (
    id BIGINT NOT NULL AUTO_INCREMENT,
    learner_id BIGINT NOT NULL DEFAULT 0,
    version INT NOT NULL DEFAULT 0,
    given_at BIGINT NOT NULL DEFAULT 0,
    withdrawn_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY location_consents_learner (learner_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- 16 bits of a keyed hash of a position, to see equal ones (study.SignKey.Spot). The row goes when the session is closed.
CREATE TABLE IF NOT EXISTS attendance_spots (
    event_key VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    session_id BIGINT NOT NULL DEFAULT 0,
    spot VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    PRIMARY KEY (event_key),
    KEY attendance_spots_session (session_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Addresses of the page on which a trainer ticks people (点名). token_hash: SHA-256 of what the address ends with, which
-- is kept nowhere here. session_id 0: all sessions of the class. The right is the trainer's own, read at every request.
CREATE TABLE IF NOT EXISTS tick_links (
    id BIGINT NOT NULL AUTO_INCREMENT,
    token_hash BINARY(32) NOT NULL,
    cohort_id BIGINT NOT NULL DEFAULT 0,
    session_id BIGINT NOT NULL DEFAULT 0,
    trainer_id BIGINT NOT NULL DEFAULT 0,
    until_at BIGINT NOT NULL DEFAULT 0,
    revoked_at BIGINT NOT NULL DEFAULT 0,
    created_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY tick_links_token (token_hash),
    KEY tick_links_cohort (cohort_id, id),
    KEY tick_links_trainer (trainer_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
