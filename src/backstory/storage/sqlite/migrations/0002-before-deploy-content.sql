-- before-deploy: content in chunks. The release before neither reads nor writes any of it.

ALTER TABLE contexts ADD COLUMN content BLOB;

-- What a context's content is from a version on; manifest NULL: none.
CREATE TABLE contents (
    id       INTEGER PRIMARY KEY,
    context  INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    manifest INTEGER
);
CREATE UNIQUE INDEX contents_by_version ON contents (context, version);
CREATE INDEX contents_by_manifest ON contents (manifest) WHERE manifest IS NOT NULL;

-- The chunks of content in order, in pages, so that a read from the middle takes one page.
CREATE TABLE manifests (
    id     INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    root   BLOB NOT NULL
);
CREATE UNIQUE INDEX manifests_by_root ON manifests (tenant, root);

-- `start` is the offset of the page's first byte; `body` as domain.content.Manifest packs it.
CREATE TABLE manifest_pages (
    id       INTEGER PRIMARY KEY,
    manifest INTEGER NOT NULL,
    start    INTEGER NOT NULL,
    body     BLOB NOT NULL
);
CREATE UNIQUE INDEX manifest_pages_by_start ON manifest_pages (manifest, start);

-- Each chunk once for a tenant; `hash` is keyed. Bodies lie apart, so that looking for a chunk
-- never walks over one.
CREATE TABLE chunks (
    id     INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    hash   BLOB NOT NULL,
    size   INTEGER NOT NULL
);
CREATE UNIQUE INDEX chunks_by_hash ON chunks (tenant, hash);

CREATE TABLE chunk_bodies (
    id    INTEGER PRIMARY KEY,
    codec INTEGER NOT NULL,
    body  BLOB NOT NULL
);

-- Which manifests name a chunk. A chunk stays as long as it is here or in uploads.
CREATE TABLE chunk_refs (
    chunk    INTEGER NOT NULL,
    manifest INTEGER NOT NULL,
    PRIMARY KEY (chunk, manifest)
) WITHOUT ROWID;

-- Who sent a chunk (a keyed hash) for which context, until content names it or a day is over.
CREATE TABLE uploads (
    holder  BLOB NOT NULL,
    chunk   INTEGER NOT NULL,
    context INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (holder, chunk, context)
) WITHOUT ROWID;
CREATE INDEX uploads_by_chunk ON uploads (chunk);
CREATE INDEX uploads_by_context ON uploads (context);
CREATE INDEX uploads_by_time ON uploads (at);
