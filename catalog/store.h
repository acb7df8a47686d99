/* store.h - the catalog on disk: the store, and the thread that owns it. Public.
 *
 * The engine does not know it: it says what is to be stored (struct catalog_batch), and its driver, which includes this,
 * has it stored and reports back. After a start the driver passes what was there (struct catalog_load).
 */
#ifndef CATALOG_STORE_H
#define CATALOG_STORE_H

#include "catalog/stored.h"

/* --- the store: SQLite, one file `catalog.db` in the data directory ----------------------------------------------- */

struct catalog_store;

/* Opens (makes) DIR/catalog.db, takes the lock of the directory, verifies every row against its digest, sets bad rows aside
 * into the table `quarantine` (one transaction, which also sets healing and lowers `seen` to the horizon), renames a file
 * that is no usable database, or whose WAL is damaged, aside (catalog.db.damaged-N) and starts a fresh one. On an error
 * nothing is held, and `problem` says what to do: CATALOG_EINUSE; CATALOG_ECLUSTER, CATALOG_EFORMAT: of another cluster, of
 * a newer attune; CATALOG_EPERMISSION; CATALOG_EFULL; CATALOG_EIO (out of descriptors, too), CATALOG_ENOMEM: try again;
 * CATALOG_EDAMAGED: a file that was made just now is of no use either, the disk does not keep what is written. */
int catalog_store_open(const struct merkle_allocator *allocator, const char *directory,
                       const char *cluster_name, struct catalog_store **store,
                       struct catalog_load **load, struct catalog_problem *problem);
void catalog_store_close(struct catalog_store *store);
/* One transaction for several batches, in order: all or none. Returns after the sync. CATALOG_EFULL, CATALOG_EIO: nothing
 * of it counts; the store takes no more until catalog_store_reopen has succeeded. */
int catalog_store_commit(struct catalog_store *store, struct catalog_batch *const *batches,
                         size_t batch_count);
/* Closes, opens and verifies again after a failure, and proves by a commit of its own that there is room. The new load
 * may hold what a failed commit had nevertheless made durable. Errors as of catalog_store_open but EINUSE: the lock is kept,
 * commits are refused; try again later, after any of them: what others did to the files they may mend. */
int catalog_store_reopen(struct catalog_store *store, struct catalog_load **load,
                         struct catalog_problem *problem);

/* Writes entries as `import` reads them, in the order of an export, to a new file DIR/kept-YYYYMMDDTHHMMSSZ.jsonl (UTC; a
 * number follows if there is one of that second), mode 0600, synced with its name; `path` says where. Touches nothing else
 * of the store: any thread. CATALOG_EFULL, CATALOG_EIO, CATALOG_EPERMISSION, CATALOG_ENOMEM: no file is left; try again. */
enum { CATALOG_KEPT_PATH_SIZE = 4096 };
int catalog_store_keep(const struct catalog_store *store, struct catalog_entry *const *entries,
                       size_t entry_count, uint64_t wall_ms, char path[CATALOG_KEPT_PATH_SIZE],
                       struct catalog_problem *problem);

/* --- the store thread -------------------------------------------------------------------------------------------- */

struct catalog_store_thread;

struct catalog_store_done {
    uint64_t ticket;
    int result; /* 0, CATALOG_EFULL, CATALOG_EIO; all behind it fail as well, until a reopen */
    struct catalog_load *reopened; /* after a failure (ticket 0), the taker's; else NULL */
};

/* Starts the thread that owns the store. `notify` is called from the thread whenever something can be taken: it must only
 * wake the loop (ev_async_send). After a failed commit the thread fails all batches that wait, then tries
 * catalog_store_reopen each second until it succeeds, whatever its error, and reports that as `reopened`. */
int catalog_store_thread_start(const struct merkle_allocator *allocator,
                               struct catalog_store *store, void (*notify)(void *context),
                               void *context, struct catalog_store_thread **thread);
/* Copies the batch (entries are held). Never blocks on the disk. CATALOG_ENOMEM. */
int catalog_store_thread_submit(struct catalog_store_thread *thread,
                                const struct catalog_batch *batch);
/* Takes up to `max` completions, in order; returns how many. */
size_t catalog_store_thread_take(struct catalog_store_thread *thread,
                                 struct catalog_store_done *done, size_t max);
/* Finishes what was submitted, stops the thread, frees it; the store stays open. */
void catalog_store_thread_stop(struct catalog_store_thread *thread);
/* Seconds that the last commits took, for metrics: count, sum and buckets (bounds in catalog_store_bounds). [any thread] */
enum { CATALOG_STORE_BUCKETS = 10 };
extern const double catalog_store_bounds[CATALOG_STORE_BUCKETS];
struct catalog_store_times {
    uint64_t count;
    double sum_seconds;
    uint64_t buckets[CATALOG_STORE_BUCKETS]; /* not cumulative; above the last: only in count */
    uint64_t failed_count;
};
struct catalog_store_times catalog_store_thread_times(struct catalog_store_thread *thread);

#endif
