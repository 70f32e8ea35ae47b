-- How often authors lost their names, so that copies of before are not taken for true.
ALTER TABLE tenants ADD COLUMN names BIGINT NOT NULL DEFAULT 0;
