-- A row for each recovery code that can still be used; using one deletes it. The codes of one set are hashed with one salt.
CREATE TABLE recovery_codes (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    hash_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX recovery_codes_by_account ON recovery_codes (account_id);

-- The secret of another phone's authenticator app, until its first code puts it in the place of the one in force.
ALTER TABLE totp ADD COLUMN next_sealed BYTEA;
ALTER TABLE totp ADD COLUMN next_at BIGINT;

-- A browser is trusted together with the code, so no sign-in that waits for one has to remember it.
ALTER TABLE sessions DROP COLUMN own_browser;

-- Personal API tokens. scopes are their names with a space between.
CREATE TABLE tokens (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    last_used_source TEXT
);
CREATE INDEX tokens_by_account ON tokens (account_id);

-- The label of the personal API token that a change was made with; none where somebody was signed in.
ALTER TABLE events ADD COLUMN token TEXT;
