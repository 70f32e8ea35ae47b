-- Keys, wrapped, and the list of erasures: `ports/vault.py` says what they mean. The types are
-- those that SQLite and PostgreSQL share; {prefix} names PostgreSQL's schema, {number} numbers rows.
-- Keys that are destroyed keep their row, so that it is known what they once were. A scope of 0 is
-- the key's own number.

CREATE TABLE IF NOT EXISTS {prefix}roots (
    number  {number},
    master  TEXT NOT NULL,
    wrapped {bytes} NOT NULL
);

CREATE TABLE IF NOT EXISTS {prefix}data_keys (
    number  {number},
    tenant  TEXT NOT NULL,
    subject TEXT NOT NULL,
    scope   BIGINT NOT NULL DEFAULT 0,
    root    BIGINT NOT NULL,
    wrapped {bytes},
    retired INTEGER NOT NULL DEFAULT 0,
    ended   INTEGER NOT NULL DEFAULT 0
);
-- One key at a time writes for a subject.
CREATE UNIQUE INDEX IF NOT EXISTS data_keys_current ON {prefix}data_keys (tenant, subject)
    WHERE retired = 0;
CREATE INDEX IF NOT EXISTS data_keys_by_subject ON {prefix}data_keys (tenant, subject, number);

CREATE TABLE IF NOT EXISTS {prefix}erasures (
    number   {number},
    tenant   TEXT NOT NULL,
    subject  TEXT NOT NULL,
    begun_at BIGINT NOT NULL,
    ended_at BIGINT,
    fence    BIGINT,
    contexts BIGINT NOT NULL DEFAULT 0,
    entries  BIGINT NOT NULL DEFAULT 0,
    forks    BIGINT NOT NULL DEFAULT 0,
    keys     BIGINT NOT NULL DEFAULT 0
);
-- One erasure of a subject at a time.
CREATE UNIQUE INDEX IF NOT EXISTS erasures_under_way ON {prefix}erasures (tenant, subject)
    WHERE ended_at IS NULL;
CREATE INDEX IF NOT EXISTS erasures_by_subject ON {prefix}erasures (tenant, subject, number);

-- What else an erasure has erased, and how much of it.
CREATE TABLE IF NOT EXISTS {prefix}erased (
    erasure BIGINT NOT NULL,
    what    TEXT NOT NULL,
    times   BIGINT NOT NULL,
    PRIMARY KEY (erasure, what)
);

-- Names that outlive a restore, such as those of revoked tokens, each until its end.
CREATE TABLE IF NOT EXISTS {prefix}kept (
    name  TEXT PRIMARY KEY,
    until BIGINT NOT NULL
);
