-- before-deploy: row-level security. The release before says nothing, and works as before.

-- A second wall between tenants: whoever says whose rows a transaction is about (`backstory.tenant`,
-- set for the transaction alone) sees and writes no others, whatever the statement says. What is about all
-- tenants says nothing. Owners are not excepted, superusers are. Not for the index of words, whose
-- operator PostgreSQL would not ask the index with; its lexemes begin with their tenant.
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
            'CREATE POLICY apart ON %I USING (tenant = coalesce('
            '(SELECT nullif(current_setting(''backstory.tenant'', TRUE), '''')::int), tenant))', one);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', one);
    END LOOP;
END $$;
