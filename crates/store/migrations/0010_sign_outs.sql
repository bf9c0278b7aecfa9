-- How people are signed out of a service; a service without a row signs nobody out. secret_sealed is empty where there is none. done_at is
-- the last time that it did what it was asked, failed_at and answer the last time that it didn't.
CREATE TABLE sign_out_ways (
    service_id TEXT NOT NULL PRIMARY KEY,
    way TEXT NOT NULL,
    url TEXT NOT NULL,
    secret_sealed BYTEA NOT NULL,
    set_at BIGINT NOT NULL,
    done_at BIGINT,
    failed_at BIGINT,
    answer TEXT
);
-- What is still to be asked of a service. whose is an account that may have been removed meanwhile; app_password and label are empty when it
-- is about everything that the account has open. A row is gone when the service has done it, or when it was given up.
CREATE TABLE sign_outs (
    id TEXT NOT NULL PRIMARY KEY,
    service_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    whose TEXT NOT NULL,
    name TEXT NOT NULL,
    app_password TEXT NOT NULL,
    label TEXT NOT NULL,
    event BIGINT NOT NULL,
    request TEXT NOT NULL,
    initiator TEXT NOT NULL,
    happened_at BIGINT NOT NULL,
    round BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL
);
CREATE INDEX sign_outs_by_service ON sign_outs (service_id, next_at);
CREATE INDEX sign_outs_by_account ON sign_outs (whose, service_id);
-- Signs what webhooks are told. Its public half is derived from it.
CREATE TABLE signing_keys (
    id TEXT NOT NULL PRIMARY KEY,
    private_sealed BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);
-- Up to where the log has been read for sign-outs.
ALTER TABLE event_counter ADD COLUMN sign_outs_read BIGINT NOT NULL DEFAULT 0;
UPDATE event_counter SET sign_outs_read = last_number;
