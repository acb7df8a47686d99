/* store_damage.c - what happens to a simulated node's files behind the store's back: damage, backup, restore, wipe. See
 * store.h. */
#include "test/sim/store.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PAGE_SIZE_BYTES = 4096, /* SQLite's default; pages of a WAL lie elsewhere, which is as good */
    PAGES_MAX = 256,
    LEAF_OF_TABLE =
        0x0d, /* a page's first byte (but that of the first page, which is the header's) */
};

/* --- damage -------------------------------------------------------------------------------------------------------- */

static void flip(struct vfs_content *content, struct choice *choice, unsigned bits) {
    for (unsigned i = 0; i < bits; i++) {
        size_t bit = choice_below(choice, content->size_bytes * 8, "damage: bit");
        content->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
}

/* One of the pages that were written since: all of the write is lost, and what stands there is good in itself. Mostly one
 * with rows, for any other breaks the tree that it is of. */
static void make_stale(struct vfs_content *content, const struct vfs_content *old,
                       struct choice *choice) {
    size_t written[PAGES_MAX];
    size_t count = 0;
    size_t pages = (content->size_bytes < old->size_bytes ? content->size_bytes : old->size_bytes) /
                   PAGE_SIZE_BYTES;
    bool any = choice_below(choice, 4, "damage: any page") == 3;
    for (size_t i = 0; i < pages && count < PAGES_MAX; i++) {
        size_t at = i * PAGE_SIZE_BYTES;
        bool has_rows = i > 0 && old->bytes[at] == LEAF_OF_TABLE;
        if ((any || has_rows) &&
            memcmp(content->bytes + at, old->bytes + at, PAGE_SIZE_BYTES) != 0) {
            written[count++] = at;
        }
    }
    if (count > 0) {
        size_t at = written[choice_below(choice, count, "damage: lost write")];
        memcpy(content->bytes + at, old->bytes + at, PAGE_SIZE_BYTES);
    }
}

static void damage_content(struct vfs_content *content, const struct vfs_content *old,
                           struct choice *choice, unsigned bits) {
    size_t pages = content->size_bytes / PAGE_SIZE_BYTES;
    /* What is good in itself is the hardest to notice: half of all. */
    uint64_t drawn = choice_below(choice, 2 * SIM_DAMAGE_STALE, "damage: kind");
    enum sim_damage kind = drawn < SIM_DAMAGE_STALE ? (enum sim_damage)drawn : SIM_DAMAGE_STALE;
    if (kind == SIM_DAMAGE_FLIP) {
        flip(content, choice, bits);
        return;
    }
    if (kind == SIM_DAMAGE_STALE) {
        make_stale(content, old, choice);
        return;
    }
    size_t page = choice_below(choice, pages, "damage: page");
    uint8_t *bytes = content->bytes + page * PAGE_SIZE_BYTES;
    if (kind == SIM_DAMAGE_ZERO) {
        memset(bytes, 0, PAGE_SIZE_BYTES);
    } else if (kind == SIM_DAMAGE_DUPLICATE) {
        size_t other = choice_below(choice, pages, "damage: page that is written in its place");
        memmove(bytes, content->bytes + other * PAGE_SIZE_BYTES, PAGE_SIZE_BYTES);
    } else {
        vfs__content_resize(content, page * PAGE_SIZE_BYTES);
    }
}

static bool equal(const struct vfs_content *a, const struct vfs_content *b) {
    return a->size_bytes == b->size_bytes && memcmp(a->bytes, b->bytes, a->size_bytes) == 0;
}

bool sim_store_damage(struct sim_store *store, struct choice *choice, enum vfs_file file,
                      unsigned bits) {
    assert(store->store == NULL);
    struct vfs_content content = {.bytes = NULL}, before = {.bytes = NULL};
    bool changed = false;
    if (vfs__file_read(store->directory, file, &content) && content.size_bytes >= PAGE_SIZE_BYTES) {
        vfs__content_copy(&before, &content);
        damage_content(&content, &store->opened[1], choice, bits);
        changed = !equal(&before, &content);
        vfs__file_write(store->directory, file, true, &content);
        vfs_image_load(&store->image, store->directory);
    }
    free(content.bytes);
    free(before.bytes);
    return changed;
}

/* --- backups ------------------------------------------------------------------------------------------------------- */

void sim_store_backup(const struct sim_store *store, struct sim_backup *backup) {
    *backup = (struct sim_backup){.exist = {false}};
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        backup->exist[i] = vfs__file_read(store->directory, (enum vfs_file)i, &backup->files[i]);
    }
}

void sim_store_restore(struct sim_store *store, const struct sim_backup *backup) {
    assert(store->store == NULL);
    sim_store_wipe(store);
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        vfs__file_write(store->directory, (enum vfs_file)i, backup->exist[i], &backup->files[i]);
    }
    vfs_image_load(&store->image, store->directory);
}

void sim_backup_close(struct sim_backup *backup) {
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        free(backup->files[i].bytes);
    }
    *backup = (struct sim_backup){.exist = {false}};
}

void sim_store_wipe(struct sim_store *store) {
    assert(store->store == NULL);
    DIR *directory = opendir(store->directory);
    if (directory == NULL) {
        return;
    }
    for (struct dirent *item = readdir(directory); item != NULL; item = readdir(directory)) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) {
            (void)unlinkat(dirfd(directory), item->d_name, 0);
        }
    }
    (void)closedir(directory);
    store->vfs.database_file = 0;
    if (store->image.vfs != NULL) {
        vfs_image_load(&store->image, store->directory);
    }
}
