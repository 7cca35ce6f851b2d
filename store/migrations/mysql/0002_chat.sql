-- +goose Up
-- One phone, and its conversation in the same row: a turn reads one row and writes one row.
-- external_id is VARBINARY because an openid is case-sensitive and no collation may fold it. contacts are
-- the proactive messages of contact_day, mass_sent the mass sends of mass_month, both in Asia/Shanghai.
CREATE TABLE IF NOT EXISTS identities (
    id BIGINT NOT NULL AUTO_INCREMENT,
    channel VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    account VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    external_id VARBINARY(64) NOT NULL DEFAULT '',
    following TINYINT NOT NULL DEFAULT 0,
    notice_version INT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    scene VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    followed_at BIGINT NOT NULL DEFAULT 0,
    typed_at BIGINT NOT NULL DEFAULT 0,
    tap_at BIGINT NOT NULL DEFAULT 0,
    sent_since INT NOT NULL DEFAULT 0,
    refusing TINYINT NOT NULL DEFAULT 0,
    contact_day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    contacts INT NOT NULL DEFAULT 0,
    mass_month CHAR(7) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    mass_sent INT NOT NULL DEFAULT 0,
    state MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    seq BIGINT NOT NULL DEFAULT 0,
    unconfirmed_key BINARY(32) NULL,
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY identities_address (channel, account, external_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Who uses a phone. One phone may serve several people; a person has one phone of the own at most, and besides
-- it phones of others on which the helper learns in the person's place (代学); helper_id 0: as themselves.
CREATE TABLE IF NOT EXISTS profiles (
    identity_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    helper_id BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (identity_id, learner_id),
    KEY profiles_learner (learner_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Messages that took effect, with the reply their sender gets for every repeat (A1, A3). seq: the
-- conversation's as this message left it, so that one can tell whether it went on. Kept for seven days.
CREATE TABLE IF NOT EXISTS inbox (
    message_key BINARY(32) NOT NULL,
    identity_id BIGINT NOT NULL DEFAULT 0,
    seq BIGINT NOT NULL DEFAULT 0,
    reply MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    committed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (message_key),
    KEY inbox_identity (identity_id),
    KEY inbox_committed (committed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Wrong short codes: one row with learner 0 for each try, and one for each roster row it was tried on.
CREATE TABLE IF NOT EXISTS wrong_codes (
    id BIGINT NOT NULL AUTO_INCREMENT,
    identity_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    tried_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY wrong_codes_identity (identity_id, tried_at),
    KEY wrong_codes_learner (learner_id, tried_at),
    KEY wrong_codes_tried (tried_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Steps of binding, to see where people are lost. unit_code: of the row that was found, '' while nobody knows
-- it; binding fills it in for the steps that led there. fresh: the phone had not come to this step before.
CREATE TABLE IF NOT EXISTS funnel_steps (
    id BIGINT NOT NULL AUTO_INCREMENT,
    identity_id BIGINT NOT NULL DEFAULT 0,
    name VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    why VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    unit_code VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    fresh TINYINT NOT NULL DEFAULT 0,
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    stepped_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY funnel_steps_day (day, name),
    KEY funnel_steps_identity (identity_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
