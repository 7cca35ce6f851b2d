-- +goose Up
-- Certificates (学时证明) as they were issued; only the revocation is ever added. code is the number, which nobody can
-- guess, secret the address of the picture. subject: the year, or the code of the class. said: study.Statement as JSON,
-- said_key its Key; one person has one certificate that says the same on one day. again: how often it had been revoked
-- before. revoked_at 0: it is valid.
CREATE TABLE IF NOT EXISTS certificates (
    id BIGINT NOT NULL AUTO_INCREMENT,
    code VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    secret VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    learner_id BIGINT NOT NULL DEFAULT 0,
    kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    subject VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    said MEDIUMTEXT NOT NULL,
    said_key VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    again INT NOT NULL DEFAULT 0,
    issued_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    issued_at BIGINT NOT NULL DEFAULT 0,
    issued_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    revoked_at BIGINT NOT NULL DEFAULT 0,
    revoked_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    revoked_why VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    PRIMARY KEY (id),
    UNIQUE KEY certificates_code (code),
    UNIQUE KEY certificates_secret (secret),
    UNIQUE KEY certificates_said (learner_id, said_key, issued_day, again),
    KEY certificates_subject (kind, subject, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
