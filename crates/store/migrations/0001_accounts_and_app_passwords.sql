-- One text for SQLite and PostgreSQL: TEXT, BIGINT (milliseconds since 1970, counters, flags) and BYTEA only.
-- A column named *_sealed holds what crates/seal made of a secret, bound to this table, row and column.

CREATE TABLE keys (
    id BIGINT NOT NULL PRIMARY KEY,
    purpose TEXT NOT NULL,
    wrapped BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

-- The log. Numbers come from the counter, in the transaction of the change, so they have no gaps.
CREATE TABLE event_counter (
    epoch BIGINT NOT NULL PRIMARY KEY,
    last_number BIGINT NOT NULL
);
INSERT INTO event_counter (epoch, last_number) VALUES (1, 0);

CREATE TABLE events (
    number BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    account_id TEXT,
    actor TEXT NOT NULL,
    source TEXT,
    request TEXT NOT NULL,
    what TEXT NOT NULL
);
CREATE INDEX events_by_account ON events (account_id, number);

CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    administrator BIGINT NOT NULL,
    state TEXT NOT NULL,
    password_sealed BYTEA NOT NULL,
    password_changed_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Every name that signs an account in: its ID and, later, its aliases.
CREATE TABLE account_names (
    name TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id)
);
CREATE INDEX account_names_by_account ON account_names (account_id);

-- confirmed_at is null between showing the secret and the first right code. last_step is the step of the last code
-- that counted, so that none counts twice.
CREATE TABLE totp (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    secret_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    last_step BIGINT NOT NULL
);

-- Failures in a row of an account, of a browser of its person's own, or of a session.
CREATE TABLE budgets (
    bucket TEXT NOT NULL PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_failed_at BIGINT NOT NULL
);

-- Browsers that a person marked as their own.
CREATE TABLE browsers (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    token_hash BYTEA NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX browsers_by_account ON browsers (account_id);

-- Signed-in browsers and command lines, and sign-ins that still wait for a code (code_wanted = 1). fresh_at is when the person
-- last showed their second factor, or their password while there is none.
CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    token_hash BYTEA NOT NULL UNIQUE,
    client TEXT NOT NULL,
    code_wanted BIGINT NOT NULL,
    own_browser BIGINT NOT NULL,
    browser_id TEXT,
    agent TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT NOT NULL,
    fresh_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_account ON sessions (account_id);

-- One-time links: setting up the first account, resetting a password.
CREATE TABLE links (
    id TEXT NOT NULL PRIMARY KEY,
    token_hash BYTEA NOT NULL UNIQUE,
    purpose TEXT NOT NULL,
    account_id TEXT REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE services (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    kinds BIGINT NOT NULL,
    key_hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    key_made_at BIGINT NOT NULL
);

-- fingerprint is the keyed hash of account and secret. Rows stay after their end, so that a device that still tries one
-- can be named to its person.
CREATE TABLE app_passwords (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    label TEXT NOT NULL,
    opens BIGINT NOT NULL,
    fingerprint BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    ended_at BIGINT,
    why_ended TEXT,
    last_used_at BIGINT,
    last_used_service TEXT,
    last_used_source TEXT,
    tried_at BIGINT,
    tried_service TEXT,
    tried_source TEXT
);
CREATE INDEX app_passwords_by_account ON app_passwords (account_id);
CREATE INDEX app_passwords_by_expiry ON app_passwords (expires_at) WHERE ended_at IS NULL;
