/* allocate.c - the one place through which the library takes memory.
 *
 * An allocator is one function of realloc's shape, so that a test can count and refuse every call. Sizes are multiplied
 * here and nowhere else, with a check for overflow. A block of no elements is a block of one byte: NULL means failure and
 * nothing else.
 */
#include "merkle/merkle.h"

#include <stdlib.h>
#include <string.h>

static void *libc_resize(void *context, void *memory, size_t size_bytes) {
    (void)context;
    if (size_bytes == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, size_bytes);
}

const struct merkle_allocator merkle_allocator_libc = {.resize = libc_resize, .context = NULL};

void *merkle_allocate(const struct merkle_allocator *allocator, size_t count, size_t size_bytes) {
    return merkle_reallocate(allocator, NULL, count, size_bytes);
}

void *merkle_allocate_zeroed(const struct merkle_allocator *allocator, size_t count,
                             size_t size_bytes) {
    void *memory = merkle_allocate(allocator, count, size_bytes);
    if (memory != NULL) {
        memset(memory, 0, count * size_bytes);
    }
    return memory;
}

void *merkle_reallocate(const struct merkle_allocator *allocator, void *memory, size_t count,
                        size_t size_bytes) {
    size_t total_bytes;
    if (__builtin_mul_overflow(count, size_bytes, &total_bytes) || total_bytes > PTRDIFF_MAX) {
        return NULL;
    }
    return allocator->resize(allocator->context, memory, total_bytes > 0 ? total_bytes : 1);
}

void merkle_release(const struct merkle_allocator *allocator, void *memory) {
    if (memory != NULL) {
        allocator->resize(allocator->context, memory, 0);
    }
}
