-- +goose Up
-- What a person's phone has allowed: notices of a template that are left. left_count below 0 is a
-- long-term notice, which has no end. scene is of one-time subscribe messages, else 0.
CREATE TABLE IF NOT EXISTS grants (
    identity_id BIGINT NOT NULL DEFAULT 0,
    template VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(template) <= 80),
    scene INT NOT NULL DEFAULT 0,
    left_count INT NOT NULL DEFAULT 0,
    decided_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (identity_id, template, scene)
);

-- Decisions that are in grants already: the hash of message, template and scene.
CREATE TABLE IF NOT EXISTS grant_events (
    event_key BLOB NOT NULL,
    applied_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (event_key)
);
CREATE INDEX IF NOT EXISTS grant_events_applied ON grant_events (applied_at);

-- Calls of a way on the platform's day, over all replicas (Q1). spent: the platform said that it is enough.
CREATE TABLE IF NOT EXISTS calls (
    day CHAR(10) NOT NULL DEFAULT '',
    account VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(account) <= 40),
    way VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(way) <= 12),
    used INT NOT NULL DEFAULT 0,
    spent TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (day, account, way)
);
