-- The whole schema, as a new file gets it. The sum of the migrations is the same (tested).
--
-- Names that repeat in every row (tenants, authors, voices) are interned: a row holds a small
-- integer. A context's id is also the id of its log. Tables have plain rowids, which SQLite
-- appends to fastest; only small link tables go without.

-- `keyed` once anything may be encrypted, `keys` counts how often keys were retired, `erasure` is
-- the newest erasure of a subject that this file has been through. `applied` is the last migration;
-- `PRAGMA user_version` is the last of those that a release has to know to use the file.
CREATE TABLE meta (
    id          INTEGER PRIMARY KEY CHECK (id = 1),
    epoch       TEXT NOT NULL,
    first_epoch INTEGER NOT NULL,
    secret      BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    search      INTEGER NOT NULL,
    scrubs      INTEGER NOT NULL DEFAULT 0,
    keyed       INTEGER NOT NULL DEFAULT 0,
    keys        INTEGER NOT NULL DEFAULT 0,
    erasure     INTEGER NOT NULL DEFAULT 0,
    applied     INTEGER NOT NULL DEFAULT 0
);

-- `names` counts how often authors lost their names, so that copies of before are not taken for true.
CREATE TABLE tenants (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE,
    names INTEGER NOT NULL DEFAULT 0
);

-- Positions are handed out from here; `stream` leaves room to split a busy tenant. `indexed` is
-- how far the index of words has followed the changes.
-- `contexts` (outside of reserved namespaces) and `bytes` are what the tenant keeps.
CREATE TABLE counters (
    tenant   INTEGER NOT NULL,
    stream   INTEGER NOT NULL DEFAULT 0,
    position INTEGER NOT NULL,
    indexed  INTEGER NOT NULL DEFAULT 0,
    contexts INTEGER NOT NULL DEFAULT 0,
    bytes    INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, stream)
);

-- Rows stay for good, so that a number never means somebody else: who was erased has a stand-in.
-- A number is one tenant's, except in files that several tenants had before step 12.
CREATE TABLE authors (
    id      INTEGER NOT NULL,
    tenant  INTEGER NOT NULL,
    trust   INTEGER NOT NULL,
    subject TEXT NOT NULL,
    PRIMARY KEY (id, tenant)
) WITHOUT ROWID;
CREATE INDEX authors_by_name ON authors (tenant, subject, trust);

-- Who speaks in an entry, and as what.
CREATE TABLE voices (
    id     INTEGER PRIMARY KEY,
    author INTEGER NOT NULL,
    role   TEXT NOT NULL,
    type   TEXT NOT NULL,
    UNIQUE (author, role, type)
);

-- A purged context keeps its row without namespace, name, kind and labels: id, hash of the
-- name, version and last_seq. `document_version` is the version the present document was made
-- at, `deltas` how many kept documents lean on it one after the other, `open_first` where the
-- own log's open end begins in the present chain, `closed` whether pieces lie before it,
-- `content` names the present content.
CREATE TABLE contexts (
    id               INTEGER PRIMARY KEY,
    tenant           INTEGER NOT NULL,
    uid              BLOB NOT NULL,
    namespace        TEXT,
    name             TEXT,
    name_hash        BLOB,
    kind             TEXT,
    schema_version   INTEGER NOT NULL DEFAULT 0,
    labels           TEXT,
    version          INTEGER NOT NULL,
    commit_id        BLOB NOT NULL,
    state_version    INTEGER NOT NULL,
    content_version  INTEGER NOT NULL,
    entry_count      INTEGER NOT NULL,
    last_seq         INTEGER NOT NULL,
    author           INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    expires_at       INTEGER,
    deleted          INTEGER NOT NULL,
    born             INTEGER NOT NULL,
    history_from     INTEGER NOT NULL,
    document_version INTEGER NOT NULL,
    deltas           INTEGER NOT NULL,
    open_first       INTEGER NOT NULL,
    closed           INTEGER NOT NULL,
    content          BLOB
);
CREATE UNIQUE INDEX contexts_by_name ON contexts (tenant, namespace, name)
    WHERE namespace IS NOT NULL;
CREATE INDEX contexts_purged ON contexts (tenant, name_hash) WHERE name_hash IS NOT NULL;
CREATE INDEX contexts_expiring ON contexts (expires_at) WHERE expires_at IS NOT NULL;

-- Apart from the contexts, so that an append never rewrites a large state.
CREATE TABLE states (
    context INTEGER PRIMARY KEY,
    body    BLOB NOT NULL
);

CREATE TABLE labels (
    tenant  INTEGER NOT NULL,
    term    TEXT NOT NULL,
    context INTEGER NOT NULL,
    PRIMARY KEY (tenant, term, context)
) WITHOUT ROWID;
CREATE INDEX labels_by_context ON labels (context);

-- id = log << 32 | seq. Times here and in changes count from 2026. Content NULL is a redacted
-- entry's marker, any other lies as contents.py says. `id_key` = log << 24 | hash of entry_id:
-- a hint, to be checked against entry_id, that keeps a log's ids together. `tokens` are those
-- of the one text that it has (domain/counting.py); NULL where nobody counted.
CREATE TABLE entries (
    id         INTEGER PRIMARY KEY,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    voice      INTEGER NOT NULL,
    content    BLOB,
    metadata   BLOB,
    entry_id   BLOB,
    id_key     INTEGER,
    tokens     INTEGER
);
CREATE INDEX entries_by_id ON entries (id_key) WHERE id_key IS NOT NULL;

-- What summaries cover, as their metadata say; id = that of the entry. Gone with its text.
CREATE TABLE summaries (
    id    INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    last  INTEGER NOT NULL
);

-- id = tenant << 42 | position. what = op | parts << 3; the index's 128 is Part.REDACTED.
CREATE TABLE changes (
    id        INTEGER PRIMARY KEY,
    context   INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    what      INTEGER NOT NULL,
    last_seq  INTEGER NOT NULL,
    author    INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    commit_id BLOB NOT NULL,
    seqs
);
CREATE UNIQUE INDEX changes_by_version ON changes (context, version);
CREATE INDEX changes_redacting ON changes (context, version) WHERE (what & 128) != 0;

-- Past documents, from the version they were made at until the next; codec as in deltas.py.
CREATE TABLE documents (
    id      INTEGER PRIMARY KEY,
    context INTEGER NOT NULL,
    version INTEGER NOT NULL,
    codec   INTEGER NOT NULL,
    body    BLOB NOT NULL
);
CREATE UNIQUE INDEX documents_by_version ON documents (context, version);

-- Chains that are not simply the own log from 1: closed pieces, then the own log from `first`.
CREATE TABLE chains (
    id      INTEGER PRIMARY KEY,
    context INTEGER NOT NULL,
    version INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    pieces  BLOB NOT NULL
);
CREATE UNIQUE INDEX chains_by_version ON chains (context, version);

-- Which contexts' kept chains show pieces of which other logs.
CREATE TABLE chain_refs (
    log     INTEGER NOT NULL,
    context INTEGER NOT NULL,
    PRIMARY KEY (log, context)
) WITHOUT ROWID;
CREATE INDEX chain_refs_by_context ON chain_refs (context);

CREATE TABLE idempotency (
    key        BLOB NOT NULL,
    tenant     INTEGER NOT NULL,
    request    BLOB NOT NULL,
    outcome    BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (key, tenant)
) WITHOUT ROWID;
CREATE INDEX idempotency_expiring ON idempotency (expires_at);

CREATE TABLE notes (
    tenant     TEXT NOT NULL,
    name       TEXT NOT NULL,
    value      BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, name)
) WITHOUT ROWID;
CREATE INDEX notes_expiring ON notes (expires_at);

-- The words of entries (rowid = entries.id). Contentless: the text is kept once. An entry is
-- written once and erased at most once, which FTS5's secure-delete does in place.
CREATE VIRTUAL TABLE entry_words USING fts5 (
    body, scope, content = '', columnsize = 0, tokenize = "unicode61 remove_diacritics 2"
);
INSERT INTO entry_words (entry_words, rank) VALUES ('secure-delete', 1);

-- The words of states, each with how often it occurs. States change all the time: FTS5 would
-- take milliseconds for each, or leave old words in its segments for nobody knows how long.
CREATE TABLE state_words (
    tenant  INTEGER NOT NULL,
    word    TEXT NOT NULL,
    context INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (tenant, word, context)
) WITHOUT ROWID;

-- Entries that nothing shows any more, as spans of seqs: to be erased a few at a time.
-- `merging` as in words.py: whether the index of words has been made ready for that.
CREATE TABLE erasures (
    id      INTEGER PRIMARY KEY,
    tenant  INTEGER NOT NULL,
    log     INTEGER NOT NULL,
    first   INTEGER NOT NULL,
    last    INTEGER NOT NULL,
    merging INTEGER NOT NULL DEFAULT 0
);

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
-- `scope` as in ports/vault.py; 0 where it is not encrypted, else root is a keyed hash.
CREATE TABLE manifests (
    id     INTEGER PRIMARY KEY,
    tenant INTEGER NOT NULL,
    root   BLOB NOT NULL,
    scope  INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX manifests_by_root ON manifests (tenant, root, scope);

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

-- Where each tenant's audit trail ends (domain/audit.py), how far it tells of the change log, and
-- what is signed of the blocks that were dropped.
CREATE TABLE audit_tips (
    tenant     INTEGER PRIMARY KEY,
    block      INTEGER NOT NULL,
    events     INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    kept       INTEGER NOT NULL,
    checkpoint BLOB
);

-- Events that were sealed together, compressed; `last` is the number of the last of them.
CREATE TABLE audit_blocks (
    tenant    INTEGER NOT NULL,
    number    INTEGER NOT NULL,
    last      INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    head      BLOB NOT NULL,
    signature BLOB NOT NULL,
    body      BLOB NOT NULL
);
CREATE UNIQUE INDEX audit_blocks_by_event ON audit_blocks (tenant, last);

-- What was done and is not in the change log, until it is sealed.
CREATE TABLE audit_acts (
    tenant INTEGER NOT NULL,
    id     BLOB NOT NULL,
    at     INTEGER NOT NULL,
    event  BLOB NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;

-- What keyed hashes in the trail stand for, as long as that is not erased; `day` since 1970, on
-- which it was last seen.
CREATE TABLE audit_names (
    tenant    INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    kind      TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name      BLOB NOT NULL,
    day       INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
) WITHOUT ROWID;
CREATE INDEX audit_names_by_namespace ON audit_names (tenant, namespace);
-- The last commit that changed a tenant's roles or bindings, for nodes that remember them.
CREATE TABLE rights (
    tenant    INTEGER PRIMARY KEY,
    commit_id BLOB NOT NULL,
    at        INTEGER NOT NULL
);
CREATE INDEX rights_by_time ON rights (at);
