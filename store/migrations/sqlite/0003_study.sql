-- +goose Up
-- Published courses: immutable. A number in use cannot get other content.
CREATE TABLE IF NOT EXISTS course_versions (
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    version VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(version) <= 16),
    number INT NOT NULL DEFAULT 0,
    title VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(title) <= 200),
    lessons INT NOT NULL DEFAULT 0,
    lesson_ids MEDIUMTEXT NOT NULL,
    body MEDIUMTEXT NOT NULL,
    published_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (course_id, version)
);
CREATE UNIQUE INDEX IF NOT EXISTS course_versions_number ON course_versions (course_id, number);

-- Classes (培训班). weekdays: digits 0 (Sunday) to 6.
CREATE TABLE IF NOT EXISTS cohorts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    code VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(code) <= 40),
    name VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    start_day CHAR(10) NOT NULL DEFAULT '',
    end_day CHAR(10) NOT NULL DEFAULT '',
    hour VARCHAR(5) NOT NULL DEFAULT '' CHECK (length(hour) <= 5),
    weekdays VARCHAR(7) NOT NULL DEFAULT '' CHECK (length(weekdays) <= 7),
    working_days TINYINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS cohorts_code ON cohorts (code);

-- The courses of a class in teaching order.
CREATE TABLE IF NOT EXISTS cohort_courses (
    cohort_id BIGINT NOT NULL DEFAULT 0,
    position INT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    PRIMARY KEY (cohort_id, position)
);
CREATE UNIQUE INDEX IF NOT EXISTS cohort_courses_course ON cohort_courses (cohort_id, course_id);

-- Places in classes (报名).
CREATE TABLE IF NOT EXISTS enrolments (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    cohort_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    status VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(status) <= 12),
    since CHAR(10) NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS enrolments_place ON enrolments (cohort_id, learner_id);
CREATE INDEX IF NOT EXISTS enrolments_learner ON enrolments (learner_id);
CREATE INDEX IF NOT EXISTS enrolments_active ON enrolments (cohort_id, status, id);

-- Lessons that were opened, once each.
CREATE TABLE IF NOT EXISTS openings (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    lesson_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(lesson_id) <= 40),
    version VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(version) <= 16),
    opened_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id)
);

-- Attempts (作答) at a lesson's quiz.
CREATE TABLE IF NOT EXISTS attempts (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    lesson_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(lesson_id) <= 40),
    number INT NOT NULL DEFAULT 0,
    version VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(version) <= 16),
    learner_id BIGINT NOT NULL DEFAULT 0,
    review TINYINT NOT NULL DEFAULT 0,
    score INT NOT NULL DEFAULT 0,
    passed TINYINT NOT NULL DEFAULT 0,
    started_at BIGINT NOT NULL DEFAULT 0,
    finished_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id, number)
);

-- Marked answers. The primary key is A2: one answer per item and attempt. delegate, here and below: given on
-- the phone of somebody who learns in the person's place (代学).
CREATE TABLE IF NOT EXISTS responses (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    lesson_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(lesson_id) <= 40),
    attempt INT NOT NULL DEFAULT 0,
    item_id VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(item_id) <= 20),
    version VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(version) <= 16),
    learner_id BIGINT NOT NULL DEFAULT 0,
    answer VARCHAR(2000) NOT NULL DEFAULT '' CHECK (length(answer) <= 2000),
    correct TINYINT NOT NULL DEFAULT 0,
    delegate TINYINT NOT NULL DEFAULT 0,
    answered_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id, attempt, item_id)
);

-- Completed lessons, once each (C1).
CREATE TABLE IF NOT EXISTS lesson_completions (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    lesson_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(lesson_id) <= 40),
    version VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(version) <= 16),
    learner_id BIGINT NOT NULL DEFAULT 0,
    score INT NOT NULL DEFAULT 0,
    delegate TINYINT NOT NULL DEFAULT 0,
    day CHAR(10) NOT NULL DEFAULT '',
    completed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id)
);
CREATE INDEX IF NOT EXISTS lesson_completions_learner ON lesson_completions (learner_id, day);

-- Completed courses, once each (C1).
CREATE TABLE IF NOT EXISTS course_completions (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    version VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(version) <= 16),
    learner_id BIGINT NOT NULL DEFAULT 0,
    score INT NOT NULL DEFAULT 0,
    delegate TINYINT NOT NULL DEFAULT 0,
    day CHAR(10) NOT NULL DEFAULT '',
    completed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id)
);
CREATE INDEX IF NOT EXISTS course_completions_learner ON course_completions (learner_id, day);

-- Study hours (学时) in hundredths. Append-only. part: of one source, the first entry is 0, its reversal 1, the
-- entry that replaces it 2, and so on. actor and note: who corrected it and why, '' for what study itself gave.
CREATE TABLE IF NOT EXISTS ledger (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    learner_id BIGINT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    source_kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(source_kind) <= 12),
    source_key VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(source_key) <= 120),
    hundredths INT NOT NULL DEFAULT 0,
    rule VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(rule) <= 40),
    day CHAR(10) NOT NULL DEFAULT '',
    part INT NOT NULL DEFAULT 0,
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    note VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(note) <= 200),
    delegate TINYINT NOT NULL DEFAULT 0,
    credited_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS ledger_source ON ledger (source_kind, source_key, part);
CREATE INDEX IF NOT EXISTS ledger_learner ON ledger (learner_id, day);
CREATE INDEX IF NOT EXISTS ledger_enrolment ON ledger (enrolment_id, course_id);
