-- What people have connected. What is particular to a kind has a table of its own. answer is what Apple said last, in words, if that wasn't
-- plain yes.
CREATE TABLE connections (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    checked_at BIGINT NOT NULL,
    answer TEXT
);
CREATE INDEX connections_by_account ON connections (account_id, created_at);

-- App Store Connect API keys. issuer_id is null for an individual key, which has none. can is what Apple said that the key may do.
CREATE TABLE api_keys (
    connection_id TEXT NOT NULL PRIMARY KEY REFERENCES connections (id),
    key_id TEXT NOT NULL,
    issuer_id TEXT,
    enterprise BIGINT NOT NULL,
    can TEXT NOT NULL,
    private_sealed BYTEA NOT NULL
);

-- folded is the name in one case: no two projects are called alike.
CREATE TABLE projects (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    build_minutes BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- A project whose owner's account was removed has none, until an administrator of the server names another.
CREATE TABLE project_members (
    project_id TEXT NOT NULL REFERENCES projects (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    role TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, account_id)
);
CREATE INDEX project_members_by_account ON project_members (account_id);
CREATE UNIQUE INDEX project_members_owner ON project_members (project_id) WHERE role = 'owner';

-- Which connections their people let a project's admins choose.
CREATE TABLE connection_offers (
    connection_id TEXT NOT NULL REFERENCES connections (id),
    project_id TEXT NOT NULL REFERENCES projects (id),
    offered_at BIGINT NOT NULL,
    PRIMARY KEY (connection_id, project_id)
);
CREATE INDEX connection_offers_by_project ON connection_offers (project_id);

-- Which connections a project's builds use: one of each kind at most. It counts only while the connection's person is active, has admin
-- authority in the project and offers it: one statement asks for all of that.
CREATE TABLE connection_uses (
    project_id TEXT NOT NULL REFERENCES projects (id),
    kind TEXT NOT NULL,
    connection_id TEXT NOT NULL REFERENCES connections (id),
    chosen_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, kind)
);
CREATE INDEX connection_uses_by_connection ON connection_uses (connection_id);

-- proof is how it showed whose it is, and opened_by the id of the token or the rule that let it in. run is the CI's own address of it.
CREATE TABLE builds (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    token_hash BYTEA NOT NULL UNIQUE,
    opened_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL,
    ended_at BIGINT,
    why_ended TEXT,
    opened_by TEXT NOT NULL,
    proof TEXT NOT NULL,
    commit_id TEXT,
    reference TEXT,
    run TEXT,
    source TEXT
);
CREATE INDEX builds_by_project ON builds (project_id, id);
CREATE INDEX builds_by_end ON builds (ends_at) WHERE ended_at IS NULL;
CREATE INDEX builds_by_proof ON builds (opened_by) WHERE ended_at IS NULL;

-- The project that an event is about, or that it happened in.
ALTER TABLE events ADD COLUMN project TEXT;
CREATE INDEX events_by_project ON events (project, number) WHERE project IS NOT NULL;
