/* pair_disk.c - what a store would hold, as arrays: every batch is durable at once. */
#include "test/unit/support/pair_disk.h"

#include "test/unit/support/pair.h"

#include <assert.h>
#include <stdlib.h>

static void list_clear(struct catalog_entry ***entries, size_t *count) {
    for (size_t i = 0; i < *count; i++) {
        catalog_entry_release((*entries)[i]);
    }
    free(*entries);
    *entries = NULL;
    *count = 0;
}

static void list_add(struct catalog_entry ***entries, size_t *count, struct catalog_entry *entry) {
    *entries = realloc(*entries, (*count + 1) * sizeof(struct catalog_entry *));
    assert(*entries != NULL);
    (*entries)[(*count)++] = catalog_entry_hold(entry);
}

void pair_disk_close(struct pair_disk *disk) {
    list_clear(&disk->entries, &disk->entry_count);
    list_clear(&disk->kept, &disk->kept_count);
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

/* Where the entry's key is; `entry_count` if it is not there. */
static size_t disk_find(const struct pair_disk *disk, const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    size_t i = 0;
    for (; i < disk->entry_count; i++) {
        struct catalog_key other = catalog_entry_key(disk->entries[i]);
        if (catalog_key_equal(&key, &other)) {
            break;
        }
    }
    return i;
}

static void disk_entry(struct pair_disk *disk, struct catalog_entry *entry) {
    size_t at = disk_find(disk, entry);
    if (at < disk->entry_count) {
        catalog_entry_release(disk->entries[at]);
        disk->entries[at] = catalog_entry_hold(entry);
    } else {
        list_add(&disk->entries, &disk->entry_count, entry);
    }
}

static void disk_remove(struct pair_disk *disk, const struct catalog_entry *entry) {
    size_t at = disk_find(disk, entry);
    if (at < disk->entry_count) {
        catalog_entry_release(disk->entries[at]);
        disk->entries[at] = disk->entries[--disk->entry_count];
    }
}

/* In the order of the batch's fields. */
static void disk_change(struct pair_disk *disk, const struct catalog_batch *batch) {
    if (batch->reset) {
        list_clear(&disk->entries, &disk->entry_count);
        list_clear(&disk->kept, &disk->kept_count);
    }
    for (size_t i = 0; i < batch->kept_count; i++) {
        list_add(&disk->kept, &disk->kept_count, batch->kept[i]);
    }
    if (batch->kept_cleared) {
        list_clear(&disk->kept, &disk->kept_count);
    }
    for (size_t i = 0; i < batch->removed_count; i++) {
        disk_remove(disk, batch->removed[i]);
    }
    for (size_t i = 0; i < batch->entry_count; i++) {
        disk_entry(disk, batch->entries[i]);
    }
}

void pair_disk_store(struct pair_disk *disk, const struct catalog_batch *batch) {
    if (batch->members_cleared) {
        disk->member_count = 0;
    }
    for (size_t i = 0; i < batch->member_count; i++) {
        disk_member(disk, &batch->members[i]);
    }
    disk_change(disk, batch);
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
        list_add(&to->kept, &to->kept_count, from->kept[i]);
    }
    to->state = from->state;
    to->made = from->made;
}

struct catalog_node_state *pair_disk_state(struct pair *pair, char letter) {
    return &pair_disk_of(pair, letter)->state;
}

void pair_disk_slow(struct pair *pair, char letter, gossip_duration_ms store_ms) {
    pair_disk_of(pair, letter)->store_ms = store_ms;
}

void pair_disk_put(struct pair *pair, char letter, struct catalog_entry *entry) {
    struct pair_disk *disk = pair_disk_of(pair, letter);
    disk_entry(disk, entry);
    disk->rows_missing = true;
}

void pair_disk_lose(struct pair *pair, char letter, const struct catalog_entry *entry) {
    struct pair_disk *disk = pair_disk_of(pair, letter);
    disk_remove(disk, entry);
    disk->rows_missing = true;
}
