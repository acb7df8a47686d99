/* load.c - what a store held when it was opened: made and given back.
 *
 * A load outlives the call that made it and may be freed by another thread, so it brings its allocator along, in front of
 * what the caller sees.
 */
#include "catalog/load.h"

#include <stddef.h>

struct holder {
    const struct merkle_allocator *allocator;
    struct catalog_load load;
};

struct catalog_load *catalog__load_new(const struct merkle_allocator *allocator) {
    struct holder *holder = merkle_allocate(allocator, 1, sizeof *holder);
    if (holder == NULL) {
        return NULL;
    }
    *holder = (struct holder){.allocator = allocator, .load = {.fresh = false}};
    return &holder->load;
}

void catalog_load_free(struct catalog_load *load) {
    if (load == NULL) {
        return;
    }
    struct holder *holder = (struct holder *)(void *)((char *)load - offsetof(struct holder, load));
    const struct merkle_allocator *allocator = holder->allocator;
    for (size_t i = 0; i < load->entry_count; i++) {
        catalog_entry_release(load->entries[i]);
    }
    for (size_t i = 0; i < load->kept_count; i++) {
        catalog_entry_release(load->kept[i]);
    }
    merkle_release(allocator, load->entries);
    merkle_release(allocator, load->kept);
    merkle_release(allocator, load->members);
    merkle_release(allocator, holder);
}
