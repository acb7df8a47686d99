/* relate.c - how two copies of an entry stand to each other: what `diff` shows of two nodes.
 *
 * The merge decides: who holds what both together know is newer. It is asked without the horizon, since it is only shown.
 */
#include "catalog/entry.h"

#include <assert.h>

static enum catalog_relation relate_present(const struct catalog_entry *a,
                                            const struct catalog_entry *b,
                                            const struct catalog_entry *merged) {
    bool keeps_a = catalog__entry_same_versions(merged, a);
    bool keeps_b = catalog__entry_same_versions(merged, b);
    if (keeps_a != keeps_b) {
        return keeps_a ? CATALOG_NEWER_A : CATALOG_NEWER_B;
    }
    if (keeps_a) { /* the contexts differ, no more */
        bool is_a = catalog__entry_same_bytes(merged, a);
        return is_a                                   ? CATALOG_NEWER_A
               : catalog__entry_same_bytes(merged, b) ? CATALOG_NEWER_B
                                                      : CATALOG_SAME;
    }
    if (merged->conflict) {
        return CATALOG_CONFLICTING;
    }
    /* One content, written more than once: nobody has to decide anything. */
    struct catalog_version in_force_a = catalog_entry_in_force(a);
    struct catalog_version in_force_b = catalog_entry_in_force(b);
    int order = catalog__version_compare(&in_force_a, &in_force_b);
    return order > 0 ? CATALOG_NEWER_A : order < 0 ? CATALOG_NEWER_B : CATALOG_SAME;
}

int catalog_relate(const struct merkle_allocator *allocator, struct catalog_entry *a,
                   struct catalog_entry *b, enum catalog_relation *relation) {
    assert(a != NULL || b != NULL);
    if (a == NULL || b == NULL) {
        *relation = b == NULL ? CATALOG_ONLY_A : CATALOG_ONLY_B;
        return 0;
    }
    if (catalog__entry_same_bytes(a, b)) {
        *relation = CATALOG_SAME;
        return 0;
    }
    struct catalog_entry *merged;
    int result = catalog_merge(allocator, a, b, 0, &merged, NULL);
    if (result == 0) {
        *relation = relate_present(a, b, merged);
        catalog_entry_release(merged);
    }
    return result;
}
