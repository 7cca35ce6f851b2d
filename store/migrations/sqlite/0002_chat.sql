-- +goose Up
-- One phone, and its conversation in the same row: a turn reads one row and writes one row.
-- external_id is VARBINARY because an openid is case-sensitive and no collation may fold it. contacts are
-- the proactive messages of contact_day, mass_sent the mass sends of mass_month, both in Asia/Shanghai.
CREATE TABLE IF NOT EXISTS identities (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    channel VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(channel) <= 20),
    account VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(account) <= 40),
    external_id TEXT NOT NULL DEFAULT '' CHECK (length(external_id) <= 64),
    following TINYINT NOT NULL DEFAULT 0,
    notice_version INT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    scene VARCHAR(64) NOT NULL DEFAULT '' CHECK (length(scene) <= 64),
    followed_at BIGINT NOT NULL DEFAULT 0,
    typed_at BIGINT NOT NULL DEFAULT 0,
    tap_at BIGINT NOT NULL DEFAULT 0,
    sent_since INT NOT NULL DEFAULT 0,
    refusing TINYINT NOT NULL DEFAULT 0,
    contact_day CHAR(10) NOT NULL DEFAULT '',
    contacts INT NOT NULL DEFAULT 0,
    mass_month CHAR(7) NOT NULL DEFAULT '',
    mass_sent INT NOT NULL DEFAULT 0,
    state MEDIUMTEXT NOT NULL,
    seq BIGINT NOT NULL DEFAULT 0,
    unconfirmed_key BLOB NULL,
    created_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS identities_address ON identities (channel, account, external_id);

-- Who uses a phone. One phone may serve several people; a person has one phone of the own at most, and besides
-- it phones of others on which the helper learns in the person's place (代学); helper_id 0: as themselves.
CREATE TABLE IF NOT EXISTS profiles (
    identity_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    helper_id BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (identity_id, learner_id)
);
CREATE INDEX IF NOT EXISTS profiles_learner ON profiles (learner_id);

-- Messages that took effect, with the reply their sender gets for every repeat (A1, A3). seq: the
-- conversation's as this message left it, so that one can tell whether it went on. Kept for seven days.
CREATE TABLE IF NOT EXISTS inbox (
    message_key BLOB NOT NULL,
    identity_id BIGINT NOT NULL DEFAULT 0,
    seq BIGINT NOT NULL DEFAULT 0,
    reply MEDIUMTEXT NOT NULL,
    committed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (message_key)
);
CREATE INDEX IF NOT EXISTS inbox_identity ON inbox (identity_id);
CREATE INDEX IF NOT EXISTS inbox_committed ON inbox (committed_at);

-- Wrong short codes: one row with learner 0 for each try, and one for each roster row it was tried on.
CREATE TABLE IF NOT EXISTS wrong_codes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    identity_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    tried_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS wrong_codes_identity ON wrong_codes (identity_id, tried_at);
CREATE INDEX IF NOT EXISTS wrong_codes_learner ON wrong_codes (learner_id, tried_at);
CREATE INDEX IF NOT EXISTS wrong_codes_tried ON wrong_codes (tried_at);

-- Steps of binding, to see where people are lost. unit_code: of the row that was found, '' while nobody knows
-- it; binding fills it in for the steps that led there. fresh: the phone had not come to this step before.
CREATE TABLE IF NOT EXISTS funnel_steps (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    identity_id BIGINT NOT NULL DEFAULT 0,
    name VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(name) <= 20),
    why VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(why) <= 40),
    unit_code VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(unit_code) <= 12),
    fresh TINYINT NOT NULL DEFAULT 0,
    day CHAR(10) NOT NULL DEFAULT '',
    stepped_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS funnel_steps_day ON funnel_steps (day, name);
CREATE INDEX IF NOT EXISTS funnel_steps_identity ON funnel_steps (identity_id);
