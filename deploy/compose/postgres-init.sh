#!/bin/bash
# Once, when the database is made: a role that owns it and is no superuser, so that PostgreSQL keeps
# tenants apart for it as well.
set -euo pipefail
psql --set ON_ERROR_STOP=1 --set password="$(cat /run/secrets/backstory-password)" \
    --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
CREATE ROLE backstory LOGIN PASSWORD :'password';
CREATE DATABASE backstory OWNER backstory ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE backstory FROM PUBLIC;
SQL
