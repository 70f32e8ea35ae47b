-- Every statement that the SQLite store runs after it was opened.

-- name: meta
SELECT epoch, first_epoch, secret, search, keyed, erasure FROM meta WHERE id = 1

-- name: has_applied
SELECT count(*) FROM pragma_table_info('meta') WHERE name = 'applied'

-- name: applied
SELECT applied FROM meta WHERE id = 1

-- name: set_applied
UPDATE meta SET applied = ?1 WHERE id = 1

-- name: searching
SELECT search FROM meta WHERE id = 1

-- name: standing
SELECT search, keys FROM meta WHERE id = 1

-- name: set_keyed
UPDATE meta SET keyed = 1, secret = ?1 WHERE id = 1

-- name: count_keys
UPDATE meta SET keys = keys + 1 WHERE id = 1

-- name: set_erasure
UPDATE meta SET erasure = max(erasure, ?1) WHERE id = 1

-- name: last_context
SELECT max(id) FROM contexts WHERE ?1

-- name: subject_contexts
SELECT id FROM contexts
WHERE tenant = ?1 AND (namespace = ?2 OR (namespace >= ?3 AND namespace < ?4)) AND id <= ?5
ORDER BY id LIMIT ?6

-- name: context_named
SELECT id FROM contexts WHERE tenant = ?1 AND namespace = ?2 AND name = ?3

-- name: unredacted
SELECT id FROM entries WHERE id BETWEEN ?2 AND ?3 AND content IS NOT NULL ORDER BY id LIMIT ?4

-- name: count_entries
SELECT count(*) FROM entries WHERE id BETWEEN ?2 AND ?3 AND content IS NOT NULL

-- name: next_context
SELECT id, namespace, name, last_seq FROM contexts
WHERE tenant = ?1 AND id > ?2 AND namespace IS NOT NULL ORDER BY id LIMIT 1

-- name: bodies_of
SELECT c.state_version, (SELECT body FROM states WHERE context = c.id), c.content
FROM contexts AS c WHERE c.id = ?2

-- name: set_reference
UPDATE contexts SET content = ?3 WHERE id = ?2

-- name: set_document
UPDATE documents SET codec = ?4, body = ?5 WHERE context = ?2 AND version = ?3

-- name: set_entry
UPDATE entries SET content = ?3, metadata = ?4, entry_id = ?5 WHERE id = ?2

-- name: find_tenant
SELECT id FROM tenants WHERE name = ?1

-- name: add_tenant
INSERT INTO tenants (name) VALUES (?1) RETURNING id

-- name: tenant_name
SELECT name FROM tenants WHERE id = ?1

-- name: find_author
SELECT id FROM authors WHERE tenant = ?1 AND subject = ?2 AND trust = ?3 ORDER BY id DESC LIMIT 1

-- name: add_author
INSERT INTO authors (id, tenant, subject, trust)
SELECT coalesce(max(id), 0) + 1, ?1, ?2, ?3 FROM authors RETURNING id

-- name: authors_named
SELECT id, trust, subject, tenant = ?1 FROM authors WHERE tenant IN (?1, 0) AND subject = ?2

-- name: authors_longer
SELECT id, trust, subject, tenant = ?1 FROM authors
WHERE tenant IN (?1, 0) AND length(CAST(subject AS BLOB)) > ?2

-- name: rename_author
-- One that tenants share keeps its name, until step 12 has made it each tenant's own.
UPDATE authors SET subject = ?3
WHERE id = ?2 AND (tenant = ?1 OR (SELECT count(*) FROM tenants WHERE name <> '') = 1)

-- name: count_names
UPDATE tenants SET names = names + 1 WHERE id = ?1

-- name: author
-- Until step 12, rows of a tenant may name authors that are others' own.
SELECT subject, trust FROM authors WHERE id = ?2 ORDER BY tenant = ?1 DESC LIMIT 1

-- name: find_voice
SELECT id FROM voices WHERE author = ?2 AND role = ?3 AND type = ?4

-- name: add_voice
INSERT INTO voices (author, role, type) VALUES (?2, ?3, ?4) RETURNING id

-- name: voice
SELECT role, type, author FROM voices WHERE id = ?2

-- name: position
SELECT position FROM counters WHERE tenant = ?1 AND stream = 0

-- name: counter
SELECT position, indexed, contexts, bytes FROM counters WHERE tenant = ?1 AND stream = 0

-- name: usage
SELECT contexts, bytes FROM counters WHERE tenant = ?1 AND stream = 0

-- name: recount
-- What encryption adds to a row is not counted: a key's number, a nonce and a tag, behind a mark or
-- told by the codec (tables/sealing.py).
SELECT (SELECT count(*) FROM contexts
        WHERE tenant = ?1 AND NOT deleted AND substr(namespace, 1, 1) <> '_'),
    (SELECT coalesce(sum(length(s.body) - 33 * (substr(s.body, 1, 1) BETWEEN x'10' AND x'1f')), 0) FROM states AS s
     JOIN contexts AS c ON c.id = s.context WHERE c.tenant = ?1)
    + (SELECT coalesce(sum(length(d.body) - 32 * (d.codec & 16 <> 0)), 0) FROM documents AS d
       JOIN contexts AS c ON c.id = d.context WHERE c.tenant = ?1)
    + (SELECT coalesce(sum(coalesce(length(e.content) - 33 * (substr(e.content, 1, 1) BETWEEN x'10' AND x'1f'), 0)
                           + coalesce(length(e.metadata) - 33 * (substr(e.metadata, 1, 1) BETWEEN x'10' AND x'1f'), 0)), 0)
       FROM contexts AS c JOIN entries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295)
       WHERE c.tenant = ?1)
    + (SELECT coalesce(sum(length(b.body) - 32 * (b.codec & 16 <> 0)), 0) FROM chunk_bodies AS b
       JOIN chunks AS c ON c.id = b.id WHERE c.tenant = ?1)

-- name: context_bytes
SELECT coalesce((SELECT length(body) - 33 * (substr(body, 1, 1) BETWEEN x'10' AND x'1f')
    FROM states WHERE context = ?2), 0)
    + (SELECT coalesce(sum(length(body) - 32 * (codec & 16 <> 0)), 0) FROM documents WHERE context = ?2)

-- name: entries_bytes
SELECT coalesce(sum(coalesce(length(content) - 33 * (substr(content, 1, 1) BETWEEN x'10' AND x'1f'), 0)
                    + coalesce(length(metadata) - 33 * (substr(metadata, 1, 1) BETWEEN x'10' AND x'1f'), 0)), 0)
FROM entries WHERE id BETWEEN ?2 AND ?3

-- name: set_counter
INSERT INTO counters (tenant, stream, position, indexed, contexts, bytes)
VALUES (?1, 0, ?2, ?3, ?4, ?5)
ON CONFLICT (tenant, stream)
DO UPDATE SET position = excluded.position, indexed = excluded.indexed,
    contexts = excluded.contexts, bytes = excluded.bytes

-- name: is_lagging
SELECT m.search FROM counters AS c, meta AS m
WHERE c.tenant = ?1 AND c.stream = 0 AND c.indexed < c.position AND m.id = 1

-- name: lagging
SELECT tenant FROM counters WHERE indexed < position

-- name: all_indexed
UPDATE counters SET indexed = position

-- name: find_context
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content,
       CASE WHEN ?4 THEN (SELECT body FROM states WHERE context = c.id) END
FROM contexts AS c
WHERE c.tenant = ?1 AND c.namespace = ?2 AND c.name = ?3

-- name: context
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, (SELECT body FROM states WHERE context = c.id)
FROM contexts AS c
WHERE c.id = ?2 AND c.namespace IS NOT NULL

-- name: tag_of
SELECT version, commit_id, deleted, history_from, (SELECT names FROM tenants WHERE id = ?1)
FROM contexts WHERE tenant = ?1 AND namespace = ?2 AND name = ?3

-- name: tenants
SELECT name FROM tenants WHERE name > ?1 ORDER BY name LIMIT ?2

-- name: mark_rights
INSERT OR REPLACE INTO rights (tenant, commit_id, at) VALUES (?1, ?2, ?3)

-- name: rights_marks
SELECT t.name, r.commit_id FROM rights AS r JOIN tenants AS t ON t.id = r.tenant WHERE r.at >= ?1

-- name: purged
SELECT version, last_seq FROM contexts WHERE tenant = ?1 AND name_hash = ?2
ORDER BY version DESC LIMIT 1

-- name: context_key
SELECT namespace, name FROM contexts WHERE id = ?2 AND tenant = ?1

-- name: add_context
INSERT INTO contexts (
    tenant, uid, namespace, name, history_from, version, commit_id, entry_count, last_seq, author,
    updated_at, kind, labels, state_version, content_version, created_at, expires_at, deleted,
    born, document_version, deltas, open_first, closed, content, schema_version
) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,
          ?20, ?21, ?22, ?23, ?24, ?25)
RETURNING id

-- name: touch_context
UPDATE contexts SET version = ?3, commit_id = ?4, entry_count = ?5, last_seq = ?6, author = ?7,
    updated_at = ?8
WHERE id = ?2

-- name: set_context
UPDATE contexts SET version = ?3, commit_id = ?4, entry_count = ?5, last_seq = ?6, author = ?7,
    updated_at = ?8, kind = ?9, labels = ?10, state_version = ?11, content_version = ?12,
    created_at = ?13, expires_at = ?14, deleted = ?15, born = ?16, document_version = ?17,
    deltas = ?18, open_first = ?19, closed = ?20, content = ?21, schema_version = ?22
WHERE id = ?2

-- name: purge_context
UPDATE contexts SET version = ?3, commit_id = ?4, entry_count = 0, last_seq = ?5, author = ?6,
    updated_at = ?7, namespace = NULL, name = NULL, name_hash = ?8, kind = NULL, labels = NULL,
    schema_version = 0, expires_at = NULL, deleted = 1, history_from = ?3,
    document_version = ?3, deltas = 0, open_first = ?5 + 1, closed = 0, content = NULL
WHERE id = ?2

-- name: set_history_from
UPDATE contexts SET history_from = ?3 WHERE id = ?2

-- name: set_state
INSERT INTO states (context, body) VALUES (?2, ?3)
ON CONFLICT (context) DO UPDATE SET body = excluded.body

-- name: drop_state
DELETE FROM states WHERE context = ?2

-- name: add_label
INSERT INTO labels (tenant, term, context) VALUES (?1, ?2, ?3)

-- name: drop_labels
DELETE FROM labels WHERE context = ?2

-- name: add_entry
INSERT INTO entries (
    id, version, created_at, voice, content, metadata, entry_id, id_key, tokens
) VALUES (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- name: ids_like
SELECT id, entry_id FROM entries WHERE id_key = ?2

-- name: entry_content
SELECT content FROM entries WHERE id = ?2

-- name: redact_entry
UPDATE entries SET content = NULL, metadata = NULL, tokens = NULL WHERE id = ?2

-- name: page_ascending
SELECT id, version, created_at, voice, content, metadata, entry_id, tokens FROM entries
WHERE id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4

-- name: page_descending
SELECT id, version, created_at, voice, content, metadata, entry_id, tokens FROM entries
WHERE id BETWEEN ?2 AND ?3 ORDER BY id DESC LIMIT ?4

-- name: outlines
SELECT id, voice, tokens,
       substr(content, 1, CASE WHEN substr(content, 1, 1) < x'20' THEN 1 ELSE 256 END)
FROM entries WHERE id BETWEEN ?2 AND ?3 ORDER BY id DESC LIMIT ?4

-- name: contents_between
SELECT id, content FROM entries WHERE id BETWEEN ?2 AND ?3 ORDER BY id LIMIT ?4

-- name: drop_entries
DELETE FROM entries WHERE id BETWEEN ?2 AND ?3

-- name: add_change
INSERT INTO changes (id, context, version, what, last_seq, author, at, commit_id, seqs)
VALUES (?1 << 42 | ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)

-- name: change_at
SELECT last_seq, author, at, commit_id FROM changes WHERE context = ?2 AND version = ?3

-- name: what_at
SELECT what, last_seq FROM changes WHERE context = ?2 AND version = ?3

-- name: changes_after
SELECT h.id & 0x3ffffffffff, h.commit_id, c.uid, c.namespace, c.name, c.kind, h.version, h.what, h.seqs,
       h.last_seq, h.author, h.at
FROM changes AS h JOIN contexts AS c ON c.id = h.context
WHERE h.id > (?1 << 42 | ?2) AND h.id <= (?1 << 42 | ?3) ORDER BY h.id

-- name: versions_ascending
SELECT h.id & 0x3ffffffffff, h.commit_id, c.uid, c.namespace, c.name, c.kind, h.version, h.what, h.seqs,
       h.last_seq, h.author, h.at
FROM changes AS h JOIN contexts AS c ON c.id = h.context
WHERE h.context = ?2 AND h.version > ?3 AND h.version < ?4 ORDER BY h.version LIMIT ?5

-- name: versions_descending
SELECT h.id & 0x3ffffffffff, h.commit_id, c.uid, c.namespace, c.name, c.kind, h.version, h.what, h.seqs,
       h.last_seq, h.author, h.at
FROM changes AS h JOIN contexts AS c ON c.id = h.context
WHERE h.context = ?2 AND h.version > ?3 AND h.version < ?4 ORDER BY h.version DESC LIMIT ?5

-- name: redactions
SELECT seqs, last_seq FROM changes
WHERE context = ?2 AND version > ?3 AND version <= ?4 AND (what & 128) != 0 ORDER BY version

-- name: oldest_change
SELECT id & 0x3ffffffffff FROM changes WHERE id > ?1 << 42 AND id <= (?1 << 42 | ?2) ORDER BY id LIMIT 1

-- name: drop_changes_below
DELETE FROM changes WHERE context = ?2 AND version < ?3

-- name: add_document
INSERT INTO documents (context, version, codec, body) VALUES (?2, ?3, ?4, ?5)

-- name: document_version
SELECT version FROM documents WHERE context = ?2 AND version <= ?3 ORDER BY version DESC LIMIT 1

-- name: documents_from
SELECT version, codec, body FROM documents WHERE context = ?2 AND version >= ?3 ORDER BY version

-- name: drop_documents_below
DELETE FROM documents WHERE context = ?2 AND version < ?3

-- name: drop_documents
DELETE FROM documents WHERE context = ?2

-- name: add_chain
INSERT INTO chains (context, version, first, pieces) VALUES (?2, ?3, ?4, ?5)

-- name: chain_at
SELECT first, pieces FROM chains WHERE context = ?2 AND version <= ?3
ORDER BY version DESC LIMIT 1

-- name: chains
SELECT version, first, pieces FROM chains WHERE context = ?2 ORDER BY version

-- name: drop_chains_below
DELETE FROM chains WHERE context = ?2 AND version < ?3

-- name: drop_chains
DELETE FROM chains WHERE context = ?2

-- name: add_chain_ref
INSERT OR IGNORE INTO chain_refs (log, context) VALUES (?2, ?3)

-- name: contexts_showing
SELECT context FROM chain_refs WHERE log = ?2

-- name: drop_chain_refs
DELETE FROM chain_refs WHERE context = ?2

-- name: find_idempotency
SELECT request, outcome FROM idempotency WHERE tenant = ?1 AND key = ?2 AND expires_at > ?3

-- name: add_idempotency
INSERT OR REPLACE INTO idempotency (tenant, key, request, outcome, expires_at)
VALUES (?1, ?2, ?3, ?4, ?5)

-- name: idempotency_behind
SELECT key, outcome FROM idempotency WHERE tenant = ?1 AND key > ?2 ORDER BY key LIMIT ?3

-- name: forget_idempotency
DELETE FROM idempotency WHERE tenant = ?1 AND key = ?2

-- name: purged_since
SELECT 1 FROM contexts WHERE id = ?2 AND tenant = ?1 AND namespace IS NULL AND updated_at >= ?3

-- name: drop_idempotency
DELETE FROM idempotency WHERE expires_at <= ?1

-- name: set_note
INSERT OR REPLACE INTO notes (tenant, name, value, expires_at) VALUES (?1, ?2, ?3, ?4)

-- name: note
SELECT value FROM notes WHERE tenant = ?1 AND name = ?2 AND expires_at > ?3

-- name: notes_of
SELECT name, value FROM notes
WHERE tenant = ?1 AND name >= ?2 AND name < ?3 AND name > ?4 AND expires_at > ?5
ORDER BY name LIMIT ?6

-- name: drop_note
DELETE FROM notes WHERE tenant = ?1 AND name = ?2

-- name: drop_notes
DELETE FROM notes WHERE expires_at <= ?1

-- name: expiring
SELECT tenant, id FROM contexts WHERE expires_at IS NOT NULL AND expires_at <= ?1
ORDER BY expires_at LIMIT ?2

-- name: heads
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM contexts AS c
WHERE c.tenant = ?1 AND (c.namespace, c.name) > (?2, ?3) AND c.namespace < ?4
    AND c.deleted = 0 AND (c.expires_at IS NULL OR c.expires_at > ?5)
    AND (?6 IS NULL OR c.kind = ?6) AND (?7 IS NULL OR c.updated_at >= ?7)
    AND (?8 IS NULL OR c.schema_version < ?8)
ORDER BY c.namespace, c.name LIMIT ?9

-- name: heads_labelled
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels,
       c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM labels AS l CROSS JOIN contexts AS c ON c.id = l.context
WHERE l.tenant = ?1 AND l.term = ?10 AND (c.namespace, c.name) > (?2, ?3) AND c.namespace < ?4
    AND c.deleted = 0 AND (c.expires_at IS NULL OR c.expires_at > ?5)
    AND (?6 IS NULL OR c.kind = ?6) AND (?7 IS NULL OR c.updated_at >= ?7)
    AND (?8 IS NULL OR c.schema_version < ?8)
ORDER BY c.namespace, c.name LIMIT ?9

-- name: add_entry_words
INSERT INTO entry_words (rowid, body, scope) VALUES (?1, ?2, ?3)

-- name: appending_changes
SELECT context, version, seqs, last_seq FROM changes
WHERE id > (?1 << 42 | ?2) AND id < (?1 + 1) << 42 AND what & ?3 ORDER BY id

-- name: contents_of
SELECT id, content FROM entries WHERE id BETWEEN ?2 AND ?3 AND version = ?4

-- name: drop_entry_words
INSERT INTO entry_words (entry_words, rowid, body, scope) VALUES ('delete', ?1, ?2, ?3)

-- name: count_state_word
INSERT INTO state_words (tenant, word, context, count) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT DO UPDATE SET count = count + excluded.count

-- name: drop_state_word
DELETE FROM state_words WHERE tenant = ?1 AND word = ?2 AND context = ?3 AND count <= 0

-- name: clear_state_words
DELETE FROM state_words

-- name: states_with
SELECT context, count FROM state_words WHERE tenant = ?1 AND word = ?2

-- name: states_with_beginning
SELECT context, sum(count) FROM state_words WHERE tenant = ?1 AND word >= ?2 AND word < ?3
GROUP BY context

-- name: add_erasure
INSERT INTO erasures (tenant, log, first, last) VALUES (?1, ?2, ?3, ?4)

-- name: next_erasure
SELECT id, tenant, log, first, last, merging FROM erasures ORDER BY id LIMIT 1

-- name: shorten_erasure
UPDATE erasures SET first = ?2 WHERE id = ?1

-- name: drop_erasure
DELETE FROM erasures WHERE id = ?1

-- name: entry_id
SELECT entry_id FROM entries WHERE id = ?2

-- name: chain_version
SELECT version FROM chains WHERE context = ?2 AND version <= ?3 ORDER BY version DESC LIMIT 1

-- name: count_scrub
UPDATE meta SET scrubs = scrubs + 1 WHERE id = 1

-- name: begin_life
INSERT INTO meta (id, epoch, first_epoch, secret, created_at, search) VALUES (1, ?1, 1, ?2, ?3, ?4)

-- name: epoch
SELECT epoch FROM meta WHERE id = 1

-- name: begin_epoch
UPDATE meta SET epoch = ?1, first_epoch = 0 WHERE id = 1

-- name: set_searching
UPDATE meta SET search = ?1 WHERE id = 1

-- name: clear_entry_words
INSERT INTO entry_words (entry_words) VALUES ('delete-all')

-- name: all_contents
SELECT e.id, c.tenant, e.content FROM entries AS e JOIN contexts AS c ON c.id = e.id >> 32
WHERE e.content IS NOT NULL ORDER BY e.id

-- name: all_states
SELECT s.context, c.tenant, c.state_version, s.body
FROM states AS s JOIN contexts AS c ON c.id = s.context
ORDER BY s.context

-- name: match_entries
SELECT rowid, frequencies(entry_words) FROM entry_words WHERE entry_words MATCH ?1
ORDER BY rowid DESC

-- name: match_entries_between
SELECT rowid, frequencies(entry_words) FROM entry_words
WHERE entry_words MATCH ?1 AND rowid BETWEEN ?2 AND ?3 ORDER BY rowid DESC

-- name: entry_size
SELECT created_at, length(content), substr(content, 1, 19) FROM entries WHERE id = ?2

-- name: flush_entry_words
INSERT INTO entry_words (entry_words) VALUES ('flush')

-- name: separators
SELECT segid, term, pgno FROM entry_words_idx WHERE term != ''

-- name: set_separator
UPDATE entry_words_idx SET term = ?3 WHERE segid = ?1 AND term = ?2

-- name: index_page
SELECT block FROM entry_words_data WHERE id = ?1

-- name: newest_heads
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels, c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM contexts AS c
WHERE c.tenant = ?1 AND c.namespace >= ?2 AND c.namespace < ?3
    AND c.deleted = 0 AND (c.expires_at IS NULL OR c.expires_at > ?4)
    AND (?5 IS NULL OR c.kind = ?5)
ORDER BY c.updated_at DESC LIMIT ?6

-- name: newest_heads_labelled
SELECT c.schema_version, c.id, c.tenant, c.uid, c.namespace, c.name, c.kind, c.labels, c.version, c.commit_id,
       c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
       c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version,
       c.deltas, c.open_first, c.closed, c.content, NULL
FROM labels AS l CROSS JOIN contexts AS c ON c.id = l.context
WHERE l.tenant = ?1 AND l.term = ?7 AND c.namespace >= ?2 AND c.namespace < ?3
    AND c.deleted = 0 AND (c.expires_at IS NULL OR c.expires_at > ?4)
    AND (?5 IS NULL OR c.kind = ?5)
ORDER BY c.updated_at DESC LIMIT ?6

-- name: drop_separator
DELETE FROM entry_words_idx WHERE segid = ?1 AND term = ?2

-- name: set_merging
UPDATE erasures SET merging = ?2 WHERE id = ?1

-- name: merge_entry_words
INSERT INTO entry_words (entry_words, rank) VALUES ('merge', ?1)

-- name: add_summary
INSERT INTO summaries (id, first, last) VALUES (?2, ?3, ?4)

-- name: drop_summaries
DELETE FROM summaries WHERE id BETWEEN ?2 AND ?3

-- name: summaries_covering
SELECT id FROM summaries WHERE id BETWEEN ?2 AND ?3 AND first <= ?4 AND last >= ?4

-- name: newest_summaries
SELECT id, first, last FROM summaries WHERE id BETWEEN ?2 AND ?3 ORDER BY id DESC LIMIT ?4
