-- The whole store, read and written table by table (storage/whole). $1 is the tenant's number.

-- name: read_only
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY

-- name: store
SELECT epoch, secret, keyed FROM backstory WHERE id = 1

-- name: erasing
SELECT count(*) FROM erasures

-- name: tenants
SELECT name, id FROM tenants ORDER BY name

-- name: counter
SELECT position, contexts, bytes FROM counters WHERE tenant = $1 AND stream = 0

-- name: count_tenants
SELECT count(*) FROM tenants

-- name: begin_life
UPDATE backstory SET epoch = $1, first_epoch = FALSE, secret = $2 WHERE id = 1

-- name: add_tenant
INSERT INTO tenants (name) VALUES ($1) RETURNING id

-- name: set_counter
INSERT INTO counters (tenant, stream, position, numbers, contexts, bytes) VALUES ($1, 0, $2, $3, $4, $5)

-- name: read_authors
SELECT id, trust, subject
FROM authors WHERE tenant = $1 ORDER BY id

-- name: read_voices
SELECT id, author, role, type
FROM voices WHERE tenant = $1 ORDER BY id

-- name: read_contexts
SELECT id, uid, namespace, name, name_hash, kind, schema_version, labels, version, commit_id, state_version,
    content_version, entry_count, last_seq, author, created_at, updated_at, expires_at, deleted, born,
    history_from, document_version, deltas, open_first, closed, content
FROM contexts WHERE tenant = $1 ORDER BY id

-- name: read_states
SELECT context, body
FROM states WHERE tenant = $1

-- name: read_labels
SELECT term, context
FROM labels WHERE tenant = $1

-- name: read_entries
SELECT id, version, created_at, voice, content, metadata, entry_id, id_key, tokens
FROM entries WHERE tenant = $1

-- name: read_summaries
SELECT id, first, last
FROM summaries WHERE tenant = $1

-- name: read_changes
SELECT position, context, version, what, last_seq, author, at, commit_id, seqs
FROM changes WHERE tenant = $1

-- name: read_documents
SELECT context, version, codec, body
FROM documents WHERE tenant = $1

-- name: read_chains
SELECT context, version, first, pieces
FROM chains WHERE tenant = $1

-- name: read_chain_refs
SELECT log, context
FROM chain_refs WHERE tenant = $1

-- name: read_manifests
SELECT id, root
FROM manifests WHERE tenant = $1 ORDER BY id

-- name: read_manifest_pages
SELECT manifest, start, body
FROM manifest_pages WHERE tenant = $1

-- name: read_chunks
SELECT id, hash, size
FROM chunks WHERE tenant = $1 ORDER BY id

-- name: read_chunk_bodies
SELECT id, codec, body
FROM chunk_bodies WHERE tenant = $1 ORDER BY id

-- name: read_chunk_refs
SELECT chunk, manifest
FROM chunk_refs WHERE tenant = $1

-- name: read_contents
SELECT context, version, manifest
FROM contents WHERE tenant = $1

-- name: read_idempotency
SELECT key, request, outcome, expires_at
FROM idempotency WHERE tenant = $1

-- name: read_notes
SELECT name, value, expires_at
FROM notes WHERE tenant = $1

-- name: read_audit_tips
SELECT block, events, position, hash, kept, checkpoint
FROM audit_tips WHERE tenant = $1

-- name: read_audit_blocks
SELECT number, last, at, head, signature, body
FROM audit_blocks WHERE tenant = $1

-- name: read_audit_acts
SELECT id, at, event
FROM audit_acts WHERE tenant = $1

-- name: read_audit_names
SELECT hash, kind, namespace, name, day
FROM audit_names WHERE tenant = $1

-- name: write_authors
INSERT INTO authors (tenant, id, trust, subject)
VALUES ($1, $2, $3, $4)

-- name: write_voices
INSERT INTO voices (tenant, id, author, role, type)
VALUES ($1, $2, $3, $4, $5)

-- name: write_contexts
INSERT INTO contexts (tenant, id, uid, namespace, name, name_hash, kind, schema_version, labels, version,
    commit_id, state_version, content_version, entry_count, last_seq, author, created_at, updated_at,
    expires_at, deleted, born, history_from, document_version, deltas, open_first, closed, content)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22,
    $23, $24, $25, $26, $27)

-- name: write_states
INSERT INTO states (tenant, context, body)
VALUES ($1, $2, $3)

-- name: write_labels
INSERT INTO labels (tenant, term, context)
VALUES ($1, $2, $3)

-- name: write_entries
INSERT INTO entries (tenant, id, version, created_at, voice, content, metadata, entry_id, id_key, tokens)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: write_summaries
INSERT INTO summaries (tenant, id, first, last)
VALUES ($1, $2, $3, $4)

-- name: write_changes
INSERT INTO changes (tenant, position, context, version, what, last_seq, author, at, commit_id, seqs)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: write_documents
INSERT INTO documents (tenant, context, version, codec, body)
VALUES ($1, $2, $3, $4, $5)

-- name: write_chains
INSERT INTO chains (tenant, context, version, first, pieces)
VALUES ($1, $2, $3, $4, $5)

-- name: write_chain_refs
INSERT INTO chain_refs (tenant, log, context)
VALUES ($1, $2, $3)

-- name: write_manifests
INSERT INTO manifests (tenant, id, root)
VALUES ($1, $2, $3)

-- name: write_manifest_pages
INSERT INTO manifest_pages (tenant, manifest, start, body)
VALUES ($1, $2, $3, $4)

-- name: write_chunks
INSERT INTO chunks (tenant, id, hash, size)
VALUES ($1, $2, $3, $4)

-- name: write_chunk_bodies
INSERT INTO chunk_bodies (tenant, id, codec, body)
VALUES ($1, $2, $3, $4)

-- name: write_chunk_refs
INSERT INTO chunk_refs (tenant, chunk, manifest)
VALUES ($1, $2, $3)

-- name: write_contents
INSERT INTO contents (tenant, context, version, manifest)
VALUES ($1, $2, $3, $4)

-- name: write_idempotency
INSERT INTO idempotency (tenant, key, request, outcome, expires_at)
VALUES ($1, $2, $3, $4, $5)

-- name: write_notes
INSERT INTO notes (tenant, name, value, expires_at)
VALUES ($1, $2, $3, $4)

-- name: write_audit_tips
INSERT INTO audit_tips (tenant, block, events, position, hash, kept, checkpoint)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: write_audit_blocks
INSERT INTO audit_blocks (tenant, number, last, at, head, signature, body)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: write_audit_acts
INSERT INTO audit_acts (tenant, id, at, event)
VALUES ($1, $2, $3, $4)

-- name: write_audit_names
INSERT INTO audit_names (tenant, hash, kind, namespace, name, day)
VALUES ($1, $2, $3, $4, $5, $6)
