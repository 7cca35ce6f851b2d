-- +goose Up
-- What people ordered from the training menu (点单), a row for each person and course. state: waiting, started or
-- dropped; whether what was started is completed, or was left, the class says (enrolment_id, 0 before the first
-- start). place: the turn among those that wait. actor: who ordered it for the person, '' for the person.
CREATE TABLE IF NOT EXISTS menu_orders (
    learner_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    state VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(state) <= 12),
    place INT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    ordered_day CHAR(10) NOT NULL DEFAULT '',
    ordered_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (learner_id, course_id)
);
CREATE INDEX IF NOT EXISTS menu_orders_state ON menu_orders (state, learner_id);
CREATE INDEX IF NOT EXISTS menu_orders_course ON menu_orders (course_id, ordered_day);

-- What units leave in the menu of their people. courses: a JSON list of ids, those that are left when only_these is
-- 1, else those that are taken out.
CREATE TABLE IF NOT EXISTS menu_limits (
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    only_these TINYINT NOT NULL DEFAULT 0,
    courses MEDIUMTEXT NOT NULL,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (unit_code)
);
