-- +goose Up
-- Where people were on the roster before: until valid_until (Unix ms, itself not in it) the person had this
-- unit, name, category and left_day. What holds now is in learners. A list of an earlier cut-off reads the
-- row that ends next after it.
CREATE TABLE IF NOT EXISTS learner_history (
    learner_id BIGINT NOT NULL DEFAULT 0,
    valid_until BIGINT NOT NULL DEFAULT 0,
    unit_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    name VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    category VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    left_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    PRIMARY KEY (learner_id, valid_until),
    KEY learner_history_until (valid_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- How places in classes stood before: until valid_until the place had this status. Only going away (withdrawn, waived)
-- and coming back are kept; how far somebody got is told by what was recorded.
CREATE TABLE IF NOT EXISTS place_history (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    valid_until BIGINT NOT NULL DEFAULT 0,
    status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    PRIMARY KEY (enrolment_id, valid_until),
    KEY place_history_until (valid_until)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
