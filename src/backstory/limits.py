"""Every bound, with its unit in its name.

Bounds live here and nowhere else, so that an operator can read in one place how much any
call may cost. Each is named by the error that it raises.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# -- names ---------------------------------------------------------------------------
NAMESPACE_SEGMENTS: Final = 8
NAMESPACE_BYTES: Final = 200
NAME_BYTES: Final = 200
KIND_BYTES: Final = 64
TENANT_BYTES: Final = 128
SUBJECT_BYTES: Final = 256
SUBJECT_SEGMENT_BYTES: Final = 100  # of a subject in a namespace; a longer one is hashed
PRINCIPALS_KNOWN: Final = 4096  # whose rights one process keeps worked out
ROLE_BYTES: Final = 64  # of a role's name
ROLE_DESCRIPTION_CHARS: Final = 1000  # of what a role says about itself
ROLE_RULES: Final = 32  # that a role allows, and as many that it denies
ROLE_NAMESPACES: Final = 32  # patterns of one rule
BINDING_ROLES: Final = 50  # bound to one subject, group or client
GROUPS: Final = 200  # that a token may name
GRANTS: Final = 10_000  # permissions and denials of one caller, all its roles together
QUOTA_MAX: Final = 2**53  # contexts or bytes that a quota may name
QUOTA_RETRY_SECONDS: Final = 600  # after which a write over a quota may be tried again
RIGHTS_TENANTS: Final = 4096  # whose roles one process remembers
RIGHTS_LOOK_SECONDS: Final = 0.5  # between two looks for roles and bindings that were changed
RIGHTS_KNOWN_SECONDS: Final = 600.0  # after which a tenant's roles are read anew in any case
RIGHTS_MARKS_SECONDS: Final = 1200  # for which it is told that a tenant's roles were changed

# -- what a context holds ------------------------------------------------------------
STATE_BYTES: Final = 1 * MIB
STATE_DEPTH: Final = 64
LABELS: Final = 64
LABEL_BYTES: Final = 128
PROMPT_BYTES: Final = 64 * KIB  # of the state of a prompt that can be used
ENTRY_BYTES: Final = 1 * MIB
ENTRY_COUNTED_BYTES: Final = 256 * KIB  # of an entry whose tokens are counted when it is written
ENTRY_ID_BYTES: Final = 128
ENTRY_ROLE_BYTES: Final = 32
ARGUMENTS_DEPTH: Final = 32  # levels; deeper arguments of a tool call are kept as text
CHAIN_SEGMENTS: Final = 4096  # pieces of logs that one context may be put together from

# -- content -------------------------------------------------------------------------
CONTENT_BYTES: Final = 256 * MIB  # of one content, decoded
CHUNK_BYTES: Final = 96_000  # of any chunk; those that the server cuts have 64 KiB at most
MANIFEST_CHUNKS: Final = 65_536  # of one content
MANIFEST_PAGE_CHUNKS: Final = 256  # that lie in one row of a store
MEDIA_TYPE_BYTES: Final = 256  # of the type of content, parameters included
CONTENT_FEED_BYTES: Final = 1 * MIB  # of an upload that are cut, hashed and written at a time
CONTENT_READ_BYTES: Final = 256 * KIB  # of a download that are read at a time
CONTENT_RANGES: Final = 16  # of one request; with more, all of the content is answered
CONTENT_IDLE_SECONDS: Final = 30.0  # between two pieces of an upload
CONTENT_EDITS: Final = 10_000  # in one patch of content
CONTENT_ATTEMPTS: Final = 8  # at a patch of content that others change all the time
UPLOAD_SECONDS: Final = 24 * 3600  # life of chunks that no content refers to
UPLOADS_BYTES: Final = 2048 * MIB  # of a tenant's chunks that no content refers to
CHUNK_COST_BYTES: Final = 512  # that each of those counts beside its own
UPLOADS_COUNT_BYTES: Final = 32 * MIB  # that may be sent before they are counted again
CHUNKS_ASKED: Final = 8192  # in one question which of them are missing
CHUNKS_NAMED: Final = 1000  # by an error that says which are missing

# -- settings ------------------------------------------------------------------------
SECRET_FILE_BYTES: Final = 64 * KIB  # of a file that holds the value of a setting

# -- encryption ----------------------------------------------------------------------
KEY_SECONDS: Final = 300.0  # a data key stays unwrapped in a process's memory
KEYS_KNOWN: Final = 10_000  # data keys that a process keeps unwrapped
KEYS_LISTED: Final = 500  # data keys that are looked through at a time
KEYS_RENEWED: Final = 10_000  # data keys that are renewed at a time
KEYS_WRAPPED: Final = 50  # data keys that are wrapped anew at a time
KEY_DAYS: Final = 365  # for which a data key writes, unless told otherwise
KEY_MARKS: Final = 32  # times, while a key grows old, that it is noted which keys there are
SUBKEYS_KNOWN: Final = 20_000  # keys of single contexts that a process keeps made
WORDS_KNOWN: Final = 50_000  # words of a tenant whose hashes a process remembers
WORD_TENANTS: Final = 64  # tenants of whom it does
RETRIES_READ: Final = 1000  # idempotency keys that an erasure looks through at a time
ERASURES_READ: Final = 1000  # in the list of erasures, looked through at a time
ERASE_CONTEXTS: Final = 64  # of a subject that are looked up at a time
ERASE_SHOWN: Final = 64  # entries of a subject in others' contexts that one transaction erases
RESEAL_ROWS: Final = 256  # entries that one transaction encrypts anew
RESEAL_CHUNKS: Final = 32  # chunks that it does
ROTATE_DELAY_SECONDS: Final = 60.0  # between two looks of a process at whether it is its turn
ROTATE_LOOK_SECONDS: Final = 600  # between two looks at whether there is something to rotate
ROTATE_SETTLE_SECONDS: Final = 3600  # until a master key that is new wraps what others wrapped
ROTATE_PAUSE_SECONDS: Final = 0.1  # between two steps at least, and four times what one took
ROTATE_REST: Final = 4  # times what a step took, before the next
ROTATE_KEEP_SECONDS: Final = 10.0  # after which it is written down how far a rotation has come
ROTATE_LEASE_SECONDS: Final = 300.0  # without a word, after which another process goes on with it

# -- one request ---------------------------------------------------------------------
BODY_BYTES: Final = 8 * MIB
HEADER_BYTES: Final = 32 * KIB
DIRECT_ANSWERS: Final = (
    16  # made at once to requests that come in one piece; others wait for a turn
)
HEADS_KEPT: Final = 2048  # sets of headers, of requests that were answered at once, by a process
HEADS_EACH: Final = 4  # of those, for one connection
HEAD_KEPT_BYTES: Final = 4 * KIB  # of one
PATHS_KNOWN: Final = 4096  # of contexts that were read lately, each with what answers there
HEADER_BUFFER_BYTES: Final = 128 * KIB  # taken in before the head of a request is complete
PATIENCE_TICKS: Final = 10  # of a tenth of a second, between two looks at who keeps it waiting
HEAD_SECONDS: Final = 10.0  # between the first byte of a head and its end
UNREAD_SECONDS: Final = 30.0  # in which a client takes something of what is to be sent
CONTENT_BYTES_PER_SECOND: Final = 512  # that an upload has at least, after its first half minute
ADDRESS_CONNECTIONS: Final = 4000  # of one address to one process, unless set
CONNECTIONS_RETRY_SECONDS: Final = 5  # after which an address with too many may try again
KEEP_ALIVE_SECONDS: Final = 75  # an idle connection is kept, longer than proxies keep theirs
JSON_DEPTH: Final = 100
JSON_NODES: Final = 1_000_000  # values and keys in one body
JSON_MEMBERS: Final = 50_000  # of one object
JSON_INTEGER_MIN: Final = -(2**63)
JSON_INTEGER_MAX: Final = 2**64 - 1
IDEMPOTENCY_KEY_BYTES: Final = 255
IDEMPOTENCY_KEY_SECONDS: Final = 24 * 3600
APPEND_ENTRIES: Final = 1000
COMMIT_OPERATIONS: Final = 100
COMMIT_ENTRIES: Final = 1000
PATCH_OPERATIONS: Final = 10_000
DIFF_MOVES_BYTES: Final = 8 * KIB  # of a state; in larger ones a diff looks for no moves
REQUEST_SECONDS: Final = 30.0  # deadline of a request that does not wait for changes
GRACE_SECONDS: Final = 0.5  # after its deadline, at most as much again, a request is cut off
CHECK_SECONDS: Final = 3.0  # a look whether something the server depends on is there
CHECKED_SECONDS: Final = 0.5  # for which probes are answered what the last look saw
LAG_LOOK_SECONDS: Final = 1.0  # between two looks at how late the event loop is
EVENTS_WAITING: Final = 512  # that are counted together
METRICS_SECONDS: Final = 0.25  # after which what was counted is shown, whichever worker is asked
TIMED_AT_ONCE: Final = 256  # answers without waiting that are timed between two such looks
TIMED_OF_MORE: Final = 16  # more of them, of which one is timed, and stands for the others
TRACE_PARTS: Final = 500  # that are recorded of one request; what comes after them is left out
CHECK_LOOK_SECONDS: Final = 5.0  # between two looks that metrics are made of
REACH_SECONDS: Final = (
    1.0  # in which a server has to let itself be connected to, when that is looked at
)
LOW_DISK_BYTES: Final = 256 * MIB  # room on the disk below which is warned
CLOCK_SKEW_SECONDS: Final = 1.0  # that the clock may be off the database's before that is warned of
CLOCK_JUMP_SECONDS: Final = 0.5  # by which the clock has to go back to be told of
TLS_LOOK_SECONDS: Final = 1.0  # between two looks at the certificate's files, while clients connect
CERTIFICATE_RENEWED_AT: Final = 3  # of its life, the last part, in which a certificate is renewed
ACME_SECONDS: Final = 30  # that an authority may take for an answer
ACME_ORDER_SECONDS: Final = 120  # that it may take to prove names and make a certificate
CERTIFICATE_WARNING_DAYS: Final = 14  # before its end, from when on a certificate is warned of
HSTS_SECONDS: Final = 365 * 24 * 3600  # for which browsers ask for nothing but HTTPS
WAIT_SECONDS: Final = 60.0  # longest long poll
VERSION_MAX: Final = 2**53 - 1  # the largest integer every JSON client can hold
SEQ_MAX: Final = 2**32 - 1  # entries one context may ever hold

# -- how often -----------------------------------------------------------------------
RATE_PER_SECOND: Final = (
    20_000  # requests of one principal, unless set: an application may speak for all its users
)
RATE_BURST: Final = 40_000  # of them at once, unless set
ADDRESS_RATE_PER_SECOND: Final = 20_000  # requests from one address, unless set
ADDRESS_RATE_BURST: Final = 40_000  # of them at once, unless set
RATE_MAX: Final = 100_000  # that any of these may be set to
RATE_REFUSED_TOKENS: Final = 10  # requests that one with a token that is not believed counts as
RATE_KEYS: Final = 100_000  # principals and addresses whose rates one process remembers
PROXY_NETWORKS: Final = 64  # that may be trusted

# -- one answer ----------------------------------------------------------------------
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 1000
POINT_BYTES: Final = 4 * KIB  # of content, which are read without asking a thread
POINT_ENTRIES: Final = 4  # a page of so few is read without asking a thread
OUTLINES_MAX: Final = 512  # entries in a page of outlines, which is read without asking a thread
PAGE_BYTES: Final = 1 * MIB  # a page ends before the item that would pass it
MODEL_ANSWER_BYTES: Final = 24_000  # one MCP answer, in each of its two forms
TOOL_LIST_BYTES: Final = 9_500  # all tool definitions together, compact
EXTENSION_LIST_BYTES: Final = 16_000  # what extensions add to one MCP list
EXTENSION_BLOB_BYTES: Final = 4 * MIB  # pictures and sound in one answer of theirs, in base64
EXTENSION_SECONDS: Final = 600.0  # that a handler of theirs may take for itself
COMPLETIONS: Final = 100
SEARCH_QUERY_BYTES: Final = 1024
SEARCH_TERMS: Final = 32
SEARCH_CANDIDATES: Final = 2000  # matches that are ranked
SEARCH_HITS: Final = 512  # entries of one context that one term finds for a window
SEARCH_TEXT_CHARS: Final = 600  # of the text around a match that an answer shows
SEARCH_HIGHLIGHTS: Final = 32

# -- windows for models --------------------------------------------------------------
RENDER_BUDGET: Final = 4_000_000  # tokens that a request may ask for
RENDER_SOURCES: Final = 16  # contexts in one window
RENDER_HITS: Final = 512  # of searches that one window may show and its id remembers
RENDER_NEIGHBOURS: Final = 5  # entries before and behind a hit
RENDER_SUMMARIES: Final = 64  # of one context that are looked at, the newest
RENDER_ARGUMENT_BYTES: Final = 4 * KIB  # of all values that fill in one prompt of a window
RENDER_ID_BYTES: Final = 16 * KIB  # longer ones are none of ours
RENDER_INLINE_BYTES: Final = 64 * KIB  # of entries, rendered on the event loop; more leaves it

# -- summaries -----------------------------------------------------------------------
SUMMARY_TOKENS_LEAST: Final = 32  # that a summary may be asked to have
SUMMARY_TOKENS: Final = 4096  # that a summary may have at most
SUMMARY_TOKENS_DEFAULT: Final = 500  # where nobody asks for another length
SUMMARY_KEEP: Final = 1000  # of the newest entries that may be asked to be left whole
SUMMARY_KEEP_DEFAULT: Final = 20  # where nobody says how many
SUMMARY_ENTRIES: Final = 10_000  # that one summary covers beyond the last; more need another
SUMMARY_BYTES: Final = 256 * KIB  # of their texts
SUMMARY_ENTRY_CHARS: Final = 8192  # of one entry's text, behind them it is cut
SUMMARIES_LOOKED: Final = 64  # of a context's newest, for how far they reach
SUMMARY_WRITES: Final = 16  # of one summary, while others append to the context
SUMMARY_STARTS: Final = 3  # of a summary whose entries change meanwhile
SUMMARY_QUEUE: Final = 1000  # contexts waiting to be summarised in the background
SUMMARY_WORKERS: Final = 2  # of them at the same time
SUMMARY_RULES: Final = 100  # that say what is summarised in the background
SUMMARY_WATCHED: Final = 10_000  # contexts of which a process knows how much is not covered
SUMMARY_SECONDS: Final = 600  # that an operator may let a summary take
SUMMARY_TRIES: Final = 10  # that an operator may let a model be asked
SUMMARY_BACKOFF_SECONDS: Final = 0.5  # before the second try at most; doubles with each
SUMMARY_BACKOFF_MOST_SECONDS: Final = 20.0  # between two tries, unless the provider asks for more
SUMMARY_CONNECTIONS: Final = 32  # of one process to the provider of summaries
SUMMARY_ANSWER_BYTES: Final = 256 * KIB  # of a model's answer
SECRET_BYTES: Final = 8192  # of a file with a key

# -- tokens --------------------------------------------------------------------------
TOKEN_BYTES: Final = 16 * KIB  # of an access token
TOKEN_LEEWAY_SECONDS: Final = 60  # that clocks may be apart
TOKEN_KNOWN_SECONDS: Final = 30.0  # that a verified token is remembered, never past its end
TOKENS_KNOWN: Final = 10_000  # verified tokens that one process remembers
TOKEN_LIFE_SECONDS: Final = 366 * 24 * 3600  # of a token that `backstory token` makes
REVOKED_TOKENS: Final = 10_000  # that have not ended yet
REVOKED_LOOK_SECONDS: Final = 0.5  # between two looks for tokens that were revoked
KEYS_BYTES: Final = 256 * KIB  # of an issuer's keys or metadata
KEYS: Final = 100  # of one issuer
KEYS_FILE_LOOK_SECONDS: Final = 1.0  # between two looks at a file with keys
KEYS_FRESH_SECONDS: Final = 300.0  # until an issuer's keys are asked for again
KEYS_ASK_SECONDS: Final = 5.0  # between two questions for a key that is not known, or that failed
KEYS_KEPT_SECONDS: Final = 4 * 3600.0  # that keys are believed while the issuer cannot be reached
KEYS_TRY_SECONDS: Final = 5.0  # that an issuer may take for an answer
OPERATORS: Final = 1000  # named by the configuration
ASKED_TRY_SECONDS: Final = 5.0  # that an issuer may take to tell of one token
ASKED_ANSWER_BYTES: Final = 64 * KIB  # of what it tells
ASKED_CONNECTIONS: Final = 32  # of one process to the issuer, to ask about tokens
ASKED_WAITING: Final = 256  # tokens that one process asks about at a time
ASKED_REFUSED_SECONDS: Final = 5.0  # that a token is remembered not to be good
ASKED_REFUSED: Final = 10_000  # such tokens that one process remembers
PROOF_BYTES: Final = 8 * KIB  # of a DPoP proof
PROOF_ID_BYTES: Final = 256  # of its jti
PROOF_SECONDS: Final = 90  # that its time may lie before or behind ours
PROOF_KEPT_SECONDS: Final = 2 * PROOF_SECONDS + 1  # that its use is remembered: as long as it holds

# -- the audit trail -----------------------------------------------------------------
AUDIT_SECONDS: Final = 2.0  # between two rounds in which a process seals what was done
AUDIT_BLOCK_EVENTS: Final = 1000  # of one source, sealed in one block
AUDIT_WAITING: Final = 50_000  # different events that a process holds until they are sealed
AUDIT_NAMES: Final = 100  # of contexts that one event tells of
AUDIT_NAMES_KNOWN: Final = 20_000  # that a process remembers to have kept today
AUDIT_TENANTS: Final = 200  # whose writes one round seals
AUDIT_LOOK_ROUNDS: Final = 60  # between two looks for what other processes left unsealed
AUDIT_ATTEMPTS: Final = 16  # at a block, while other processes add theirs
AUDIT_RETENTION_SECONDS: Final = 3600  # between two looks for events that are too old
AUDIT_SCANNED: Final = 20  # blocks looked through for one page of events
AUDIT_LAST_SECONDS: Final = 5.0  # that a process which stops takes to seal what is left
AUDIT_DAYS: Final = 365  # that events are kept, unless set

# -- the authorization server --------------------------------------------------------
ACCESS_TOKEN_SECONDS: Final = 600  # that an access token of the built-in server holds
ACCESS_TOKENS_LIVE: Final = 32  # of one sign-in, at a time; a client that needs more is broken
REFRESH_SECONDS: Final = 30 * 24 * 3600  # after its last use, a sign-in of a client has ended
CODE_SECONDS: Final = 60  # between consent and the exchange of the code
SIGN_IN_SECONDS: Final = 8 * 3600  # that a browser stays signed in
SIGN_IN_BYTES: Final = 16 * KIB  # of a form, or of a request for a token
SIGN_IN_FIELDS: Final = 64  # of one form or query
ACCOUNT_BYTES: Final = 100  # of the name of an account
CLIENT_NAME_CHARS: Final = 100  # behind them the name of a client is cut
CLIENT_REDIRECTS: Final = 32  # of one client
REDIRECT_BYTES: Final = 2048  # of one redirect URI
PASSWORD_CHARS_LEAST: Final = 12  # of a password
PASSWORD_BYTES: Final = 1024  # of a password
AUTHORITY_THREADS: Final = 8  # on which one process answers requests for tokens and codes
AUTHORITY_WAITING: Final = 512  # of those requests, that may wait for a thread
PASSWORDS_CHECKED: Final = 2  # at the same time, by one process, of 64 MiB each
PASSWORDS_WAITING: Final = 32  # to be checked by one process
TRIES_PAIR: Final = 5  # wrong passwords for one account from one address, then it waits
TRIES_ACCOUNT: Final = 50  # wrong passwords for one account from everywhere, then it waits
TRIES_ADDRESS: Final = 100  # wrong passwords from one address, then it waits
TRIES_SECONDS: Final = 900  # that wrong passwords are counted, and that who had too many waits
SIGNING_KEY_SECONDS: Final = 90 * 24 * 3600  # that one key signs before the next is made
SIGNING_KEY_SETTLE_SECONDS: Final = 10  # between a new key and its first signature
SIGNING_KEYS: Final = 20  # of the built-in server that are believed at a time
CLIENT_DOCUMENT_BYTES: Final = 16 * KIB  # of the document that a client ID names
CLIENT_DOCUMENT_SECONDS: Final = 5.0  # that such a document may take
CLIENT_DOCUMENT_KEPT_SECONDS: Final = 300.0  # for which it is believed
CLIENT_DOCUMENTS: Final = 256  # that one process keeps
CLIENT_DOCUMENTS_ASKED: Final = 4  # at the same time, by one process

# -- codings on the wire -------------------------------------------------------------
CODED_LEAST_BYTES: Final = 1024  # an answer below is sent plain
CODED_PIECE_BYTES: Final = 64 * KIB  # of a body, decoded at once
VARIANT_BYTES: Final = 16 * MIB  # coded answers kept by one process
INLINE_BYTES: Final = 32 * KIB  # coded on the event loop; more leaves it
GZIP_LEVEL: Final = 5
BROTLI_QUALITY: Final = 4
ZSTD_LEVEL: Final = 3

# -- history -------------------------------------------------------------------------
SNAPSHOT_EVERY: Final = 16  # kept documents between two whole ones

# -- import --------------------------------------------------------------------------
IMPORT_ITEM_BYTES: Final = 64 * MIB  # one line of a file, or one item of its array
IMPORT_IN_FLIGHT: Final = 32  # conversations being written at the same time

# -- backups -------------------------------------------------------------------------
BACKUP_PIECE_BYTES: Final = 8 * MIB  # copied at once, and on the disk before the next
BACKUP_REST: Final = 1.0  # times what a piece took, before the next one is copied

# -- parsing -------------------------------------------------------------------------
PARSE_BYTES: Final = 8 * MIB  # one body of JSON, JSON Lines, plain text or CSV
YAML_BYTES: Final = 1 * MIB  # of one YAML body
YAML_NODES: Final = 100_000  # values and names, aliases written out
YAML_CHARS: Final = 4 * MIB  # of all scalars, aliases written out
YAML_DIRECTIVES: Final = 64  # lines that begin with %
MARKDOWN_BYTES: Final = 1 * MIB  # as HTML, on the way to text, it may be sixty times that
HTML_BYTES: Final = 4 * MIB  # of one HTML body
HTML_DEPTH: Final = 512  # elements inside of each other
OUTLINE_HEADINGS: Final = 10_000  # of one document
HEADING_CHARS: Final = 1000  # behind them a heading or title is cut
RECORDS: Final = 100_000  # lines of JSON Lines
RECORD_BYTES: Final = 2 * MIB  # of one line of JSON Lines
RECORDS_NODES: Final = 4_000_000  # brackets, commas and colons of all lines
CSV_CELLS: Final = 1_000_000  # an empty line counts as one
CSV_CELL_CHARS: Final = 128 * KIB  # of one cell
MEDIA_TYPE_CHARS: Final = 255  # of a Content-Type header

# -- schemas of kinds ----------------------------------------------------------------
SCHEMA_BYTES: Final = 128 * KIB  # of one schema as compact JSON
SCHEMA_DEPTH: Final = 40  # levels of one schema
SCHEMA_NODES: Final = 2000  # subschemas, as they are written
SCHEMA_EXPANDED_NODES: Final = 10_000  # subschemas, with each reference in its target's place
SCHEMA_EXPANDED_DEPTH: Final = 80  # levels, with each reference in its target's place
SCHEMA_PATTERNS: Final = 100  # regular expressions in one schema
SCHEMA_PATTERN_CHARS: Final = 1024  # of one pattern as it is written
SCHEMA_PATTERN_BYTES: Final = 512 * KIB  # of one compiled pattern
SCHEMA_BRANCHES_PROVEN: Final = 8  # of anyOf and its kin, in what is compared as a whole
VIOLATIONS: Final = 100  # that one answer names
VIOLATION_VALUES: Final = 2000  # values in a document of which all violations are looked for
MIGRATION_OPERATIONS: Final = 100  # of one migration
KIND_VERSIONS: Final = 1000  # of one kind

# -- transforms ----------------------------------------------------------------------
TRANSFORM_ROUNDS: Final = 4  # until nothing changes any more
PHONE_LOOKUPS: Final = 200  # in one text; behind them, what looks like a number is masked
PIPELINE_RULES: Final = 100  # that choose transforms
RULED_INLINE_BYTES: Final = 64 * KIB  # states and entries ruled on the event loop; more leaves it
RULED_ATTEMPTS: Final = 8  # of a write whose kinds or large state change meanwhile

# -- what a process remembers ---------------------------------------------------------
DEPRECATIONS_TOLD: Final = 1000  # callers of what is deprecated, whom the log has told of once
KEYS_CHECKED: Final = 4096  # names of contexts that a process remembers to be well formed
ACCEPTS_READ: Final = 256  # headers that negotiate a coding, whose outcome a process remembers
RULES_BELIEVED: Final = 1000  # rules of kinds that a process remembers from its last writes
CONTEXT_KINDS_BELIEVED: Final = 10_000  # contexts whose kind a process remembers
KINDS_COMPILED: Final = 1000  # kinds whose schemas one process keeps compiled

# -- waiting and streaming -----------------------------------------------------------
WATCHERS: Final = 20_000  # long polls, event streams and subscriptions of one process
WATCHES_EACH: Final = 100  # of those that one caller may have on each node, unless set
SUBSCRIPTION_URIS: Final = 1000  # of one stream or session
SUBSCRIPTION_BACKLOG: Final = 1024  # notices kept for a client that reads slowly
SESSION_SECONDS: Final = 24 * 3600  # life of an older MCP session
SESSION_LOOK_SECONDS: Final = 0.05  # between two looks of a session's stream at what changed
ASK_SECONDS: Final = 600.0  # a user's answer in the middle of an MCP call is waited for
ASK_ROUNDS: Final = 10  # of questions in one call of an older MCP client
ASK_STATE_BYTES: Final = 16 * KIB  # that a handler keeps from one round to the next, as JSON
ASK_ANSWER_BYTES: Final = 64 * KIB  # of an older client's answer
ASK_LOOK_SECONDS: Final = 0.25  # between looks for an answer that came to another node
ASKS: Final = 1000  # answers that one process waits for
HEARTBEAT_SECONDS: Final = 15.0
POLL_SECONDS: Final = 1.0  # at the latest, a node sees another's change after this long
FILE_POLL_SECONDS: Final = 0.01  # between looks at a shared file while anyone waits
BUS_MESSAGE_BYTES: Final = 7900  # of one message between nodes; PostgreSQL takes less than 8,000
BUS_TENANTS: Final = 500  # named by one message; with more it says that any may be meant
BUS_PAUSE_SECONDS: Final = 0.01  # between two messages of one process
BUS_SECONDS: Final = 3.0  # that the bus may take to connect, or to send and hear a message
BUS_CHECK_SECONDS: Final = 5.0  # between two messages by which a process sees that it is heard
BUS_RETRY_SECONDS: Final = 0.25  # before the second attempt to connect; doubles with each
BUS_RETRY_MOST_SECONDS: Final = 5.0  # between two attempts

# -- the store -----------------------------------------------------------------------
WRITE_QUEUE: Final = 4096  # commits waiting for the writer of one process
WRITE_BATCH: Final = 256  # commits in one transaction
WRITE_BATCH_BYTES: Final = 16 * MIB
LOCK_SECONDS: Final = 10.0  # wait for another process's turn to write
READ_QUEUE: Final = 1024  # reads waiting for a reader thread
INTERNED_NAMES: Final = 10_000  # tenants, authors and voices a connection remembers
NAMES_SECONDS: Final = 1.0  # that a process remembers who an author is
CHANGES_SCANNED: Final = 5_000  # changes looked through for one page
QUICK_CHECK_BYTES: Final = 16 * MIB  # files up to this are checked whole at the start
FREE_BYTES: Final = 4 * MIB  # room on the disk below which a store counts as full
READ_THREADS: Final = 4
MMAP_BYTES: Final = 256 * MIB
PAGE_CACHE_KIB: Final = 16 * 1024
FOLLOW_COMMITS: Final = 64  # that the index of words may be behind while others write
FOLLOW_SECONDS: Final = 0.05  # without a write, after which the index of words follows
CHECKPOINT_PAGES: Final = 2000  # of the WAL, before the checkpointer runs
RESTART_PAGES: Final = 16_000  # of the WAL, before writers wait for it to begin anew
LOG_BEGIN_PAGES: Final = 64  # in the WAL, before its file is made longer than it needs to be
LOG_AHEAD_PAGES: Final = 512  # of room behind the WAL's end, below which its file is extended
LOG_EXTENSION_PAGES: Final = 1024  # by which it is extended at once
LOG_EXTENSION_DISK_BYTES: Final = 256 * MIB  # free on the disk, or it is not extended
WAL_ALARM_BYTES: Final = 256 * MIB
ERASE_ENTRIES: Final = 100  # erased in one transaction, so that writers need not wait long
ERASE_CHUNKS: Final = 32  # of content, erased in one transaction
MERGE_PAGES: Final = 500  # of the index of words, merged in one transaction before a large erasure
WIPE_SECONDS: Final = 2.0  # writers wait at most, while a reader keeps erased text from being wiped
WIPE_RETRY_SECONDS: Final = 1.0  # before erased text that a reader held back is wiped again
STORE_CONNECTIONS: Final = 10  # to PostgreSQL that one process keeps, unless told otherwise
STATEMENTS: Final = 512  # prepared on one connection to PostgreSQL
STANDINGS: Final = 1000  # contexts that one statement asks PostgreSQL about
STANDINGS_SECONDS: Final = 2.0  # that it may take
REPLICA_SECONDS: Final = 0.5  # that a standby is asked for a body, before the primary is
CONNECT_SECONDS: Final = 10.0  # wait for a connection to PostgreSQL to be made
WRITE_LANES: Final = 4  # tenants that one process writes for at the same time
COUNTER_SECONDS: Final = 1.0  # that a process believes where a tenant's counter stood in PostgreSQL
STORE_TRIES: Final = 4  # at a read or a transaction that has come to nothing in PostgreSQL
STORE_BACKOFF_SECONDS: Final = 0.05  # before the second try at most; doubles with each
STORE_BACKOFF_MOST_SECONDS: Final = 1.0  # between two tries
MIGRATE_LOCK_SECONDS: Final = 2.0  # that a migration waits for a table, and others behind it
MIGRATE_TRIES: Final = 8  # at a migration that did not get its tables in time
MIGRATE_PAUSE_SECONDS: Final = 4.0  # between two of them at most
SILENCE_SECONDS: Final = 1.5  # of PostgreSQL, after which it is looked whether it is still there
TURN_SHARE: Final = 0.5  # of the time that is left, in which a read waits for a connection
STATEMENT_SHARE: Final = 0.9  # of the time that is left, which PostgreSQL may take for a statement
COUNTER_STATE_BYTES: Final = 16 * KIB  # of a state that is believed to be as it was, too
WRITE_ATTEMPTS: Final = 4  # at a transaction that PostgreSQL has taken back
VACUUM_SECONDS: Final = 3600.0  # that VACUUM of one table of PostgreSQL may take after an erasure
VACUUM_PAUSE_SECONDS: Final = 10.0  # between two runs of it by one process
ERASE_ROWS: Final = 10_000  # erased in one transaction of PostgreSQL
INDEXED_WORD_CHARS: Final = 200  # of a word, in PostgreSQL's index; texts tell longer ones apart
CACHE_BODY_BYTES: Final = 2 * MIB  # of a body that a cache keeps
NEARBY_PAGES: Final = 256  # of entries, that a process keeps beside its SQLite file
NEARBY_BYTES: Final = 16 * MIB  # of contexts, and of pages, that a process keeps beside its file
ROUTED_STORES: Final = 16  # beside the first one
ROUTED_SIGHTS: Final = (
    4096  # of what callers may see, that are worked out for each of several stores
)
DOCTOR_LOCK_SECONDS: Final = 3.0  # that `backstory doctor` waits for its turn to write
DOCTOR_MISPLACED: Final = 20  # namespaces in a wrong store that `backstory doctor` names
ROUTED_HINTS: Final = 10_000  # contents and tenants of which it is remembered how a store had them
CACHE_ENTRY_BYTES: Final = 512  # that each body in a process's own cache counts beside its own
CACHE_DROPS: Final = 4096  # keys that a process remembers it has dropped from its own cache
CACHE_LIFE_SECONDS: Final = 3600  # that a body is kept in a cache
CACHE_DROPPED_SECONDS: Final = 60  # that a server's cache remembers what it has dropped
CACHE_DROPS_AT_ONCE: Final = 500  # keys, in one message to a server
CACHE_SECONDS: Final = 0.5  # that a server's cache may take for one operation
CACHE_CONNECTIONS: Final = 16  # of one process to a server's cache
MEMCACHED_BODY_BYTES: Final = 1_000_000  # of a body in Memcached, whose items have 1 MiB in all
TAIL_ENTRIES: Final = 64  # of the newest of a context, that are cached as one body
TAIL_BYTES: Final = 128 * KIB  # of them
STALE_SECONDS: Final = 3600  # since a copy was last known to be true, to be given without the store
STALE_CONTEXTS: Final = 2000  # of which a process remembers when its copy was last known to be true
CACHE_ERASURES: Final = 100_000  # erased entries that wait for a cache which cannot be reached
CACHE_RETRY_SECONDS: Final = 1.0  # between two tries to take them out
CACHE_MEGABYTES: Final = 64  # of bodies that one process keeps, unless told otherwise
BREAKER_FAILURES: Final = 5  # in a row, after which what does not answer is asked no more
BREAKER_SECONDS: Final = 1.0  # until one caller may look whether it is back
SWEEP_SECONDS: Final = 5.0  # between two runs of the background removal
SWEEP_CONTEXTS: Final = 200  # removed in one run
SWEEP_UPLOADS: Final = 1000  # chunks of uploads that nobody finished, removed in one run
SCRUB_CONTEXTS: Final = 100  # that one step of a scrub looks at
SCRUB_CHANGES: Final = 5000  # positions of the log, likewise
SCRUB_CHUNKS: Final = 32  # likewise
SCRUB_MANIFESTS: Final = 4  # likewise
SCRUB_DELAY_SECONDS: Final = 60.0  # from the start of a server to its first step
SCRUB_PAUSE_SECONDS: Final = 1.0  # between two steps at least, and nine times what one took
SCRUB_REST: Final = 9  # times what a step took, before the next
SCRUB_KEEP_SECONDS: Final = 10.0  # after which it is written down how far a scrub has come
SCRUB_LEASE_SECONDS: Final = 60.0  # without a word, after which another process goes on with it
SCRUB_HOURS: Final = 24  # between the ends of two, unless told otherwise
SCRUB_DAMAGE: Final = 100  # damaged things that are told one by one
ANALYSED_NAMES: Final = 10_000  # tenants, principals, codes or messages that an analysis counts
ANALYSED_ROUTES: Final = 500  # that an analysis tells apart
ANALYSED_RELEASES: Final = 20  # likewise
ANALYSED_SLOWEST: Final = 20  # requests that an analysis names
ANALYSED_TOP: Final = 20  # rows of each of its tables
LOG_LINE_BYTES: Final = 1 * MIB  # of a line that an analysis reads
INSIGHTS_REQUESTS: Final = 10_000  # the newest, that a process remembers for operators
SHUTDOWN_SECONDS: Final = 20
DRAIN_SECONDS: Final = 600  # that an operator may let a node go on serving when told to stop
REFUSE_SECONDS: Final = 0.2  # in which connections that have begun are taken before it stops
GOODBYE_SECONDS: Final = 3.0  # that a TLS connection which the server closed waits for its client
RETIRE_SECONDS: Final = 30.0  # that a replaced worker has at least, for those connected to leave
WORKER_BEAT_SECONDS: Final = 0.5  # between two signs of life of a worker
WORKER_SILENCE_SECONDS: Final = 10  # without one, after which it is replaced, unless told otherwise
WORKER_GAP_SECONDS: Final = 2.0  # that a supervisor stood still itself, so that silence is forgiven
WORKER_START_SECONDS: Final = 120.0  # that a worker may take until it takes requests
WORKER_END_SECONDS: Final = 25.0  # that a worker may take to end after its drain, or it is killed
WORKER_KILLED_SECONDS: Final = 1.0  # that the end of a killed worker is waited for
WORKER_LIFE_SECONDS: Final = 60.0  # and the longest pause, after which deaths are forgotten
WORKER_PAUSE_SECONDS: Final = 0.5  # before a worker in a row is replaced; doubles with each
WORKER_PAUSE_MOST_SECONDS: Final = 30.0  # before a worker is replaced
WORKER_GROWTH_SECONDS: Final = 2.0  # before one is replaced for its memory again; doubles with each
WORKER_GROWTH_MOST_SECONDS: Final = 600.0  # between two such replacements
LOG_WAITING: Final = (
    10_000  # lines that wait to be written; what comes while there are more is lost
)
LOG_PAUSE_SECONDS: Final = 0.05  # in which lines gather before they are written together
LOG_BATCH: Final = 5000  # lines that are written at once
LOG_FLUSH_SECONDS: Final = 1.0  # that a process which ends waits for its last lines
LOG_REPEATS: Final = 10  # warnings or errors from one place that are written in one span of time
LOG_REPEAT_SECONDS: Final = 60.0  # the span; where there were more, the next one has one line
ACCESS_SAMPLE: Final = 100_000  # requests that went well and soon, for one that has a line
ACCESS_SLOW_SECONDS: Final = 1.0  # from which on a request always has its line
ACCESS_KINDS: Final = (
    4096  # of lines about requests, by route and outcome, that are kept put together
)
LOG_KINDS: Final = 1000  # of such lines that a process tells apart
LOG_LOOK_SECONDS: Final = 0.5  # between two looks at which lines are wanted
LOG_LEVEL_SECONDS: Final = 30 * 24 * 3600  # for which the level may be another than the settings'
TELEMETRY_SECONDS: Final = 3.0  # that a server which stops waits for a collector, for each signal

# -- rolling out a new version ---------------------------------------------------------
ROLLOUT_REQUESTS: Final = 200  # that each colour has to have answered, unless told otherwise
ROLLOUT_FAILED_POINTS: Final = 1.0  # percentage points by which more may fail, likewise
ROLLOUT_REFUSED_POINTS: Final = 2.0  # percentage points by which more may be refused, likewise
ROLLOUT_ROUTE_POINTS: Final = 5.0  # by which one route or tool may be worse, at the least
ROLLOUT_UNWELL_POINTS: Final = 5.0  # of failures, above which nothing is promoted
ROLLOUT_SLOWER: Final = 1.5  # times as slow as the old colour, unless told otherwise
ROLLOUT_CONFIDENCE: Final = 99.0  # percent, of all looks of a roll together, likewise
ROLLOUT_LOOKS: Final = 20  # at a roll, likewise
ROLLOUT_RESTARTS: Final = 3  # of nodes of the new colour, after which it is rolled back
ROLLOUT_WINDOW_MOST_SECONDS: Final = 7 * 24 * 3600  # that a look may go back
ROLLOUT_SECONDS: Final = 10.0  # that Prometheus or a server may take for one answer
ROLLOUT_PROBE_LIFE_SECONDS: Final = 3600  # after which contexts of a probe end by themselves
