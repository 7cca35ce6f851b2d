-- +goose Up
-- Campaigns (推送任务): pushes of a class's day, announcements, digests. request_key makes two starts one
-- (Z1, D2); that of a push is kind, class and day. body, audience, scope and forecast are JSON, '' for none.
-- The audience is written up to learner frozen_to. paused_by '' is not paused, paused_until 0 is for good.
CREATE TABLE IF NOT EXISTS campaigns (
    id BIGINT NOT NULL AUTO_INCREMENT,
    request_key VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    status VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    cohort_id BIGINT NOT NULL DEFAULT 0,
    day CHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    title VARCHAR(40) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    body MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    audience MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    scope MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    wants_ack TINYINT NOT NULL DEFAULT 0,
    made_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    released_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    of_id BIGINT NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL DEFAULT 0,
    deadline_at BIGINT NOT NULL DEFAULT 0,
    paused_by VARCHAR(120) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    paused_why VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    paused_until BIGINT NOT NULL DEFAULT 0,
    forecast MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    frozen_to BIGINT NOT NULL DEFAULT 0,
    frozen_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY campaigns_request (request_key),
    KEY campaigns_status (status, kind, deadline_at),
    KEY campaigns_of (of_id),
    KEY campaigns_maker (made_by, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- One recipient of a campaign; the row is the job. States: bot/delivery. lease_until is by the database's
-- clock. tried: rungs that the platform refused for this row, parted by commas. not_after is never before
-- the campaign's deadline.
CREATE TABLE IF NOT EXISTS deliveries (
    id BIGINT NOT NULL AUTO_INCREMENT,
    campaign_id BIGINT NOT NULL DEFAULT 0,
    enrolment_id BIGINT NOT NULL DEFAULT 0,
    learner_id BIGINT NOT NULL DEFAULT 0,
    course_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    version VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    lesson_id VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    why VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    rung VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    tried VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    not_before BIGINT NOT NULL DEFAULT 0,
    not_after BIGINT NOT NULL DEFAULT 0,
    owner VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    term BIGINT NOT NULL DEFAULT 0,
    lease_until BIGINT NOT NULL DEFAULT 0,
    attempts INT NOT NULL DEFAULT 0,
    first_attempt_at BIGINT NOT NULL DEFAULT 0,
    identity_id BIGINT NOT NULL DEFAULT 0,
    batch_id BIGINT NOT NULL DEFAULT 0,
    verdict VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    errcode INT NOT NULL DEFAULT 0,
    reason VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    rid VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    message_id VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    ambiguous INT NOT NULL DEFAULT 0,
    pulled_at BIGINT NOT NULL DEFAULT 0,
    acked_at BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL DEFAULT 0,
    updated_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    UNIQUE KEY deliveries_recipient (campaign_id, learner_id),
    KEY deliveries_due (state, campaign_id, rung, not_before, id),
    KEY deliveries_learner (learner_id, id),
    KEY deliveries_identity (identity_id, state, first_attempt_at),
    KEY deliveries_message (message_id),
    KEY deliveries_batch (batch_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Every change of a delivery's state; append-only (D7). Deliveries that moved alike in one transaction share a
-- row, which names them in order: '12-40,43'. Those of a delivery lie between its created_at and updated_at and
-- have first_id and last_id around it.
CREATE TABLE IF NOT EXISTS delivery_history (
    id BIGINT NOT NULL AUTO_INCREMENT,
    first_id BIGINT NOT NULL DEFAULT 0,
    last_id BIGINT NOT NULL DEFAULT 0,
    deliveries MEDIUMTEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    from_state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    to_state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    why VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    owner VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    term BIGINT NOT NULL DEFAULT 0,
    attempt INT NOT NULL DEFAULT 0,
    errcode INT NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (id),
    KEY delivery_history_changed (changed_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- Raw receipts, stored first and joined later; the key is the hash of what they say. about_many: of a mass
-- send, with the platform's totals. delivery_id or batch_id is what it was joined to, 0 for nothing.
-- next_try_at 0: it is done with.
CREATE TABLE IF NOT EXISTS receipts (
    receipt_key BINARY(32) NOT NULL,
    kind VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    channel VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    account VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    external_id VARBINARY(64) NOT NULL DEFAULT '',
    message_id VARCHAR(80) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    status VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
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
    PRIMARY KEY (receipt_key),
    KEY receipts_address (channel, account, external_id),
    KEY receipts_received (received_at),
    KEY receipts_due (next_try_at),
    KEY receipts_delivery (delivery_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
