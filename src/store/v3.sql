-- What the budget of an objective was spent on: bad events by day (since the Unix epoch, UTC) and cause. class and blame are
-- empty where a good run was too slow. excluded: what of it lies in maintenance.
CREATE TABLE cause (
    slo TEXT NOT NULL, day INTEGER NOT NULL, region TEXT NOT NULL, class TEXT NOT NULL, blame TEXT NOT NULL, step TEXT NOT NULL,
    bad INTEGER NOT NULL, excluded INTEGER NOT NULL,
    PRIMARY KEY (slo, day, region, class, blame, step)
) WITHOUT ROWID, STRICT;

-- Every time that an alert fired. labels and json: JSON.
CREATE TABLE episode (
    labels TEXT NOT NULL, fired_nanos INTEGER NOT NULL, resolved_nanos INTEGER, json TEXT NOT NULL,
    PRIMARY KEY (labels, fired_nanos)
) WITHOUT ROWID, STRICT;
CREATE INDEX episode_fired ON episode (fired_nanos);

-- What was seen of providers' signing keys: the life of each as JSON.
CREATE TABLE signing_key (
    provider TEXT NOT NULL, thumbprint TEXT NOT NULL, seen_nanos INTEGER NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (provider, thumbprint)
) WITHOUT ROWID, STRICT;
