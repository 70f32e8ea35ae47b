-- What is asked and done before the store is open.

-- name: server
SELECT pg_is_in_recovery() AS standby, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('server_encoding') AS encoding

-- name: timeless
SELECT current_setting('statement_timeout') = '0'

-- name: lock
SELECT pg_advisory_xact_lock(4846798, hashtext(current_schema()))

-- name: hurry
SELECT set_config('lock_timeout', $1, TRUE)

-- name: everybody
SET LOCAL backstory.tenant = '*'

-- name: notice_leaving
SELECT set_config(name, '1s', TRUE) FROM pg_settings WHERE name = 'client_connection_check_interval'

-- name: lock_writers
LOCK TABLE counters IN EXCLUSIVE MODE

-- name: is_ours
SELECT to_regclass('backstory') IS NOT NULL

-- name: count_tables
SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()

-- name: begin_life
INSERT INTO backstory (id, schema_version, epoch, first_epoch, secret, created_at, search)
VALUES (1, $1, $2, TRUE, $3, $4, $5)

-- name: epoch
SELECT epoch FROM backstory WHERE id = 1

-- name: begin_epoch
UPDATE backstory SET epoch = $1, first_epoch = FALSE WHERE id = 1

-- name: end_others
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
      AND backend_type = 'client backend'

-- name: version
SELECT schema_version FROM backstory WHERE id = 1

-- name: standing
SELECT schema_version, (to_jsonb(b) ->> 'applied')::int AS applied FROM backstory AS b WHERE id = 1

-- name: set_version
UPDATE backstory SET schema_version = $1 WHERE id = 1

-- name: set_applied
UPDATE backstory SET applied = $1 WHERE id = 1

-- name: look
SELECT pg_database_size(current_database()) AS bytes,
       current_setting('server_version') AS release, current_setting('fsync') AS fsync,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('max_connections')::int AS max_connections,
       (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend') AS connections,
       current_setting('synchronous_standby_names') AS standbys
