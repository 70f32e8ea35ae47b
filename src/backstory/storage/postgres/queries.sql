-- Every statement that the PostgreSQL store runs after it was opened, but for content's.
--
-- Statements over unnest() take rows: those of a batch are put together and sent at once.

-- name: begin
BEGIN; SET LOCAL synchronous_commit = {synchronous_commit};
SET LOCAL statement_timeout = {milliseconds};
SET LOCAL idle_in_transaction_session_timeout = {milliseconds};
SET LOCAL backstory.tenant = '{tenant}'

-- name: commit
SET LOCAL statement_timeout = 0; COMMIT

-- Who named a statement and went silent before it was run holds its locks without end: no time
-- limit of the server counts while it reads the rest of what a client has begun.
-- name: end_the_cut_off
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
      AND state = 'active' AND wait_event_type = 'Client' AND wait_event = 'ClientRead'
      AND state_change < now() - $1::int * interval '1 millisecond'

-- name: begin_reading
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL statement_timeout = {milliseconds};
SET LOCAL idle_in_transaction_session_timeout = {milliseconds};
SET LOCAL backstory.tenant = '{tenant}'

-- Whose rows a statement is about that is a transaction of its own, see walls.py.
-- name: say
SELECT set_config('backstory.tenant', ${place}, TRUE)

-- name: say_several
SELECT set_config('backstory.tenant', '0', TRUE) || set_config('backstory.tenants', ${place}, TRUE)

-- name: vacuum
VACUUM (INDEX_CLEANUP ON) {table}

-- name: meta
SELECT epoch, first_epoch, secret, search, schema_version, keyed, erasure FROM backstory WHERE id = 1

-- name: searching
SELECT search FROM backstory WHERE id = 1

-- name: set_keyed
UPDATE backstory SET keyed = TRUE, secret = $1 WHERE id = 1

-- name: count_keys
UPDATE backstory SET keys = keys + 1 WHERE id = 1

-- name: set_erasure
UPDATE backstory SET erasure = greatest(erasure, $1) WHERE id = 1

-- name: last_context
SELECT max(id) FROM contexts WHERE tenant = $1

-- name: subject_contexts
SELECT id FROM contexts
WHERE tenant = $1 AND (namespace = $2 OR (namespace >= $3 AND namespace < $4)) AND id <= $5
ORDER BY id LIMIT $6

-- name: context_named
SELECT id FROM contexts WHERE tenant = $1 AND namespace = $2 AND name = $3

-- name: unredacted
SELECT id FROM entries WHERE tenant = $1 AND id BETWEEN $2 AND $3 AND content IS NOT NULL
ORDER BY id LIMIT $4

-- name: count_entries
SELECT count(*) FROM entries WHERE tenant = $1 AND id BETWEEN $2 AND $3 AND content IS NOT NULL

-- name: next_context
SELECT id, namespace, name, last_seq FROM contexts
WHERE tenant = $1 AND id > $2 AND namespace IS NOT NULL ORDER BY id LIMIT 1

-- name: bodies_of
SELECT c.state_version, (SELECT body FROM states WHERE tenant = $1 AND context = c.id), c.content
FROM contexts AS c WHERE c.tenant = $1 AND c.id = $2

-- name: set_reference
UPDATE contexts SET content = $3 WHERE tenant = $1 AND id = $2

-- name: set_document
UPDATE documents SET codec = $4, body = $5 WHERE tenant = $1 AND context = $2 AND version = $3

-- name: set_entry
UPDATE entries SET content = $3, metadata = $4, entry_id = $5 WHERE tenant = $1 AND id = $2

-- name: find_tenant
SELECT id FROM tenants WHERE name = $1

-- name: add_tenant
WITH added AS (
    INSERT INTO tenants (name) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id
)
INSERT INTO counters (tenant) SELECT id FROM added

-- name: tenant_name
SELECT name FROM tenants WHERE id = $1

-- name: tenants
SELECT t.name FROM tenants AS t JOIN counters AS c ON c.tenant = t.id AND c.stream = 0
WHERE t.name > $1 AND c.position > 0 ORDER BY t.name LIMIT $2

-- name: counter
SELECT c.position, c.numbers, c.writes, c.contexts, c.bytes, b.search, b.keys
FROM counters AS c, (SELECT search, keys FROM backstory WHERE id = 1) AS b
WHERE c.tenant = $1 AND c.stream = 0

-- name: lock_counter
SELECT c.position, c.numbers, c.writes, c.contexts, c.bytes, (SELECT b.search FROM backstory AS b WHERE b.id = 1),
       (SELECT b.keys FROM backstory AS b WHERE b.id = 1)
FROM counters AS c WHERE c.tenant = $1 AND c.stream = 0 FOR UPDATE OF c

-- name: position
SELECT position FROM counters WHERE tenant = $1 AND stream = 0

-- name: set_counter
UPDATE counters AS c SET position = n.position, numbers = n.numbers, writes = n.writes,
    contexts = n.contexts, bytes = n.bytes
FROM unnest($1::int[], $2::bigint[], $3::int[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS n (tenant, position, numbers, writes, contexts, bytes)
WHERE c.tenant = n.tenant AND c.stream = 0

-- name: take_counter
UPDATE counters AS c SET position = $2, numbers = $3, writes = $4, contexts = $5, bytes = $6
FROM (
    SELECT tenant, set_config('synchronous_commit', $7, TRUE),
           set_config('backstory.tenant', $1::int::text, TRUE) FROM counters
    WHERE tenant = $1 AND stream = 0 AND writes = $4::bigint - 1
    FOR UPDATE SKIP LOCKED
) AS mine
WHERE c.tenant = mine.tenant AND c.stream = 0
RETURNING 1

-- name: or_nothing
SELECT CASE WHEN count(*) = 1 THEN 0 ELSE ('written meanwhile ' || count(*))::int END FROM w0

-- name: usage
SELECT contexts, bytes FROM counters WHERE tenant = $1 AND stream = 0

-- name: recount
-- What encryption adds to a row is not counted: a key's number, a nonce and a tag, behind a mark or
-- told by the codec (tables/sealing.py).
SELECT (SELECT count(*) FROM contexts
        WHERE tenant = $1 AND NOT deleted AND substr(namespace, 1, 1) <> '_'),
    (SELECT coalesce(sum(octet_length(body) - CASE WHEN substr(body, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END), 0)::bigint
       FROM states WHERE tenant = $1)
    + (SELECT coalesce(sum(octet_length(body) - 2 * (codec & 16)), 0)::bigint FROM documents WHERE tenant = $1)
    + (SELECT coalesce(sum(coalesce(octet_length(content) - CASE WHEN substr(content, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END, 0)
                           + coalesce(octet_length(metadata) - CASE WHEN substr(metadata, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END, 0)), 0)::bigint
       FROM entries WHERE tenant = $1)
    + (SELECT coalesce(sum(octet_length(body) - 2 * (codec & 16)), 0)::bigint FROM chunk_bodies WHERE tenant = $1)

-- name: context_bytes
SELECT coalesce((SELECT octet_length(body) - CASE WHEN substr(body, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END
    FROM states WHERE tenant = $1 AND context = $2), 0)
    + (SELECT coalesce(sum(octet_length(body) - 2 * (codec & 16)), 0)::bigint FROM documents
       WHERE tenant = $1 AND context = $2)

-- name: entries_bytes
SELECT coalesce(sum(coalesce(octet_length(content) - CASE WHEN substr(content, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END, 0)
                    + coalesce(octet_length(metadata) - CASE WHEN substr(metadata, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END, 0)), 0)::bigint
FROM entries WHERE tenant = $1 AND id BETWEEN $2 AND $3

-- name: find_author
SELECT id FROM authors WHERE tenant = $1 AND subject = $2 AND trust = $3

-- name: add_author
INSERT INTO authors (tenant, id, subject, trust)
SELECT * FROM unnest($1::int[], $2::int[], $3::bytea[], $4::int[])

-- name: authors_named
SELECT id, trust, subject, TRUE FROM authors WHERE tenant = $1 AND subject = $2

-- name: authors_longer
SELECT id, trust, subject, TRUE FROM authors WHERE tenant = $1 AND octet_length(subject) > $2

-- name: rename_author
UPDATE authors SET subject = $3 WHERE tenant = $1 AND id = $2

-- name: count_names
UPDATE tenants SET names = names + 1 WHERE id = $1

-- name: author
SELECT subject, trust FROM authors WHERE tenant = $1 AND id = $2

-- name: find_voice
SELECT id FROM voices WHERE tenant = $1 AND author = $2 AND role = $3 AND type = $4

-- name: add_voice
INSERT INTO voices (tenant, id, author, role, type)
SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::text[], $5::text[])

-- name: voice
SELECT role, type, author FROM voices WHERE tenant = $1 AND id = $2

-- name: find_context
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content,
       CASE WHEN $4::bool THEN
           (SELECT body FROM states WHERE tenant = $1 AND context = c.id)
       END AS state
FROM contexts AS c
WHERE c.tenant = $1 AND c.namespace = $2 AND c.name = $3

-- name: context
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content,
       (SELECT body FROM states WHERE tenant = $1 AND context = c.id) AS state
FROM contexts AS c
WHERE c.tenant = $1 AND c.id = $2 AND c.namespace IS NOT NULL

-- name: tag_of
SELECT version, commit_id, deleted, history_from, (SELECT names FROM tenants WHERE id = $1)
FROM contexts WHERE tenant = $1 AND namespace = $2 AND name = $3

-- name: clock
SELECT extract(epoch FROM clock_timestamp())::float8

-- name: replica_lag
-- One that has replayed all it has received is level only while it receives; else nobody knows what it misses.
SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
            ELSE extract(epoch FROM clock_timestamp()
                         - coalesce(pg_last_xact_replay_timestamp(), pg_postmaster_start_time()))
       END::float8

-- name: standings
SELECT asked.place, found.tenant, found.version, found.commit_id, found.history_from, found.names
FROM unnest($1::int[], $2::text[], $3::text[])
    WITH ORDINALITY AS asked (tenant, namespace, name, place),
LATERAL (
    -- The limit keeps the planner from reading the whole table for a large batch.
    SELECT tenant, version, commit_id, history_from,
           (SELECT t.names FROM tenants AS t WHERE t.id = asked.tenant) AS names
    FROM contexts
    WHERE tenant = asked.tenant AND namespace = asked.namespace AND name = asked.name LIMIT 1
) AS found

-- name: find_tenants
SELECT name, id FROM tenants WHERE name = ANY ($1::text[])

-- name: mark_rights
INSERT INTO rights (tenant, commit_id, at) SELECT * FROM unnest($1::int[], $2::bytea[], $3::bigint[])
ON CONFLICT (tenant) DO UPDATE SET commit_id = excluded.commit_id, at = excluded.at

-- name: rights_marks
SELECT t.name, r.commit_id FROM rights AS r JOIN tenants AS t ON t.id = r.tenant WHERE r.at >= $1

-- name: purged
SELECT version, last_seq FROM contexts WHERE tenant = $1 AND name_hash = $2
ORDER BY version DESC LIMIT 1

-- name: context_key
SELECT namespace, name FROM contexts WHERE tenant = $1 AND id = $2

-- name: add_context
INSERT INTO contexts (
    tenant, id, uid, namespace, name, history_from, version, commit_id, entry_count, last_seq,
    author, updated_at, kind, labels, state_version, content_version, created_at, expires_at,
    deleted, born, document_version, deltas, open_first, closed, content, schema_version)
SELECT * FROM unnest(
    $1::int[], $2::int[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
    $8::bytea[], $9::bigint[], $10::bigint[], $11::int[], $12::bigint[], $13::text[],
    $14::text[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bool[],
    $20::bigint[], $21::bigint[], $22::int[], $23::bigint[], $24::bool[], $25::bytea[],
    $26::int[])

-- name: set_context
UPDATE contexts AS c SET
    version = n.version, commit_id = n.commit_id, entry_count = n.entry_count,
    last_seq = n.last_seq, author = n.author, updated_at = n.updated_at, kind = n.kind,
    labels = n.labels, state_version = n.state_version, content_version = n.content_version,
    created_at = n.created_at, expires_at = n.expires_at, deleted = n.deleted, born = n.born,
    document_version = n.document_version, deltas = n.deltas, open_first = n.open_first,
    closed = n.closed, content = n.content, schema_version = n.schema_version
FROM unnest(
    $1::int[], $2::int[], $3::bytea[], $4::text[], $5::text[], $6::bigint[], $7::bigint[],
    $8::bytea[], $9::bigint[], $10::bigint[], $11::int[], $12::bigint[], $13::text[],
    $14::text[], $15::bigint[], $16::bigint[], $17::bigint[], $18::bigint[], $19::bool[],
    $20::bigint[], $21::bigint[], $22::int[], $23::bigint[], $24::bool[], $25::bytea[],
    $26::int[]
) AS n (
    tenant, id, uid, namespace, name, history_from, version, commit_id, entry_count, last_seq,
    author, updated_at, kind, labels, state_version, content_version, created_at, expires_at,
    deleted, born, document_version, deltas, open_first, closed, content, schema_version)
WHERE c.tenant = n.tenant AND c.id = n.id

-- name: purge_context
UPDATE contexts SET version = $3, commit_id = $4, entry_count = 0, last_seq = $5::bigint, author = $6,
    updated_at = $7, namespace = NULL, name = NULL, name_hash = $8, kind = NULL, labels = NULL,
    schema_version = 0, expires_at = NULL, deleted = TRUE, history_from = $3,
    document_version = $3, deltas = 0, open_first = $5::bigint + 1, closed = FALSE, content = NULL
WHERE tenant = $1 AND id = $2

-- name: set_history_from
UPDATE contexts SET history_from = $3 WHERE tenant = $1 AND id = $2

-- name: set_state
INSERT INTO states (tenant, context, body) SELECT * FROM unnest($1::int[], $2::int[], $3::bytea[])
ON CONFLICT (tenant, context) DO UPDATE SET body = excluded.body

-- name: drop_state
DELETE FROM states WHERE tenant = $1 AND context = $2

-- name: add_label
INSERT INTO labels (tenant, term, context) SELECT * FROM unnest($1::int[], $2::bytea[], $3::int[])

-- name: drop_labels
DELETE FROM labels WHERE tenant = $1 AND context = $2

-- name: add_entry
INSERT INTO entries (
    tenant, id, version, created_at, voice, content, metadata, entry_id, id_key, tokens)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[], $5::int[], $6::bytea[],
    $7::bytea[], $8::bytea[], $9::bigint[], $10::bigint[])

-- name: ids_like
SELECT id, entry_id FROM entries WHERE tenant = $1 AND id_key = $2

-- name: entry_id
SELECT entry_id FROM entries WHERE tenant = $1 AND id = $2

-- name: entry_content
SELECT content FROM entries WHERE tenant = $1 AND id = $2

-- name: redact_entry
UPDATE entries SET content = NULL, metadata = NULL, tokens = NULL WHERE tenant = $1 AND id = $2

-- name: page_ascending
SELECT id, version, created_at, voice, content, metadata, entry_id, tokens FROM entries
WHERE tenant = $1 AND id BETWEEN $2 AND $3 ORDER BY id LIMIT $4

-- name: page_descending
SELECT id, version, created_at, voice, content, metadata, entry_id, tokens FROM entries
WHERE tenant = $1 AND id BETWEEN $2 AND $3 ORDER BY id DESC LIMIT $4

-- name: outlines
SELECT id, voice, tokens,
       substr(content, 1, CASE WHEN substr(content, 1, 1) < '\x20'::bytea THEN 1 ELSE 256 END)
FROM entries WHERE tenant = $1 AND id BETWEEN $2 AND $3 ORDER BY id DESC LIMIT $4

-- name: drop_entries
DELETE FROM entries WHERE tenant = $1 AND id BETWEEN $2 AND $3

-- name: add_change
INSERT INTO changes (
    tenant, position, context, version, what, last_seq, author, at, commit_id, seqs)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::int[], $4::bigint[], $5::int[], $6::bigint[],
    $7::int[], $8::bigint[], $9::bytea[], $10::bytea[])

-- name: change_at
SELECT last_seq, author, at, commit_id FROM changes
WHERE tenant = $1 AND context = $2 AND version = $3

-- name: what_at
SELECT what, last_seq FROM changes WHERE tenant = $1 AND context = $2 AND version = $3

-- name: changes_after
SELECT h.position, h.commit_id, c.uid, c.namespace, c.name, c.kind, h.version, h.what, h.seqs,
       h.last_seq, h.author, h.at
FROM changes AS h JOIN contexts AS c ON c.tenant = $1 AND c.id = h.context
WHERE h.tenant = $1 AND h.position > $2 AND h.position <= $3 ORDER BY h.position

-- name: versions_ascending
SELECT h.position, h.commit_id, c.uid, c.namespace, c.name, c.kind, h.version, h.what, h.seqs,
       h.last_seq, h.author, h.at
FROM changes AS h JOIN contexts AS c ON c.tenant = $1 AND c.id = h.context
WHERE h.tenant = $1 AND h.context = $2 AND h.version > $3 AND h.version < $4
ORDER BY h.version LIMIT $5

-- name: versions_descending
SELECT h.position, h.commit_id, c.uid, c.namespace, c.name, c.kind, h.version, h.what, h.seqs,
       h.last_seq, h.author, h.at
FROM changes AS h JOIN contexts AS c ON c.tenant = $1 AND c.id = h.context
WHERE h.tenant = $1 AND h.context = $2 AND h.version > $3 AND h.version < $4
ORDER BY h.version DESC LIMIT $5

-- name: redactions
SELECT seqs, last_seq FROM changes
WHERE tenant = $1 AND context = $2 AND version > $3 AND version <= $4 AND what & 128 <> 0
ORDER BY version

-- name: oldest_change
SELECT position FROM changes WHERE tenant = $1 AND position <= $2 ORDER BY position LIMIT 1

-- name: drop_changes_below
DELETE FROM changes WHERE tenant = $1 AND context = $2 AND version < $3

-- name: add_document
INSERT INTO documents (tenant, context, version, codec, body)
SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::int[], $5::bytea[])

-- name: document_version
SELECT version FROM documents WHERE tenant = $1 AND context = $2 AND version <= $3
ORDER BY version DESC LIMIT 1

-- name: documents_from
SELECT version, codec, body FROM documents WHERE tenant = $1 AND context = $2 AND version >= $3
ORDER BY version

-- name: drop_documents_below
DELETE FROM documents WHERE tenant = $1 AND context = $2 AND version < $3

-- name: drop_documents
DELETE FROM documents WHERE tenant = $1 AND context = $2

-- name: add_chain
INSERT INTO chains (tenant, context, version, first, pieces)
SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bigint[], $5::bytea[])

-- name: chain_at
SELECT first, pieces FROM chains WHERE tenant = $1 AND context = $2 AND version <= $3
ORDER BY version DESC LIMIT 1

-- name: chain_version
SELECT version FROM chains WHERE tenant = $1 AND context = $2 AND version <= $3
ORDER BY version DESC LIMIT 1

-- name: chains
SELECT version, first, pieces FROM chains WHERE tenant = $1 AND context = $2 ORDER BY version

-- name: drop_chains_below
DELETE FROM chains WHERE tenant = $1 AND context = $2 AND version < $3

-- name: drop_chains
DELETE FROM chains WHERE tenant = $1 AND context = $2

-- name: add_chain_ref
INSERT INTO chain_refs (tenant, log, context) SELECT * FROM unnest($1::int[], $2::int[], $3::int[])
ON CONFLICT DO NOTHING

-- name: contexts_showing
SELECT context FROM chain_refs WHERE tenant = $1 AND log = $2

-- name: drop_chain_refs
DELETE FROM chain_refs WHERE tenant = $1 AND context = $2

-- name: find_idempotency
SELECT request, outcome FROM idempotency WHERE tenant = $1 AND key = $2 AND expires_at > $3

-- name: add_idempotency
INSERT INTO idempotency (tenant, key, request, outcome, expires_at)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bigint[])
ON CONFLICT (tenant, key) DO UPDATE SET request = excluded.request, outcome = excluded.outcome,
    expires_at = excluded.expires_at

-- name: idempotency_behind
SELECT key, outcome FROM idempotency WHERE tenant = $1 AND key > $2 ORDER BY key LIMIT $3

-- name: forget_idempotency
DELETE FROM idempotency WHERE tenant = $1 AND key = $2

-- name: purged_since
SELECT 1 FROM contexts WHERE tenant = $1 AND id = $2 AND namespace IS NULL AND updated_at >= $3

-- name: drop_idempotency
DELETE FROM idempotency WHERE expires_at <= $1

-- name: set_note
INSERT INTO notes (tenant, name, value, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at

-- name: add_note
INSERT INTO notes AS n (tenant, name, value, expires_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
WHERE n.expires_at <= $5
RETURNING 1

-- name: swap_note
UPDATE notes SET value = $3, expires_at = $4
WHERE tenant = $1 AND name = $2 AND value = $5 AND expires_at > $6
RETURNING 1

-- name: note
SELECT value FROM notes WHERE tenant = $1 AND name = $2 AND expires_at > $3

-- name: notes_of
SELECT name, value FROM notes
WHERE tenant = $1 AND name >= $2 AND name < $3 AND name > $4 AND expires_at > $5
ORDER BY name LIMIT $6

-- name: drop_note
DELETE FROM notes WHERE tenant = $1 AND name = $2

-- name: drop_notes
DELETE FROM notes WHERE expires_at <= $1

-- name: expiring
SELECT t.name, c.id FROM contexts AS c JOIN tenants AS t ON t.id = c.tenant
WHERE c.expires_at IS NOT NULL AND c.expires_at <= $1 ORDER BY c.expires_at LIMIT $2

-- name: heads
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM contexts AS c
WHERE c.tenant = $1 AND (c.namespace, c.name) > ($2, $3) AND c.namespace < $4
    AND NOT c.deleted AND (c.expires_at IS NULL OR c.expires_at > $5)
    AND ($6::text IS NULL OR c.kind = $6) AND ($7::bigint IS NULL OR c.updated_at >= $7)
    AND ($8::int IS NULL OR c.schema_version < $8)
ORDER BY c.namespace, c.name LIMIT $9

-- name: heads_labelled
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM labels AS l JOIN contexts AS c ON c.tenant = $1 AND c.id = l.context
WHERE l.tenant = $1 AND l.term = $10 AND (c.namespace, c.name) > ($2, $3) AND c.namespace < $4
    AND NOT c.deleted AND (c.expires_at IS NULL OR c.expires_at > $5)
    AND ($6::text IS NULL OR c.kind = $6) AND ($7::bigint IS NULL OR c.updated_at >= $7)
    AND ($8::int IS NULL OR c.schema_version < $8)
ORDER BY c.namespace, c.name LIMIT $9

-- name: newest_heads
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM contexts AS c
WHERE c.tenant = $1 AND c.namespace >= $2 AND c.namespace < $3
    AND NOT c.deleted AND (c.expires_at IS NULL OR c.expires_at > $4)
    AND ($5::text IS NULL OR c.kind = $5)
ORDER BY c.updated_at DESC LIMIT $6

-- name: newest_heads_labelled
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM labels AS l JOIN contexts AS c ON c.tenant = $1 AND c.id = l.context
WHERE l.tenant = $1 AND l.term = $7 AND c.namespace >= $2 AND c.namespace < $3
    AND NOT c.deleted AND (c.expires_at IS NULL OR c.expires_at > $4)
    AND ($5::text IS NULL OR c.kind = $5)
ORDER BY c.updated_at DESC LIMIT $6

-- name: add_entry_words
INSERT INTO entry_words (tenant, id, words)
SELECT n.tenant, n.id, n.words::tsvector
FROM unnest($1::int[], $2::bigint[], $3::text[]) AS n (tenant, id, words)

-- name: drop_entry_words
DELETE FROM entry_words WHERE tenant = $1 AND id BETWEEN $2 AND $3

-- name: match_entries
SELECT w.id, e.content, e.created_at
FROM entry_words AS w JOIN entries AS e ON e.tenant = $1 AND e.id = w.id
WHERE w.tenant = $1 AND w.words @@ $2::text::tsquery AND e.content IS NOT NULL
ORDER BY w.id DESC

-- name: match_entries_between
SELECT w.id, e.content, e.created_at
FROM entry_words AS w JOIN entries AS e ON e.tenant = $1 AND e.id = w.id
WHERE w.tenant = $1 AND w.words @@ $2::text::tsquery AND w.id BETWEEN $3 AND $4
    AND e.content IS NOT NULL
ORDER BY w.id DESC

-- name: count_state_word
INSERT INTO state_words AS s (tenant, word, context, count)
SELECT * FROM unnest($1::int[], $2::text[], $3::int[], $4::int[])
ON CONFLICT (tenant, word, context) DO UPDATE SET count = s.count + excluded.count

-- name: drop_state_word
DELETE FROM state_words WHERE tenant = $1 AND word = $2 AND context = $3 AND count <= 0

-- name: states_with
SELECT context, count FROM state_words WHERE tenant = $1 AND word = $2

-- name: states_with_beginning
SELECT context, sum(count)::int FROM state_words WHERE tenant = $1 AND word >= $2 AND word < $3
GROUP BY context

-- name: clear_words
TRUNCATE entry_words, state_words

-- name: set_searching
WITH told AS (UPDATE counters SET writes = writes + 1)
UPDATE backstory SET search = $1 WHERE id = 1

-- name: all_contents
SELECT id, tenant, content FROM entries WHERE content IS NOT NULL

-- name: all_states
SELECT s.context, s.tenant, c.state_version, s.body
FROM states AS s JOIN contexts AS c ON c.tenant = s.tenant AND c.id = s.context

-- name: add_erasure
INSERT INTO erasures AS e (tenant, log, first, last) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant, log, first) DO UPDATE SET last = greatest(e.last, excluded.last)

-- name: next_erasure
SELECT log, first, last FROM erasures WHERE tenant = $1 ORDER BY log, first LIMIT 1

-- name: shorten_erasure
UPDATE erasures SET first = $4 WHERE tenant = $1 AND log = $2 AND first = $3

-- name: drop_erasure
DELETE FROM erasures WHERE tenant = $1 AND log = $2 AND first = $3

-- name: tenants_erasing
SELECT DISTINCT t.name FROM erasures AS e JOIN tenants AS t ON t.id = e.tenant

-- name: add_summary
INSERT INTO summaries (tenant, id, first, last)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::bigint[], $4::bigint[])

-- name: drop_summaries
DELETE FROM summaries WHERE tenant = $1 AND id BETWEEN $2 AND $3

-- name: summaries_covering
SELECT id FROM summaries WHERE tenant = $1 AND id BETWEEN $2 AND $3 AND first <= $4 AND last >= $4

-- name: newest_summaries
SELECT id, first, last FROM summaries WHERE tenant = $1 AND id BETWEEN $2 AND $3
ORDER BY id DESC LIMIT $4
