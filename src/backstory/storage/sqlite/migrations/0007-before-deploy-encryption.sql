-- Whether anything may be encrypted, how often keys were retired, which erasure was done last.
ALTER TABLE meta ADD COLUMN keyed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN keys INTEGER NOT NULL DEFAULT 0;
ALTER TABLE meta ADD COLUMN erasure INTEGER NOT NULL DEFAULT 0;

-- The same content lies once for each key that encrypts it.
ALTER TABLE manifests ADD COLUMN scope INTEGER NOT NULL DEFAULT 0;
DROP INDEX manifests_by_root;
CREATE UNIQUE INDEX manifests_by_root ON manifests (tenant, root, scope);
