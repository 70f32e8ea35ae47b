-- What a scrub asks: rows behind a place, with what they are to be compared with.

-- name: scrub_contexts
SELECT c.tenant, c.id, c.uid, c.namespace IS NULL, c.deleted, c.version, c.commit_id,
       c.entry_count, c.last_seq, c.history_from, c.open_first, c.closed,
       kept.count, kept.first, kept.last,
       newest.last_seq, newest.commit_id,
       c.content IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM contents AS h
           JOIN manifests AS m ON m.tenant = h.tenant AND m.id = h.manifest
           WHERE h.tenant = c.tenant AND h.context = c.id AND h.version = c.content_version)
FROM (
    SELECT * FROM contexts WHERE (tenant, id) > ($1::int, $2::int) ORDER BY tenant, id LIMIT $3
) AS c
LEFT JOIN changes AS newest
    ON newest.tenant = c.tenant AND newest.context = c.id AND newest.version = c.version
CROSS JOIN LATERAL (
    SELECT count(*) AS count, min(version) AS first, max(version) AS last
    FROM changes WHERE tenant = c.tenant AND context = c.id
) AS kept
ORDER BY c.tenant, c.id

-- name: scrub_entries
SELECT count(*) FROM entries WHERE tenant = $1 AND id BETWEEN $2 AND $3

-- name: scrub_tenant
SELECT t.id, c.position FROM tenants AS t LEFT JOIN counters AS c
    ON c.tenant = t.id AND c.stream = 0
WHERE t.id > $1 ORDER BY t.id LIMIT 1

-- name: scrub_changes
SELECT count(*), count(c.id) FROM changes AS g LEFT JOIN contexts AS c
    ON c.tenant = g.tenant AND c.id = g.context
WHERE g.tenant = $1 AND g.position > $2 AND g.position <= $3

-- name: scrub_beyond
SELECT count(*) FROM changes WHERE tenant = $1 AND position > $2

-- name: scrub_forgotten
SELECT coalesce(sum(coalesce(
    (SELECT min(version) FROM changes WHERE tenant = c.tenant AND context = c.id) - 1, c.version
)), 0)::bigint
FROM contexts AS c WHERE c.tenant = $1

-- name: scrub_chunks
SELECT c.tenant, c.id, c.hash, c.size, b.codec, b.body
FROM chunks AS c LEFT JOIN chunk_bodies AS b ON b.tenant = c.tenant AND b.id = c.id
WHERE (c.tenant, c.id) > ($1::int, $2::int) ORDER BY c.tenant, c.id LIMIT $3

-- name: scrub_manifests
SELECT tenant, id, root, scope FROM manifests
WHERE (tenant, id) > ($1::int, $2::int) ORDER BY tenant, id LIMIT $3
