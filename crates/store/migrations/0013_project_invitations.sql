-- Who is asked to join a project's team, by the ID that they were named by: an account has it, or gets it, or never. The link that is mailed
-- or handed over is known by its hash.
CREATE TABLE project_invitations (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES projects (id),
    invited TEXT NOT NULL,
    role TEXT NOT NULL,
    token_hash BYTEA NOT NULL UNIQUE,
    made_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX project_invitations_of_project ON project_invitations (project_id, invited);
CREATE INDEX project_invitations_by_maker ON project_invitations (made_by);
