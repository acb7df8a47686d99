/* history.c - what an entry has seen: its context, for those who ask why it stands as it does.
 *
 * A pair whose version does not survive stands for changes that another one has replaced: who made them is not known any
 * more, when the last of them was made is in its clock.
 */
#include "catalog/entry.h"

#include <assert.h>

/* The pairs stand in order of origin. NULL if that of this origin is not among them. */
static struct catalog_pair *find(struct catalog_pair *pairs, size_t count,
                                 const struct catalog_id *origin) {
    size_t first = 0;
    while (first < count) {
        size_t middle = first + (count - first) / 2;
        int order = catalog_id_compare(&pairs[middle].origin, origin);
        if (order == 0) {
            return &pairs[middle];
        }
        first = order < 0 ? middle + 1 : first;
        count = order < 0 ? count : middle;
    }
    return NULL;
}

/* Versions of which there may be as many as pairs: each finds its own. */
static void survivors_mark(const struct catalog_entry *entry, struct catalog_pair *pairs,
                           size_t pair_count) {
    struct catalog__span all = {entry->bytes, entry->bytes + entry->size_bytes};
    size_t count;
    struct catalog__span span = catalog__versions_span(all, &count);
    for (size_t i = 0; i < count && pair_count > 0; i++) {
        struct catalog_version version;
        bool read = catalog__version_read(&span, &version);
        assert(read);
        struct catalog_pair *pair = find(pairs, pair_count, &version.origin);
        if (pair != NULL) {
            pair->survives = true;
        }
    }
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
        pairs[i] = (struct catalog_pair){.origin = pair.origin, .clock = pair.clock};
    }
    survivors_mark(entry, pairs, count < max ? count : max);
    return count;
}
