-- Every statement about content: chunks, manifests, uploads, and what contexts show of them.

-- name: find_chunk
SELECT id, size FROM chunks WHERE tenant = ?1 AND hash = ?2

-- name: add_chunk
INSERT INTO chunks (tenant, hash, size) VALUES (?1, ?2, ?3) RETURNING id

-- name: add_chunk_body
INSERT INTO chunk_bodies (id, codec, body) VALUES (?2, ?3, ?4)

-- name: chunk_body
SELECT c.id, b.codec, b.body FROM chunks AS c LEFT JOIN chunk_bodies AS b ON b.id = c.id
WHERE c.tenant = ?1 AND c.hash = ?2

-- name: chunk_bytes
SELECT length(body) - 32 * (codec & 16 <> 0) FROM chunk_bodies WHERE id = ?2

-- name: drop_chunk
DELETE FROM chunks WHERE id = ?2

-- name: drop_chunk_body
DELETE FROM chunk_bodies WHERE id = ?2

-- name: add_upload
INSERT INTO uploads (holder, chunk, context, at) VALUES (?2, ?3, ?4, ?5)
ON CONFLICT (holder, chunk, context) DO UPDATE SET at = excluded.at

-- name: uploaded
SELECT 1 FROM uploads WHERE holder = ?2 AND chunk = ?3 LIMIT 1

-- name: is_uploaded
SELECT 1 FROM uploads WHERE chunk = ?2 LIMIT 1

-- name: uploads_of
SELECT DISTINCT chunk FROM uploads WHERE holder = ?2 LIMIT ?3

-- name: uploads_before
SELECT c.tenant, u.holder, u.chunk, u.context FROM uploads AS u JOIN chunks AS c ON c.id = u.chunk
WHERE u.at <= ?1 ORDER BY u.at LIMIT ?2

-- name: drop_upload
DELETE FROM uploads WHERE holder = ?2 AND chunk = ?3 AND context = ?4

-- name: is_uploaded_to
SELECT 1 FROM uploads WHERE context = ?2 LIMIT 1

-- name: give_up_uploads_to
UPDATE OR REPLACE uploads SET holder = ?3 WHERE context = ?2

-- name: drop_uploads_of
DELETE FROM uploads WHERE holder = ?2 AND chunk = ?3

-- name: unfinished
SELECT coalesce(sum(c.size + ?2), 0) FROM chunks AS c
WHERE c.tenant = ?1 AND c.id IN (SELECT chunk FROM uploads)
    AND NOT EXISTS (SELECT 1 FROM chunk_refs AS r WHERE r.chunk = c.id)

-- name: find_manifest
SELECT id, scope FROM manifests WHERE tenant = ?1 AND root IN (?2, ?3) ORDER BY id

-- name: add_manifest
INSERT INTO manifests (tenant, root, scope) VALUES (?1, ?2, ?3) RETURNING id

-- name: add_manifest_page
INSERT INTO manifest_pages (manifest, start, body) VALUES (?2, ?3, ?4)

-- name: manifest_pages
SELECT start, body FROM manifest_pages WHERE manifest = ?2 ORDER BY start

-- name: manifest_page_number
SELECT p.start, p.body, m.scope FROM manifest_pages AS p JOIN manifests AS m ON m.id = p.manifest
WHERE p.manifest = ?2 ORDER BY p.start LIMIT 1 OFFSET ?3

-- name: manifest_chunks
SELECT sum(length(body)) FROM manifest_pages WHERE manifest = ?2

-- name: manifest_page_at
SELECT start, body FROM manifest_pages WHERE manifest = ?2 AND start <= ?3
ORDER BY start DESC LIMIT 1

-- name: hide_manifest
UPDATE manifests SET root = ?3 WHERE id = ?2

-- name: drop_manifest
DELETE FROM manifests WHERE id = ?2

-- name: drop_manifest_pages
DELETE FROM manifest_pages WHERE manifest = ?2

-- name: add_chunk_ref
INSERT OR IGNORE INTO chunk_refs (chunk, manifest) VALUES (?2, ?3)

-- name: chunk_ref
SELECT 1 FROM chunk_refs WHERE chunk = ?2 AND manifest = ?3

-- name: is_referenced
SELECT 1 FROM chunk_refs WHERE chunk = ?2 LIMIT 1

-- name: drop_chunk_ref
DELETE FROM chunk_refs WHERE chunk = ?2 AND manifest = ?3

-- name: manifests_of_chunk
SELECT manifest FROM chunk_refs WHERE chunk = ?2 ORDER BY manifest DESC LIMIT 256

-- name: namespaces_showing
SELECT DISTINCT c.namespace FROM contents AS h JOIN contexts AS c ON c.id = h.context
WHERE h.manifest = ?2 AND c.namespace IS NOT NULL

-- name: add_content
INSERT INTO contents (context, version, manifest) VALUES (?2, ?3, ?4)

-- name: contents_below
SELECT version, manifest FROM contents WHERE context = ?2 AND version < ?3

-- name: content_version_at
SELECT max(version) FROM contents WHERE context = ?2 AND version <= ?3

-- name: drop_content
DELETE FROM contents WHERE context = ?2 AND version = ?3

-- name: manifest_shown
SELECT 1 FROM contents WHERE manifest = ?2 LIMIT 1

-- name: manifest_scope
SELECT scope FROM manifests WHERE id = ?2

-- name: contexts_with
SELECT DISTINCT context FROM contents WHERE manifest = ?2

-- name: newest_content
SELECT manifest FROM contents WHERE context = ?2 ORDER BY version DESC LIMIT 1

-- name: forget_content
UPDATE contents SET manifest = NULL WHERE context = ?2 AND manifest = ?3

-- name: next_manifest
SELECT id, scope FROM manifests WHERE tenant = ?1 AND id > ?2 ORDER BY id LIMIT 1

-- name: set_manifest_page
UPDATE manifest_pages SET body = ?4 WHERE manifest = ?2 AND start = ?3

-- name: next_chunks
SELECT c.id, b.codec, b.body FROM chunks AS c JOIN chunk_bodies AS b ON b.id = c.id
WHERE c.tenant = ?1 AND c.id > ?2 ORDER BY c.id LIMIT ?3

-- name: set_chunk_body
UPDATE chunk_bodies SET codec = ?3, body = ?4 WHERE id = ?2
