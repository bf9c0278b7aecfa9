-- When the account's person last signed in; null before the first time.
ALTER TABLE accounts ADD COLUMN signed_in_at BIGINT;

-- So that it is known at once whether an administrator is left.
CREATE INDEX accounts_by_administrator ON accounts (id) WHERE administrator = 1;

-- What an account is found by: its ID and aliases, and its person's name from each word on, all in one case. As bytes,
-- because both databases order bytes alike, and order is what finds all that begins with something.
CREATE TABLE account_words (
    word BYTEA NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (word, account_id)
);
CREATE INDEX account_words_by_account ON account_words (account_id, word);
-- An empty word marks an account from before, whose words the next start writes down.
INSERT INTO account_words (word, account_id) SELECT '', id FROM accounts;

-- Who made the link, so that an invitation can say so; null for the command line on the server's machine.
ALTER TABLE links ADD COLUMN made_by TEXT;
CREATE INDEX links_by_account ON links (account_id);
