-- +goose Up
-- Published courses: immutable. A number in use cannot get other content.
CREATE TABLE IF NOT EXISTS course_versions (
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    version VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    number INT NOT NULL DEFAULT 0,
    title VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    lessons INT NOT NULL DEFAULT 0,
    lesson_ids MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    body MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    published_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (course_id, version),
    UNIQUE KEY course_versions_number (course_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Classes (培训班). weekdays: digits 0 (Sunday) to 6.
CREATE TABLE IF NOT EXISTS cohorts (
    id BIGINT NOT NULL AUTO_INCREMENT,
    code VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    name VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    start_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    end_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    hour VARCHAR(5) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    weekdays VARCHAR(7) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    working_days TINYINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY cohorts_code (code)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- The courses of a class in teaching order.
CREATE TABLE IF NOT EXISTS cohort_courses (
    cohort_id BIGINT NOT NULL DEFAULT 0,
    position INT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    PRIMARY KEY (cohort_id, position),
    UNIQUE KEY cohort_courses_course (cohort_id, course_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Places in classes (报名).
CREATE TABLE IF NOT EXISTS enrolments (
    id BIGINT NOT NULL AUTO_INCREMENT,
    cohort_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    since CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY enrolments_place (cohort_id, learner_id),
    KEY enrolments_learner (learner_id),
    KEY enrolments_active (cohort_id, status, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Lessons that were opened, once each.
CREATE TABLE IF NOT EXISTS openings (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    lesson_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    version VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    opened_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Attempts (作答) at a lesson's quiz.
CREATE TABLE IF NOT EXISTS attempts (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    lesson_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    number INT NOT NULL DEFAULT 0,
    version VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    learner_id BIGINT NOT NULL DEFAULT 0,
    review TINYINT NOT NULL DEFAULT 0,
    score INT NOT NULL DEFAULT 0,
    passed TINYINT NOT NULL DEFAULT 0,
    started_at BIGINT NOT NULL DEFAULT 0,
    finished_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id, number)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Marked answers. The primary key is A2: one answer per item and attempt. delegate, here and below: given on
-- the phone of somebody who learns in the person's place (代学).
CREATE TABLE IF NOT EXISTS responses (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    lesson_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    attempt INT NOT NULL DEFAULT 0,
    item_id VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    version VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    learner_id BIGINT NOT NULL DEFAULT 0,
    answer VARCHAR(2000) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    correct TINYINT NOT NULL DEFAULT 0,
    delegate TINYINT NOT NULL DEFAULT 0,
    answered_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id, attempt, item_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Completed lessons, once each (C1).
CREATE TABLE IF NOT EXISTS lesson_completions (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    lesson_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    version VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    learner_id BIGINT NOT NULL DEFAULT 0,
    score INT NOT NULL DEFAULT 0,
    delegate TINYINT NOT NULL DEFAULT 0,
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    completed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id, lesson_id),
    KEY lesson_completions_learner (learner_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Completed courses, once each (C1).
CREATE TABLE IF NOT EXISTS course_completions (
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    version VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    learner_id BIGINT NOT NULL DEFAULT 0,
    score INT NOT NULL DEFAULT 0,
    delegate TINYINT NOT NULL DEFAULT 0,
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    completed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (enrolment_id, course_id),
    KEY course_completions_learner (learner_id, day)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Study hours (学时) in hundredths. Append-only. part: of one source, the first entry is 0, its reversal 1, the
-- entry that replaces it 2, and so on. actor and note: who corrected it and why, '' for what study itself gave.
CREATE TABLE IF NOT EXISTS ledger (
    id BIGINT NOT NULL AUTO_INCREMENT,
    learner_id BIGINT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    source_kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    source_key VARCHAR(120) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    hundredths INT NOT NULL DEFAULT 0,
    rule VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    part INT NOT NULL DEFAULT 0,
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    note VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    delegate TINYINT NOT NULL DEFAULT 0,
    credited_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY ledger_source (source_kind, source_key, part),
    KEY ledger_learner (learner_id, day),
    KEY ledger_enrolment (enrolment_id, course_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
