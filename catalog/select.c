/* select.c - some of an entry's versions, for whoever is to be shown those alone. */
#include "catalog/entry.h"

#include <assert.h>

/* In order of (clock, origin), which is that of catalog_entry_versions. */
static size_t pick(const struct catalog__pair *pairs, size_t pair_count,
                   const struct catalog_version *versions, size_t version_count,
                   struct catalog__pair *picked, const struct catalog__pair **survivors) {
    size_t count = 0;
    for (size_t i = 0; i < pair_count; i++) {
        for (size_t j = 0; j < version_count; j++) {
            if (catalog_id_equal(&pairs[i].origin, &versions[j].origin)) {
                picked[count++] = pairs[i];
                survivors[j] = &picked[count - 1];
            }
        }
    }
    return count;
}

static int build(const struct merkle_allocator *allocator, const struct catalog_entry *entry,
                 const struct catalog_version *versions, size_t version_count,
                 struct catalog_entry **selected) {
    size_t pair_count = catalog__entry_pair_count(entry);
    struct catalog__pair *pairs =
        merkle_allocate(allocator, pair_count + version_count, sizeof *pairs);
    const struct catalog__pair **survivors =
        merkle_allocate(allocator, version_count, sizeof(struct catalog__pair *));
    int result = CATALOG_ENOMEM;
    if (pairs != NULL && survivors != NULL) {
        struct catalog__pair *picked = pairs + pair_count;
        struct catalog_key key = catalog_entry_key(entry);
        catalog__entry_pairs(entry, pairs);
        size_t count = pick(pairs, pair_count, versions, version_count, picked, survivors);
        assert(count == version_count);
        result = catalog__entry_build(allocator, &key, picked, count, survivors, count, selected);
    }
    merkle_release(allocator, survivors);
    merkle_release(allocator, pairs);
    return result;
}

int catalog_select(const struct merkle_allocator *allocator, struct catalog_entry *entry,
                   catalog_version_wanted *wanted, void *context, struct catalog_entry **selected) {
    *selected = NULL;
    size_t count = entry->version_count;
    struct catalog_version *versions = merkle_allocate(allocator, count, sizeof *versions);
    if (versions == NULL) {
        return CATALOG_ENOMEM;
    }
    size_t read = catalog_entry_versions(entry, versions, count);
    assert(read == count);
    size_t wanted_count = 0;
    for (size_t i = 0; i < read; i++) {
        if (wanted(context, &versions[i])) {
            versions[wanted_count++] = versions[i];
        }
    }
    int result = 0;
    if (wanted_count == count) {
        *selected = catalog_entry_hold(entry);
    } else if (wanted_count > 0) {
        result = build(allocator, entry, versions, wanted_count, selected);
    }
    merkle_release(allocator, versions);
    return result;
}
