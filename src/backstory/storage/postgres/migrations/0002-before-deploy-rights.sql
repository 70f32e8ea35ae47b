-- before-deploy: which tenants' roles or bindings were changed lately, for nodes that remember them.
-- The release before neither reads nor writes the table; nodes read roles anew now and then, too.

CREATE TABLE rights (
    tenant    INTEGER PRIMARY KEY,
    commit_id BYTEA NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX rights_by_time ON rights (at);
