-- Every statement about content: chunks, manifests, uploads, and what contexts show of them.

-- name: find_chunk
SELECT id, size FROM chunks WHERE tenant = $1 AND hash = $2

-- name: add_chunk
INSERT INTO chunks (tenant, id, hash, size)
SELECT * FROM unnest($1::int[], $2::int[], $3::bytea[], $4::int[])

-- name: add_chunk_body
INSERT INTO chunk_bodies (tenant, id, codec, body)
SELECT * FROM unnest($1::int[], $2::int[], $3::int[], $4::bytea[])

-- name: chunk_body
SELECT c.id, b.codec, b.body
FROM chunks AS c LEFT JOIN chunk_bodies AS b ON b.tenant = $1 AND b.id = c.id
WHERE c.tenant = $1 AND c.hash = $2

-- name: chunk_bytes
SELECT octet_length(body) - 2 * (codec & 16) FROM chunk_bodies WHERE tenant = $1 AND id = $2

-- name: drop_chunk
DELETE FROM chunks WHERE tenant = $1 AND id = $2

-- name: drop_chunk_body
DELETE FROM chunk_bodies WHERE tenant = $1 AND id = $2

-- name: add_upload
INSERT INTO uploads (tenant, holder, chunk, context, at)
SELECT * FROM unnest($1::int[], $2::bytea[], $3::int[], $4::int[], $5::bigint[])
ON CONFLICT (tenant, holder, chunk, context) DO UPDATE SET at = excluded.at

-- name: uploaded
SELECT 1 FROM uploads WHERE tenant = $1 AND holder = $2 AND chunk = $3 LIMIT 1

-- name: is_uploaded
SELECT 1 FROM uploads WHERE tenant = $1 AND chunk = $2 LIMIT 1

-- name: uploads_of
SELECT DISTINCT chunk FROM uploads WHERE tenant = $1 AND holder = $2 LIMIT $3

-- name: uploads_before
SELECT tenant, holder, chunk, context FROM uploads WHERE tenant = $1 AND at <= $2
ORDER BY at LIMIT $3

-- name: upload_tenants_before
SELECT DISTINCT t.name FROM (
    SELECT tenant FROM uploads WHERE at <= $1 ORDER BY at LIMIT $2
) AS old JOIN tenants AS t ON t.id = old.tenant

-- name: drop_upload
DELETE FROM uploads WHERE tenant = $1 AND holder = $2 AND chunk = $3 AND context = $4

-- name: drop_uploads_of
DELETE FROM uploads WHERE tenant = $1 AND holder = $2 AND chunk = $3

-- name: is_uploaded_to
SELECT 1 FROM uploads WHERE tenant = $1 AND context = $2 LIMIT 1

-- name: give_up_uploads_to
WITH given AS (
    DELETE FROM uploads WHERE tenant = $1 AND context = $2 AND holder <> $3 RETURNING chunk, at
)
INSERT INTO uploads (tenant, holder, chunk, context, at)
SELECT $1, $3, chunk, $2, max(at) FROM given GROUP BY chunk ON CONFLICT DO NOTHING

-- name: unfinished
SELECT coalesce(sum(c.size + $2::int), 0)::bigint FROM chunks AS c
WHERE c.tenant = $1 AND c.id IN (SELECT chunk FROM uploads WHERE tenant = $1)
    AND NOT EXISTS (SELECT 1 FROM chunk_refs AS r WHERE r.tenant = $1 AND r.chunk = c.id)

-- name: find_manifest
SELECT id, scope FROM manifests WHERE tenant = $1 AND root IN ($2, $3) ORDER BY id

-- name: add_manifest
INSERT INTO manifests (tenant, id, root, scope)
SELECT * FROM unnest($1::int[], $2::int[], $3::bytea[], $4::bigint[])

-- name: add_manifest_page
INSERT INTO manifest_pages (tenant, manifest, start, body)
SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::bytea[])

-- name: manifest_pages
SELECT start, body FROM manifest_pages WHERE tenant = $1 AND manifest = $2 ORDER BY start

-- name: manifest_page_number
SELECT p.start, p.body, m.scope
FROM manifest_pages AS p JOIN manifests AS m ON m.tenant = $1 AND m.id = p.manifest
WHERE p.tenant = $1 AND p.manifest = $2 ORDER BY p.start LIMIT 1 OFFSET $3

-- name: manifest_chunks
SELECT sum(length(body)) FROM manifest_pages WHERE tenant = $1 AND manifest = $2

-- name: manifest_page_at
SELECT start, body FROM manifest_pages WHERE tenant = $1 AND manifest = $2 AND start <= $3
ORDER BY start DESC LIMIT 1

-- name: hide_manifest
UPDATE manifests SET root = $3 WHERE tenant = $1 AND id = $2

-- name: drop_manifest
DELETE FROM manifests WHERE tenant = $1 AND id = $2

-- name: drop_manifest_pages
DELETE FROM manifest_pages WHERE tenant = $1 AND manifest = $2

-- name: add_chunk_ref
INSERT INTO chunk_refs (tenant, chunk, manifest)
SELECT * FROM unnest($1::int[], $2::int[], $3::int[]) ON CONFLICT DO NOTHING

-- name: chunk_ref
SELECT 1 FROM chunk_refs WHERE tenant = $1 AND chunk = $2 AND manifest = $3

-- name: is_referenced
SELECT 1 FROM chunk_refs WHERE tenant = $1 AND chunk = $2 LIMIT 1

-- name: drop_chunk_ref
DELETE FROM chunk_refs WHERE tenant = $1 AND chunk = $2 AND manifest = $3

-- name: manifests_of_chunk
SELECT manifest FROM chunk_refs WHERE tenant = $1 AND chunk = $2 ORDER BY manifest DESC LIMIT 256

-- name: namespaces_showing
SELECT DISTINCT c.namespace FROM contents AS h JOIN contexts AS c ON c.tenant = $1 AND c.id = h.context
WHERE h.tenant = $1 AND h.manifest = $2 AND c.namespace IS NOT NULL

-- name: add_content
INSERT INTO contents (tenant, context, version, manifest)
SELECT * FROM unnest($1::int[], $2::int[], $3::bigint[], $4::int[])

-- name: contents_below
SELECT version, manifest FROM contents WHERE tenant = $1 AND context = $2 AND version < $3

-- name: content_version_at
SELECT max(version) FROM contents WHERE tenant = $1 AND context = $2 AND version <= $3

-- name: drop_content
DELETE FROM contents WHERE tenant = $1 AND context = $2 AND version = $3

-- name: manifest_shown
SELECT 1 FROM contents WHERE tenant = $1 AND manifest = $2 LIMIT 1

-- name: manifest_scope
SELECT scope FROM manifests WHERE tenant = $1 AND id = $2

-- name: contexts_with
SELECT DISTINCT context FROM contents WHERE tenant = $1 AND manifest = $2

-- name: newest_content
SELECT manifest FROM contents WHERE tenant = $1 AND context = $2 ORDER BY version DESC LIMIT 1

-- name: forget_content
UPDATE contents SET manifest = NULL WHERE tenant = $1 AND context = $2 AND manifest = $3

-- name: next_manifest
SELECT id, scope FROM manifests WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT 1

-- name: set_manifest_page
UPDATE manifest_pages SET body = $4 WHERE tenant = $1 AND manifest = $2 AND start = $3

-- name: next_chunks
SELECT c.id, b.codec, b.body
FROM chunks AS c JOIN chunk_bodies AS b ON b.tenant = $1 AND b.id = c.id
WHERE c.tenant = $1 AND c.id > $2 ORDER BY c.id LIMIT $3

-- name: set_chunk_body
UPDATE chunk_bodies SET codec = $3, body = $4 WHERE tenant = $1 AND id = $2
