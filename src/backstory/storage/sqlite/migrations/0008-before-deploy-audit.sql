-- before-deploy: the audit trail. The release before neither reads nor writes it.

-- Where each tenant's audit trail ends (domain/audit.py), how far it tells of the change log, and
-- what is signed of the blocks that were dropped.
CREATE TABLE audit_tips (
    tenant     INTEGER PRIMARY KEY,
    block      INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    kept       INTEGER NOT NULL,
    checkpoint BLOB
);

-- Events that were sealed together, compressed; `last` is the number of the last of them.
CREATE TABLE audit_blocks (
    tenant    INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    head      BLOB NOT NULL,
    signature BLOB NOT NULL,
    body      BLOB NOT NULL
);
CREATE UNIQUE INDEX audit_blocks_by_event ON audit_blocks (tenant, last);

-- What was done and is not in the change log, until it is sealed.
CREATE TABLE audit_acts (
    tenant INTEGER NOT NULL,
    id     BLOB NOT NULL,
    at     INTEGER NOT NULL,
    event  BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

-- What keyed hashes in the trail stand for, as long as that is not erased; `day` since 1970, on
-- which it was last seen.
CREATE TABLE audit_names (
    tenant    INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    kind      TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      BLOB NOT NULL,
    day       INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;
CREATE INDEX audit_names_by_namespace ON audit_names (tenant, namespace);

-- What was done before this release is not told: the trail begins where each tenant stands.
INSERT INTO audit_tips (tenant, block, events, position, hash, kept)
SELECT tenant, 0, 0, position, zeroblob(32), 0 FROM counters WHERE stream = 0 AND position > 0;
