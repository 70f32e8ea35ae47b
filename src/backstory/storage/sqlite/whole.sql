-- The whole store, read and written table by table (storage/whole). `:number` and `:name` are the tenant's;
-- one that has nothing but notes has no number.

-- name: store
SELECT epoch, secret, keyed FROM meta WHERE id = 1

-- name: erasing
SELECT count(*) FROM erasures

-- name: tenants
SELECT name, (SELECT id FROM tenants AS t WHERE t.name = n.name)
FROM (SELECT name FROM tenants UNION SELECT tenant FROM notes) AS n ORDER BY name

-- name: counter
SELECT position, contexts, bytes FROM counters WHERE tenant = :number AND stream = 0

-- name: count_tenants
SELECT (SELECT count(*) FROM tenants) + (SELECT count(*) FROM notes)

-- name: begin_life
UPDATE meta SET epoch = :epoch, first_epoch = 0, secret = :secret WHERE id = 1

-- name: add_tenant
INSERT INTO tenants (name) VALUES (:name) RETURNING id

-- name: set_counter
INSERT INTO counters (tenant, stream, position, indexed, contexts, bytes)
VALUES (:number, 0, :position, :position, :contexts, :bytes)

-- name: last_context
SELECT coalesce(max(id), 0) FROM contexts

-- name: last_manifest
SELECT coalesce(max(id), 0) FROM manifests

-- name: last_chunk
SELECT coalesce(max(id), 0) FROM chunks

-- name: find_author
SELECT id FROM authors WHERE tenant = :number AND subject = :subject AND trust = :trust

-- name: find_voice
SELECT id FROM voices WHERE author = :author AND role = :role AND type = :type

-- name: read_authors
SELECT a.id, a.trust, a.subject FROM authors AS a WHERE a.tenant = (
    SELECT o.tenant FROM authors AS o WHERE o.id = a.id ORDER BY o.tenant = :number DESC LIMIT 1
) AND a.id IN (
    SELECT author FROM changes WHERE id BETWEEN :number << 42 AND (:number << 42 | 4398046511103)
    UNION SELECT author FROM contexts WHERE tenant = :number
    UNION SELECT v.author FROM voices AS v WHERE v.id IN (
        SELECT e.voice FROM contexts AS c
        JOIN entries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295) WHERE c.tenant = :number)
) ORDER BY a.id

-- name: read_voices
SELECT id, author, role, type FROM voices WHERE id IN (
    SELECT e.voice FROM contexts AS c
    JOIN entries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295) WHERE c.tenant = :number
) ORDER BY id

-- name: read_contexts
SELECT c.id, c.uid, c.namespace, c.name, c.name_hash, c.kind, c.schema_version, c.labels, c.version,
    c.commit_id, c.state_version, c.content_version, c.entry_count, c.last_seq, c.author, c.created_at,
    c.updated_at, c.expires_at, c.deleted, c.born, c.history_from, c.document_version, c.deltas, c.open_first,
    c.closed, c.content
FROM contexts AS c WHERE c.tenant = :number ORDER BY c.id

-- name: read_states
SELECT s.context, s.body
FROM states AS s JOIN contexts AS c ON c.id = s.context WHERE c.tenant = :number

-- name: read_labels
SELECT l.term, l.context
FROM labels AS l WHERE l.tenant = :number

-- name: read_entries
SELECT e.id, e.version, e.created_at, e.voice, e.content, e.metadata, e.entry_id, e.id_key, e.tokens
FROM contexts AS c JOIN entries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295) WHERE c.tenant =
    :number

-- name: read_summaries
SELECT e.id, e.first, e.last
FROM contexts AS c JOIN summaries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295) WHERE c.tenant
    = :number

-- name: read_changes
SELECT id & 4398046511103, context, version, what, last_seq, author, at, commit_id, seqs
FROM changes WHERE id BETWEEN :number << 42 AND (:number << 42 | 4398046511103)

-- name: read_documents
SELECT d.context, d.version, d.codec, d.body
FROM documents AS d JOIN contexts AS c ON c.id = d.context WHERE c.tenant = :number

-- name: read_chains
SELECT k.context, k.version, k.first, k.pieces
FROM chains AS k JOIN contexts AS c ON c.id = k.context WHERE c.tenant = :number

-- name: read_chain_refs
SELECT r.log, r.context
FROM chain_refs AS r JOIN contexts AS c ON c.id = r.context WHERE c.tenant = :number

-- name: read_manifests
SELECT m.id, m.root
FROM manifests AS m WHERE m.tenant = :number ORDER BY m.id

-- name: read_manifest_pages
SELECT p.manifest, p.start, p.body
FROM manifest_pages AS p JOIN manifests AS m ON m.id = p.manifest WHERE m.tenant = :number

-- name: read_chunks
SELECT k.id, k.hash, k.size
FROM chunks AS k WHERE k.tenant = :number ORDER BY k.id

-- name: read_chunk_bodies
SELECT b.id, b.codec, b.body
FROM chunk_bodies AS b JOIN chunks AS k ON k.id = b.id WHERE k.tenant = :number

-- name: read_chunk_refs
SELECT r.chunk, r.manifest
FROM chunk_refs AS r JOIN chunks AS k ON k.id = r.chunk WHERE k.tenant = :number

-- name: read_contents
SELECT o.context, o.version, o.manifest
FROM contents AS o JOIN contexts AS c ON c.id = o.context WHERE c.tenant = :number

-- name: read_idempotency
SELECT i.key, i.request, i.outcome, i.expires_at
FROM idempotency AS i WHERE i.tenant = :number

-- name: read_notes
SELECT n.name, n.value, n.expires_at
FROM notes AS n WHERE n.tenant = :name

-- name: read_audit_tips
SELECT a.block, a.events, a.position, a.hash, a.kept, a.checkpoint
FROM audit_tips AS a WHERE a.tenant = :number

-- name: read_audit_blocks
SELECT a.number, a.last, a.at, a.head, a.signature, a.body
FROM audit_blocks AS a WHERE a.tenant = :number

-- name: read_audit_acts
SELECT a.id, a.at, a.event
FROM audit_acts AS a WHERE a.tenant = :number

-- name: read_audit_names
SELECT a.hash, a.kind, a.namespace, a.name, a.day
FROM audit_names AS a WHERE a.tenant = :number

-- name: write_authors
INSERT INTO authors (id, tenant, trust, subject)
SELECT coalesce(max(id), 0) + 1, :number, :trust, :subject FROM authors RETURNING id

-- name: write_voices
INSERT INTO voices (author, role, type)
VALUES (:author, :role, :type) RETURNING id

-- name: write_contexts
INSERT INTO contexts (tenant, id, uid, namespace, name, name_hash, kind, schema_version, labels, version,
    commit_id, state_version, content_version, entry_count, last_seq, author, created_at, updated_at,
    expires_at, deleted, born, history_from, document_version, deltas, open_first, closed, content)
VALUES (:number, :id, :uid, :namespace, :name, :name_hash, :kind, :schema_version, :labels, :version,
    :commit_id, :state_version, :content_version, :entry_count, :last_seq, :author, :created_at, :updated_at,
    :expires_at, :deleted, :born, :history_from, :document_version, :deltas, :open_first, :closed, :content)

-- name: write_states
INSERT INTO states (context, body)
VALUES (:context, :body)

-- name: write_labels
INSERT INTO labels (tenant, term, context)
VALUES (:number, :term, :context)

-- name: write_entries
INSERT INTO entries (id, version, created_at, voice, content, metadata, entry_id, id_key, tokens)
VALUES (:id, :version, :created_at, :voice, :content, :metadata, :entry_id, :id_key, :tokens)

-- name: write_summaries
INSERT INTO summaries (id, first, last)
VALUES (:id, :first, :last)

-- name: write_changes
INSERT INTO changes (id, context, version, what, last_seq, author, at, commit_id, seqs)
VALUES ((:number << 42 | :position), :context, :version, :what, :last_seq, :author, :at, :commit_id, :seqs)

-- name: write_documents
INSERT INTO documents (context, version, codec, body)
VALUES (:context, :version, :codec, :body)

-- name: write_chains
INSERT INTO chains (context, version, first, pieces)
VALUES (:context, :version, :first, :pieces)

-- name: write_chain_refs
INSERT INTO chain_refs (log, context)
VALUES (:log, :context)

-- name: write_manifests
INSERT INTO manifests (tenant, id, root)
VALUES (:number, :id, :root)

-- name: write_manifest_pages
INSERT INTO manifest_pages (manifest, start, body)
VALUES (:manifest, :start, :body)

-- name: write_chunks
INSERT INTO chunks (tenant, id, hash, size)
VALUES (:number, :id, :hash, :size)

-- name: write_chunk_bodies
INSERT INTO chunk_bodies (id, codec, body)
VALUES (:id, :codec, :body)

-- name: write_chunk_refs
INSERT INTO chunk_refs (chunk, manifest)
VALUES (:chunk, :manifest)

-- name: write_contents
INSERT INTO contents (context, version, manifest)
VALUES (:context, :version, :manifest)

-- name: write_idempotency
INSERT INTO idempotency (tenant, key, request, outcome, expires_at)
VALUES (:number, :key, :request, :outcome, :expires_at)

-- name: write_notes
INSERT INTO notes (tenant, name, value, expires_at)
VALUES (:tenant, :name, :value, :expires_at)

-- name: write_audit_tips
INSERT INTO audit_tips (tenant, block, events, position, hash, kept, checkpoint)
VALUES (:number, :block, :events, :position, :hash, :kept, :checkpoint)

-- name: write_audit_blocks
INSERT INTO audit_blocks (tenant, number, last, at, head, signature, body)
VALUES (:number, :number, :last, :at, :head, :signature, :body)

-- name: write_audit_acts
INSERT INTO audit_acts (tenant, id, at, event)
VALUES (:number, :id, :at, :event)

-- name: write_audit_names
INSERT INTO audit_names (tenant, hash, kind, namespace, name, day)
VALUES (:number, :hash, :kind, :namespace, :name, :day)
