-- What a scrub asks: rows behind a place, with what they are to be compared with. A tenant's
-- rows lie among those of others here, so that its number is no part of the place.

-- name: scrub_contexts
SELECT c.tenant, c.id, c.uid, c.namespace IS NULL, c.deleted, c.version, c.commit_id,
       c.entry_count, c.last_seq, c.history_from, c.open_first, c.closed,
       (SELECT count(*) FROM changes WHERE context = c.id),
       (SELECT min(version) FROM changes WHERE context = c.id),
       (SELECT max(version) FROM changes WHERE context = c.id),
       newest.last_seq, newest.commit_id,
       c.content IS NOT NULL AND NOT EXISTS (
           SELECT 1 FROM contents AS h JOIN manifests AS m ON m.id = h.manifest
           WHERE h.context = c.id AND h.version = c.content_version)
FROM contexts AS c LEFT JOIN changes AS newest
    ON newest.context = c.id AND newest.version = c.version
WHERE c.id > ?2 ORDER BY c.id LIMIT ?3

-- name: scrub_entries
SELECT count(*) FROM entries WHERE id BETWEEN ?2 AND ?3

-- name: scrub_tenant
SELECT t.id, c.position FROM tenants AS t LEFT JOIN counters AS c
    ON c.tenant = t.id AND c.stream = 0
WHERE t.id > ?1 ORDER BY t.id LIMIT 1

-- name: scrub_changes
SELECT count(*), count(c.id) FROM changes AS g LEFT JOIN contexts AS c ON c.id = g.context
WHERE g.id > (?1 << 42 | ?2) AND g.id <= (?1 << 42 | ?3)

-- name: scrub_beyond
SELECT count(*) FROM changes WHERE id > (?1 << 42 | ?2) AND id < ((?1 + 1) << 42)

-- name: scrub_forgotten
SELECT coalesce(sum(coalesce(
    (SELECT min(version) FROM changes WHERE context = c.id) - 1, c.version)), 0)
FROM contexts AS c WHERE c.tenant = ?1

-- name: scrub_chunks
SELECT c.tenant, c.id, c.hash, c.size, b.codec, b.body
FROM chunks AS c LEFT JOIN chunk_bodies AS b ON b.id = c.id
WHERE c.id > ?2 ORDER BY c.id LIMIT ?3

-- name: scrub_manifests
SELECT tenant, id, root, scope FROM manifests WHERE id > ?2 ORDER BY id LIMIT ?3
