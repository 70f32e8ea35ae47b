-- Whether anything may be encrypted, how often keys were retired, which erasure was done last.
ALTER TABLE backstory
    ADD COLUMN keyed BOOLEAN NOT NULL DEFAULT FALSE,
    ADD COLUMN keys BIGINT NOT NULL DEFAULT 0,
    ADD COLUMN erasure BIGINT NOT NULL DEFAULT 0;

-- The same content lies once for each key that encrypts it.
ALTER TABLE manifests ADD COLUMN scope BIGINT NOT NULL DEFAULT 0;
ALTER TABLE manifests DROP CONSTRAINT manifests_tenant_root_key;
ALTER TABLE manifests ADD CONSTRAINT manifests_tenant_root_scope_key UNIQUE (tenant, root, scope);
