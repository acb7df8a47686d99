/* disk.c - a virtual disk: rows in the order of their keys, member rows, what is kept, and the state (disk_batch.c has what
 * changes it). It is also god's view of what a real store must hold. */
#include "test/sim/checker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Where the key is, or belongs. */
static size_t place_of(const struct sim_disk *disk, const struct catalog_key *key, bool *found) {
    size_t low = 0;
    size_t high = disk->entry_count;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct catalog_key there = catalog_entry_key(disk->entries[middle]);
        int order = catalog_key_compare(key, &there);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

struct catalog_entry *sim_disk_find(const struct sim_disk *disk, const struct catalog_key *key) {
    bool found;
    size_t place = place_of(disk, key, &found);
    return found ? disk->entries[place] : NULL;
}

bool sim_entry_stands(const struct catalog_entry *entry, const struct catalog_version *version) {
    enum { VERSIONS_MAX = 64 };
    struct catalog_version versions[VERSIONS_MAX];
    size_t count = entry == NULL ? 0 : catalog_entry_versions(entry, versions, VERSIONS_MAX);
    for (size_t i = 0; i < count && i < VERSIONS_MAX; i++) {
        if (versions[i].clock == version->clock &&
            catalog_id_equal(&versions[i].origin, &version->origin)) {
            return true;
        }
    }
    return false;
}

bool sim_disk_holds(const struct sim *sim, const struct sim_disk *disk,
                    struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    const struct catalog_entry *stored = sim_disk_find(disk, &key);
    if (stored != NULL && merkle_digest_equal(&stored->digest, &entry->digest)) {
        return true;
    }
    return sim_causal_accounts(&sim->causal, stored, entry, disk->state.horizon);
}

/* Takes the entry without showing it to anybody; returns what stood there, held, or NULL. */
struct catalog_entry *sim__disk_entry_set(struct sim_disk *disk, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    bool found;
    size_t place = place_of(disk, &key, &found);
    struct catalog_entry *before = NULL;
    if (found) {
        before = disk->entries[place];
        catalog_sum_remove(&disk->sum, &before->digest);
    } else {
        disk->entries = sim_grow(disk->entries, disk->entry_count, &disk->entry_capacity,
                                 sizeof *disk->entries);
        memmove(&disk->entries[place + 1], &disk->entries[place],
                (disk->entry_count - place) * sizeof *disk->entries);
        disk->entry_count++;
    }
    disk->entries[place] = catalog_entry_hold(entry);
    catalog_sum_add(&disk->sum, &entry->digest);
    return before;
}

struct catalog_entry *sim__disk_entry_remove(struct sim_disk *disk, const struct catalog_key *key) {
    bool found;
    size_t place = place_of(disk, key, &found);
    if (!found) {
        return NULL;
    }
    struct catalog_entry *before = disk->entries[place];
    catalog_sum_remove(&disk->sum, &before->digest);
    disk->entry_count--;
    memmove(&disk->entries[place], &disk->entries[place + 1],
            (disk->entry_count - place) * sizeof *disk->entries);
    return before;
}

void sim__entries_free(struct catalog_entry **entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        catalog_entry_release(entries[i]);
    }
    free(entries);
}

static struct catalog_entry **entries_hold(struct catalog_entry *const *entries, size_t count) {
    struct catalog_entry **held = sim_allocate(count + 1, sizeof(struct catalog_entry *));
    for (size_t i = 0; i < count; i++) {
        held[i] = catalog_entry_hold(entries[i]);
    }
    return held;
}

void sim__disk_entries_clear(struct sim_disk *disk) {
    sim__entries_free(disk->entries, disk->entry_count);
    disk->entries = NULL;
    disk->entry_count = disk->entry_capacity = 0;
    disk->quarantined = 0;
    disk->sum = (struct catalog_sum){.entry_count = 0};
}

void sim__disk_kept_clear(struct sim_disk *disk) {
    sim__entries_free(disk->kept, disk->kept_count);
    disk->kept = NULL;
    disk->kept_count = 0;
}

void sim__disk_kept_add(struct sim_disk *disk, struct catalog_entry *const *kept, size_t count) {
    if (count == 0) {
        return;
    }
    disk->kept = realloc(disk->kept, (disk->kept_count + count) * sizeof(struct catalog_entry *));
    assert(disk->kept != NULL);
    for (size_t i = 0; i < count; i++) {
        disk->kept[disk->kept_count++] = catalog_entry_hold(kept[i]);
    }
}

void sim__disk_member_set(struct sim_disk *disk, const struct catalog_member_row *row) {
    for (size_t i = 0; i < disk->member_count; i++) {
        if (catalog_id_equal(&disk->members[i].id, &row->id)) {
            disk->members[i] = *row;
            return;
        }
    }
    disk->members = realloc(disk->members, (disk->member_count + 1) * sizeof *disk->members);
    disk->members[disk->member_count++] = *row;
}

void sim_disk_load(const struct sim_disk *disk, struct catalog_load *load) {
    *load = (struct catalog_load){
        .fresh = !disk->exists,
        .state = disk->state,
        .entry_count = disk->entry_count,
        .kept_count = disk->kept_count,
        .member_count = disk->member_count,
        .quarantined_count = disk->quarantined,
        .rows_missing = disk->quarantined > 0,
    };
    load->entries = sim_allocate(disk->entry_count + 1, sizeof *load->entries);
    load->kept = sim_allocate(disk->kept_count + 1, sizeof(struct catalog_entry *));
    load->members = sim_allocate(disk->member_count + 1, sizeof *load->members);
    if (disk->kept_count > 0) {
        memcpy(load->kept, disk->kept, disk->kept_count * sizeof *load->kept);
    }
    if (disk->entry_count > 0) {
        memcpy(load->entries, disk->entries, disk->entry_count * sizeof *load->entries);
    }
    if (disk->member_count > 0) {
        memcpy(load->members, disk->members, disk->member_count * sizeof *load->members);
    }
}

void sim_disk_close(struct sim_disk *disk) {
    sim__entries_free(disk->entries, disk->entry_count);
    sim__entries_free(disk->kept, disk->kept_count);
    free(disk->members);
    *disk = (struct sim_disk){.exists = false};
}

void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from) {
    *to = *from;
    to->entries = entries_hold(from->entries, from->entry_count);
    to->entry_capacity = from->entry_count + 1;
    to->kept = entries_hold(from->kept, from->kept_count);
    to->members = sim_allocate(from->member_count + 1, sizeof *to->members);
    if (from->member_count > 0) {
        memcpy(to->members, from->members, from->member_count * sizeof *to->members);
    }
}

void sim_disk_from_load(struct sim_disk *disk, const struct catalog_load *load) {
    sim_disk_close(disk);
    assert(disk->entries == NULL && disk->entry_count == 0 && disk->members == NULL);
    assert(disk->kept == NULL && disk->kept_count == 0);
    disk->exists = !load->fresh;
    disk->state = load->state;
    disk->quarantined = load->rows_missing ? (size_t)load->quarantined_count : 0;
    for (size_t i = 0; i < load->entry_count; i++) {
        catalog_entry_release(sim__disk_entry_set(disk, load->entries[i]));
    }
    sim__disk_kept_add(disk, load->kept, load->kept_count);
    for (size_t i = 0; i < load->member_count; i++) {
        sim__disk_member_set(disk, &load->members[i]);
    }
}

/* As sqlite_repair.c does it: rows are set aside, the state says healing, `seen` falls to the horizon. */
void sim_disk_damage(struct sim *sim, struct sim_node *node, size_t rows) {
    struct sim_disk *disk = &node->disk;
    for (size_t i = 0; i < rows && disk->entry_count > 0; i++) {
        size_t victim = (size_t)choice_below(sim->choice, disk->entry_count, "damaged row");
        catalog_sum_remove(&disk->sum, &disk->entries[victim]->digest);
        catalog_entry_release(disk->entries[victim]);
        disk->entry_count--;
        memmove(&disk->entries[victim], &disk->entries[victim + 1],
                (disk->entry_count - victim) * sizeof *disk->entries);
        disk->quarantined++;
    }
    if (disk->quarantined > 0) {
        disk->state.healing = true;
        disk->state.seen = disk->state.horizon;
        disk->state.sum = disk->sum;
    }
}
