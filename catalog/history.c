/* history.c - what an entry has seen: its context, for those who ask why it stands as it does.
 *
 * A pair whose version does not survive stands for changes that another one has replaced: who made them is not known any
 * more, when the last of them was made is in its clock.
 */
#include "catalog/entry.h"

#include <assert.h>

static bool survives(const struct catalog_entry *entry, const struct catalog_id *origin) {
    struct catalog__span all = {entry->bytes, entry->bytes + entry->size_bytes};
    size_t count;
    struct catalog__span span = catalog__versions_span(all, &count);
    for (size_t i = 0; i < count; i++) {
        struct catalog_version version;
        bool read = catalog__version_read(&span, &version);
        assert(read);
        if (catalog_id_equal(&version.origin, origin)) {
            return true;
        }
    }
    return false;
}

size_t catalog_entry_context(const struct catalog_entry *entry, struct catalog_pair *pairs,
                             size_t max) {
    struct catalog__span all = {entry->bytes, entry->bytes + entry->size_bytes};
    size_t count;
    struct catalog__span span = catalog__context_span(all, &count);
    for (size_t i = 0; i < count && i < max; i++) {
        struct catalog__pair pair;
        bool read = catalog__pair_read(&span, &pair);
        assert(read);
        pairs[i] = (struct catalog_pair){
            .origin = pair.origin,
            .clock = pair.clock,
            .survives = survives(entry, &pair.origin),
        };
    }
    return count;
}
