/* store.c - the real store of a simulated node: made, opened, used, closed in order. See store.h.
 *
 * The image follows the log after each call that succeeded: what was done until then is part of the past that no crash
 * undoes (but what was not synced stays in doubt), and its steps are forgotten. After a call that failed the steps are kept,
 * since a crash may fall between any two of them; a disk that fails for hours would keep too many, so there is a limit.
 */
#include "test/sim/store.h"
#include "catalog/sqlite_store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_SIZE_BYTES_MAX = 16 << 20 };

static size_t
    initialised_count; /* the last one gives the system's file system back to the catalog */

static const char *usable_base(const char *base) {
    if (base != NULL) {
        return base;
    }
    const char *temporary = getenv("TMPDIR");
    const char *const bases[] = {"/dev/shm", temporary != NULL ? temporary : "/tmp", "/tmp"};
    for (size_t i = 0; i < sizeof bases / sizeof bases[0]; i++) {
        if (access(bases[i], W_OK | X_OK) == 0) {
            return bases[i];
        }
    }
    return "/tmp";
}

bool sim_store_init(struct sim_store *store, const struct merkle_allocator *allocator,
                    const char *base, uint64_t seed) {
    *store = (struct sim_store){.allocator = allocator};
    char path[VFS_PATH_SIZE_MAX];
    (void)snprintf(path, sizeof path, "%.*s/attune-sim-XXXXXX", VFS_PATH_SIZE_MAX - 32,
                   usable_base(base));
    if (mkdtemp(path) == NULL) {
        return false;
    }
    (void)snprintf(store->base, sizeof store->base, "%s", path);
    (void)snprintf(store->directory, sizeof store->directory, "%s/data", store->base);
    if (mkdir(store->directory, 0700) != 0) {
        int number = errno;
        (void)rmdir(store->base);
        errno = number;
        return false;
    }
    if (initialised_count++ == 0) {
        catalog__store_vfs = "recording";
    }
    vfs_open(&store->vfs, store->base, seed);
    store->vfs.recording = true;
    vfs_image_open(&store->image, &store->vfs);
    return true;
}

void sim_store_free(struct sim_store *store) {
    store->vfs.dead = true; /* nobody will read what closing would write */
    sim_store_close(store);
    vfs_image_close(&store->image);
    vfs_close(&store->vfs);
    free(store->opened[0].bytes);
    free(store->opened[1].bytes);
    sim_store_wipe(store);
    (void)rmdir(store->directory);
    (void)rmdir(store->base);
    if (--initialised_count == 0) {
        catalog__store_vfs = NULL;
    }
}

static void follow(struct sim_store *store, bool succeeded) {
    if (succeeded || store->vfs.log_size_bytes > LOG_SIZE_BYTES_MAX) {
        vfs_image_advance(&store->image, store->vfs.step_count);
        vfs_forget(&store->vfs, store->vfs.step_count);
    }
}

int sim_store_open(struct sim_store *store, const char *cluster_name, struct catalog_load **load,
                   struct catalog_problem *problem) {
    assert(store->store == NULL);
    int size = snprintf(store->cluster_name, sizeof store->cluster_name, "%s", cluster_name);
    assert(size >= 0 && (size_t)size < sizeof store->cluster_name);
    int result = catalog_store_open(store->allocator, store->directory, store->cluster_name,
                                    &store->store, load, problem);
    follow(store, result == 0);
    if (result == 0) {
        free(store->opened[1].bytes);
        store->opened[1] = store->opened[0];
        store->opened[0] = (struct vfs_content){.bytes = NULL};
        (void)vfs__file_read(store->directory, VFS_DATABASE, &store->opened[0]);
    }
    return result;
}

int sim_store_commit(struct sim_store *store, struct catalog_batch *const *batches,
                     size_t batch_count) {
    assert(store->store != NULL);
    int result = catalog_store_commit(store->store, batches, batch_count);
    follow(store, result == 0);
    return result;
}

int sim_store_reopen(struct sim_store *store, struct catalog_load **load,
                     struct catalog_problem *problem) {
    assert(store->store != NULL);
    int result = catalog_store_reopen(store->store, load, problem);
    follow(store, result == 0);
    return result;
}

void sim_store_close(struct sim_store *store) {
    catalog_store_close(store->store);
    store->store = NULL;
    follow(store, true);
}

void sim_store_fail(struct sim_store *store, unsigned kinds, size_t allowed, bool repeat,
                    bool full) {
    store->vfs.fault =
        (struct vfs_fault){.calls = kinds, .allowed = allowed, .repeat = repeat, .full = full};
}
