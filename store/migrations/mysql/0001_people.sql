-- +goose Up
-- Units (单位) of the administrative tree; a code's prefix is containment. valid_from: the first day of
-- the unit, named_from: of the name that it has, '' for always; valid_to: the last day of a unit that is
-- no more, '' for one that is; into_code: what it was merged or moved into.
CREATE TABLE IF NOT EXISTS org_units (
    code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    name VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    full_name VARCHAR(400) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    valid_from CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    named_from CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    valid_to CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    into_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (code),
    KEY org_units_name (name),
    KEY org_units_into (into_code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The roster (花名册). bound_at: when a phone was first bound, 0 for never.
-- left_day: the day on which the person left the roster, '' for who is on it.
-- push_hour: when the learner wants lessons, for example 12:30, '' for the class's hour.
CREATE TABLE IF NOT EXISTS learners (
    id BIGINT NOT NULL AUTO_INCREMENT,
    unit_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    name VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    category VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    bind_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    push VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    push_hour VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    bound_at BIGINT NOT NULL DEFAULT 0,
    left_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY learners_person (unit_code, name, bind_code),
    KEY learners_name (name),
    KEY learners_order (unit_code, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
