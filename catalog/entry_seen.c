/* entry_seen.c - what an entry has seen of one origin: its context, asked for a single pair. */
#include "catalog/entry.h"

#include <assert.h>

catalog_clock catalog_entry_seen(const struct catalog_entry *entry,
                                 const struct catalog_id *origin) {
    size_t count;
    struct catalog__span span = catalog__context_span(
        (struct catalog__span){entry->bytes, entry->bytes + entry->size_bytes}, &count);
    for (size_t i = 0; i < count; i++) {
        struct catalog__pair pair;
        bool read = catalog__pair_read(&span, &pair);
        assert(read);
        int order = catalog_id_compare(&pair.origin, origin);
        if (order >= 0) { /* they are sorted by origin */
            return order == 0 ? pair.clock : 0;
        }
    }
    return 0;
}
