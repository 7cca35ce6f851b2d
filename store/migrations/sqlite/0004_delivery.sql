-- +goose Up
-- Campaigns (推送任务): pushes of a class's day, announcements, digests. request_key makes two starts one
-- (Z1, D2); that of a push is kind, class and day. body, audience, scope and forecast are JSON, '' for none.
-- The audience is written up to learner frozen_to. paused_by '' is not paused, paused_until 0 is for good.
CREATE TABLE IF NOT EXISTS campaigns (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    request_key VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(request_key) <= 80),
    kind VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(kind) <= 12),
    status VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(status) <= 12),
    cohort_id BIGINT NOT NULL DEFAULT 0,
    day CHAR(10) NOT NULL DEFAULT '',
    title VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(title) <= 40),
    body MEDIUMTEXT NOT NULL,
    audience MEDIUMTEXT NOT NULL,
    scope MEDIUMTEXT NOT NULL,
    wants_ack TINYINT NOT NULL DEFAULT 0,
    made_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(made_by) <= 120),
    released_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(released_by) <= 120),
    of_id BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL DEFAULT 0,
    deadline_at BIGINT NOT NULL DEFAULT 0,
    paused_by VARCHAR(120) NOT NULL DEFAULT '' CHECK (length(paused_by) <= 120),
    paused_why VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(paused_why) <= 80),
    paused_until BIGINT NOT NULL DEFAULT 0,
    forecast MEDIUMTEXT NOT NULL,
    frozen_to BIGINT NOT NULL DEFAULT 0,
    frozen_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS campaigns_request ON campaigns (request_key);
CREATE INDEX IF NOT EXISTS campaigns_status ON campaigns (status, kind, deadline_at);
CREATE INDEX IF NOT EXISTS campaigns_of ON campaigns (of_id);
CREATE INDEX IF NOT EXISTS campaigns_maker ON campaigns (made_by, id);

-- One recipient of a campaign; the row is the job. States: bot/delivery. lease_until is by the database's
-- clock. tried: rungs that the platform refused for this row, parted by commas. not_after is never before
-- the campaign's deadline.
CREATE TABLE IF NOT EXISTS deliveries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    campaign_id BIGINT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(course_id) <= 40),
    version VARCHAR(16) NOT NULL DEFAULT '' CHECK (length(version) <= 16),
    lesson_id VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(lesson_id) <= 40),
    state VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(state) <= 12),
    why VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(why) <= 20),
    rung VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(rung) <= 12),
    tried VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(tried) <= 80),
    not_before BIGINT NOT NULL DEFAULT 0,
    not_after BIGINT NOT NULL DEFAULT 0,
    owner VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(owner) <= 80),
    term BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    attempts INT NOT NULL DEFAULT 0,
    first_attempt_at BIGINT NOT NULL DEFAULT 0,
    identity_id BIGINT NOT NULL DEFAULT 0,
    batch_id BIGINT NOT NULL DEFAULT 0,
    verdict VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(verdict) <= 12),
    errcode INT NOT NULL DEFAULT 0,
    reason VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(reason) <= 40),
    rid VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(rid) <= 80),
    message_id VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(message_id) <= 80),
    ambiguous INT NOT NULL DEFAULT 0,
    pulled_at BIGINT NOT NULL DEFAULT 0,
    acked_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS deliveries_recipient ON deliveries (campaign_id, learner_id);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, campaign_id, rung, not_before, id);
CREATE INDEX IF NOT EXISTS deliveries_learner ON deliveries (learner_id, id);
CREATE INDEX IF NOT EXISTS deliveries_identity ON deliveries (identity_id, state, first_attempt_at);
CREATE INDEX IF NOT EXISTS deliveries_message ON deliveries (message_id);
CREATE INDEX IF NOT EXISTS deliveries_batch ON deliveries (batch_id);

-- Every change of a delivery's state; append-only (D7). Deliveries that moved alike in one transaction share a
-- row, which names them in order: '12-40,43'. Those of a delivery lie between its created_at and updated_at and
-- have first_id and last_id around it.
CREATE TABLE IF NOT EXISTS delivery_history (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    first_id BIGINT NOT NULL DEFAULT 0,
    last_id BIGINT NOT NULL DEFAULT 0,
    deliveries TEXT NOT NULL DEFAULT '',
    from_state VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(from_state) <= 12),
    to_state VARCHAR(12) NOT NULL DEFAULT '' CHECK (length(to_state) <= 12),
    why VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(why) <= 20),
    owner VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(owner) <= 80),
    term BIGINT NOT NULL DEFAULT 0,
    attempt INT NOT NULL DEFAULT 0,
    errcode INT NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS delivery_history_changed ON delivery_history (changed_at);

-- Raw receipts, stored first and joined later; the key is the hash of what they say. about_many: of a mass
-- send, with the platform's totals. delivery_id or batch_id is what it was joined to, 0 for nothing.
-- next_try_at 0: it is done with.
CREATE TABLE IF NOT EXISTS receipts (
    receipt_key BLOB NOT NULL,
    kind VARCHAR(60) NOT NULL DEFAULT '' CHECK (length(kind) <= 60),
    channel VARCHAR(20) NOT NULL DEFAULT '' CHECK (length(channel) <= 20),
    account VARCHAR(40) NOT NULL DEFAULT '' CHECK (length(account) <= 40),
    external_id TEXT NOT NULL DEFAULT '' CHECK (length(external_id) <= 64),
    message_id VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(message_id) <= 80),
    status VARCHAR(200) NOT NULL DEFAULT '' CHECK (length(status) <= 200),
    delivered TINYINT NOT NULL DEFAULT 0,
    about_many TINYINT NOT NULL DEFAULT 0,
    total INT NOT NULL DEFAULT 0,
    filtered INT NOT NULL DEFAULT 0,
    sent INT NOT NULL DEFAULT 0,
    failed INT NOT NULL DEFAULT 0,
    happened_at BIGINT NOT NULL DEFAULT 0,
    received_at BIGINT NOT NULL DEFAULT 0,
    tries INT NOT NULL DEFAULT 0,
    next_try_at BIGINT NOT NULL DEFAULT 0,
    joined_at BIGINT NOT NULL DEFAULT 0,
    delivery_id BIGINT NOT NULL DEFAULT 0,
    batch_id BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (receipt_key)
);
CREATE INDEX IF NOT EXISTS receipts_address ON receipts (channel, account, external_id);
CREATE INDEX IF NOT EXISTS receipts_received ON receipts (received_at);
CREATE INDEX IF NOT EXISTS receipts_due ON receipts (next_try_at);
CREATE INDEX IF NOT EXISTS receipts_delivery ON receipts (delivery_id);
