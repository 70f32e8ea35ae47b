-- before-deploy: authors are each tenant's own, so that one can lose a name that another keeps. Those
-- of the first tenant keep their numbers; what others wrote is given numbers of its own.

ALTER TABLE tenants ADD COLUMN names INTEGER NOT NULL DEFAULT 0;

CREATE TABLE authors_before AS SELECT id, trust, subject FROM authors;
CREATE TABLE authors_users AS
    SELECT tenant, author FROM contexts
    WHERE (SELECT count(*) FROM tenants) > 1
    UNION SELECT id >> 42, author FROM changes
    WHERE (SELECT count(*) FROM tenants) > 1
    UNION SELECT c.tenant, v.author FROM contexts AS c
    JOIN entries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295)
    JOIN voices AS v ON v.id = e.voice
    WHERE (SELECT count(*) FROM tenants) > 1;
DROP TABLE authors;
CREATE TABLE authors (
    id      INTEGER PRIMARY KEY,
    tenant  INTEGER NOT NULL DEFAULT 0,
    trust   INTEGER NOT NULL,
    subject TEXT NOT NULL,
    UNIQUE (tenant, subject, trust)
);
INSERT INTO authors (id, tenant, trust, subject)
SELECT b.id, (SELECT min(id) FROM tenants), b.trust, b.subject FROM authors_before AS b
WHERE (SELECT count(*) FROM tenants) = 1
    OR b.id IN (SELECT author FROM authors_users WHERE tenant = (SELECT min(id) FROM tenants));
INSERT INTO authors (id, tenant, trust, subject)
SELECT (SELECT max(id) FROM authors_before) + row_number() OVER (), u.tenant, b.trust, b.subject
FROM authors_users AS u JOIN authors_before AS b ON b.id = u.author
WHERE u.tenant <> (SELECT min(id) FROM tenants);

-- Who an author is now, by tenant and the number of before; and so for voices.
CREATE TABLE authors_moved AS
    SELECT n.tenant, b.id AS before, n.id AS after FROM authors_before AS b
    JOIN authors AS n ON n.subject = b.subject AND n.trust = b.trust
    WHERE n.tenant <> (SELECT min(id) FROM tenants);
INSERT INTO voices (author, role, type)
SELECT m.after, v.role, v.type FROM authors_moved AS m JOIN voices AS v ON v.author = m.before;
CREATE TABLE voices_moved AS
    SELECT m.tenant, v.id AS before, n.id AS after FROM authors_moved AS m
    JOIN voices AS v ON v.author = m.before
    JOIN voices AS n ON n.author = m.after AND n.role = v.role AND n.type = v.type;

UPDATE contexts SET author = m.after FROM authors_moved AS m
WHERE m.tenant = contexts.tenant AND m.before = contexts.author;
UPDATE changes SET author = m.after FROM authors_moved AS m
WHERE changes.id BETWEEN m.tenant << 42 AND (m.tenant << 42 | 0x3ffffffffff)
    AND m.before = changes.author;
UPDATE entries SET voice = m.after FROM contexts AS c JOIN voices_moved AS m ON m.tenant = c.tenant
WHERE entries.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295) AND m.before = entries.voice;

DELETE FROM voices WHERE author NOT IN (SELECT id FROM authors);

DROP TABLE authors_before;
DROP TABLE authors_users;
DROP TABLE authors_moved;
DROP TABLE voices_moved;
