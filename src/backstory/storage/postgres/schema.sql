-- The whole schema, as an empty database gets it. The sum of the migrations is the same (tested).
--
-- A tenant's number leads every key, so that a distributed PostgreSQL can shard by it. Numbers of
-- contexts, authors and so on are handed out from the tenant's counter, which the writer holds
-- anyway; a context's number is also that of its log. No index has a column that every commit
-- changes, and pages have room, so that updates stay within their page (HOT). Bodies are bytea:
-- PostgreSQL would not give back the JSON it was given. Text that callers choose is bytea too
-- where it may hold a NUL, which text cannot.

-- `keyed` once anything may be encrypted, `keys` counts how often keys were retired, `erasure` is
-- the newest erasure of a subject that this database has been through. `applied` is the last
-- migration, `schema_version` the last of those that a release has to know to use the database.
CREATE TABLE backstory (
    id             INTEGER PRIMARY KEY CHECK (id = 1),
    schema_version INTEGER NOT NULL,
    epoch          TEXT NOT NULL,
    first_epoch    BOOLEAN NOT NULL,
    secret         BYTEA NOT NULL,
    created_at     BIGINT NOT NULL,
    search         BOOLEAN NOT NULL,
    keyed          BOOLEAN NOT NULL DEFAULT FALSE,
    keys           BIGINT NOT NULL DEFAULT 0,
    erasure        BIGINT NOT NULL DEFAULT 0,
    applied        INTEGER NOT NULL DEFAULT 0
);

-- `names` counts how often authors lost their names, so that copies of before are not taken for true.
CREATE TABLE tenants (
    id    INTEGER GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  TEXT COLLATE "C" NOT NULL UNIQUE,
    names BIGINT NOT NULL DEFAULT 0
);

-- Positions and numbers are handed out from here, by whoever holds the row; `writes` counts the
-- transactions that wrote anything for the tenant; `stream` leaves room to split a busy one.
-- `contexts` (outside of reserved namespaces) and `bytes` are what the tenant keeps.
CREATE TABLE counters (
    tenant   INTEGER NOT NULL,
    stream   INTEGER NOT NULL DEFAULT 0,
    position BIGINT NOT NULL DEFAULT 0,
    numbers  INTEGER NOT NULL DEFAULT 0,
    writes   BIGINT NOT NULL DEFAULT 0,
    contexts BIGINT NOT NULL DEFAULT 0,
    bytes    BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, stream)
) WITH (fillfactor = 50);

-- Rows stay for good, so that a number never means somebody else: who was erased has a stand-in.
CREATE TABLE authors (
    tenant  INTEGER NOT NULL,
    id      INTEGER NOT NULL,
    trust   INTEGER NOT NULL,
    subject BYTEA NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, subject, trust)
);

-- Who speaks in an entry, and as what.
CREATE TABLE voices (
    tenant INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    author INTEGER NOT NULL,
    role   TEXT COLLATE "C" NOT NULL,
    type   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, author, role, type)
);

-- A purged context keeps its row without namespace, name, kind and labels: id, hash of the
-- name, version and last_seq. `document_version` is the version the present document was made
-- at, `deltas` how many kept documents lean on it one after the other, `open_first` where the
-- own log's open end begins in the present chain, `closed` whether pieces lie before it,
-- `content` names the present content.
CREATE TABLE contexts (
    tenant           INTEGER NOT NULL,
    id               INTEGER NOT NULL,
    uid              BYTEA NOT NULL,
    namespace        TEXT COLLATE "C",
    name             TEXT COLLATE "C",
    name_hash        BYTEA,
    kind             TEXT COLLATE "C",
    schema_version   INTEGER NOT NULL,
    labels           TEXT,
    version          BIGINT NOT NULL,
    commit_id        BYTEA NOT NULL,
    state_version    BIGINT NOT NULL,
    content_version  BIGINT NOT NULL,
    entry_count      BIGINT NOT NULL,
    last_seq         BIGINT NOT NULL,
    author           INTEGER NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    expires_at       BIGINT,
    deleted          BOOLEAN NOT NULL,
    born             BIGINT NOT NULL,
    history_from     BIGINT NOT NULL,
    document_version BIGINT NOT NULL,
    deltas           INTEGER NOT NULL,
    open_first       BIGINT NOT NULL,
    closed           BOOLEAN NOT NULL,
    content          BYTEA,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX contexts_by_name ON contexts (tenant, namespace, name)
    WHERE namespace IS NOT NULL;
CREATE INDEX contexts_purged ON contexts (tenant, name_hash) WHERE name_hash IS NOT NULL;
CREATE INDEX contexts_expiring ON contexts (expires_at) WHERE expires_at IS NOT NULL;

-- Apart from the contexts, so that an append never rewrites a large state.
CREATE TABLE states (
    tenant  INTEGER NOT NULL,
    context INTEGER NOT NULL,
    body    BYTEA NOT NULL,
    PRIMARY KEY (tenant, context)
) WITH (fillfactor = 70);

CREATE TABLE labels (
    tenant  INTEGER NOT NULL,
    term    BYTEA NOT NULL,
    context INTEGER NOT NULL,
    PRIMARY KEY (tenant, term, context)
);
CREATE INDEX labels_by_context ON labels (tenant, context);

-- id = log << 32 | seq. Times here and in changes count from 2026. Content NULL is a redacted
-- entry's marker, any other lies as contents.py says, compressed where that pays. An entry_id is
-- "t" and the text, or "u" and the 16 bytes of a UUID. `id_key` = log << 24 | hash of it: a hint,
-- to be checked against entry_id, that keeps a log's ids together. `tokens` are
-- those of the one text that it has (domain/counting.py); NULL where nobody counted.
CREATE TABLE entries (
    tenant     INTEGER NOT NULL,
    id         BIGINT NOT NULL,
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    voice      INTEGER NOT NULL,
    content    BYTEA,
    metadata   BYTEA,
    entry_id   BYTEA,
    id_key     BIGINT,
    tokens     BIGINT,
    PRIMARY KEY (tenant, id)
);
ALTER TABLE entries ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX entries_by_id ON entries (tenant, id_key) WHERE id_key IS NOT NULL;

-- What summaries cover, as their metadata say; id = that of the entry. Gone with its text.
CREATE TABLE summaries (
    tenant INTEGER NOT NULL,
    id     BIGINT NOT NULL,
    first  BIGINT NOT NULL,
    last   BIGINT NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- what = op | parts << 3; the index's 128 is Part.REDACTED. `seqs` is JSON: spans, or a number n
-- for the last n of the log.
CREATE TABLE changes (
    tenant    INTEGER NOT NULL,
    position  BIGINT NOT NULL,
    context   INTEGER NOT NULL,
    version   BIGINT NOT NULL,
    what      INTEGER NOT NULL,
    last_seq  BIGINT NOT NULL,
    author    INTEGER NOT NULL,
    at        BIGINT NOT NULL,
    commit_id BYTEA NOT NULL,
    seqs      BYTEA,
    PRIMARY KEY (tenant, position)
);
CREATE UNIQUE INDEX changes_by_version ON changes (tenant, context, version);
CREATE INDEX changes_redacting ON changes (tenant, context, version) WHERE what & 128 <> 0;

-- Past documents, from the version they were made at until the next; codec as in deltas.py.
CREATE TABLE documents (
    tenant  INTEGER NOT NULL,
    context INTEGER NOT NULL,
    version BIGINT NOT NULL,
    codec   INTEGER NOT NULL,
    body    BYTEA NOT NULL,
    PRIMARY KEY (tenant, context, version)
);
ALTER TABLE documents ALTER COLUMN body SET STORAGE EXTERNAL;

-- Chains that are not simply the own log from 1: closed pieces, then the own log from `first`.
CREATE TABLE chains (
    tenant  INTEGER NOT NULL,
    context INTEGER NOT NULL,
    version BIGINT NOT NULL,
    first   BIGINT NOT NULL,
    pieces  BYTEA NOT NULL,
    PRIMARY KEY (tenant, context, version)
);

-- Which contexts' kept chains show pieces of which other logs.
CREATE TABLE chain_refs (
    tenant  INTEGER NOT NULL,
    log     INTEGER NOT NULL,
    context INTEGER NOT NULL,
    PRIMARY KEY (tenant, log, context)
);
CREATE INDEX chain_refs_by_context ON chain_refs (tenant, context);

CREATE TABLE idempotency (
    tenant     INTEGER NOT NULL,
    key        BYTEA NOT NULL,
    request    BYTEA NOT NULL,
    outcome    BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_expiring ON idempotency (expires_at);

CREATE TABLE notes (
    tenant     INTEGER NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    value      BYTEA NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, name)
);
CREATE INDEX notes_expiring ON notes (expires_at);

-- The words of entries: each lexeme is the tenant's number, a colon and a word, so that tenants
-- share no list of the index. Which words stand where is told by the text itself.
CREATE TABLE entry_words (
    tenant INTEGER NOT NULL,
    id     BIGINT NOT NULL,
    words  TSVECTOR NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX entry_words_by_word ON entry_words USING gin (words);

-- The words of states, each with how often it occurs.
CREATE TABLE state_words (
    tenant  INTEGER NOT NULL,
    word    TEXT COLLATE "C" NOT NULL,
    context INTEGER NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (tenant, word, context)
) WITH (fillfactor = 80);

-- Entries that nothing shows any more, as spans of seqs: to be erased some at a time.
CREATE TABLE erasures (
    tenant INTEGER NOT NULL,
    log    INTEGER NOT NULL,
    first  BIGINT NOT NULL,
    last   BIGINT NOT NULL,
    PRIMARY KEY (tenant, log, first)
);

-- What a context's content is from a version on; manifest NULL: none.
CREATE TABLE contents (
    tenant   INTEGER NOT NULL,
    context  INTEGER NOT NULL,
    version  BIGINT NOT NULL,
    manifest INTEGER,
    PRIMARY KEY (tenant, context, version)
);
CREATE INDEX contents_by_manifest ON contents (tenant, manifest) WHERE manifest IS NOT NULL;

-- The chunks of content in order, in pages, so that a read from the middle takes one page.
-- `scope` as in ports/vault.py; 0 where it is not encrypted, else root is a keyed hash.
CREATE TABLE manifests (
    tenant INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    root   BYTEA NOT NULL,
    scope  BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, root, scope)
);

-- `start` is the offset of the page's first byte; `body` as domain.content.Manifest packs it.
CREATE TABLE manifest_pages (
    tenant   INTEGER NOT NULL,
    manifest INTEGER NOT NULL,
    start    BIGINT NOT NULL,
    body     BYTEA NOT NULL,
    PRIMARY KEY (tenant, manifest, start)
);

-- Each chunk once for a tenant; `hash` is keyed. Bodies lie apart, so that looking for a chunk
-- never walks over one.
CREATE TABLE chunks (
    tenant INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    hash   BYTEA NOT NULL,
    size   INTEGER NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, hash)
);

CREATE TABLE chunk_bodies (
    tenant INTEGER NOT NULL,
    id     INTEGER NOT NULL,
    codec  INTEGER NOT NULL,
    body   BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);
ALTER TABLE chunk_bodies ALTER COLUMN body SET STORAGE EXTERNAL;

-- Which manifests name a chunk. A chunk stays as long as it is here or in uploads.
CREATE TABLE chunk_refs (
    tenant   INTEGER NOT NULL,
    chunk    INTEGER NOT NULL,
    manifest INTEGER NOT NULL,
    PRIMARY KEY (tenant, chunk, manifest)
);

-- Who sent a chunk (a keyed hash) for which context, until content names it or a day is over.
CREATE TABLE uploads (
    tenant  INTEGER NOT NULL,
    holder  BYTEA NOT NULL,
    chunk   INTEGER NOT NULL,
    context INTEGER NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (tenant, holder, chunk, context)
);
CREATE INDEX uploads_by_chunk ON uploads (tenant, chunk);
CREATE INDEX uploads_by_context ON uploads (tenant, context);
CREATE INDEX uploads_by_time ON uploads (at);

-- Where each tenant's audit trail ends (domain/audit.py), how far it tells of the change log, and
-- what is signed of the blocks that were dropped.
CREATE TABLE audit_tips (
    tenant     INTEGER PRIMARY KEY,
    block      BIGINT NOT NULL,
    events     BIGINT NOT NULL,
    position   BIGINT NOT NULL,
    hash       BYTEA NOT NULL,
    kept       BIGINT NOT NULL,
    checkpoint BYTEA
) WITH (fillfactor = 50);

-- Events that were sealed together, compressed; `last` is the number of the last of them.
CREATE TABLE audit_blocks (
    tenant    INTEGER NOT NULL,
    number    BIGINT NOT NULL,
    last      BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    head      BYTEA NOT NULL,
    signature BYTEA NOT NULL,
    body      BYTEA NOT NULL,
    PRIMARY KEY (tenant, last)
);
ALTER TABLE audit_blocks ALTER COLUMN body SET STORAGE EXTERNAL;

-- What was done and is not in the change log, until it is sealed.
CREATE TABLE audit_acts (
    tenant INTEGER NOT NULL,
    id     BYTEA NOT NULL,
    at     BIGINT NOT NULL,
    event  BYTEA NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- What keyed hashes in the trail stand for, as long as that is not erased; `day` since 1970, on
-- which it was last seen.
CREATE TABLE audit_names (
    tenant    INTEGER NOT NULL,
    hash      BYTEA NOT NULL,
    kind      TEXT COLLATE "C" NOT NULL,
    namespace TEXT COLLATE "C" NOT NULL,
    name      BYTEA NOT NULL,
    day       INTEGER NOT NULL,
    PRIMARY KEY (tenant, hash)
);
CREATE INDEX audit_names_by_namespace ON audit_names (tenant, namespace);
-- The last commit that changed a tenant's roles or bindings, for nodes that remember them.
CREATE TABLE rights (
    tenant    INTEGER PRIMARY KEY,
    commit_id BYTEA NOT NULL,
    at        BIGINT NOT NULL
);
CREATE INDEX rights_by_time ON rights (at);

-- A second wall between tenants: whoever says whose rows a transaction is about (`backstory.tenant`,
-- set for the transaction alone) sees and writes no others, whatever the statement says. What is about all
-- tenants says '*'; who says nothing is refused. Owners are not excepted, superusers are.
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
            '(SELECT nullif(current_setting(''backstory.tenant''), ''*'')::int), tenant))', one);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', one);
    END LOOP;
END $$;

-- One statement tells how contexts of several tenants stand, and says which.
CREATE POLICY among ON contexts FOR SELECT USING (tenant = ANY (
    (SELECT string_to_array(current_setting('backstory.tenants', TRUE), ',')::int[])::int[]));

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
