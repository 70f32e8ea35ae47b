-- after-deploy: who does not say whose rows a transaction is about is refused. The release before
-- says nothing where it reads a row by its key.

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
            'ALTER POLICY apart ON %I USING (tenant = coalesce('
            '(SELECT nullif(current_setting(''backstory.tenant''), ''*'')::int), tenant))', one);
    END LOOP;
END $$;

-- The index of words is read without the wall, since PostgreSQL would not ask it with the operator
-- that it is made for; its lexemes begin with their tenant, and who finds an entry reads that one, too.
CREATE POLICY apart ON entry_words FOR SELECT USING (TRUE);
CREATE POLICY apart_added ON entry_words FOR INSERT WITH CHECK (tenant = coalesce(
    (SELECT nullif(current_setting('backstory.tenant'), '*')::int), tenant));
CREATE POLICY apart_changed ON entry_words FOR UPDATE USING (tenant = coalesce(
    (SELECT nullif(current_setting('backstory.tenant'), '*')::int), tenant));
CREATE POLICY apart_dropped ON entry_words FOR DELETE USING (tenant = coalesce(
    (SELECT nullif(current_setting('backstory.tenant'), '*')::int), tenant));
ALTER TABLE entry_words ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
