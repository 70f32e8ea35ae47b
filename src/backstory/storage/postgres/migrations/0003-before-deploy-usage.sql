-- before-deploy: what each tenant keeps is counted when it is written, for quotas. The release before
-- does not count what it writes: where both run for a while, `backstory quota recount` counts anew.

ALTER TABLE counters ADD COLUMN contexts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
UPDATE counters AS k SET contexts = (
        SELECT count(*) FROM contexts
        WHERE tenant = k.tenant AND NOT deleted AND substr(namespace, 1, 1) <> '_'),
    bytes = (SELECT coalesce(sum(octet_length(body)), 0)::bigint FROM states WHERE tenant = k.tenant)
    + (SELECT coalesce(sum(octet_length(body)), 0)::bigint FROM documents WHERE tenant = k.tenant)
    + (SELECT coalesce(sum(coalesce(octet_length(content), 0)
                           + coalesce(octet_length(metadata), 0)), 0)::bigint
       FROM entries WHERE tenant = k.tenant)
    + (SELECT coalesce(sum(octet_length(body)), 0)::bigint FROM chunk_bodies WHERE tenant = k.tenant);
