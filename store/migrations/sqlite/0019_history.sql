-- +goose Up
-- Where people were on the roster before: until valid_until (Unix ms, itself not in it) the person had this
-- unit, name, category and left_day. What holds now is in learners. A list of an earlier cut-off reads the
-- row that ends next after it.
CREATE TABLE IF NOT EXISTS learner_history (
    learner_id BIGINT NOT NULL DEFAULT 0,
    valid_until BIGINT NOT NULL DEFAULT 0,
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    name VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(name) <= 120),
    category VARCHAR(60) NOT NULL DEFAULT '' CHECK (length(category) <= 60),
    left_day CHAR(10) NOT NULL DEFAULT '',
    PRIMARY KEY (learner_id, valid_until)
);
CREATE INDEX IF NOT EXISTS learner_history_until ON learner_history (valid_until);

-- How places in classes stood before: until valid_until the place had this status. Only going away (withdrawn, waived)
-- and coming back are kept; how far somebody got is told by what was recorded.
CREATE TABLE IF NOT EXISTS place_history (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    valid_until BIGINT NOT NULL DEFAULT 0,
    status VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(status) <= 12),
    PRIMARY KEY (enrolment_id, valid_until)
);
CREATE INDEX IF NOT EXISTS place_history_until ON place_history (valid_until);
