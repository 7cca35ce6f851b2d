-- +goose Up
-- Links by which a phone allows one one-time subscribe message (一次性订阅消息): the SHA-256 of what the link
-- says, for whom it was made, and when it came back. used_at 0: not yet.
CREATE TABLE IF NOT EXISTS once_links (
    link_hash BLOB NOT NULL,
    identity_id BIGINT NOT NULL DEFAULT 0,
    template VARCHAR(80) NOT NULL DEFAULT '' CHECK (length(template) <= 80),
    scene INT NOT NULL DEFAULT 0,
    made_at BIGINT NOT NULL DEFAULT 0,
    used_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (link_hash)
);
CREATE INDEX IF NOT EXISTS once_links_identity ON once_links (identity_id);
CREATE INDEX IF NOT EXISTS once_links_made ON once_links (made_at);
