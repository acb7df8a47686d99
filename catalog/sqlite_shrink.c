/* sqlite_shrink.c - gives back to the file system what removals have left empty in catalog.db.
 *
 * SQLite keeps the pages of rows that were removed for rows to come; by itself the file does not get smaller. Fifty thousand
 * tombstones that a member held back while it was away would stay in the file's size for good. So the file is made with
 * incremental vacuum, and a commit that removes rows also moves pages from the end of the file into free ones before them,
 * a bounded number. That is part of its transaction, like any other write to pages: nothing new can go wrong at a crash. The
 * file itself is cut by a checkpoint, which follows at once: in a cluster at rest there would be none for long.
 *
 * Refused: VACUUM when much is free. It is one transaction as large as the catalog, which no full disk and no failing write
 * may meet: crash images with injected errors did not always open again.
 */
#include "catalog/sqlite_store.h"
#include "merkle/instrument.h"

struct catalog__shrink_limits catalog__shrink_limits = {.free_pages_min = 16, .pages_max = 512};

int catalog__store_shrink(struct catalog_store *store) {
    const struct catalog__shrink_limits *limits = &catalog__shrink_limits;
    int64_t free_pages = 0;
    int code = catalog__store_number(store, "PRAGMA freelist_count", &free_pages);
    if (code != SQLITE_OK || free_pages < limits->free_pages_min) {
        return code;
    }
    PROBE("catalog.store_shrinks");
    store->shrinks = true;
    char sql[64];
    (void)sqlite3_snprintf(sizeof sql, sql, "PRAGMA incremental_vacuum(%lld)",
                           (long long)limits->pages_max);
    return catalog__store_execute(store, sql);
}

void catalog__store_shrunk(struct catalog_store *store) {
    if (store->shrinks) {
        store->shrinks = false;
        (void)sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL,
                                        NULL);
    }
}
