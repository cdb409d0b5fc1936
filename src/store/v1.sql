-- Times: `hour` and `day` count from the Unix epoch (UTC), `at` is milliseconds since the epoch × 16 plus a number that
-- tells runs of the same millisecond apart, `*_nanos` nanoseconds since the epoch.

CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;

-- Whose counts.
CREATE TABLE series (id INTEGER PRIMARY KEY, slo TEXT NOT NULL, region TEXT NOT NULL, UNIQUE (slo, region)) STRICT;

-- Minutes by hour, hours by day: columns are the sums, blobs the cells. x_ is what of it lies in maintenance.
CREATE TABLE hour (
    hour INTEGER NOT NULL, series INTEGER NOT NULL,
    good INTEGER NOT NULL, bad INTEGER NOT NULL, inconclusive INTEGER NOT NULL, expected INTEGER NOT NULL,
    x_good INTEGER NOT NULL, x_bad INTEGER NOT NULL, x_inconclusive INTEGER NOT NULL, x_expected INTEGER NOT NULL,
    minutes BLOB NOT NULL,
    PRIMARY KEY (hour, series)
) WITHOUT ROWID, STRICT;
CREATE TABLE day (
    day INTEGER NOT NULL, series INTEGER NOT NULL,
    good INTEGER NOT NULL, bad INTEGER NOT NULL, inconclusive INTEGER NOT NULL, expected INTEGER NOT NULL,
    x_good INTEGER NOT NULL, x_bad INTEGER NOT NULL, x_inconclusive INTEGER NOT NULL, x_expected INTEGER NOT NULL,
    hours BLOB NOT NULL,
    PRIMARY KEY (day, series)
) WITHOUT ROWID, STRICT;

-- Values of counter metrics; labels are a JSON array of values; day is when it last changed.
CREATE TABLE counter (
    name TEXT NOT NULL, labels TEXT NOT NULL, value INTEGER NOT NULL, since_nanos INTEGER NOT NULL, day INTEGER NOT NULL,
    PRIMARY KEY (name, labels)
) WITHOUT ROWID, STRICT;

CREATE TABLE alert (labels TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE maintenance (id TEXT PRIMARY KEY, to_nanos INTEGER NOT NULL, json TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE deployment (id TEXT PRIMARY KEY, at_nanos INTEGER NOT NULL, json TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY, at_nanos INTEGER NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL, json TEXT NOT NULL
) STRICT;

-- Who ran (labels: JSON), and the steps of a run (a JSON array of [name, state, cleanup]): runs name them by number.
CREATE TABLE probe_check (
    id INTEGER PRIMARY KEY, probe TEXT NOT NULL, kind TEXT NOT NULL, provider TEXT NOT NULL, client TEXT NOT NULL,
    region TEXT NOT NULL, labels TEXT NOT NULL,
    UNIQUE (probe, region, kind, provider, client, labels)
) STRICT;
CREATE TABLE shape (id INTEGER PRIMARY KEY, steps TEXT NOT NULL UNIQUE) STRICT;

-- Good runs. By check: in order of time alone, an index for each check would cost more than the rows. late: milliseconds
-- after it was due. took: microseconds. asked: 0 by the schedule, 1 for confirmation, 2 by a person, 3 by a gate. steps: gap
-- and duration of each in units of 100 µs.
CREATE TABLE run (
    probe_check INTEGER NOT NULL, at INTEGER NOT NULL, trace BLOB NOT NULL, late INTEGER NOT NULL, took INTEGER NOT NULL,
    asked INTEGER NOT NULL, shape INTEGER NOT NULL, steps BLOB NOT NULL,
    PRIMARY KEY (probe_check, at)
) WITHOUT ROWID, STRICT;
-- Three bytes tell 16 million runs apart; whoever looks compares the rest.
CREATE INDEX run_trace ON run (substr(trace, 1, 3));

-- Runs that were not good, whole. verdict: 1 bad, 2 inconclusive.
CREATE TABLE failure (
    id INTEGER PRIMARY KEY, probe_check INTEGER NOT NULL, at INTEGER NOT NULL, verdict INTEGER NOT NULL,
    trace BLOB NOT NULL, json TEXT NOT NULL
) STRICT;
CREATE INDEX failure_check ON failure (probe_check, at);
CREATE INDEX failure_trace ON failure (substr(trace, 1, 3));

-- For people.
CREATE VIEW runs AS
    SELECT probe, region, kind, 'good' AS verdict, datetime(at / 16000, 'unixepoch') AS started, took / 1e6 AS seconds,
           lower(hex(trace)) AS trace_id
    FROM run JOIN probe_check ON probe_check.id = probe_check
    UNION ALL
    SELECT probe, region, kind, iif(verdict = 1, 'bad', 'inconclusive'), datetime(at / 16000, 'unixepoch'),
           json ->> '$.duration_seconds', lower(hex(trace))
    FROM failure JOIN probe_check ON probe_check.id = probe_check;
CREATE VIEW days AS
    SELECT slo, region, date(day * 86400, 'unixepoch') AS day, good, bad, inconclusive, expected,
           x_good, x_bad, x_inconclusive, x_expected
    FROM day JOIN series ON series.id = series;
