/* store.h - the real store of a simulated node: SQLite on a recording file system (vfs.h), with power cuts, kills, lying and
 * failing disks, damage, backups.
 *
 *      init --> closed -- open --> open -- commit, reopen --> open
 *                 ^                 |
 *                 +-- close --------+     the process ends in order: a checkpoint, no WAL left
 *                 +-- kill ---------+     the process dies: what it wrote is in the kernel, unsynced or not
 *                 +-- crash --------+     the power goes: of what was not synced, some sectors are there and some not
 *                 |
 *                 +-- damage, backup, restore, wipe (the store is closed; a backup may be taken of an open one)
 *
 * What a store finds when it is opened again must be the state that the last acknowledged commit left, or one of those
 * that were started since (S8), unless the disk has lied or was damaged. Acknowledged is also what an open or a reopen has
 * shown to its caller: no power cut takes that back either.
 *
 * Every decision is drawn from the caller's choices; SQLite's own randomness from the seed. There is no clock. The same
 * calls with the same choices give the same bytes in the files, whatever other stores do. Single-threaded.
 */
#ifndef TEST_SIM_STORE_H
#define TEST_SIM_STORE_H

#include "catalog/store.h"
#include "test/sim/choice.h"
#include "test/sim/vfs.h"

/* What the last kill or crash came to, for probes. */
struct sim_store_end {
    size_t steps;      /* writes, syncs and so on among which the moment was chosen */
    size_t steps_lost; /* those that never happened */
    size_t
        in_doubt; /* sectors written and not synced at that moment, each as often as it was written */
    unsigned openings; /* cut short, too, before the last cut */
};

struct sim_store {
    char base[VFS_PATH_SIZE_MAX];           /* made by init, removed by free */
    char directory[VFS_PATH_SIZE_MAX + 16]; /* base/data: the node's data directory */
    char cluster_name[CATALOG_NAME_SIZE_MAX + 1];
    const struct merkle_allocator *allocator;
    struct catalog_store *store; /* NULL: closed */
    struct vfs vfs;              /* vfs.fault and vfs.lie are the caller's */
    struct vfs_image image;
    struct sim_store_end end;
    struct vfs_content opened[2]; /* the database at the last opening, and at the one before */
};

/* Makes a directory of its own below `base` (NULL: /dev/shm, $TMPDIR or /tmp, the first that can be written to). `store`
 * stays where it is until free; `allocator` is what the catalog's store takes its memory from. False: it cannot be made,
 * errno says why. */
bool sim_store_init(struct sim_store *store, const struct merkle_allocator *allocator,
                    const char *base, uint64_t seed);
/* Closes what is open, and removes the directory. */
void sim_store_free(struct sim_store *store);

/* --- the store's own calls (catalog.h), behind the recording file system; the load is the caller's -------------------- */

int sim_store_open(struct sim_store *store, const char *cluster_name, struct catalog_load **load,
                   struct catalog_problem *problem);
int sim_store_commit(struct sim_store *store, struct catalog_batch *const *batches,
                     size_t batch_count);
int sim_store_reopen(struct sim_store *store, struct catalog_load **load,
                     struct catalog_problem *problem);
void sim_store_close(struct sim_store *store);

/* Faults: the calls of these kinds (VFS_FAIL_...) fail, the one after `allowed` more, or that and all behind it. Kind 0: none
 * fails any more. store->vfs.fault.fired tells how many did since. A disk that lies (store->vfs.lie) does so until told
 * otherwise; so do not believe what is said to be stored before a commit has succeeded without lies. */
void sim_store_fail(struct sim_store *store, unsigned kinds, size_t allowed, bool repeat,
                    bool full);

/* --- ends (store_end.c) ----------------------------------------------------------------------------------------------- */

/* The power goes while a commit of these batches is under way (count 0: none is): before its first step, after its last, or
 * anywhere between. Without batches: anywhere since the last call that succeeded. The opening after it may be cut short as
 * well. Armed faults are gone; a lying disk goes on to lie. Choices of 0: all that was written is there. Store is open. */
void sim_store_crash(struct sim_store *store, struct choice *choice,
                     struct catalog_batch *const *batches, size_t batch_count);
/* The process dies instead: what it wrote is still to be read, but no safer for that. */
void sim_store_kill(struct sim_store *store, struct choice *choice,
                    struct catalog_batch *const *batches, size_t batch_count);

/* --- the disk behind the store's back (store_damage.c). Store is closed. ------------------------------------------------ */

enum sim_damage {
    SIM_DAMAGE_FLIP = 0,      /* bits flip, anywhere in the file */
    SIM_DAMAGE_ZERO = 1,      /* a page is zero */
    SIM_DAMAGE_DUPLICATE = 2, /* a page stands in the place of another */
    SIM_DAMAGE_CUT = 3,       /* the file ends too early */
    SIM_DAMAGE_STALE =
        4, /* a page is what it was when the store was last but once opened: a write that got lost */
    SIM_DAMAGE_COUNT = 5,
};
/* Damages the file: `bits` bits flip, or one of the other kinds as drawn. What is in doubt from before counts as written.
 * False: there was nothing to damage (the file is shorter than a page), or the bytes are as before. Close the store in order
 * before, not by a crash, if the damage should be met: otherwise the WAL may hold the page anew. Damage to a WAL
 * that was left by a kill is found out, but to its last two commits, or where the file was cut: those are gone without a
 * sign. */
bool sim_store_damage(struct sim_store *store, struct choice *choice, enum vfs_file file,
                      unsigned bits);

struct sim_backup {
    bool exist[VFS_FILE_COUNT];
    struct vfs_content files[VFS_FILE_COUNT];
    bool damaged; /* what was copied was not sound */
};
/* Copies the files as a reader sees them; the store may be open. May be restored into any store. */
void sim_store_backup(const struct sim_store *store, struct sim_backup *backup);
void sim_store_restore(struct sim_store *store, const struct sim_backup *backup);
void sim_backup_close(struct sim_backup *backup);
/* The node gets an empty disk. */
void sim_store_wipe(struct sim_store *store);

/* --- which commit is it? (store_digest.c) -------------------------------------------------------------------------------- */

/* What a store holds, in short. Computed from the bytes of the entries, not from what the state says of them. */
struct sim_holding {
    struct catalog_sum sum; /* over the entries */
    bool sums_agree;        /* and the state says the same of them */
    struct merkle_digest
        digest; /* over all fields of the state, the sum above and that of what was kept, the members by id */
};
struct sim_holding sim_holding_of_load(const struct catalog_load *load);
/* The sum over entries, from their bytes. */
struct catalog_sum sim_sum_of(struct catalog_entry *const *entries, size_t count);
/* The same of what a commit is to leave; members in any order. */
struct sim_holding sim_holding_of(const struct catalog_node_state *state,
                                  const struct catalog_sum *sum, const struct catalog_sum *kept,
                                  const struct catalog_member_row *members, size_t member_count);

#endif
