-- +goose Up
-- Findings (发现问题) of inspections.
CREATE TABLE IF NOT EXISTS findings (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    source VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(source) <= 120),
    document VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(document) <= 120),
    found_day CHAR(10) NOT NULL DEFAULT '',
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    problem VARCHAR(1000) NOT NULL DEFAULT '' CHECK (length(problem) <= 1000),
    actor VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(actor) <= 120),
    created_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS findings_unit ON findings (unit_code, id);

-- What one person does about a finding (整改): the courses of a class of its own, until a day. evidence: how it was
-- closed, '' while it is not; proof: the document's number or the note.
CREATE TABLE IF NOT EXISTS rectifications (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    finding_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    cohort_id BIGINT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    due_day CHAR(10) NOT NULL DEFAULT '',
    status VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(status) <= 12),
    evidence VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(evidence) <= 12),
    proof VARCHAR(400) NOT NULL DEFAULT '' CHECK (length(proof) <= 400),
    decided_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(decided_by) <= 120),
    decided_day CHAR(10) NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS rectifications_person ON rectifications (finding_id, learner_id);
CREATE INDEX IF NOT EXISTS rectifications_learner ON rectifications (learner_id, status);
CREATE INDEX IF NOT EXISTS rectifications_enrolment ON rectifications (enrolment_id);
CREATE INDEX IF NOT EXISTS rectifications_due ON rectifications (status, due_day);

-- Surveys (问卷). part_level: by units of which level answers may be told apart, 0 for none; part_units: the units of
-- that level with enough people, parted by blanks. cohort_code: '' for everybody in the unit. settled: closed, and
-- small groups among its anonymous answers are gone.
CREATE TABLE IF NOT EXISTS surveys (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    code VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(code) <= 40),
    title VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(title) <= 200),
    intro VARCHAR(1000) NOT NULL DEFAULT '' CHECK (length(intro) <= 1000),
    anonymous TINYINT NOT NULL DEFAULT 0,
    opens_day CHAR(10) NOT NULL DEFAULT '',
    closes_day CHAR(10) NOT NULL DEFAULT '',
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    cohort_code VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(cohort_code) <= 40),
    part_level INT NOT NULL DEFAULT 0,
    part_units MEDIUMTEXT NOT NULL,
    questions MEDIUMTEXT NOT NULL,
    settled TINYINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS surveys_code ON surveys (code);
CREATE INDEX IF NOT EXISTS surveys_closes ON surveys (closes_day);

-- Who has answered how many questions of a survey, and nothing of what. finished: all of them.
CREATE TABLE IF NOT EXISTS survey_people (
    survey_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    answered INT NOT NULL DEFAULT 0,
    finished TINYINT NOT NULL DEFAULT 0,
    PRIMARY KEY (survey_id, learner_id)
);
CREATE INDEX IF NOT EXISTS survey_people_learner ON survey_people (learner_id);

-- Answers to anonymous surveys, each by itself: no person, no phone, no time. The key is random and the table is
-- kept in its order, so that the order of writing cannot be read off either. part: a unit of many people, or ''.
CREATE TABLE IF NOT EXISTS survey_answers (
    id BLOB NOT NULL,
    survey_id BIGINT NOT NULL DEFAULT 0,
    question VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(question) <= 20),
    part VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(part) <= 12),
    choice INT NOT NULL DEFAULT 0,
    words VARCHAR(1000) NOT NULL DEFAULT '' CHECK (length(words) <= 1000),
    PRIMARY KEY (id)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS survey_answers_survey ON survey_answers (survey_id, question, part, choice);

-- Answers to surveys that say they are not anonymous.
CREATE TABLE IF NOT EXISTS survey_named_answers (
    survey_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    question VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(question) <= 20),
    part VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(part) <= 12),
    choice INT NOT NULL DEFAULT 0,
    words VARCHAR(1000) NOT NULL DEFAULT '' CHECK (length(words) <= 1000),
    answered_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (survey_id, learner_id, question)
);
