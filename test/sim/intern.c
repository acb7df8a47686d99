/* intern.c - the harness's own copies of entries: one of each content, of libc's memory, for all disks and for god.
 *
 * An engine's entries are of its own allocator. Whoever held those would keep that memory taken, and what a node's engine
 * takes could not be compared with what it has to hold (S10, L3).
 */
#include "test/sim/world.h"

#include "catalog/entry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    size_t old_capacity = sim->interned_capacity;
    sim->interned_capacity = old_capacity == 0 ? 1024 : old_capacity * 2;
    sim->interned = sim_allocate(sim->interned_capacity, sizeof(struct catalog_entry *));
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] != NULL) {
            sim->interned[place_of(sim, &old[i]->digest)] = old[i];
        }
    }
    free(old);
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
        catalog__entry_describe(made);
        sim->interned[at] = made;
        sim->interned_count++;
    }
    return catalog_entry_hold(sim->interned[at]);
}

void sim_entries_close(struct sim *sim) {
    for (size_t i = 0; i < sim->interned_capacity; i++) {
        catalog_entry_release(sim->interned[i]);
    }
    free(sim->interned);
}
