-- Mails that wait until the mail server has taken them; then their rows are gone. letter_sealed is empty once a mail was given up:
-- such a row stays for a while, so that administrators see why nothing came.
CREATE TABLE mails (
    id TEXT NOT NULL PRIMARY KEY,
    account_id TEXT,
    about TEXT NOT NULL,
    recipient TEXT NOT NULL,
    letter_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    answer TEXT,
    given_up_at BIGINT
);
CREATE INDEX mails_by_next ON mails (given_up_at, next_at);
CREATE INDEX mails_by_account ON mails (account_id);
