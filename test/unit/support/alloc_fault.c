/* alloc_fault.c - the countdown, and a header before each block that remembers its size.
 *
 * The fields are plain numbers, so that tests initialise and compare them as such; here they are touched by atomic
 * operations only, as the store's thread releases entries while the test's own allocates.
 */
#include "test/unit/support/alloc_fault.h"

#include <assert.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_LIVE UINT64_C(0x6c697665626c6f63)
#define BLOCK_FREED UINT64_C(0x6672656564626c6f)

enum { BYTE_OF_FRESH_MEMORY = 0xa5 };

/* |header|what the caller sees ...|: the end of the block stays the end of malloc's, for AddressSanitizer. */
struct header {
    alignas(max_align_t) uint64_t mark;
    size_t size_bytes;
};

static void count_add(size_t *counter, size_t amount) {
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

static void count_subtract(size_t *counter, size_t amount) {
    const size_t before = __atomic_fetch_sub(counter, amount, __ATOMIC_RELAXED);
    assert(before >= amount);
}

/* Counts down by one; true if this allocation is the one to fail. */
static bool must_fail(struct alloc_fault *fault) {
    if (__atomic_load_n(&fault->paused, __ATOMIC_RELAXED))
        return false;
    size_t allowed = __atomic_load_n(&fault->allowed, __ATOMIC_RELAXED);
    for (;;) {
        if (allowed == SIZE_MAX)
            return false;
        const bool fails = allowed == 0;
        size_t next = allowed - 1;
        if (fails)
            next = __atomic_load_n(&fault->repeat, __ATOMIC_RELAXED) ? 0 : SIZE_MAX;
        if (__atomic_compare_exchange_n(&fault->allowed, &allowed, next, false, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED))
            return fails;
    }
}

static struct header *header_of(void *memory) {
    struct header *header = (struct header *)memory - 1;
    assert(header->mark != BLOCK_FREED);
    assert(header->mark == BLOCK_LIVE);
    return header;
}

static void block_free(struct alloc_fault *fault, void *memory) {
    struct header *header = header_of(memory);
    count_subtract(&fault->live_blocks, 1);
    count_subtract(&fault->live_bytes, header->size_bytes);
    header->mark = BLOCK_FREED;
    free(header);
}

static void *block_new(struct alloc_fault *fault, size_t size_bytes) {
    if (size_bytes > SIZE_MAX - sizeof(struct header))
        return NULL;
    struct header *header = malloc(sizeof(struct header) + size_bytes);
    if (header == NULL)
        return NULL;
    *header = (struct header){.mark = BLOCK_LIVE, .size_bytes = size_bytes};
    memset(header + 1, BYTE_OF_FRESH_MEMORY, size_bytes);
    count_add(&fault->live_blocks, 1);
    count_add(&fault->live_bytes, size_bytes);
    return header + 1;
}

static void *resize(void *context, void *memory, size_t size_bytes) {
    struct alloc_fault *fault = context;
    if (size_bytes == 0) {
        if (memory != NULL)
            block_free(fault, memory);
        return NULL;
    }
    count_add(&fault->calls, 1);
    if (must_fail(fault)) {
        count_add(&fault->fired, 1);
        return NULL;
    }
    void *moved = block_new(fault, size_bytes);
    if (moved == NULL || memory == NULL)
        return moved;
    const size_t size_bytes_before = header_of(memory)->size_bytes;
    memcpy(moved, memory, size_bytes_before < size_bytes ? size_bytes_before : size_bytes);
    block_free(fault, memory);
    return moved;
}

struct merkle_allocator alloc_fault_allocator(struct alloc_fault *fault) {
    return (struct merkle_allocator){.resize = resize, .context = fault};
}
