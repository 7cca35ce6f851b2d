-- +goose Up
-- What a person's phone has allowed: notices of a template that are left. left_count below 0 is a
-- long-term notice, which has no end. scene is of one-time subscribe messages, else 0.
CREATE TABLE IF NOT EXISTS grants (
    identity_id BIGINT NOT NULL DEFAULT 0,
    template VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    scene INT NOT NULL DEFAULT 0,
    left_count INT NOT NULL DEFAULT 0,
    decided_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (identity_id, template, scene)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Decisions that are in grants already: the hash of message, template and scene.
CREATE TABLE IF NOT EXISTS grant_events (
    event_key BINARY(32) NOT NULL,
    applied_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (event_key),
    KEY grant_events_applied (applied_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Calls of a way on the platform's day, over all replicas (Q1). spent: the platform said that it is enough.
CREATE TABLE IF NOT EXISTS calls (
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    account VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    way VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    used INT NOT NULL DEFAULT 0,
    spent TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, account, way)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
