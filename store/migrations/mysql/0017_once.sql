-- +goose Up
-- Links by which a phone allows one one-time subscribe message (一次性订阅消息): the SHA-256 of what the link
-- says, for whom it was made, and when it came back. used_at 0: not yet.
CREATE TABLE IF NOT EXISTS once_links (
    link_hash BINARY(32) NOT NULL,
    identity_id BIGINT NOT NULL DEFAULT 0,
    template VARCHAR(80) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '',
    scene INT NOT NULL DEFAULT 0,
    made_at BIGINT NOT NULL DEFAULT 0,
    used_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (link_hash),
    KEY once_links_identity (identity_id),
    KEY once_links_made (made_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;
