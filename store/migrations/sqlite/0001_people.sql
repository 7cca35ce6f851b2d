-- +goose Up
-- Units (单位) of the administrative tree; a code's prefix is containment. valid_from: the first day of
-- the unit, named_from: of the name that it has, '' for always; valid_to: the last day of a unit that is
-- no more, '' for one that is; into_code: what it was merged or moved into.
CREATE TABLE IF NOT EXISTS org_units (
    code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(code) <= 12),
    name VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(name) <= 120),
    full_name VARCHAR(400) NOT NULL DEFAULT '' CHECK (length(full_name) <= 400),
    valid_from CHAR(10) NOT NULL DEFAULT '',
    named_from CHAR(10) NOT NULL DEFAULT '',
    valid_to CHAR(10) NOT NULL DEFAULT '',
    into_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(into_code) <= 12),
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (code)
);
CREATE INDEX IF NOT EXISTS org_units_name ON org_units (name);
CREATE INDEX IF NOT EXISTS org_units_into ON org_units (into_code);

-- The roster (花名册). bound_at: when a phone was first bound, 0 for never.
-- left_day: the day on which the person left the roster, '' for who is on it.
-- push_hour: when the learner wants lessons, for example 12:30, '' for the class's hour.
CREATE TABLE IF NOT EXISTS learners (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    name VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(name) <= 120),
    category VARCHAR(60) NOT NULL DEFAULT '' CHECK (length(category) <= 60),
    bind_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(bind_code) <= 12),
    push VARCHAR(8) NOT NULL DEFAULT '' CHECK (length(push) <= 8),
    push_hour VARCHAR(5) NOT NULL DEFAULT '' CHECK (length(push_hour) <= 5),
    bound_at BIGINT NOT NULL DEFAULT 0,
    left_day CHAR(10) NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS learners_person ON learners (unit_code, name, bind_code);
CREATE INDEX IF NOT EXISTS learners_name ON learners (name);
CREATE INDEX IF NOT EXISTS learners_order ON learners (unit_code, name);
