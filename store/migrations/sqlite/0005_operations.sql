-- +goose Up
-- Named instants, and rows to lock by name.
CREATE TABLE IF NOT EXISTS watermarks (
    name VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(name) <= 80),
    reached_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (name)
);

-- Forced refreshes of an access token: the platform allows 20 a day (T1).
CREATE TABLE IF NOT EXISTS token_refreshes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    app_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(app_id) <= 40),
    booked_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS token_refreshes_app ON token_refreshes (app_id, booked_at);

-- Privileged acts, each chained to the one before by its hash (L1). Insert-only.
CREATE TABLE IF NOT EXISTS audit (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    acted_at BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    action VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(action) <= 40),
    object VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(object) <= 200),
    result MEDIUMTEXT NOT NULL,
    request_id VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(request_id) <= 64),
    prev_hash BLOB NOT NULL,
    hash BLOB NOT NULL
);

-- The hash of the last act: the row that writers of the chain lock.
CREATE TABLE IF NOT EXISTS audit_head (
    id INT NOT NULL DEFAULT 0,
    hash BLOB NOT NULL,
    PRIMARY KEY (id)
);

-- The chain begins with a hash of zeros.
INSERT OR IGNORE INTO audit_head (id, hash) VALUES (1, x'0000000000000000000000000000000000000000000000000000000000000000');
