-- +goose Up
-- Hours that administrators decided against what was counted (更正); append-only, the last one of a source
-- decides.
CREATE TABLE IF NOT EXISTS ledger_corrections (
    id BIGINT NOT NULL AUTO_INCREMENT,
    learner_id BIGINT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    source_kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    source_key VARCHAR(120) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    hundredths INT NOT NULL DEFAULT 0,
    rule VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    note VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    delegate TINYINT NOT NULL DEFAULT 0,
    corrected_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY ledger_corrections_source (source_kind, source_key, id),
    KEY ledger_corrections_learner (learner_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Files of study elsewhere (补录). said_by: who vouches for them; evidence: by what. undone_at 0: it counts.
CREATE TABLE IF NOT EXISTS record_batches (
    id BIGINT NOT NULL AUTO_INCREMENT,
    unit_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    file VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    said_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    evidence VARCHAR(400) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    records INT NOT NULL DEFAULT 0,
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    imported_at BIGINT NOT NULL DEFAULT 0,
    undone_at BIGINT NOT NULL DEFAULT 0,
    undone_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    undone_why VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    KEY record_batches_time (imported_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Records of study elsewhere, once each by source and number. undone_at 0: it counts. record_key: of the
-- ledger.
CREATE TABLE IF NOT EXISTS records (
    id BIGINT NOT NULL AUTO_INCREMENT,
    batch_id BIGINT NOT NULL DEFAULT 0,
    record_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    source VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    number VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    learner_id BIGINT NOT NULL DEFAULT 0,
    title VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    hundredths INT NOT NULL DEFAULT 0,
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    undone_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY records_key (record_key),
    KEY records_batch (batch_id, id),
    KEY records_learner (learner_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
