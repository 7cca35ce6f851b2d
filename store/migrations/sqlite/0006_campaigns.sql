-- +goose Up
-- Whose a campaign is: it is visible to a scope that contains all of these. '' is everywhere.
CREATE TABLE IF NOT EXISTS campaign_scopes (
    campaign_id BIGINT NOT NULL DEFAULT 0,
    prefix VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(prefix) <= 12),
    PRIMARY KEY (campaign_id, prefix)
);

-- Calls of mass sends; the members are deliveries with this batch_id and in the same state. What the
-- platform reported of one are totals: status '' until then.
CREATE TABLE IF NOT EXISTS mass_batches (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    campaign_id BIGINT NOT NULL DEFAULT 0,
    state VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(state) <= 12),
    why VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(why) <= 20),
    channel VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(channel) <= 20),
    account VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(account) <= 40),
    people INT NOT NULL DEFAULT 0,
    not_before BIGINT NOT NULL DEFAULT 0,
    owner VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(owner) <= 80),
    term BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    attempts INT NOT NULL DEFAULT 0,
    first_attempt_at BIGINT NOT NULL DEFAULT 0,
    verdict VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(verdict) <= 12),
    errcode INT NOT NULL DEFAULT 0,
    reason VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(reason) <= 40),
    rid VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(rid) <= 80),
    message_id VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(message_id) <= 80),
    ambiguous INT NOT NULL DEFAULT 0,
    status VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(status) <= 200),
    sent INT NOT NULL DEFAULT 0,
    failed INT NOT NULL DEFAULT 0,
    filtered INT NOT NULL DEFAULT 0,
    reported_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS mass_batches_due ON mass_batches (state, not_before);
CREATE INDEX IF NOT EXISTS mass_batches_campaign ON mass_batches (campaign_id);
CREATE INDEX IF NOT EXISTS mass_batches_message ON mass_batches (message_id);

-- Pictures and sounds of campaigns, by the SHA-256 of their content.
CREATE TABLE IF NOT EXISTS media (
    id CHAR(64) NOT NULL DEFAULT '',
    kind VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(kind) <= 20),
    name VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    content BLOB NOT NULL,
    platform_id VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(platform_id) <= 200),
    uploaded_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id)
);

-- Pictures and recordings that trainers sent in the chat for an announcement, until they have been fetched from the
-- platform: the draft says nothing and cannot be sent while its row is here. next_at: not looked at before. problem: why
-- it will not come.
CREATE TABLE IF NOT EXISTS wanted_files (
    campaign_id BIGINT NOT NULL DEFAULT 0,
    channel VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(channel) <= 20),
    platform_id VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(platform_id) <= 200),
    kind VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(kind) <= 20),
    tries INT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL DEFAULT 0,
    problem VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(problem) <= 12),
    PRIMARY KEY (campaign_id)
);
CREATE INDEX IF NOT EXISTS wanted_files_due ON wanted_files (problem, next_at);

-- Learners who may send campaigns, and to whom: scope is JSON.
CREATE TABLE IF NOT EXISTS trainers (
    learner_id BIGINT NOT NULL DEFAULT 0,
    name VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(name) <= 120),
    scope MEDIUMTEXT NOT NULL,
    since CHAR(10) NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (learner_id)
);

-- Keys of the API: their SHA-256. revoked_at 0 is in force.
CREATE TABLE IF NOT EXISTS api_keys (
    key_hash BLOB NOT NULL,
    name VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(name) <= 120),
    scope MEDIUMTEXT NOT NULL,
    since CHAR(10) NOT NULL DEFAULT '',
    until_at BIGINT NOT NULL DEFAULT 0,
    revoked_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (key_hash)
);
CREATE INDEX IF NOT EXISTS api_keys_name ON api_keys (name);

-- Words that people are grouped by for campaigns.
CREATE TABLE IF NOT EXISTS learner_tags (
    learner_id BIGINT NOT NULL DEFAULT 0,
    tag VARCHAR(60) NOT NULL DEFAULT '' CHECK (length(tag) <= 60),
    PRIMARY KEY (learner_id, tag)
);
CREATE INDEX IF NOT EXISTS learner_tags_tag ON learner_tags (tag, learner_id);
