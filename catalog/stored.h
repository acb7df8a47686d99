/* stored.h - what is stored of a catalog, and loaded: the structures between an engine and its store. Public.
 *
 *      engine  ---- struct catalog_batch ---->  store (catalog/store.h)
 *      engine  <--- struct catalog_load -----   at a start, and after a failure
 *
 * They are of neither, so that an engine needs no store's header, and a store no engine's.
 */
#ifndef CATALOG_STORED_H
#define CATALOG_STORED_H

#include "catalog/catalog.h"

/* The row of node state. Written whole with every batch, so that data and state are of one transaction (G11). */
struct catalog_node_state {
    struct catalog_id node_id;
    struct catalog_id cluster_id; /* none: not of any cluster yet */
    char cluster_name[CATALOG_NAME_SIZE_MAX + 1];
    char node_name[CATALOG_NAME_SIZE_MAX + 1];
    uint64_t incarnation;
    catalog_clock high_water;
    catalog_clock seen;
    catalog_clock horizon;
    bool ready;     /* has been ready once: a member; else a newcomer that must join first */
    bool healing;   /* a row is missing or set aside: no writes until a walk has finished */
    bool had_entry; /* this cluster once had an entry (DESIGN 7.1: two clusters of one name) */
    bool removed;   /* this id was removed: the next start takes a new one (DESIGN 4.7) */
    /* while it joins: whose horizon it took; none: nobody's yet */
    struct catalog_id admitter_id;
    /* while it joins under a new id: its former one, which the others then remove; none */
    struct catalog_id replaced_id;
    struct catalog_sum sum; /* over all entries, with this batch */
};

/* A row of the member table. */
struct catalog_member_row {
    struct catalog_id id;
    char name[CATALOG_NAME_SIZE_MAX + 1];
    char address[CATALOG_NAME_SIZE_MAX + 1]; /* HOST:PORT */
    uint64_t incarnation;
    uint8_t state; /* enum gossip_member_state; opaque here */
    bool ready;
};

/* What is to be stored in one transaction. An immutable order for the store, done in the order of its fields: `reset` first
 * forgets all entries and what was kept, `removed` takes rows away by their key, entries replace the row of their key, member
 * rows that of their id. */
struct catalog_batch {
    uint64_t ticket; /* rises by one with each batch */
    bool reset;      /* this node starts empty; under a new id `kept` is what it had (DESIGN 4.7) */
    struct catalog_entry *
        *kept; /* held until they have been written to a file: a table of their own */
    size_t kept_count;
    bool kept_cleared; /* what was kept is in a file: forget it */
    struct catalog_entry **removed;
    size_t removed_count;
    struct catalog_entry **entries;
    size_t entry_count;
    /* forget all member rows first (this node leaves an empty cluster for another) */
    bool members_cleared;
    const struct catalog_member_row *members;
    size_t member_count;
    struct catalog_node_state state;
};

enum { CATALOG_DAMAGE_SIZE = 280 }; /* of a sentence, with its end */

/* What a store held when it was opened. */
struct catalog_load {
    bool fresh;   /* nothing was ever stored in this file: `state` has only zeros */
    bool damaged; /* another one was set aside before (fresh, too): tell the operator */
    /* its name now, and what was wrong with it; empty unless damaged */
    char damage[CATALOG_DAMAGE_SIZE];
    struct catalog_node_state state;
    struct catalog_entry **entries; /* in slot order, each held by the load */
    size_t entry_count;
    struct catalog_entry **kept; /* as batches left them, each held by the load */
    size_t kept_count;
    /* rows of what was kept that are damaged or gone: tell the operator. They stay in the file until kept_cleared */
    uint64_t kept_lost_count;
    struct catalog_member_row *members;
    size_t member_count;
    uint64_t quarantined_count; /* rows in quarantine, with those set aside now */
    bool rows_missing;          /* count or digest sum do not fit the rows: something is gone */
};
void catalog_load_free(struct catalog_load *load);

#endif
