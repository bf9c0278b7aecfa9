-- What the log is filtered by, beside each event, which stays as it was written. `kind` is the name of what happened, `sort` the
-- sort that people know it by, `service` the service that it is about.
ALTER TABLE events ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN sort TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN service TEXT;

-- An event begins with {"what":"its_kind", and the kind's letters end at a quotation mark.
UPDATE events SET kind = SUBSTR(what, 10,
    LENGTH(what) - 9 - LENGTH(LTRIM(SUBSTR(what, 10), 'abcdefghijklmnopqrstuvwxyz_')));

UPDATE events SET sort = CASE
    WHEN kind IN ('signed_in', 'signed_out', 'others_signed_out') THEN 'sign_ins'
    WHEN kind LIKE 'app_password_%' THEN 'app_passwords'
    WHEN kind IN ('refused', 'more_refused') THEN 'refusals'
    WHEN kind LIKE 'service_%' OR kind IN ('group_added', 'group_removed') THEN 'administration'
    ELSE 'security' END;

-- A service's name is made of few characters: it ends where they end, or begins where they begin.
UPDATE events SET service = SUBSTR(what, LENGTH('{"what":"refused","service":"') + 1)
    WHERE kind = 'refused';
UPDATE events SET service =
    SUBSTR(what, LENGTH('{"what":"' || kind || '","id":"svc_00000000000000000000000000000000","name":"') + 1)
    WHERE kind IN ('service_added', 'service_changed', 'service_key_replaced', 'service_removed');
UPDATE events SET service = SUBSTR(service, 1,
    LENGTH(service) - LENGTH(LTRIM(service, 'abcdefghijklmnopqrstuvwxyz0123456789-')))
    WHERE service IS NOT NULL;
UPDATE events SET service = SUBSTR(SUBSTR(what, 1, LENGTH(what) - 2),
    LENGTH(RTRIM(SUBSTR(what, 1, LENGTH(what) - 2), 'abcdefghijklmnopqrstuvwxyz0123456789-')) + 1)
    WHERE kind IN ('app_password_bound', 'app_password_tried_after_end');

CREATE INDEX events_by_kind ON events (kind, number);
CREATE INDEX events_by_sort ON events (sort, number);
CREATE INDEX events_by_actor ON events (actor, number);
CREATE INDEX events_by_service ON events (service, number) WHERE service IS NOT NULL;
CREATE INDEX events_by_source ON events (source, number) WHERE source IS NOT NULL;
CREATE INDEX events_by_time ON events (at, number);

-- Only the newest ended ones of an account are kept: see decision 10.
DROP INDEX app_passwords_by_account;
CREATE INDEX app_passwords_by_account ON app_passwords (account_id, ended_at);
