-- +goose Up
-- Hours that administrators decided against what was counted (更正); append-only, the last one of a source
-- decides.
CREATE TABLE IF NOT EXISTS ledger_corrections (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    learner_id BIGINT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    source_kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(source_kind) <= 12),
    source_key VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(source_key) <= 120),
    hundredths INT NOT NULL DEFAULT 0,
    rule VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(rule) <= 40),
    day CHAR(10) NOT NULL DEFAULT '',
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    note VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(note) <= 200),
    delegate TINYINT NOT NULL DEFAULT 0,
    corrected_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS ledger_corrections_source ON ledger_corrections (source_kind, source_key, id);
CREATE INDEX IF NOT EXISTS ledger_corrections_learner ON ledger_corrections (learner_id);

-- Files of study elsewhere (补录). said_by: who vouches for them; evidence: by what. undone_at 0: it counts.
CREATE TABLE IF NOT EXISTS record_batches (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    file VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(file) <= 200),
    said_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(said_by) <= 120),
    evidence VARCHAR(400) NOT NULL DEFAULT '' CHECK (length(evidence) <= 400),
    records INT NOT NULL DEFAULT 0,
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    imported_at BIGINT NOT NULL DEFAULT 0,
    undone_at BIGINT NOT NULL DEFAULT 0,
    undone_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(undone_by) <= 120),
    undone_why VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(undone_why) <= 200)
);
CREATE INDEX IF NOT EXISTS record_batches_time ON record_batches (imported_at);

-- Records of study elsewhere, once each by source and number. undone_at 0: it counts. record_key: of the
-- ledger.
CREATE TABLE IF NOT EXISTS records (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    batch_id BIGINT NOT NULL DEFAULT 0,
    record_key VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(record_key) <= 64),
    source VARCHAR(60) NOT NULL DEFAULT '' CHECK (length(source) <= 60),
    number VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(number) <= 80),
    learner_id BIGINT NOT NULL DEFAULT 0,
    title VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(title) <= 120),
    hundredths INT NOT NULL DEFAULT 0,
    day CHAR(10) NOT NULL DEFAULT '',
    undone_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS records_key ON records (record_key);
CREATE INDEX IF NOT EXISTS records_batch ON records (batch_id, id);
CREATE INDEX IF NOT EXISTS records_learner ON records (learner_id);
