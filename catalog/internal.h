/* internal.h - the inside of struct catalog (private to catalog/).
 *
 * There is one node for each key that is stored or on its way to the store. The nodes hang in a treap ordered by key,
 * and stand in an array by handle; the digest tree holds the stored ones:
 *
 *        treap by key          node                     orders (FIFO, one for each pending put)
 *            o                 +-----------------+      +--------+--------+--------+
 *          /   \    -------->  | stored  --------|-> e1 | t7, e2 | t7, .. | t9, e3 |
 *         o     o              | pending --------|--+   +--------+--------+--------+
 *        / \     \             | order_count = 2 |  |                         ^
 *       o   o     o            | handle, slot    |  +-------------------------+
 *                              +-----------------+        the newest order's entry
 *
 * When the ticket 7 is stored, e2 becomes `stored` while e3 stays `pending`; when 9 fails, `pending` falls back to e2. An
 * order without an entry takes the entry away: while it is the newest, `pending` is NULL although there are orders.
 *
 * Locks: `lock` guards the treap, and `stored` of each node, against readers in other threads. The loop thread alone
 * changes them, so it reads without the lock and takes it only to write. `validators` has a lock of its own; who needs
 * both takes `lock` first.
 */
#ifndef CATALOG_INTERNAL_H
#define CATALOG_INTERNAL_H

#include "catalog/body.h"
#include "catalog/catalog.h"
#include "catalog/span.h"

#include <assert.h>
#include <pthread.h>

struct catalog__reference;

struct catalog__node {
    struct catalog__node *left;
    struct catalog__node *right;
    struct catalog_entry *stored; /* held; NULL if none */
    struct catalog_entry
        *pending; /* the newest order's, which holds it; NULL: a removal, or none */
    struct catalog__reference *stored_reference; /* what `stored` references; NULL if nothing */
    uint64_t slot;                               /* also the priority within the treap */
    uint32_t handle;
    uint32_t order_count;
    uint32_t prunable_index; /* its place in `prunables`; CATALOG__NOT_PRUNABLE */
    uint16_t kind;
    bool in_tree; /* runs ahead of `stored` within catalog_pending_stored() */
    uint8_t entity_size_bytes;
    uint8_t name_size_bytes;
    char text[]; /* entity, name: a copy, so that a search touches nodes only */
};
static_assert(CATALOG_NAME_SIZE_MAX <= UINT8_MAX, "sizes of names fit the node");

/* One entry handed to the store, or its removal. */
struct catalog__order {
    uint64_t ticket;
    struct catalog__node *node;
    struct catalog_entry *entry; /* held; NULL: the key's entry leaves */
    struct catalog_entry
        *before; /* the node's `pending` before this one; meaningful while an older order is left */
    struct catalog__reference *reference; /* what `entry` references; NULL if nothing */
};

/* A first-in first-out queue: orders[first .. first + count). */
struct catalog__orders {
    struct catalog__order *items;
    size_t first;
    size_t count;
    size_t capacity;
};

/* Nodes by handle, and the handles that are free again. */
struct catalog__handles {
    struct catalog__node **nodes; /* NULL where free */
    uint32_t *free;               /* as long as `nodes`, so that giving back never fails */
    uint32_t count;               /* handles ever given out */
    uint32_t free_count;
    uint32_t capacity;
};

/* Nodes whose newest entry a horizon changes, as a binary heap by (clock, handle); see prunable.c. */
struct catalog__prunable {
    catalog_clock clock; /* the lowest horizon that does, from the last one asked for on */
    struct catalog__node *node;
};
struct catalog__prunables {
    struct catalog__prunable
        *items; /* as long as `handles.nodes`, so that putting one in never fails */
    uint32_t count;
};
#define CATALOG__NOT_PRUNABLE UINT32_MAX

/* "This foreign key references that entity": in a hash table by entity, so that a change of a schema finds what hangs on
 * it without a walk through all constraints. There is one for each stored or pending entry that references; which of
 * them is in force is decided by whoever asks. */
struct catalog__reference {
    struct catalog__reference *next;
    struct catalog__reference **link;    /* what points here */
    struct catalog__reference *previous; /* of the same entry's `previous`; NULL if none */
    struct catalog__node *node;
    uint64_t hash;
    uint8_t entity_size_bytes;
    char entity[];
};

struct catalog__references {
    struct catalog__reference **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

/* Compiled demands of entities (validator.c), by entity. */
struct catalog__validator;
struct catalog__validators {
    pthread_rwlock_t lock;
    struct catalog__validator **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    size_t count;
};

struct catalog {
    const struct merkle_allocator *allocator;
    pthread_rwlock_t lock;
    struct catalog__node *root;
    struct catalog__handles handles;
    struct catalog__orders orders;
    struct catalog__prunables prunables;
    struct catalog__references references;
    struct merkle_tree *tree;
    struct catalog_counts counts;
    struct catalog_sum sum; /* stored + pending */
    struct catalog__validators validators;
};

/* --- the treap by key (catalog_index.c) --------------------------------------------------------------------------- */

struct catalog_key catalog__node_key(const struct catalog__node *node);
void catalog__index_insert(struct catalog__node **root, struct catalog__node *node);
void catalog__index_remove(struct catalog__node **root, const struct catalog__node *node);
struct catalog__node *catalog__index_find(struct catalog__node *root,
                                          const struct catalog_key *key);
/* The first node with a key greater than `key`, or, if `or_equal`, not below it; NULL if none. */
struct catalog__node *catalog__index_after(struct catalog__node *root,
                                           const struct catalog_key *key, bool or_equal);

/* --- nodes (node.c) ----------------------------------------------------------------------------------------------- */

/* Finds the node of a key, or makes one without entries; NULL if memory is short. */
struct catalog__node *catalog__node_take(struct catalog *catalog, const struct catalog_key *key);
/* Frees the node if neither a stored entry nor an order is left. */
void catalog__node_drop_if_empty(struct catalog *catalog, struct catalog__node *node);
/* The newest entry of a node. */
struct catalog_entry *catalog__node_newest(const struct catalog__node *node);

/* Which of a node's entries a reader means. */
enum catalog__layer { CATALOG__STORED = 1, CATALOG__PENDING = 2 };
struct catalog_entry *catalog__node_entry(const struct catalog__node *node,
                                          enum catalog__layer layer);
/* catalog_next() over either layer. */
struct catalog_entry *catalog__next(const struct catalog *catalog, enum catalog__layer layer,
                                    uint16_t kind, struct catalog_text entity,
                                    const struct catalog_key *after);

/* --- what a horizon changes (prunable.c) ------------------------------------------------------------------------------ */

/* The newest entry of this node has changed: it finds its place. Never needs memory. */
void catalog__prunable_follow(struct catalog *catalog, struct catalog__node *node);

/* --- what references what (reference.c) ----------------------------------------------------------------------------- */

/* Makes and links the reference of an entry, with that of its `previous` (the body enforced while it is pending_add):
 * *reference is NULL if neither is a foreign key. CATALOG_ENOMEM. */
int catalog__reference_new(struct catalog *catalog, struct catalog__node *node,
                           const struct catalog_entry *entry,
                           struct catalog__reference **reference);
void catalog__reference_free(struct catalog *catalog,
                             struct catalog__reference *reference); /* NULL is allowed */
/* Collects the nodes that reference an entity on any layer, sorted by key, each once, into *nodes (to be released).
 * CATALOG_ENOMEM. */
int catalog__reference_list(const struct catalog *catalog, struct catalog_text entity,
                            struct catalog__node ***nodes, size_t *count);

/* --- counts (counts.c) ---------------------------------------------------------------------------------------------- */

void catalog__counts_add(struct catalog_counts *counts, const struct catalog_entry *entry);
void catalog__counts_remove(struct catalog_counts *counts, const struct catalog_entry *entry);

/* --- validators (validator.c) ---------------------------------------------------------------------------------------- */

int catalog__validators_init(struct catalog__validators *validators);
void catalog__validators_close(struct catalog *catalog);
/* Forgets what was compiled for an entity. The caller holds catalog->lock for writing. */
void catalog__validators_forget(struct catalog *catalog, struct catalog_text entity);

#endif
