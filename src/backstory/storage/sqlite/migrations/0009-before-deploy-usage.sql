-- before-deploy: what each tenant keeps is counted when it is written, for quotas. The release before
-- does not count what it writes: where both run for a while, `backstory quota recount` counts anew.

ALTER TABLE counters ADD COLUMN contexts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE counters ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE counters SET contexts = (
        SELECT count(*) FROM contexts AS c
        WHERE c.tenant = counters.tenant AND NOT c.deleted AND substr(c.namespace, 1, 1) <> '_'),
    bytes = (SELECT coalesce(sum(length(s.body) - 33 * (substr(s.body, 1, 1) BETWEEN x'10' AND x'1f')), 0) FROM states AS s
             JOIN contexts AS c ON c.id = s.context WHERE c.tenant = counters.tenant)
    + (SELECT coalesce(sum(length(d.body) - 32 * (d.codec & 16 <> 0)), 0) FROM documents AS d
       JOIN contexts AS c ON c.id = d.context WHERE c.tenant = counters.tenant)
    + (SELECT coalesce(sum(coalesce(length(e.content) - 33 * (substr(e.content, 1, 1) BETWEEN x'10' AND x'1f'), 0)
                           + coalesce(length(e.metadata) - 33 * (substr(e.metadata, 1, 1) BETWEEN x'10' AND x'1f'), 0)), 0)
       FROM contexts AS c JOIN entries AS e ON e.id BETWEEN c.id << 32 AND (c.id << 32 | 4294967295)
       WHERE c.tenant = counters.tenant)
    + (SELECT coalesce(sum(length(b.body) - 32 * (b.codec & 16 <> 0)), 0) FROM chunk_bodies AS b
       JOIN chunks AS c ON c.id = b.id WHERE c.tenant = counters.tenant);
