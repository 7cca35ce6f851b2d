-- +goose Up
-- Sessions (课次) of classes that meet. open_from and late_after 0: by the rule of study.Session. The place
-- is in millionths of a degree; law: the document that demands to look at it. From secret come the rotating
-- code and the number that is typed where scanning fails. closed_at 0: the trainer has not confirmed it.
CREATE TABLE IF NOT EXISTS sessions (
    id BIGINT NOT NULL AUTO_INCREMENT,
    cohort_id BIGINT NOT NULL DEFAULT 0,
    number INT NOT NULL DEFAULT 0,
    title VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    place VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    starts_at BIGINT NOT NULL DEFAULT 0,
    ends_at BIGINT NOT NULL DEFAULT 0,
    open_from BIGINT NOT NULL DEFAULT 0,
    late_after BIGINT NOT NULL DEFAULT 0,
    hundredths INT NOT NULL DEFAULT 0,
    trainer_id BIGINT NOT NULL DEFAULT 0,
    fenced TINYINT NOT NULL DEFAULT 0,
    latitude INT NOT NULL DEFAULT 0,
    longitude INT NOT NULL DEFAULT 0,
    metres INT NOT NULL DEFAULT 0,
    law VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    secret BINARY(32) NOT NULL,
    closed_at BIGINT NOT NULL DEFAULT 0,
    closed_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY sessions_place (cohort_id, number),
    KEY sessions_time (starts_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What happened to people in sessions (签到); append-only. at: when it happened; received_at: when we were
-- told. doubts: parted by commas. device: keyed hash of the phone.
CREATE TABLE IF NOT EXISTS attendance_events (
    id BIGINT NOT NULL AUTO_INCREMENT,
    event_key VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    session_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    way VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    mark VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    happened_at BIGINT NOT NULL DEFAULT 0,
    received_at BIGINT NOT NULL DEFAULT 0,
    device VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    distance VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    doubts VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    note VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    UNIQUE KEY attendance_events_key (event_key),
    KEY attendance_events_session (session_id, learner_id, id),
    KEY attendance_events_learner (learner_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- What a trainer counted in the room; append-only, the last one counts. count_key: the same
-- count told twice is one.
CREATE TABLE IF NOT EXISTS head_counts (
    id BIGINT NOT NULL AUTO_INCREMENT,
    count_key VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    session_id BIGINT NOT NULL DEFAULT 0,
    counted INT NOT NULL DEFAULT 0,
    actor VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    counted_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY head_counts_key (count_key),
    KEY head_counts_session (session_id, counted_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Leaves (请假) and the sessions they cover.
CREATE TABLE IF NOT EXISTS leaves (
    id BIGINT NOT NULL AUTO_INCREMENT,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    reason VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    asked_at BIGINT NOT NULL DEFAULT 0,
    decided_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    decided_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY leaves_enrolment (enrolment_id),
    KEY leaves_status (status, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

CREATE TABLE IF NOT EXISTS leave_sessions (
    leave_id BIGINT NOT NULL DEFAULT 0,
    session_id BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (leave_id, session_id),
    KEY leave_sessions_session (session_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
