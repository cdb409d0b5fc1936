-- What the budget of an objective was spent on: bad events by day (since the Unix epoch, UTC) and cause. class and blame are
-- empty where a good run was too slow. excluded: what of it lies in maintenance.
CREATE TABLE cause (
    slo TEXT NOT NULL, day INTEGER NOT NULL, region TEXT NOT NULL, class TEXT NOT NULL, blame TEXT NOT NULL, step TEXT NOT NULL,
    bad INTEGER NOT NULL, excluded INTEGER NOT NULL,
    PRIMARY KEY (slo, day, region, class, blame, step)
) WITHOUT ROWID, STRICT;
CREATE INDEX cause_day ON cause (day);

-- Every time that an alert fired: resolved_nanos is NULL while it fires. labels: JSON; slo, probe and provider are taken from
-- there, empty without. json: the description, and for burns the numbers, of the moment in which it fired.
CREATE TABLE episode (
    id INTEGER PRIMARY KEY,
    labels TEXT NOT NULL, fired_nanos INTEGER NOT NULL, resolved_nanos INTEGER,
    slo TEXT NOT NULL, probe TEXT NOT NULL, provider TEXT NOT NULL, json TEXT NOT NULL,
    UNIQUE (fired_nanos, labels)
) STRICT;
CREATE INDEX episode_firing ON episode (id) WHERE resolved_nanos IS NULL;

-- What was seen of providers' signing keys, by thumbprint (RFC 7638, hexadecimal): the life of each as JSON. No key itself.
CREATE TABLE signing_key (
    provider TEXT NOT NULL, thumbprint TEXT NOT NULL, seen_nanos INTEGER NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (provider, thumbprint)
) WITHOUT ROWID, STRICT;
