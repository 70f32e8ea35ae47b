-- before-deploy: how far the index of words has followed the changes. The release before indexed
-- each entry when it was written; its servers must not write any more.

ALTER TABLE counters ADD COLUMN indexed INTEGER NOT NULL DEFAULT 0;
UPDATE counters SET indexed = position;
