-- +goose Up
-- What people ordered from the training menu (点单), a row for each person and course. state: waiting, started or
-- dropped; whether what was started is completed, or was left, the class says (enrolment_id, 0 before the first
-- start). place: the turn among those that wait. actor: who ordered it for the person, '' for the person.
CREATE TABLE IF NOT EXISTS menu_orders (
    learner_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    place INT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    ordered_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    ordered_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (learner_id, course_id),
    KEY menu_orders_state (state, learner_id),
    KEY menu_orders_course (course_id, ordered_day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What units leave in the menu of their people. courses: a JSON list of ids, those that are left when only_these is
-- 1, else those that are taken out.
CREATE TABLE IF NOT EXISTS menu_limits (
    unit_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    only_these TINYINT NOT NULL DEFAULT 0,
    courses MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (unit_code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
