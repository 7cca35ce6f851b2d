-- +goose Up
-- By which rules people get a place in a class: everybody of the units whose code begins with prefix ('': all), of
-- the category ('': any). Who joins the roster later follows.
CREATE TABLE IF NOT EXISTS enrol_rules (
    cohort_id BIGINT NOT NULL DEFAULT 0,
    position INT NOT NULL DEFAULT 0,
    prefix VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    category VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    PRIMARY KEY (cohort_id, position)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
