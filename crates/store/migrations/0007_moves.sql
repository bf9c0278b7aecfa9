-- At most one row. 'arriving': this data is being moved here, and must not be used before that has ended. 'left': it was moved away, and
-- must not be used beside the data that it has become. Both ends of a move have its id; place is the other end.
CREATE TABLE moves (
    id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL,
    place TEXT NOT NULL,
    at BIGINT NOT NULL
);
