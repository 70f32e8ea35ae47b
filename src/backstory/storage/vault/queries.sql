-- Every statement about keys and erasures, for SQLite and PostgreSQL alike.

-- name: roots
SELECT number, master, wrapped FROM {prefix}roots ORDER BY number

-- name: add_first_root
INSERT INTO {prefix}roots (number, master, wrapped) VALUES (1, $1, $2) ON CONFLICT DO NOTHING

-- name: add_root
INSERT INTO {prefix}roots (number, master, wrapped)
SELECT max(number) + 1, $1, $2 FROM {prefix}roots

-- name: rewrap_root
UPDATE {prefix}roots SET master = $2, wrapped = $3 WHERE number = $1

-- name: key
SELECT number, tenant, subject, scope, root, wrapped, retired FROM {prefix}data_keys
WHERE number = $1

-- name: current
SELECT number, tenant, subject, scope, root, wrapped, retired FROM {prefix}data_keys
WHERE tenant = $1 AND subject = $2 AND retired = 0

-- name: add_key
INSERT INTO {prefix}data_keys (tenant, subject, root, wrapped, scope)
VALUES ($1, $2, $3, $4, coalesce(
    (SELECT min(CASE WHEN k.scope > 0 THEN k.scope ELSE k.number END) FROM {prefix}data_keys AS k
     WHERE k.tenant = $1 AND k.subject = $2 AND k.ended = 0), 0))
ON CONFLICT DO NOTHING

-- name: keys
SELECT number, tenant, subject, scope, root, wrapped, retired FROM {prefix}data_keys
WHERE number > $1 AND wrapped IS NOT NULL ORDER BY number LIMIT $2

-- name: newest_key
SELECT coalesce(max(number), 0) FROM {prefix}data_keys

-- name: rewrap_key
UPDATE {prefix}data_keys SET root = $2, wrapped = $3 WHERE number = $1 AND wrapped IS NOT NULL

-- name: retire
UPDATE {prefix}data_keys SET retired = 1 WHERE tenant = $1 AND subject = $2 AND retired = 0

-- name: end_scope
UPDATE {prefix}data_keys SET ended = 1 WHERE tenant = $1 AND subject = $2 AND retired = 1

-- name: destroy
UPDATE {prefix}data_keys SET wrapped = NULL
WHERE tenant = $1 AND subject = $2 AND ended = 1 AND wrapped IS NOT NULL

-- name: destroyed
SELECT count(*) FROM {prefix}data_keys WHERE tenant = $1 AND subject = $2 AND wrapped IS NULL

-- name: destroy_key
UPDATE {prefix}data_keys SET wrapped = NULL WHERE number = $1 AND retired = 1

-- name: begin_erasure
INSERT INTO {prefix}erasures (tenant, subject, begun_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: erasure_of
SELECT number, tenant, subject, begun_at, ended_at, contexts, entries, forks, keys,
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'bindings'),
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'accounts'),
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'grants')
FROM {prefix}erasures WHERE tenant = $1 AND subject = $2 ORDER BY number DESC LIMIT 1

-- name: erasures
SELECT number, tenant, subject, begun_at, ended_at, contexts, entries, forks, keys,
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'bindings'),
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'accounts'),
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'grants')
FROM {prefix}erasures WHERE number > $1 OR ended_at IS NULL ORDER BY number LIMIT $2

-- name: erasure
SELECT number, tenant, subject, begun_at, ended_at, contexts, entries, forks, keys,
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'bindings'),
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'accounts'),
    (SELECT coalesce(sum(times), 0) FROM {prefix}erased WHERE erasure = number AND what = 'grants')
FROM {prefix}erasures WHERE number = $1

-- name: fence
SELECT fence FROM {prefix}erasures WHERE number = $1

-- name: set_fence
UPDATE {prefix}erasures SET fence = $2 WHERE number = $1

-- name: count_erased
UPDATE {prefix}erasures SET contexts = contexts + $2, entries = entries + $3, forks = forks + $4
WHERE number = $1

-- name: count_more
INSERT INTO {prefix}erased AS e (erasure, what, times) VALUES ($1, $2, $3)
ON CONFLICT (erasure, what) DO UPDATE SET times = e.times + excluded.times

-- name: end_erasure
UPDATE {prefix}erasures SET ended_at = $2, keys = $3 WHERE number = $1 AND ended_at IS NULL

-- name: keep
INSERT INTO {prefix}kept AS k (name, until) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET until = excluded.until WHERE excluded.until > k.until

-- name: kept
SELECT name, until FROM {prefix}kept WHERE until > $1 ORDER BY name

-- name: drop_kept
DELETE FROM {prefix}kept WHERE until <= $1
