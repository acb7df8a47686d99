/* load.h - makes a load (private to catalog/). */
#ifndef CATALOG_LOAD_H
#define CATALOG_LOAD_H

#include "catalog/stored.h"

/* An empty load, to be freed with catalog_load_free; entries (held) and members are taken from `allocator`. NULL if memory
 * is short. */
struct catalog_load *catalog__load_new(const struct merkle_allocator *allocator);

#endif
