/* intern.c - the harness's own copies of entries: one of each content, of libc's memory, for all disks and for god.
 *
 * An engine's entries are of its own allocator. Whoever held those would keep that memory taken, and what a node's engine
 * takes could not be compared with what it has to hold (S10, L3). And what a checker says of one content alone it need say
 * only once, on however many disks it lands.
 */
#include "test/sim/world.h"

#include "catalog/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PAIRS = 8192 };

static size_t place_of(const struct sim *sim, const struct merkle_digest *digest) {
    uint64_t hash;
    memcpy(&hash, digest->bytes, sizeof hash);
    size_t at = (size_t)(hash % sim->interned_capacity);
    while (sim->interned[at] != NULL && !merkle_digest_equal(&sim->interned[at]->digest, digest)) {
        at = (at + 1) % sim->interned_capacity;
    }
    return at;
}

static void grow(struct sim *sim) {
    struct catalog_entry **old = sim->interned;
    uint8_t *old_marks = sim->interned_marks;
    size_t old_capacity = sim->interned_capacity;
    sim->interned_capacity = old_capacity == 0 ? 1024 : old_capacity * 2;
    sim->interned = sim_allocate(sim->interned_capacity, sizeof(struct catalog_entry *));
    sim->interned_marks = sim_allocate(sim->interned_capacity, sizeof *sim->interned_marks);
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] != NULL) {
            size_t at = place_of(sim, &old[i]->digest);
            sim->interned[at] = old[i];
            sim->interned_marks[at] = old_marks[i];
        }
    }
    free(old);
    free(old_marks);
}

struct catalog_entry *sim_entry_keep(struct sim *sim, const struct catalog_entry *entry) {
    if (sim->interned_count * 2 >= sim->interned_capacity) {
        grow(sim);
    }
    size_t at = place_of(sim, &entry->digest);
    if (sim->interned[at] == NULL) {
        struct catalog_entry *made =
            catalog__entry_allocate(&merkle_allocator_libc, entry->size_bytes);
        if (made == NULL) {
            fputs("attune-chaos: out of memory\n", stderr);
            exit(CHAOS_USAGE);
        }
        memcpy(made->bytes, entry->bytes, entry->size_bytes);
        catalog__entry_describe(made, entry->superseded_clock);
        sim->interned[at] = made;
        sim->interned_count++;
    }
    return catalog_entry_hold(sim->interned[at]);
}

bool sim_entry_first(struct sim *sim, const struct catalog_entry *entry, enum sim_entry_mark mark) {
    size_t at = sim->interned_capacity == 0 ? 0 : place_of(sim, &entry->digest);
    if (sim->interned_capacity == 0 || sim->interned[at] != entry) {
        return true; /* none of ours */
    }
    bool first = (sim->interned_marks[at] & mark) == 0;
    sim->interned_marks[at] |= (uint8_t)mark;
    return first;
}

/* A place in a table of the pairs that were compared lately; who comes to a taken place drives out. */
static struct sim_entry_pair *pair_place(struct sim *sim, const struct catalog_entry *before,
                                         const struct catalog_entry *after, catalog_clock horizon) {
    uint64_t hash;
    uint64_t other;
    memcpy(&hash, before->digest.bytes, sizeof hash);
    memcpy(&other, after->digest.bytes, sizeof other);
    if (sim->pairs == NULL) {
        sim->pairs = sim_allocate(PAIRS, sizeof *sim->pairs);
    }
    return &sim->pairs[(hash ^ other * 31 ^ horizon * UINT64_C(0x9e3779b97f4a7c15) >> 40) % PAIRS];
}

bool sim_entries_first(struct sim *sim, const struct catalog_entry *before,
                       const struct catalog_entry *after, catalog_clock horizon,
                       enum sim_entry_mark mark) {
    struct sim_entry_pair *pair = pair_place(sim, before, after, horizon);
    if (!merkle_digest_equal(&pair->before, &before->digest) ||
        !merkle_digest_equal(&pair->after, &after->digest) || pair->horizon != horizon) {
        *pair = (struct sim_entry_pair){
            .before = before->digest, .after = after->digest, .horizon = horizon};
    }
    bool first = (pair->marks & mark) == 0;
    pair->marks |= (uint8_t)mark;
    return first;
}

void sim_entries_close(struct sim *sim) {
    for (size_t i = 0; i < sim->interned_capacity; i++) {
        catalog_entry_release(sim->interned[i]);
    }
    free(sim->interned);
    free(sim->interned_marks);
    free(sim->pairs);
}
