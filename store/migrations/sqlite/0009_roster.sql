-- +goose Up
-- Imports of the roster; the number of the last one applied is the roster's version. full_unit: a
-- full roster of this unit, '' for an addition. undone_at: 0 while it holds.
CREATE TABLE IF NOT EXISTS roster_imports (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    file VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(file) <= 200),
    full_unit VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(full_unit) <= 12),
    cohort VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(cohort) <= 64),
    new_count INTEGER NOT NULL DEFAULT 0,
    changed_count INTEGER NOT NULL DEFAULT 0,
    moved_count INTEGER NOT NULL DEFAULT 0,
    returned_count INTEGER NOT NULL DEFAULT 0,
    left_count INTEGER NOT NULL DEFAULT 0,
    unchanged_count INTEGER NOT NULL DEFAULT 0,
    rejected_count INTEGER NOT NULL DEFAULT 0,
    undone_at BIGINT NOT NULL DEFAULT 0,
    undone_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(undone_by) <= 120)
);

-- What an import changed of a person, and how the person was before: what undoing restores. Of a new person
-- unit_code is the unit of the import.
CREATE TABLE IF NOT EXISTS roster_changes (
    import_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(kind) <= 12),
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    name VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(name) <= 120),
    category VARCHAR(60) NOT NULL DEFAULT '' CHECK (length(category) <= 60),
    bind_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(bind_code) <= 12),
    left_day CHAR(10) NOT NULL DEFAULT '',
    phone_key VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(phone_key) <= 16),
    phone_sealed VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(phone_sealed) <= 200),
    phone_lookup VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(phone_lookup) <= 64),
    PRIMARY KEY (import_id, learner_id)
);
CREATE INDEX IF NOT EXISTS roster_changes_learner ON roster_changes (learner_id, import_id);

-- Phone numbers, optional. sealed: AES-GCM under the key of that id; lookup: keyed hash for finding
-- a number.
CREATE TABLE IF NOT EXISTS learner_phones (
    learner_id BIGINT NOT NULL DEFAULT 0,
    key_id VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(key_id) <= 16),
    sealed VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(sealed) <= 200),
    lookup VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(lookup) <= 64),
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (learner_id)
);
CREATE INDEX IF NOT EXISTS learner_phones_lookup ON learner_phones (lookup);

-- What happened to units: new, renamed, merged, moved, ended. name, full_name: before; day: the first on which it
-- is so; document: the number of the paper that orders it, '' for none.
CREATE TABLE IF NOT EXISTS org_changes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(code) <= 12),
    kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(kind) <= 12),
    name VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(name) <= 120),
    full_name VARCHAR(400) NOT NULL DEFAULT '' CHECK (length(full_name) <= 400),
    into_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(into_code) <= 12),
    day CHAR(10) NOT NULL DEFAULT '',
    document VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(document) <= 120),
    at BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120)
);
CREATE INDEX IF NOT EXISTS org_changes_code ON org_changes (code, day);
