-- before-deploy: what is about all tenants says so, and so do single statements. The release before
-- says nothing in those, and works as before.

DO $$
DECLARE one TEXT;
BEGIN
    FOREACH one IN ARRAY ARRAY[
        'authors', 'voices', 'contexts', 'states', 'labels', 'entries', 'summaries', 'changes',
        'documents', 'chains', 'chain_refs', 'idempotency', 'notes', 'state_words', 'erasures',
        'contents', 'manifests', 'manifest_pages', 'chunks', 'chunk_bodies', 'chunk_refs', 'uploads',
        'audit_tips', 'audit_blocks', 'audit_acts', 'audit_names']
    LOOP
        EXECUTE format(
            'ALTER POLICY apart ON %I USING (tenant = coalesce((SELECT nullif(nullif('
            'current_setting(''backstory.tenant'', TRUE), ''''), ''*'')::int), tenant))', one);
    END LOOP;
END $$;

-- One statement tells how contexts of several tenants stand, and says which.
CREATE POLICY among ON contexts FOR SELECT USING (tenant = ANY (
    (SELECT string_to_array(current_setting('backstory.tenants', TRUE), ',')::int[])::int[]));
