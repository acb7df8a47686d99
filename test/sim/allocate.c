/* allocate.c - memory of the simulator itself: a harness that has none left ends. */
#include "test/sim/world.h"

#include <stdio.h>
#include <stdlib.h>

void *sim_allocate(size_t count, size_t size_bytes) {
    void *memory = calloc(count, size_bytes);
    if (memory == NULL) {
        fputs("attune-chaos: out of memory\n", stderr);
        exit(CHAOS_USAGE);
    }
    return memory;
}

void *sim_grow(void *memory, size_t count, size_t *capacity, size_t size_bytes) {
    if (count < *capacity) {
        return memory;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = realloc(memory, *capacity * size_bytes);
    if (grown == NULL) {
        fputs("attune-chaos: out of memory\n", stderr);
        exit(CHAOS_USAGE);
    }
    return grown;
}
