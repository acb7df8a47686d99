/* prune.c - what a horizon does to an entry, and which is the lowest that does anything (DESIGN 4.7).
 *
 *      superseded pairs at or below the horizon      leave the context
 *      a tombstone at or below it                    leaves as a whole
 *      a drop at or below it                         yields to a set above it (merge.c, step 3)
 *
 * The first two hold for every higher horizon as well. The third does not: once the horizon has passed the set too, that
 * conflict stays. So an entry is not simply changed by all horizons from one on, and who looks for those that are to be pruned
 * (prunable.c) asks for the lowest from the horizon at hand on.
 */
#include "catalog/entry.h"
#include "merkle/instrument.h"

#include <assert.h>

static catalog_clock smaller(catalog_clock a, catalog_clock b) {
    return a < b ? a : b;
}

static catalog_clock larger(catalog_clock a, catalog_clock b) {
    return a > b ? a : b;
}

/* The lowest horizon from this one on at which a drop yields: from the smallest drop on, and below the largest set. */
static catalog_clock yield_clock(const struct catalog_entry *entry, catalog_clock horizon) {
    struct catalog__span span = {entry->bytes, entry->bytes + entry->size_bytes};
    size_t count;
    span = catalog__versions_span(span, &count);
    catalog_clock drop = UINT64_MAX;
    catalog_clock set = 0;
    for (size_t i = 0; i < count; i++) {
        struct catalog_version version;
        bool read = catalog__version_read(&span, &version);
        assert(read);
        if (version.state != CATALOG_DROPPED) {
            set = version.clock;
        } else if (drop == UINT64_MAX) {
            drop = version.clock;
        }
    }
    catalog_clock from = larger(drop, horizon);
    return from < set ? from : UINT64_MAX;
}

catalog_clock catalog__entry_prune_clock(const struct catalog_entry *entry, catalog_clock horizon) {
    catalog_clock clock = entry->superseded_clock;
    if (entry->tombstone) {
        clock = smaller(clock, entry->clock);
    } else if (entry->conflict) {
        clock = smaller(clock, yield_clock(entry, horizon));
    }
    return clock == UINT64_MAX ? UINT64_MAX : larger(clock, horizon);
}

int catalog_prune(const struct merkle_allocator *allocator, struct catalog_entry *entry,
                  catalog_clock horizon, struct catalog_entry **pruned) {
    *pruned = NULL;
    if (entry->tombstone && entry->clock <= horizon) {
        PROBE("catalog.prune_tombstone");
        return 0;
    }
    if (catalog__entry_prune_clock(entry, horizon) > horizon) {
        *pruned = catalog_entry_hold(entry);
        return 0;
    }
    PROBE("catalog.prune_context");
    int result = catalog_merge(allocator, entry, NULL, horizon, pruned, NULL);
    assert(result == 0 || result == CATALOG_ENOMEM); /* it only becomes smaller */
    return result;
}
