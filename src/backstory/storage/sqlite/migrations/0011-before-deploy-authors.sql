-- Authors are each tenant's own from now on, so that one can lose a name that another keeps. Where a
-- file has several tenants, those of before stay shared (tenant 0), as do those that the release
-- before adds.

ALTER TABLE tenants ADD COLUMN names INTEGER NOT NULL DEFAULT 0;
CREATE TABLE authors_before AS SELECT id, trust, subject FROM authors;
DROP TABLE authors;
CREATE TABLE authors (
    id      INTEGER PRIMARY KEY,
    tenant  INTEGER NOT NULL DEFAULT 0,
    trust   INTEGER NOT NULL,
    subject TEXT NOT NULL,
    UNIQUE (tenant, subject, trust)
);
INSERT INTO authors (id, tenant, trust, subject)
SELECT id, CASE WHEN (SELECT count(*) FROM tenants WHERE name <> '') = 1
                THEN (SELECT id FROM tenants WHERE name <> '') ELSE 0 END, trust, subject
FROM authors_before;
DROP TABLE authors_before;
