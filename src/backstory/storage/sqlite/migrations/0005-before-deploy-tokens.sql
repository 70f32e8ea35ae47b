-- before-deploy: entries are counted once, when they are written. The release before neither
-- reads nor writes the column; what it writes has no count, as all older rows have none.

ALTER TABLE entries ADD COLUMN tokens INTEGER;
