/* disk.c - a virtual disk with SQLite's contract: a batch is there wholly or not at all, batches in their order.
 *
 * What is checked where a batch lands: no entry goes back (G3), the state row tells the truth about the rows (G11), the
 * clock's high-water mark covers all that stands (S12).
 */
#include "test/sim/sim.h"

#include <stdlib.h>
#include <string.h>

struct sim_batch *sim_batch_new(const struct catalog_batch *batch) {
    struct sim_batch *made = sim_allocate(1, sizeof *made);
    made->ticket = batch->ticket;
    made->state = batch->state;
    made->members_cleared = batch->members_cleared;
    made->entry_count = batch->entry_count;
    made->entries = sim_allocate(batch->entry_count + 1, sizeof *made->entries);
    for (size_t i = 0; i < batch->entry_count; i++) {
        made->entries[i] = catalog_entry_hold(batch->entries[i]);
    }
    made->member_count = batch->member_count;
    made->members = sim_allocate(batch->member_count + 1, sizeof *made->members);
    if (batch->member_count > 0) {
        memcpy(made->members, batch->members, batch->member_count * sizeof *made->members);
    }
    return made;
}

void sim_batch_free(struct sim_batch *batch) {
    for (size_t i = 0; i < batch->entry_count; i++) {
        catalog_entry_release(batch->entries[i]);
    }
    free(batch->entries);
    free(batch->members);
    free(batch);
}

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

static void entry_put(struct sim *sim, struct sim_node *node, struct catalog_entry *entry) {
    struct sim_disk *disk = &node->disk;
    struct catalog_key key = catalog_entry_key(entry);
    bool found;
    size_t place = place_of(disk, &key, &found);
    sim_check_applied(sim, node, found ? disk->entries[place] : NULL, entry);
    if (found) {
        catalog_sum_remove(&disk->sum, &disk->entries[place]->digest);
        catalog_entry_release(disk->entries[place]);
    } else {
        disk->entries = sim_grow(disk->entries, disk->entry_count, &disk->entry_capacity,
                                 sizeof *disk->entries);
        memmove(&disk->entries[place + 1], &disk->entries[place],
                (disk->entry_count - place) * sizeof *disk->entries);
        disk->entry_count++;
    }
    disk->entries[place] = catalog_entry_hold(entry);
    catalog_sum_add(&disk->sum, &entry->digest);
}

static void member_put(struct sim_disk *disk, const struct catalog_member_row *row) {
    for (size_t i = 0; i < disk->member_count; i++) {
        if (catalog_id_equal(&disk->members[i].id, &row->id)) {
            disk->members[i] = *row;
            return;
        }
    }
    disk->members = realloc(disk->members, (disk->member_count + 1) * sizeof *disk->members);
    disk->members[disk->member_count++] = *row;
}

void sim_disk_apply(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    struct sim_disk *disk = &node->disk;
    if (disk->exists && batch->state.high_water < disk->state.high_water) {
        sim_fail(sim, "S12", "%s stores a lower clock than before", node->name);
    }
    if (disk->exists && batch->state.seen < disk->state.seen) {
        sim_fail(sim, "S12", "%s: seen falls", node->name);
    }
    for (size_t i = 0; i < batch->entry_count; i++) {
        if (batch->entries[i]->clock_highest > batch->state.high_water) {
            sim_fail(sim, "S12", "%s stores a clock above its high-water mark", node->name);
        }
        entry_put(sim, node, batch->entries[i]);
    }
    if (batch->members_cleared) {
        disk->member_count = 0;
    }
    for (size_t i = 0; i < batch->member_count; i++) {
        member_put(disk, &batch->members[i]);
    }
    catalog_clock seen_before = disk->state.seen;
    disk->state = batch->state;
    disk->exists = true;
    sim_check_landed(sim, node, seen_before);
    if (disk->sum.entry_count != disk->state.sum.entry_count ||
        !merkle_digest_equal(&disk->sum.digest_sum, &disk->state.sum.digest_sum)) {
        sim_fail(sim, "G11", "%s: the stored sum is not that of the stored rows", node->name);
    }
}

void sim_disk_load(const struct sim_disk *disk, struct catalog_load *load) {
    *load = (struct catalog_load){
        .fresh = !disk->exists,
        .state = disk->state,
        .entry_count = disk->entry_count,
        .member_count = disk->member_count,
    };
    load->entries = sim_allocate(disk->entry_count + 1, sizeof *load->entries);
    load->members = sim_allocate(disk->member_count + 1, sizeof *load->members);
    if (disk->entry_count > 0) {
        memcpy(load->entries, disk->entries, disk->entry_count * sizeof *load->entries);
    }
    if (disk->member_count > 0) {
        memcpy(load->members, disk->members, disk->member_count * sizeof *load->members);
    }
}

void sim_disk_close(struct sim_disk *disk) {
    for (size_t i = 0; i < disk->entry_count; i++) {
        catalog_entry_release(disk->entries[i]);
    }
    free(disk->entries);
    free(disk->members);
}
