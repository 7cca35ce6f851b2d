-- +goose Up
-- Imports of the roster; the number of the last one applied is the roster's version. full_unit: a
-- full roster of this unit, '' for an addition. undone_at: 0 while it holds.
CREATE TABLE IF NOT EXISTS roster_imports (
    id BIGINT NOT NULL AUTO_INCREMENT,
    at BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    file VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    full_unit VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    cohort VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    new_count INT NOT NULL DEFAULT 0,
    changed_count INT NOT NULL DEFAULT 0,
    moved_count INT NOT NULL DEFAULT 0,
    returned_count INT NOT NULL DEFAULT 0,
    left_count INT NOT NULL DEFAULT 0,
    unchanged_count INT NOT NULL DEFAULT 0,
    rejected_count INT NOT NULL DEFAULT 0,
    undone_at BIGINT NOT NULL DEFAULT 0,
    undone_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    PRIMARY KEY (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What an import changed of a person, and how the person was before: what undoing restores. Of a new person
-- unit_code is the unit of the import.
CREATE TABLE IF NOT EXISTS roster_changes (
    import_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    unit_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    name VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    category VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    bind_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    left_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    phone_key VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    phone_sealed VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    phone_lookup VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    PRIMARY KEY (import_id, learner_id),
    KEY roster_changes_learner (learner_id, import_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Phone numbers, optional. sealed: AES-GCM under the key of that id; lookup: keyed hash for finding
-- a number.
CREATE TABLE IF NOT EXISTS learner_phones (
    learner_id BIGINT NOT NULL DEFAULT 0,
    key_id VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    sealed VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    lookup VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (learner_id),
    KEY learner_phones_lookup (lookup)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What happened to units: new, renamed, merged, moved, ended. name, full_name: before; day: the first on which it
-- is so; document: the number of the paper that orders it, '' for none.
CREATE TABLE IF NOT EXISTS org_changes (
    id BIGINT NOT NULL AUTO_INCREMENT,
    code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    name VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    full_name VARCHAR(400) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    into_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    document VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    at BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    KEY org_changes_code (code, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
