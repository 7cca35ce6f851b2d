-- +goose Up
-- Named instants, and rows to lock by name.
CREATE TABLE IF NOT EXISTS watermarks (
    name VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    reached_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Forced refreshes of an access token: the platform allows 20 a day (T1).
CREATE TABLE IF NOT EXISTS token_refreshes (
    id BIGINT NOT NULL AUTO_INCREMENT,
    app_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    booked_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY token_refreshes_app (app_id, booked_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Privileged acts, each chained to the one before by its hash (L1). Insert-only.
CREATE TABLE IF NOT EXISTS audit (
    id BIGINT NOT NULL AUTO_INCREMENT,
    acted_at BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    action VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    object VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    result MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    prev_hash BINARY(32) NOT NULL,
    hash BINARY(32) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The hash of the last act: the row that writers of the chain lock.
CREATE TABLE IF NOT EXISTS audit_head (
    id INT NOT NULL DEFAULT 0,
    hash BINARY(32) NOT NULL,
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The chain begins with a hash of zeros.
INSERT IGNORE INTO audit_head (id, hash) VALUES (1, x'0000000000000000000000000000000000000000000000000000000000000000');
