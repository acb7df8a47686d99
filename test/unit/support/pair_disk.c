/* pair_disk.c - what a store would hold, as arrays: every batch is durable at once. */
#include "test/unit/support/pair_disk.h"

#include <assert.h>
#include <stdlib.h>

static void entries_forget(struct catalog_entry ***entries, size_t *count) {
    for (size_t i = 0; i < *count; i++) {
        catalog_entry_release((*entries)[i]);
    }
    free(*entries);
    *entries = NULL;
    *count = 0;
}

void pair_disk_close(struct pair_disk *disk) {
    entries_forget(&disk->entries, &disk->entry_count);
    entries_forget(&disk->kept, &disk->kept_count);
    free(disk->members);
    *disk = (struct pair_disk){0};
}

static void disk_member(struct pair_disk *disk, const struct catalog_member_row *row) {
    for (size_t i = 0; i < disk->member_count; i++) {
        if (catalog_id_equal(&disk->members[i].id, &row->id)) {
            disk->members[i] = *row;
            return;
        }
    }
    disk->members = realloc(disk->members, (disk->member_count + 1) * sizeof *disk->members);
    assert(disk->members != NULL);
    disk->members[disk->member_count++] = *row;
}

static void disk_entry(struct pair_disk *disk, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct catalog_key other = catalog_entry_key(disk->entries[i]);
        if (catalog_key_equal(&key, &other)) {
            catalog_entry_release(disk->entries[i]);
            disk->entries[i] = catalog_entry_hold(entry);
            return;
        }
    }
    disk->entries =
        realloc(disk->entries, (disk->entry_count + 1) * sizeof(struct catalog_entry *));
    assert(disk->entries != NULL);
    disk->entries[disk->entry_count++] = catalog_entry_hold(entry);
}

static void disk_remove(struct pair_disk *disk, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct catalog_key other = catalog_entry_key(disk->entries[i]);
        if (catalog_key_equal(&key, &other)) {
            catalog_entry_release(disk->entries[i]);
            disk->entries[i] = disk->entries[--disk->entry_count];
            return;
        }
    }
}

static void disk_keep(struct pair_disk *disk, struct catalog_entry *entry) {
    disk->kept = realloc(disk->kept, (disk->kept_count + 1) * sizeof(struct catalog_entry *));
    assert(disk->kept != NULL);
    disk->kept[disk->kept_count++] = catalog_entry_hold(entry);
}

void pair_disk_store(struct pair_disk *disk, const struct catalog_batch *batch) {
    if (batch->reset) {
        entries_forget(&disk->entries, &disk->entry_count);
    }
    if (batch->reset || batch->kept_cleared) {
        entries_forget(&disk->kept, &disk->kept_count);
    }
    for (size_t i = 0; i < batch->kept_count; i++) {
        disk_keep(disk, batch->kept[i]);
    }
    for (size_t i = 0; i < batch->removed_count; i++) {
        disk_remove(disk, batch->removed[i]);
    }
    if (batch->members_cleared) {
        disk->member_count = 0;
    }
    for (size_t i = 0; i < batch->member_count; i++) {
        disk_member(disk, &batch->members[i]);
    }
    for (size_t i = 0; i < batch->entry_count; i++) {
        disk_entry(disk, batch->entries[i]);
    }
    disk->state = batch->state;
    disk->made = true;
}

void pair_disk_duplicate(const struct pair_disk *from, struct pair_disk *to) {
    pair_disk_close(to);
    for (size_t i = 0; i < from->member_count; i++) {
        disk_member(to, &from->members[i]);
    }
    for (size_t i = 0; i < from->entry_count; i++) {
        disk_entry(to, from->entries[i]);
    }
    for (size_t i = 0; i < from->kept_count; i++) {
        disk_keep(to, from->kept[i]);
    }
    to->state = from->state;
    to->made = from->made;
}
