-- At most one row: the event up to which the log has been turned into letters to people. None while no mail is configured.
CREATE TABLE notices_reached (
    epoch BIGINT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
);

-- A row for each account that has been written to lately: how many letters since began_at, and how many events went without one, because
-- there had been too many.
CREATE TABLE notices_lately (
    account_id TEXT NOT NULL PRIMARY KEY REFERENCES accounts (id),
    began_at BIGINT NOT NULL,
    sent BIGINT NOT NULL,
    held BIGINT NOT NULL
);
