-- The CIs whose identity tokens projects may name in their rules. preset says what their claims are called; claim is the one that names the
-- project, where the preset doesn't know. audience is null for this server's own URL. near is 1 where the issuer may be at an address of one's own network.
CREATE TABLE issuers (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    preset TEXT NOT NULL,
    url TEXT NOT NULL UNIQUE,
    audience TEXT,
    claim TEXT,
    near BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- What an identity token has to say to open a build of a project. terms is JSON.
CREATE TABLE rules (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    issuer_id TEXT NOT NULL REFERENCES issuers (id),
    terms TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX rules_by_project ON rules (project_id, created_at);
CREATE INDEX rules_by_issuer ON rules (issuer_id);

-- made_by is an account that may have been removed since.
CREATE TABLE project_tokens (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    label TEXT NOT NULL,
    made_by TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,
    last_used_source TEXT
);
CREATE INDEX project_tokens_by_project ON project_tokens (project_id, created_at);

-- Identity tokens that have opened a build, by the SHA-256 of what their CI signed, until their time is over.
CREATE TABLE spent_identities (
    hash BYTEA NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL
);
CREATE INDEX spent_identities_by_end ON spent_identities (ends_at);

-- At most one row: identity tokens that were issued by then open nothing, since a backup was restored, and nobody knows which were used.
CREATE TABLE identities_from (
    place BIGINT NOT NULL PRIMARY KEY,
    issued_after BIGINT NOT NULL
);
