-- The connection that an event is about.
ALTER TABLE events ADD COLUMN connection TEXT;
CREATE INDEX events_by_connection ON events (connection, number) WHERE connection IS NOT NULL;

-- What builds were given. Each is an event, which tells of whom, what and why; here is what is asked for when the same build asks again,
-- and how often it did within a minute. It outlives the build and the connection, as the event does.
CREATE TABLE hand_outs (
    event BIGINT NOT NULL PRIMARY KEY,
    build_id TEXT NOT NULL,
    connection_id TEXT NOT NULL,
    given TEXT NOT NULL,
    source TEXT,
    at BIGINT NOT NULL,
    repeats BIGINT NOT NULL,
    last_at BIGINT NOT NULL
);
CREATE INDEX hand_outs_by_build ON hand_outs (build_id, event);
