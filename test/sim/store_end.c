/* store_end.c - how a simulated node's process ends when nobody asked it to: killed, or by a power cut. See store.h.
 *
 * The commit that is under way is run to its end and recorded; then a moment among its steps is drawn, and what came after
 * never happened. The old handles are closed on a dead file system, so that nothing they do counts, and the files are
 * written as they were left.
 */
#include "catalog/sqlite_store.h"
#include "test/sim/store.h"

#include <assert.h>

enum { OPENINGS_MAX = 2, OPENING_PERCENT = 20, LAST_STEPS = 4 };

/* Closes the handles of a process that is no more. */
static void die(struct sim_store *store) {
    store->vfs.dead = true;
    catalog_store_close(store->store);
    store->store = NULL;
    store->vfs.dead = false;
    store->vfs.fault = (struct vfs_fault){.calls = 0};
}

/* A database that was set aside was so under another name, outside of the log: the moment lies behind it. */
static size_t after_replacement(const struct sim_store *store, size_t first) {
    for (size_t i = store->vfs.step_count; i > first; i--) {
        if (vfs_step(&store->vfs, i - 1)->operation == VFS_REPLACED) {
            return i;
        }
    }
    return first;
}

/* Draws the moment among the steps from `first` on, and brings the image there. A commit is decided with its last write and
 * its sync, so half of the moments are among the last. */
static void draw_moment(struct sim_store *store, struct choice *choice, size_t first,
                        const char *label) {
    first = after_replacement(store, first);
    size_t steps = store->vfs.step_count - first;
    bool anywhere = choice_percent(choice, 50, "whether only the last steps are lost");
    size_t most = !anywhere && steps > LAST_STEPS ? LAST_STEPS : steps;
    size_t lost = choice_below(choice, most + 1, label);
    store->end.steps += steps;
    store->end.steps_lost += lost;
    vfs_image_advance(&store->image, store->vfs.step_count - lost);
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        store->end.in_doubt += store->image.files[i].version_count;
    }
}

/* Runs the commit that is under way; returns the first step of what the end falls into. */
static size_t run_under_way(struct sim_store *store, struct catalog_batch *const *batches,
                            size_t batch_count) {
    size_t first = store->vfs.step_count;
    if (batch_count > 0) {
        (void)catalog_store_commit(store->store, batches, batch_count);
    }
    return first;
}

static void cut(struct sim_store *store, struct choice *choice, size_t first) {
    draw_moment(store, choice, first, "power cut: steps lost");
    uint64_t seed = choice_below(choice, UINT64_C(1) << 32, "power cut: sectors lost");
    vfs_image_cut(&store->image, seed, store->directory);
    vfs_forget(&store->vfs, store->vfs.step_count);
}

void sim_store_crash(struct sim_store *store, struct choice *choice,
                     struct catalog_batch *const *batches, size_t batch_count) {
    assert(store->store != NULL);
    store->end = (struct sim_store_end){.steps = 0};
    size_t first = run_under_way(store, batches, batch_count);
    die(store);
    cut(store, choice, batch_count > 0 ? first : store->image.position);
    while (store->end.openings < OPENINGS_MAX &&
           choice_percent(choice, OPENING_PERCENT, "power cut: again while it opens")) {
        store->end.openings++;
        struct catalog_load *load = NULL;
        int result = catalog_store_open(store->allocator, store->directory, store->cluster_name,
                                        &store->store, &load, NULL);
        if (result == 0) {
            catalog_load_free(load); /* nobody has seen it */
        }
        die(store);
        cut(store, choice, store->image.position);
    }
}

void sim_store_kill(struct sim_store *store, struct choice *choice,
                    struct catalog_batch *const *batches, size_t batch_count) {
    assert(store->store != NULL);
    store->end = (struct sim_store_end){.steps = 0};
    size_t first = run_under_way(store, batches, batch_count);
    die(store);
    draw_moment(store, choice, first, "kill: steps lost");
    vfs_image_kill(&store->image, store->directory);
    vfs_forget(&store->vfs, store->vfs.step_count);
}
