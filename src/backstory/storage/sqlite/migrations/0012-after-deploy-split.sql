-- Authors that tenants of a file shared are each tenant's own, under the numbers that they had, so
-- that no row and no block of the audit trail has to be written anew. Whose is whose is looked up
-- first, while others write. Before that nobody may hold the file for it: there may be much.
-- What the release before wrote since is looked up at the end, in case one of its servers still ran.
CREATE TEMP TABLE seen AS
SELECT t.id AS tenant, coalesce(c.position, 0) AS position
FROM main.tenants AS t LEFT JOIN main.counters AS c ON c.tenant = t.id AND c.stream = 0;
CREATE TEMP TABLE used (author INTEGER, tenant INTEGER, PRIMARY KEY (author, tenant)) WITHOUT ROWID;
CREATE TEMP TABLE several AS SELECT 1 FROM main.tenants WHERE name <> '' LIMIT 1 OFFSET 1;
INSERT OR IGNORE INTO temp.used
SELECT author, id >> 42 FROM main.changes WHERE EXISTS (SELECT 1 FROM temp.several);
INSERT OR IGNORE INTO temp.used
SELECT author, tenant FROM main.contexts WHERE EXISTS (SELECT 1 FROM temp.several);
INSERT OR IGNORE INTO temp.used
SELECT v.author, c.tenant FROM main.contexts AS c
JOIN main.entries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295)
JOIN main.voices AS v ON v.id = e.voice WHERE EXISTS (SELECT 1 FROM temp.several);
INSERT OR IGNORE INTO temp.used
SELECT a.value, b.tenant FROM main.audit_blocks AS b, json_each(audited_authors(b.body)) AS a
WHERE EXISTS (SELECT 1 FROM temp.several);
-- then, with the file held
INSERT OR IGNORE INTO temp.used
SELECT h.author, t.id FROM tenants AS t LEFT JOIN temp.seen AS s ON s.tenant = t.id
JOIN changes AS h ON h.id > (t.id << 42 | coalesce(s.position, 0)) AND h.id < (t.id + 1) << 42;
CREATE TABLE authors_before AS SELECT id, tenant, trust, subject FROM authors;
DROP TABLE authors;
CREATE TABLE authors (
    id      INTEGER NOT NULL,
    tenant  INTEGER NOT NULL,
    trust   INTEGER NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (id, tenant)
) WITHOUT ROWID;
CREATE INDEX authors_by_name ON authors (tenant, subject, trust);
INSERT INTO authors (id, tenant, trust, subject)
SELECT b.id, t.id, b.trust, b.subject FROM authors_before AS b JOIN tenants AS t
WHERE t.name <> '' AND ((SELECT count(*) FROM tenants WHERE name <> '') = 1 OR b.tenant = t.id
    OR EXISTS (SELECT 1 FROM temp.used AS u WHERE u.author = b.id AND u.tenant = t.id));
-- Who is of nobody any more loses the name; the number never means somebody else.
INSERT INTO authors (id, tenant, trust, subject)
SELECT id, 0, trust, 'erased-' || lower(hex(randomblob(32))) FROM authors_before
WHERE id NOT IN (SELECT id FROM authors);
DROP TABLE authors_before;
DROP TABLE temp.seen;
DROP TABLE temp.used;
DROP TABLE temp.several;
