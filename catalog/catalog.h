/* catalog.h - what is replicated: entries with their versions, the merge, the rules of a write, validation, and what
 * goes to the store (catalog/stored.h, catalog/store.h) and comes from it.
 *
 *            JSON                      bytes (canonical MessagePack, docs/FORMAT.md)
 *   user <---------> catalog_write ---> catalog_plan ---> catalog_entry ---> catalog_batch ---> store (SQLite)
 *                                          ^   pending        |  merge  ^                          |
 *                                          |                  v         |                          | stored
 *                                       struct catalog  <---------------+--------------------------+
 *
 * An entry (struct catalog_entry) is immutable and counted by references, so the store thread, send queues and readers
 * hold it without copying. The catalog (struct catalog) has two layers: what is stored, and above it what has been
 * handed to the store and not come back yet (pending, the overlay of DESIGN 6). Merges, rules, numbers and If-Match are
 * computed on the pending layer; reads, digests and acknowledgements use the stored layer only (G11).
 *
 * Threads: all functions that change a catalog or look at its pending layer belong to one thread (the loop). Those
 * marked [any thread] take the catalog's lock for reading and may be called from any thread at any time between
 * catalog_new and catalog_free. Functions on entries, buffers and texts touch only their arguments.
 *
 * Sources: hybrid logical clocks: Kulkarni et al., "Logical Physical Clocks" (OPODIS '14); versions and contexts:
 * dotted version vectors, Preguiça et al. (2010); the states: Rae et al., "Online, Asynchronous Schema Change in F1"
 * (VLDB '13).
 */
#ifndef CATALOG_CATALOG_H
#define CATALOG_CATALOG_H

#include "merkle/merkle.h"

#include <stdatomic.h>

/* --- errors ------------------------------------------------------------------------------------------------------ */

/* code, number, short name as operators and HTTP clients see it, message. */
#define CATALOG_ERRORS(X)                                                                          \
    X(CATALOG_ENOMEM, -20, "out_of_memory", "out of memory")                                       \
    X(CATALOG_EMALFORMED, -21, "malformed", "malformed input")                                     \
    X(CATALOG_ENOTCANONICAL, -22, "not_canonical", "not the one canonical encoding")               \
    X(CATALOG_ETOODEEP, -23, "too_deep", "nested too deeply")                                      \
    X(CATALOG_ETOOBIG, -24, "too_big", "over the size limit")                                      \
    X(CATALOG_ECLOCKRANGE, -25, "clock_range", "clock past the year 2200")                         \
    X(CATALOG_ENOTFOUND, -26, "not_found", "no such entry")                                        \
    X(CATALOG_EPRECONDITION, -27, "precondition_failed",                                           \
      "the entry is not at the expected number")                                                   \
    X(CATALOG_ESTATE, -28, "state", "the entry's state does not allow this step")                  \
    X(CATALOG_ETOOMANYVERSIONS, -29, "too_many_versions",                                          \
      "the entry holds too many unresolved versions")                                              \
    X(CATALOG_EMISSINGFIELD, -30, "missing_field", "a field that the schema does not have")        \
    X(CATALOG_EREFERENCE, -31, "bad_reference",                                                    \
      "the referenced schema lacks the fields or has other types")                                 \
    X(CATALOG_ESETNULL, -32, "set_null", "set_null on a field that must not be null")              \
    X(CATALOG_EFIELDINUSE, -33, "field_in_use", "the field is used by a constraint or an index")   \
    X(CATALOG_EREFERENCED, -34, "referenced",                                                      \
      "a foreign key of another entity references this schema")                                    \
    X(CATALOG_ESAMEMEANING, -35, "same_meaning",                                                   \
      "a constraint of the same meaning exists under another name")                                \
    X(CATALOG_EDUPLICATE, -36, "duplicate", "the same entry twice in one batch")                   \
    X(CATALOG_ECLOCK, -37, "clock", "the clock of this node cannot be used")                       \
    X(CATALOG_EFULL, -38, "disk_full", "the disk is full")                                         \
    X(CATALOG_EIO, -39, "store", "the store failed")                                               \
    X(CATALOG_EDAMAGED, -40, "damaged", "the store is damaged")                                    \
    X(CATALOG_EINUSE, -41, "in_use", "the data directory is in use by another process")            \
    X(CATALOG_EFORMAT, -42, "newer_format", "the data directory has a newer format")               \
    X(CATALOG_ECLUSTER, -43, "other_cluster", "the data directory belongs to another cluster")     \
    X(CATALOG_EPERMISSION, -44, "permission", "the data directory is not writable")

enum catalog_error {
#define X(code, number, name, message) code = (number),
    CATALOG_ERRORS(X)
#undef X
};

/* The short name and the message of a code; NULL for a code that is of neither this folder nor merkle/. */
const char *catalog_error_name(int code);
const char *catalog_error_message(int code);

/* What is wrong with one thing that a user gave. */
struct catalog_problem {
    int code;
    uint32_t line;     /* of an import, from 1; 0 if there are no lines */
    char message[480]; /* one sentence, UTF-8, NUL-terminated, names the field or entry */
};

/* --- limits ------------------------------------------------------------------------------------------------------ */

enum {
    CATALOG_NAME_SIZE_MAX = 128,       /* bytes of an entity, a name, a node's name */
    CATALOG_BODY_SIZE_MAX = 32 * 1024, /* bytes of one encoded body */
    /* a write is refused while an entry holds this many, unless it resolves them */
    CATALOG_VERSIONS_WRITE_MAX = 16,
    CATALOG_DEPTH_MAX = 8,                           /* nesting of entries and frames */
    CATALOG_ENTRY_SIZE_MAX = 4 * 1024 * 1024 - 4096, /* an entry fits a frame */
    CATALOG_FORMAT = 1, /* of entries, their digests and messages; files have one of their own */
};

/* --- clocks, origins, ids ---------------------------------------------------------------------------------------- */

/* Hybrid logical clock: 48 bits of milliseconds since 1970, 16 bits of count. */
typedef uint64_t catalog_clock;

#define CATALOG_CLOCK_MS_MAX UINT64_C(7258118400000) /* 2200-01-01T00:00:00Z */
#define CATALOG_CLOCK_MAX (CATALOG_CLOCK_MS_MAX << 16)

/* 128 bits: a node's id (drawn with its data directory), an origin (drawn at every start), a cluster's id. All zeros
 * means "none". */
struct catalog_id {
    uint8_t bytes[16];
};
bool catalog_id_equal(const struct catalog_id *a, const struct catalog_id *b);
int catalog_id_compare(const struct catalog_id *a, const struct catalog_id *b); /* as memcmp */
bool catalog_id_is_none(const struct catalog_id *id);
void catalog_id_print(const struct catalog_id *id, char text[33]);
/* 32 hex digits */
bool catalog_id_parse(const char *text, size_t size_bytes, struct catalog_id *id);

/* A bounded text, not NUL-terminated, borrowed. */
struct catalog_text {
    const char *data;
    size_t size_bytes;
};
/* Whether it is this string. */
bool catalog_text_is(struct catalog_text text, const char *string);

/* A clock greater than `high_water` and not below the wall clock; 0 if that would pass CATALOG_CLOCK_MAX (the write is
 * refused with CATALOG_ECLOCK). The caller stores the result as the new high-water mark with what bears it. */
catalog_clock catalog_clock_next(catalog_clock high_water, uint64_t wall_ms);

/* --- keys and entries -------------------------------------------------------------------------------------------- */

/* Other kinds (up to 65535) are carried opaquely (G10). */
enum catalog_kind { CATALOG_SCHEMA = 1, CATALOG_CONSTRAINT = 2, CATALOG_INDEX = 3 };

enum catalog_state {
    CATALOG_ACTIVE = 1,
    CATALOG_PENDING_ADD = 2,
    CATALOG_PENDING_DROP = 3,
    CATALOG_DROPPED = 4,
    CATALOG_STATE_COUNT = 5, /* sizes arrays; 0 is unused */
};
const char *catalog_state_name(enum catalog_state state); /* "active" ... */
/* "schema", "constraint", "index"; NULL for another kind. */
const char *catalog_kind_name(uint16_t kind);

struct catalog_key {
    uint16_t kind;
    struct catalog_text entity;
    struct catalog_text name; /* empty for a schema */
};
/* 0 or CATALOG_EMALFORMED: kind 0; entity or name not 1..128 bytes of UTF-8 without control characters (C0, DEL, C1)
 * and '/'; a schema with a name, a constraint or index without. */
int catalog_key_check(const struct catalog_key *key);
/* XXH3-64 of the key's canonical encoding (docs/FORMAT.md). */
uint64_t catalog_key_slot(const struct catalog_key *key);
bool catalog_key_equal(const struct catalog_key *a, const struct catalog_key *b);
/* Order of export: kind, entity, name (bytewise). */
int catalog_key_compare(const struct catalog_key *a, const struct catalog_key *b);

/* One entry: its canonical bytes, and what is looked at often, read from them. Immutable once made; any thread may read
 * one that it holds a reference to. */
struct catalog_entry {
    const struct merkle_allocator *allocator; /* must be safe from every thread that releases */
    atomic_uint references;
    struct merkle_digest digest; /* of `bytes` */
    uint64_t slot;
    catalog_clock clock;         /* of the version in force */
    catalog_clock clock_highest; /* the largest in versions and context */
    /* The lowest horizon that changes it (catalog_prune); UINT64_MAX: none. A higher one need not: a drop yields to a set only
     * while the horizon is below that. */
    catalog_clock prune_clock;
    catalog_clock superseded_clock; /* the smallest in the context without a version; UINT64_MAX */
    uint64_t number;                /* of the version in force */
    uint16_t kind;
    uint8_t state;  /* of the version in force: enum catalog_state */
    bool conflict;  /* more than one version with different (state, body) */
    bool tombstone; /* all versions are dropped */
    uint32_t version_count;
    uint32_t entity_offset, entity_size_bytes; /* within bytes */
    uint32_t name_offset, name_size_bytes;
    uint32_t size_bytes;
    uint8_t bytes[];
};

/* Checks bytes from a peer or a disk (depth, declared counts, canonical form, names, clocks, one version an origin and
 * it at context[origin], versions sorted by (clock, origin), known state, body size; a body of a known kind is checked
 * for its shape as well) and makes an entry of them, with one reference. CATALOG_EMALFORMED, _ENOTCANONICAL, _ETOODEEP,
 * _ETOOBIG, _ECLOCKRANGE, _ENOMEM. */
int catalog_entry_decode(const struct merkle_allocator *allocator, const uint8_t *bytes,
                         size_t size_bytes, struct catalog_entry **entry);
struct catalog_entry *catalog_entry_hold(struct catalog_entry *entry);
void catalog_entry_release(struct catalog_entry *entry); /* NULL is allowed */
struct catalog_key catalog_entry_key(const struct catalog_entry *entry);

/* A version within an entry; all pointers are into the entry's bytes. */
struct catalog_version {
    catalog_clock clock;
    struct catalog_id origin;
    struct catalog_text node;
    uint64_t number;
    enum catalog_state state;
    const uint8_t *body; /* MessagePack; of a dropped version nil, one byte */
    size_t body_size_bytes;
    /* the body enforced while pending_add over an active one; NULL if none */
    const uint8_t *previous;
    size_t previous_size_bytes;
    const uint8_t *bytes; /* the whole version, as encoded, with what newer formats append */
    size_t size_bytes;
};
/* Reads up to `max` versions, in ascending (clock, origin): the last is the one in force. Returns how many there are. */
size_t catalog_entry_versions(const struct catalog_entry *entry, struct catalog_version *versions,
                              size_t max);
/* The largest clock of this origin that the entry has seen (its context); 0: none. */
catalog_clock catalog_entry_seen(const struct catalog_entry *entry,
                                 const struct catalog_id *origin);
/* The version in force. */
struct catalog_version catalog_entry_in_force(const struct catalog_entry *entry);
/* One pair of an entry's context: the largest clock of this origin that the entry has seen. */
struct catalog_pair {
    struct catalog_id origin;
    catalog_clock clock;
    bool survives; /* its version is one of the entry's; else it was replaced */
};
/* Reads up to `max` pairs, by origin. Returns how many there are. Those that the horizon has passed are not among them. */
size_t catalog_entry_context(const struct catalog_entry *entry, struct catalog_pair *pairs,
                             size_t max);

/* Merge (DESIGN 4.2): what both sides together know. `horizon`: an (origin, clock) pair that is absent from the context
 * of a present entry counts as seen up to it; pairs at or below it without a surviving version leave the result. Either
 * may be NULL (then the other is returned, held, with pruned context). The result is `a` or `b` itself, held, if it
 * equals one. `*forked` (may be NULL) is set if two contents stood under one (clock, origin). CATALOG_ENOMEM,
 * CATALOG_ETOOBIG. */
int catalog_merge(const struct merkle_allocator *allocator, struct catalog_entry *a,
                  struct catalog_entry *b, catalog_clock horizon, struct catalog_entry **merged,
                  bool *forked);

/* What a horizon leaves of an entry (DESIGN 4.7): `*pruned` is the entry itself, held, if it changes nothing; another one,
 * without the pairs and drops that it passed; or NULL, if it is a tombstone at or below it. CATALOG_ENOMEM. */
int catalog_prune(const struct merkle_allocator *allocator, struct catalog_entry *entry,
                  catalog_clock horizon, struct catalog_entry **pruned);

/* The entry with those of its versions alone that are wanted: itself, held, if all are; NULL if none is. Another one knows
 * nothing any more of what its versions had replaced: it is to be shown (a file for import), never merged. CATALOG_ENOMEM. */
typedef bool catalog_version_wanted(void *context, const struct catalog_version *version);
int catalog_select(const struct merkle_allocator *allocator, struct catalog_entry *entry,
                   catalog_version_wanted *wanted, void *context, struct catalog_entry **selected);

/* How two versions of one entry stand to each other; either may be NULL. */
enum catalog_relation {
    CATALOG_SAME = 0,
    CATALOG_ONLY_A = 1,
    CATALOG_ONLY_B = 2,
    CATALOG_NEWER_A = 3,
    CATALOG_NEWER_B = 4,
    CATALOG_CONFLICTING = 5,
};
int catalog_relate(const struct merkle_allocator *allocator, struct catalog_entry *a,
                   struct catalog_entry *b, enum catalog_relation *relation);

/* Canonical MessagePack: exactly one object, depth <= depth_max, shortest forms, map keys strings, sorted bytewise and
 * distinct, valid UTF-8, no float where an integer says the same, no NaN, no ext. Reads nothing past size_bytes,
 * allocates nothing. 0, CATALOG_EMALFORMED, _ENOTCANONICAL, _ETOODEEP. Frames are checked by the same function. */
int catalog_msgpack_check(const uint8_t *bytes, size_t size_bytes, unsigned depth_max);

/* --- JSON (DESIGN 10.2) ------------------------------------------------------------------------------------------ */

enum catalog_form {
    CATALOG_FORM_EXPORT = 1, /* a line of an export, without its newline */
    CATALOG_FORM_FULL = 2,   /* as GET shows it: + number, state, origin, node, clock, conflict */
};
/* Appends the version in force as one JSON object. CATALOG_ENOMEM. */
int catalog_entry_print(const struct catalog_entry *entry, enum catalog_form form,
                        struct merkle_buffer *json);
/* Appends {"kind","entity","name","versions":[...full form of each version, the one in force last...],"seen":[...]}: for
 * conflicts and `why`. A version that is pending_add over an active one has "previous":{...the body enforced meanwhile...} as
 * well; "seen" are the {"origin","clock"} that these versions replaced, the latest of each origin, in order of origins: of
 * several versions nobody knows any more which replaced which. What a horizon has passed is no longer among them. */
int catalog_entry_print_versions(const struct catalog_entry *entry, struct merkle_buffer *json);
/* Appends a canonical body as catalog_body_parse reads it, {"bytes":BASE64} of an unknown kind, null of a dropped version. */
int catalog_body_print(uint16_t kind, const uint8_t *body, size_t size_bytes,
                       struct merkle_buffer *json);
/* Appends a JSON string with quotes. */
int catalog_json_print_text(struct catalog_text text, struct merkle_buffer *json);

/* Reads a JSON body as PUT takes it (schema: {"fields":{...}}; constraint: with "type"; index: {"fields":[...]}) into the
 * canonical body. Accepts for a schema also MQDB's flat form if `flat_allowed`. On CATALOG_EMALFORMED or _ETOOBIG
 * `problem` names the line and column, or the field. */
int catalog_body_parse(uint16_t kind, const char *json, size_t size_bytes, bool flat_allowed,
                       struct merkle_buffer *body, struct catalog_problem *problem);

/* --- the catalog ------------------------------------------------------------------------------------------------- */

struct catalog;

/* CATALOG_ENOMEM. `allocator` must be safe from every thread that reads; borrowed until catalog_free. */
int catalog_new(const struct merkle_allocator *allocator, struct catalog **catalog);
void catalog_free(struct catalog *catalog);

/* Stored layer. The tree is the catalog's own; the walk reads it, nobody else changes it. */
struct merkle_tree *catalog_tree(struct catalog *catalog);
/* borrowed; NULL if none */
struct catalog_entry *catalog_entry_of_handle(const struct catalog *catalog, uint32_t handle);
/* The stored entry, borrowed until the next change; NULL if none. Tombstones are entries. */
struct catalog_entry *catalog_find(const struct catalog *catalog, const struct catalog_key *key);
/* [any thread] the same, held. */
struct catalog_entry *catalog_get(struct catalog *catalog, const struct catalog_key *key);

/* Counts of the stored layer, for status and metrics. Schema, constraint, index, other kinds by state. */
struct catalog_counts {
    uint64_t by_kind_and_state[4][CATALOG_STATE_COUNT]; /* kind 0 = others, 1..3 */
    uint64_t entries;                                   /* not dropped (version in force) */
    uint64_t tombstones;
    uint64_t conflicts;
    uint64_t all;     /* items in the tree */
    uint64_t changes; /* rises with every stored change (the change counter of DESIGN 7.2) */
};
struct catalog_counts catalog_count(const struct catalog *catalog);

/* Steps through stored entries (tombstones too) in the order of export, within a kind (0: all kinds) and an entity
 * (empty: all). Returns the first entry with a key greater than `after` (NULL: the first of all), borrowed; NULL at the
 * end. O(log n). */
struct catalog_entry *catalog_next(const struct catalog *catalog, uint16_t kind,
                                   struct catalog_text entity, const struct catalog_key *after);

/* Pending layer (the loop thread). The newest of pending and stored, borrowed; NULL if none. */
struct catalog_entry *catalog_pending_find(const struct catalog *catalog,
                                           const struct catalog_key *key);
/* As catalog_next, over the newest of both layers. */
struct catalog_entry *catalog_pending_next(const struct catalog *catalog, uint16_t kind,
                                           struct catalog_text entity,
                                           const struct catalog_key *after);
/* Puts an entry on the pending layer (holds it) for a store ticket. Tickets rise. CATALOG_ENOMEM: nothing changed. */
int catalog_pending_put(struct catalog *catalog, struct catalog_entry *entry, uint64_t ticket);
/* Takes an entry away with this ticket: until it is stored, catalog_pending_find says NULL and catalog_find the entry.
 * CATALOG_ENOTFOUND (there is none on the pending layer), CATALOG_ENOMEM: nothing changed. */
int catalog_pending_remove(struct catalog *catalog, const struct catalog_key *key, uint64_t ticket);
/* The newest entries (pending over stored) that this horizon changes, those with the lowest prune_clock first, up to `max`,
 * borrowed until the next change; returns how many it wrote. Tells the same ones again until they are put or removed. A
 * horizon only rises: once asked for a higher one, it no longer knows what only a lower one would change. O(log n) each. */
size_t catalog_prunable(struct catalog *catalog, catalog_clock horizon,
                        struct catalog_entry **entries, size_t max);
/* The batch of this ticket is on disk: its entries become stored: tree, indexes and readers see them. CATALOG_ENOMEM is
 * fatal for the owner: what is on disk and what is in memory differ; it must stop and start again from the disk. */
int catalog_pending_stored(struct catalog *catalog, uint64_t ticket);
/* The batch of this ticket failed, and so did all behind it: forgets them. */
void catalog_pending_abandon(struct catalog *catalog, uint64_t ticket);
/* Puts an entry directly into the stored layer: loading from disk, and tests. */
int catalog_load(struct catalog *catalog, struct catalog_entry *entry);
/* Forgets a stored entry: a row that was found damaged after the load. CATALOG_ENOTFOUND. */
int catalog_unload(struct catalog *catalog, const struct catalog_key *key);

/* Count and digest sum over stored + pending: what the state row of the next batch must bear. The sum is over the 128-bit
 * digests as big-endian numbers modulo 2^128: it says the same as a root about a set of rows and costs O(1) to keep
 * (docs/decisions: the stored root is a sum). */
struct catalog_sum {
    uint64_t entry_count;
    struct merkle_digest digest_sum;
};
struct catalog_sum catalog_pending_sum(const struct catalog *catalog);
void catalog_sum_add(struct catalog_sum *sum, const struct merkle_digest *digest);
void catalog_sum_remove(struct catalog_sum *sum, const struct merkle_digest *digest);

/* --- writes (DESIGN 4.3, 4.4) ------------------------------------------------------------------------------------ */

enum catalog_operation {
    CATALOG_SET = 1,
    CATALOG_DROP = 2,
    /* writes again what the version of one node (`take`) says, over all others; only in a conflict: else CATALOG_ESTATE.
     * CATALOG_ENOTFOUND: there is no such entry, or that node has no version in it (the message names those that have) */
    CATALOG_RESOLVE = 3,
};

struct catalog_write {
    enum catalog_operation operation;
    uint32_t line; /* of an import; 0 */
    struct catalog_key key;
    const uint8_t
        *body; /* canonical, for CATALOG_SET; NULL with CATALOG_PENDING_DROP: the body in force */
    size_t body_size_bytes;
    /* to set: CATALOG_ACTIVE (0 means that) or, from an import or a staged change, CATALOG_PENDING_ADD/_DROP */
    enum catalog_state state;
    /* a step or the abort of a staged change (DESIGN 7.6), by the member to whom it belongs: what is pending may be left.
     * Without it CATALOG_ESTATE, unless the write resolves a conflict */
    bool step;
    struct catalog_text take; /* CATALOG_RESOLVE: the node's name */
    bool cascade;             /* a drop of a schema also drops the foreign keys that reference it */
    bool number_expected;     /* If-Match */
    uint64_t number;          /* 0: must not exist */
};

/* Who writes: stamps new versions. */
struct catalog_writer {
    struct catalog_id origin;
    struct catalog_text node;
    catalog_clock high_water;
    uint64_t wall_ms;
    catalog_clock horizon; /* what it has passed leaves with the write (catalog_prune) */
};

/* The outcome of one write of a batch. */
struct catalog_outcome {
    bool changed; /* false: what was asked for was in force already */
    bool created; /* nothing (or a dropped version) was in force before */
    /* as it will be (or is, if unchanged), held by the plan; of a drop the tombstone */
    struct catalog_entry *entry;
    struct catalog_entry *before; /* what was in force before, held by the plan; NULL if absent */
};

/* A batch, checked as its result against the pending layer. Either `problem_count` > 0 and nothing else, or the entries
 * to store (also those that a drop takes along), in slot order, and one outcome for each write. */
struct catalog_plan {
    const struct merkle_allocator *allocator;
    struct catalog_problem *problems; /* each refused line, at most CATALOG_PROBLEMS_MAX */
    size_t problem_count;
    struct catalog_entry **entries;
    size_t entry_count;
    struct catalog_outcome *outcomes;
    size_t outcome_count;
    catalog_clock high_water; /* after the last stamp */
};
enum { CATALOG_PROBLEMS_MAX = 1000 };

/* Plans a batch; changes nothing in the catalog. 0 also if the plan has problems; CATALOG_ENOMEM. */
int catalog_plan_new(const struct catalog *catalog, const struct catalog_write *writes,
                     size_t write_count, const struct catalog_writer *writer,
                     struct catalog_plan **plan);
void catalog_plan_free(struct catalog_plan *plan);

/* Import: reads JSON Lines into writes. On success `*import` holds `write_count` writes (and their memory); if lines are
 * malformed it holds problems instead. CATALOG_ENOMEM. */
struct catalog_import {
    struct catalog_write *writes;
    size_t write_count;
    struct catalog_problem *problems;
    size_t problem_count;
};
int catalog_import_parse(const struct merkle_allocator *allocator, const char *text,
                         size_t size_bytes, struct catalog_import **import);
void catalog_import_free(struct catalog_import *import);
/* Appends the whole export to `text` (stored layer). CATALOG_ENOMEM. */
int catalog_export(const struct catalog *catalog, struct merkle_buffer *text);

/* What merges may have broken (DESIGN 4.4): dangling foreign keys and fields, same meaning twice. Writes up to `max`
 * problems, returns how many there are. Walks the whole catalog: call it when `changes` moved, not on a hot path. */
size_t catalog_audit(const struct catalog *catalog, struct catalog_problem *problems, size_t max);

/* --- check (DESIGN 4.5) ------------------------------------------------------------------------------------------ */

struct catalog_violation {
    struct catalog_text field;
    const char *rule; /* "type", "required", "not_null", "record" */
    char message[240];
};
struct catalog_unique {
    struct catalog_text name;
    const struct catalog_text *fields;
    size_t field_count;
};
struct catalog_foreign_key {
    struct catalog_text name;
    const struct catalog_text *fields;
    size_t field_count;
    struct catalog_text entity; /* referenced */
    const struct catalog_text *referenced_fields;
    const char *on_delete; /* "restrict", "cascade", "set_null" */
};
/* The answer; all it points to belongs to it until catalog_check_free. */
struct catalog_check {
    bool valid;
    struct catalog_violation *violations;
    size_t violation_count;
    const struct catalog_unique *uniques;
    size_t unique_count;
    const struct catalog_foreign_key *foreign_keys;
    size_t foreign_key_count;
    uint64_t number; /* of the schema in force; 0 if the entity has none */
};
/* [any thread] Checks a JSON record against what is stored here. 0 with `*check` also for an invalid record. An entity
 * without a schema takes any object. CATALOG_EMALFORMED (not JSON: `problem`, may be NULL, has line and column),
 * CATALOG_ENOMEM. Microseconds: what an entity demands is compiled once and kept until it changes. */
int catalog_check(struct catalog *catalog, struct catalog_text entity, const char *record,
                  size_t size_bytes, struct catalog_check **check, struct catalog_problem *problem);
void catalog_check_free(struct catalog_check *check);
/* Appends {"valid":..., "violations":[...], "unique":[...], "foreign_keys":[...], "number":N,"agreement_age_ms":A} with
 * null for A < 0. */
int catalog_check_print(const struct catalog_check *check, int64_t agreement_age_ms,
                        struct merkle_buffer *json);

#endif
