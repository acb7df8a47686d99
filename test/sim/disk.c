/* disk.c - a virtual disk with SQLite's contract: a batch is there wholly or not at all, batches in their order.
 *
 * It is also god's view of what a real store must hold. What lands on it is shown to the checkers.
 */
#include "test/sim/checker.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A copy of a list, each entry held; with room for none as well. */
static struct catalog_entry **entries_keep(struct sim *sim, struct catalog_entry *const *entries,
                                           size_t count) {
    struct catalog_entry **made = sim_allocate(count + 1, sizeof(struct catalog_entry *));
    for (size_t i = 0; i < count; i++) {
        made[i] = sim_entry_keep(sim, entries[i]);
    }
    return made;
}

static void entries_free(struct catalog_entry **entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        catalog_entry_release(entries[i]);
    }
    free(entries);
}

struct sim_batch *sim_batch_new(struct sim *sim, const struct catalog_batch *batch) {
    struct sim_batch *made = sim_allocate(1, sizeof *made);
    made->ticket = batch->ticket;
    made->state = batch->state;
    made->members_cleared = batch->members_cleared;
    made->reset = batch->reset;
    made->kept_cleared = batch->kept_cleared;
    made->kept_count = batch->kept_count;
    made->kept = entries_keep(sim, batch->kept, batch->kept_count);
    made->removed_count = batch->removed_count;
    made->removed = entries_keep(sim, batch->removed, batch->removed_count);
    made->entry_count = batch->entry_count;
    made->entries = entries_keep(sim, batch->entries, batch->entry_count);
    made->member_count = batch->member_count;
    made->members = sim_allocate(batch->member_count + 1, sizeof *made->members);
    if (batch->member_count > 0) {
        memcpy(made->members, batch->members, batch->member_count * sizeof *made->members);
    }
    return made;
}

void sim_batch_free(struct sim_batch *batch) {
    entries_free(batch->kept, batch->kept_count);
    entries_free(batch->removed, batch->removed_count);
    entries_free(batch->entries, batch->entry_count);
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

bool sim_disk_holds(const struct sim_disk *disk, struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_entry *stored = sim_disk_find(disk, &key);
    struct catalog_entry *merged = NULL;
    if (stored == NULL) {
        return false;
    }
    if (merkle_digest_equal(&stored->digest, &entry->digest)) {
        return true;
    }
    bool holds = catalog_merge(&merkle_allocator_libc, stored, entry, 0, &merged, NULL) == 0 &&
                 merkle_digest_equal(&merged->digest, &stored->digest);
    catalog_entry_release(merged);
    return holds;
}

/* Takes the entry without showing it to anybody; returns what stood there, held, or NULL. */
static struct catalog_entry *entry_set(struct sim_disk *disk, struct catalog_entry *entry) {
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

/* The key's entry leaves; returns it, held, or NULL. */
static struct catalog_entry *entry_remove(struct sim_disk *disk,
                                          const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    bool found;
    size_t place = place_of(disk, &key, &found);
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

static void kept_clear(struct sim_disk *disk) {
    entries_free(disk->kept, disk->kept_count);
    disk->kept = NULL;
    disk->kept_count = 0;
}

static void kept_add(struct sim_disk *disk, struct catalog_entry *const *entries, size_t count) {
    if (count == 0) {
        return;
    }
    disk->kept = realloc(disk->kept, (disk->kept_count + count) * sizeof(struct catalog_entry *));
    assert(disk->kept != NULL);
    for (size_t i = 0; i < count; i++) {
        disk->kept[disk->kept_count++] = catalog_entry_hold(entries[i]);
    }
}

/* What comes before the entries of a batch, in its order: reset, kept, removed. */
static void take_away(struct sim_disk *disk, const struct sim_batch *batch) {
    for (size_t i = 0; i < disk->entry_count && batch->reset; i++) {
        catalog_entry_release(disk->entries[i]);
    }
    if (batch->reset) {
        disk->entry_count = 0;
        disk->sum = (struct catalog_sum){.entry_count = 0};
        kept_clear(disk);
    }
    kept_add(disk, batch->kept, batch->kept_count);
    if (batch->kept_cleared) {
        kept_clear(disk);
    }
    for (size_t i = 0; i < batch->removed_count; i++) {
        catalog_entry_release(entry_remove(disk, batch->removed[i]));
    }
}

static void member_set(struct sim_disk *disk, const struct catalog_member_row *row) {
    for (size_t i = 0; i < disk->member_count; i++) {
        if (catalog_id_equal(&disk->members[i].id, &row->id)) {
            disk->members[i] = *row;
            return;
        }
    }
    disk->members = realloc(disk->members, (disk->member_count + 1) * sizeof *disk->members);
    disk->members[disk->member_count++] = *row;
}

/* The main cluster has given way as a whole: what is demanded of it is demanded of the one that took it in. */
static void clusters_swap(struct sim *sim) {
    struct catalog_id given_way = sim->cluster_ids[0];
    PROBE("sim.main_cluster_gave_way");
    sim->cluster_ids[0] = sim->cluster_ids[1];
    sim->cluster_ids[1] = given_way;
    for (size_t i = 0; i < sim->node_count; i++) {
        sim->nodes[i].cluster = 1 - sim->nodes[i].cluster;
    }
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        sim->acknowledged[i].cluster = 1 - sim->acknowledged[i].cluster;
    }
}

/* A node is of the cluster whose id is on its disk. It changes where one that never had an entry gives way to the other (DESIGN
 * 7.1), and where a node with an empty disk is found by a member of the other first. */
static void cluster_follow(struct sim *sim, struct sim_node *node) {
    const struct catalog_id *id = &node->disk.state.cluster_id;
    if (catalog_id_is_none(id)) {
        return;
    }
    if (catalog_id_is_none(&sim->cluster_ids[node->cluster])) {
        sim->cluster_ids[node->cluster] = *id;
    }
    unsigned other = 1 - node->cluster;
    if (!catalog_id_equal(id, &sim->cluster_ids[other])) {
        return;
    }
    PROBE("sim.cluster_changed");
    node->cluster = other;
    for (size_t i = 0; i < sim->node_count && other == 1; i++) {
        if (sim->nodes[i].cluster == 0 && sim->nodes[i].joined) {
            return;
        }
    }
    if (other == 1) {
        clusters_swap(sim);
    }
}

void sim_disk_apply(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    struct sim_disk *disk = &node->disk;
    take_away(disk, batch);
    for (size_t i = 0; i < batch->entry_count; i++) {
        struct catalog_entry *before = entry_set(disk, batch->entries[i]);
        SIM_CHECK(sim, put, sim, node, before, batch->entries[i]);
        catalog_entry_release(before);
    }
    if (batch->members_cleared) {
        disk->member_count = 0;
    }
    for (size_t i = 0; i < batch->member_count; i++) {
        member_set(disk, &batch->members[i]);
    }
    struct catalog_node_state before = disk->state;
    bool first = !disk->exists;
    disk->state = batch->state;
    disk->exists = true;
    disk->quarantined = batch->state.healing ? disk->quarantined : 0;
    cluster_follow(sim, node);
    SIM_CHECK(sim, landed, sim, node, batch, first ? NULL : &before);
}

void sim_disk_take(struct sim_disk *disk, const struct sim_batch *batch) {
    take_away(disk, batch);
    for (size_t i = 0; i < batch->entry_count; i++) {
        catalog_entry_release(entry_set(disk, batch->entries[i]));
    }
    if (batch->members_cleared) {
        disk->member_count = 0;
    }
    for (size_t i = 0; i < batch->member_count; i++) {
        member_set(disk, &batch->members[i]);
    }
    disk->state = batch->state;
    disk->exists = true;
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
    for (size_t i = 0; i < disk->entry_count; i++) {
        catalog_entry_release(disk->entries[i]);
    }
    free(disk->entries);
    free(disk->members);
    kept_clear(disk);
    *disk = (struct sim_disk){.exists = false};
}

void sim_disk_copy(struct sim_disk *to, const struct sim_disk *from) {
    *to = *from;
    to->entries = sim_allocate(from->entry_count + 1, sizeof *to->entries);
    to->entry_capacity = from->entry_count + 1;
    for (size_t i = 0; i < from->entry_count; i++) {
        to->entries[i] = catalog_entry_hold(from->entries[i]);
    }
    to->kept = NULL;
    to->kept_count = 0;
    kept_add(to, from->kept, from->kept_count);
    to->members = sim_allocate(from->member_count + 1, sizeof *to->members);
    if (from->member_count > 0) {
        memcpy(to->members, from->members, from->member_count * sizeof *to->members);
    }
}

void sim_disk_from_load(struct sim_disk *disk, const struct catalog_load *load) {
    sim_disk_close(disk);
    assert(disk->entries == NULL && disk->entry_count == 0 && disk->members == NULL);
    disk->exists = !load->fresh;
    disk->state = load->state;
    disk->quarantined = load->rows_missing ? (size_t)load->quarantined_count : 0;
    for (size_t i = 0; i < load->entry_count; i++) {
        catalog_entry_release(entry_set(disk, load->entries[i]));
    }
    kept_add(disk, load->kept, load->kept_count);
    for (size_t i = 0; i < load->member_count; i++) {
        member_set(disk, &load->members[i]);
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
