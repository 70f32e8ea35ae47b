-- before-deploy: which step was the last, beside the number that a release compares with those it
-- knows. The release before reads that number only, which this step leaves as it is.

ALTER TABLE backstory ADD COLUMN applied INTEGER NOT NULL DEFAULT 0;
