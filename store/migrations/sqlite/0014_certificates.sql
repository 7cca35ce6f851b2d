-- +goose Up
-- Certificates (学时证明) as they were issued; only the revocation is ever added. code is the number, which nobody can
-- guess, secret the address of the picture. subject: the year, or the code of the class. said: study.Statement as JSON,
-- said_key its Key; one person has one certificate that says the same on one day. again: how often it had been revoked
-- before. revoked_at 0: it is valid.
CREATE TABLE IF NOT EXISTS certificates (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    code VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(code) <= 20),
    secret VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(secret) <= 40),
    learner_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(kind) <= 12),
    subject VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(subject) <= 40),
    said MEDIUMTEXT NOT NULL,
    said_key VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(said_key) <= 64),
    again INT NOT NULL DEFAULT 0,
    issued_day CHAR(10) NOT NULL DEFAULT '',
    issued_at BIGINT NOT NULL DEFAULT 0,
    issued_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(issued_by) <= 120),
    revoked_at BIGINT NOT NULL DEFAULT 0,
    revoked_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(revoked_by) <= 120),
    revoked_why VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(revoked_why) <= 200)
);
CREATE UNIQUE INDEX IF NOT EXISTS certificates_code ON certificates (code);
CREATE UNIQUE INDEX IF NOT EXISTS certificates_secret ON certificates (secret);
CREATE UNIQUE INDEX IF NOT EXISTS certificates_said ON certificates (learner_id, said_key, issued_day, again);
CREATE INDEX IF NOT EXISTS certificates_subject ON certificates (kind, subject, id);
