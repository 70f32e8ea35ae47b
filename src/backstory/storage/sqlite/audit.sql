-- The audit trail: ports/audits.py.

-- name: audit_tip
SELECT block, events, position, hash, kept, checkpoint FROM audit_tips WHERE tenant = ?1

-- name: begin_audit
INSERT INTO audit_tips (tenant, block, events, position, hash, kept)
VALUES (?1, 0, 0, 0, zeroblob(32), 0) ON CONFLICT DO NOTHING

-- name: move_audit
UPDATE audit_tips SET block = ?2, events = ?3, position = ?4, hash = ?5
WHERE tenant = ?1 AND block = ?6 AND hash = ?7 RETURNING block

-- name: add_audit_block
INSERT INTO audit_blocks (tenant, number, last, at, head, signature, body)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)

-- name: audit_written
SELECT h.id & 0x3ffffffffff, h.context, c.namespace, c.name, c.name_hash, h.version, h.what, h.seqs,
       h.last_seq, h.author, h.at, h.commit_id
FROM changes AS h JOIN contexts AS c ON c.id = h.context
WHERE h.id > (?1 << 42 | ?2) AND h.id < (?1 + 1 << 42) ORDER BY h.id LIMIT ?3

-- name: audit_acts
SELECT id, event FROM audit_acts WHERE tenant = ?1 ORDER BY at LIMIT ?2

-- name: keep_act
INSERT INTO audit_acts (tenant, id, at, event) VALUES (?1, ?2, ?3, ?4)

-- name: drop_act
DELETE FROM audit_acts WHERE tenant = ?1 AND id = ?2

-- name: keep_audit_name
INSERT INTO audit_names (tenant, hash, kind, namespace, name, day)
SELECT ?1, ?2, ?3, ?4, ?5, ?6
WHERE NOT EXISTS (SELECT 1 FROM contexts WHERE tenant = ?1 AND name_hash = ?2)
ON CONFLICT DO UPDATE SET day = excluded.day

-- name: audit_erased
SELECT day FROM audit_names WHERE tenant = ?1 AND hash = ?2 AND kind = 'erased'

-- name: drop_audit_name
DELETE FROM audit_names WHERE tenant = ?1 AND hash = ?2

-- name: drop_audit_names
DELETE FROM audit_names
WHERE tenant = ?1 AND (namespace = ?2 OR (namespace >= ?2 || '.' AND namespace < ?2 || '/'))

-- name: drop_old_audit_names
DELETE FROM audit_names WHERE tenant = ?1 AND day < ?2

-- name: audit_blocks_up
SELECT number, last, at, head, signature, body FROM audit_blocks
WHERE tenant = ?1 AND last >= ?2 ORDER BY last LIMIT ?3

-- name: audit_blocks_down
SELECT number, last, at, head, signature, body FROM audit_blocks
WHERE tenant = ?1 AND last < coalesce(
    (SELECT min(b.last) FROM audit_blocks AS b WHERE b.tenant = ?1 AND b.last >= ?2) + 1, ?2 + 1)
ORDER BY last DESC LIMIT ?3

-- name: set_audit_checkpoint
UPDATE audit_tips SET kept = ?2, checkpoint = ?3 WHERE tenant = ?1 AND kept = ?4 RETURNING kept

-- name: drop_audit_blocks
DELETE FROM audit_blocks WHERE tenant = ?1 AND number <= ?2

-- name: audit_name
SELECT name FROM audit_names WHERE tenant = ?1 AND hash = ?2

-- name: audit_context
SELECT namespace, name FROM contexts WHERE tenant = ?1 AND id = ?2

-- name: audit_history
SELECT history_from FROM contexts WHERE tenant = ?1 AND id = ?2

-- name: audit_author
SELECT subject FROM authors WHERE id = ?2 ORDER BY tenant = ?1 DESC LIMIT 1

-- name: newest_change_below
SELECT max(id) & 0x3ffffffffff FROM changes WHERE context = ?2 AND version < ?3 AND ?1 IS NOT NULL

-- name: unsealed
SELECT t.name FROM tenants AS t JOIN counters AS c ON c.tenant = t.id AND c.stream = 0
LEFT JOIN audit_tips AS a ON a.tenant = t.id
WHERE c.position > coalesce(a.position, 0)
UNION SELECT t.name FROM tenants AS t WHERE t.id IN (SELECT tenant FROM audit_acts)
LIMIT ?1

-- name: audited
SELECT t.name FROM tenants AS t JOIN audit_tips AS a ON a.tenant = t.id
WHERE t.name > ?1 OR (?1 = '' AND t.name = '') ORDER BY t.name LIMIT ?2
