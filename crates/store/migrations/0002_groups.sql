-- Groups of people, and which of them may use a service. A service without a row in service_groups is everyone's, so the
-- last row of one never goes by itself: a group that a service names can't be removed.

CREATE TABLE groups (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE group_members (
    group_id TEXT NOT NULL REFERENCES groups (id),
    account_id TEXT NOT NULL REFERENCES accounts (id),
    joined_at BIGINT NOT NULL,
    PRIMARY KEY (group_id, account_id)
);
CREATE INDEX group_members_by_account ON group_members (account_id, group_id);

CREATE TABLE service_groups (
    service_id TEXT NOT NULL REFERENCES services (id),
    group_id TEXT NOT NULL REFERENCES groups (id),
    PRIMARY KEY (service_id, group_id)
);
CREATE INDEX service_groups_by_group ON service_groups (group_id);
