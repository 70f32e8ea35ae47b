-- before-deploy: the audit trail. The release before neither reads nor writes it.

-- Where each tenant's audit trail ends (domain/audit.py), how far it tells of the change log, and
-- what is signed of the blocks that were dropped.
CREATE TABLE audit_tips (
    tenant     INTEGER PRIMARY KEY,
    block      BIGINT NOT NULL,
    events     BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    hash       BYTEA NOT NULL,
    kept       BIGINT NOT NULL,
    checkpoint BYTEA
) WITH (fillfactor = 50);

-- Events that were sealed together, compressed; `last` is the number of the last of them.
CREATE TABLE audit_blocks (
    tenant    INTEGER NOT NULL,
    number    BIGINT NOT NULL,
    last      BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    head      BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    body      BYTEA NOT NULL,
    PRIMARY KEY (tenant, last)
);
ALTER TABLE audit_blocks ALTER COLUMN body SET STORAGE EXTERNAL;

-- What was done and is not in the change log, until it is sealed.
CREATE TABLE audit_acts (
    tenant INTEGER NOT NULL,
    id     BYTEA NOT NULL,
    at     BIGINT NOT NULL,
    event  BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- What keyed hashes in the trail stand for, as long as that is not erased; `day` since 1970, on
-- which it was last seen.
CREATE TABLE audit_names (
    tenant    INTEGER NOT NULL,
    hash      BYTEA NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    namespace TEXT COLLATE "C" NOT NULL,
    name      BYTEA NOT NULL,
    day       INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX audit_names_by_namespace ON audit_names (tenant, namespace);

-- What was done before this release is not told: the trail begins where each tenant stands.
INSERT INTO audit_tips (tenant, block, events, position, hash, kept)
SELECT tenant, 0, 0, position, decode(repeat('00', 32), 'hex'), 0 FROM counters
WHERE stream = 0 AND position > 0;
