-- What is known of an outage that is suspected, certain or ending: JSON that only the detectors read.
CREATE TABLE detector (
    provider TEXT NOT NULL, step TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (provider, step)
) WITHOUT ROWID, STRICT;
