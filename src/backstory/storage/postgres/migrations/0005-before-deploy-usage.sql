-- before-deploy: what each tenant keeps is counted when it is written, for quotas. The release before
-- does not count what it writes: where both run for a while, `backstory quota recount` counts anew.

ALTER TABLE counters ADD COLUMN contexts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
UPDATE counters AS k SET contexts = (
        SELECT count(*) FROM contexts
        WHERE tenant = k.tenant AND NOT deleted AND substr(namespace, 1, 1) <> '_'),
    bytes = (SELECT coalesce(sum(octet_length(body) - CASE WHEN substr(body, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END), 0)::bigint
       FROM states WHERE tenant = k.tenant)
    + (SELECT coalesce(sum(octet_length(body) - 2 * (codec & 16)), 0)::bigint FROM documents WHERE tenant = k.tenant)
    + (SELECT coalesce(sum(coalesce(octet_length(content) - CASE WHEN substr(content, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END, 0)
                           + coalesce(octet_length(metadata) - CASE WHEN substr(metadata, 1, 1) BETWEEN '\x10' AND '\x1f' THEN 33 ELSE 0 END, 0)), 0)::bigint
       FROM entries WHERE tenant = k.tenant)
    + (SELECT coalesce(sum(octet_length(body) - 2 * (codec & 16)), 0)::bigint FROM chunk_bodies WHERE tenant = k.tenant);
