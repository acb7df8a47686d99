/* memory.c - the allocator of one node's engine: counts what it holds (S10), and fails on demand (P9).
 *
 * Each block bears its size in front, aligned as malloc aligns.
 */
#include "test/sim/world.h"

#include <stddef.h>
#include <stdlib.h>

enum { HEAD_SIZE_BYTES = _Alignof(max_align_t) };

static bool fails(struct sim_memory *memory) {
    if (memory->fail_count == 0) {
        return false;
    }
    if (memory->fail_after > 0) {
        memory->fail_after--;
        return false;
    }
    memory->fail_count--;
    memory->failed++;
    return true;
}

static void *resize(void *context, void *block, size_t size_bytes) {
    struct sim_memory *memory = context;
    char *head = block == NULL ? NULL : (char *)block - HEAD_SIZE_BYTES;
    size_t before = head == NULL ? 0 : *(size_t *)(void *)head;
    if (size_bytes == 0) {
        memory->bytes -= before;
        free(head);
        return NULL;
    }
    if (size_bytes > SIZE_MAX - HEAD_SIZE_BYTES || fails(memory)) {
        return NULL;
    }
    char *made = realloc(head, size_bytes + HEAD_SIZE_BYTES);
    if (made == NULL) {
        return NULL;
    }
    *(size_t *)(void *)made = size_bytes;
    memory->bytes += size_bytes - before;
    memory->bytes_max = memory->bytes > memory->bytes_max ? memory->bytes : memory->bytes_max;
    memory->step_bytes += size_bytes > before ? size_bytes - before : 0;
    uint64_t above = memory->bytes > memory->step_from ? memory->bytes - memory->step_from : 0;
    memory->step_peak = above > memory->step_peak ? above : memory->step_peak;
    return made + HEAD_SIZE_BYTES;
}

void sim_memory_init(struct sim_memory *memory) {
    *memory = (struct sim_memory){.allocator = {.resize = resize, .context = memory}};
}

void sim_memory_step_begin(struct sim_memory *memory) {
    memory->step_from = memory->bytes;
    memory->step_bytes = 0;
    memory->step_peak = 0;
}
