-- +goose Up
-- By which rules people get a place in a class: everybody of the units whose code begins with prefix ('': all), of
-- the category ('': any). Who joins the roster later follows.
CREATE TABLE IF NOT EXISTS enrol_rules (
    cohort_id BIGINT NOT NULL DEFAULT 0,
    position INT NOT NULL DEFAULT 0,
    prefix VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(prefix) <= 12),
    category VARCHAR(60) NOT NULL DEFAULT '' CHECK (length(category) <= 60),
    PRIMARY KEY (cohort_id, position)
);
