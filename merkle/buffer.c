/* buffer.c - a growing run of bytes, made for writers that check once at the end: the first append that fails makes all
 * later ones fail too. It doubles, so that a long series of appends costs linear time.
 */
#include "merkle/merkle.h"

#include <assert.h>
#include <string.h>

enum { BUFFER_CAPACITY_MIN_BYTES = 64 };

void merkle_buffer_init(struct merkle_buffer *buffer, const struct merkle_allocator *allocator) {
    assert(allocator != NULL);
    *buffer = (struct merkle_buffer){.allocator = allocator};
}

void merkle_buffer_close(struct merkle_buffer *buffer) {
    merkle_release(buffer->allocator, buffer->data);
    *buffer = (struct merkle_buffer){.allocator = buffer->allocator};
}

void merkle_buffer_clear(struct merkle_buffer *buffer) {
    buffer->size_bytes = 0;
    buffer->failed = false;
}

uint8_t *merkle_buffer_reserve(struct merkle_buffer *buffer, size_t size_bytes) {
    assert(buffer->size_bytes <= buffer->capacity_bytes);
    size_t needed_bytes;
    if (buffer->failed || __builtin_add_overflow(buffer->size_bytes, size_bytes, &needed_bytes) ||
        needed_bytes > PTRDIFF_MAX) {
        buffer->failed = true;
        return NULL;
    }
    if (needed_bytes > buffer->capacity_bytes || buffer->data == NULL) {
        size_t capacity_bytes = buffer->capacity_bytes * 2;
        if (capacity_bytes < BUFFER_CAPACITY_MIN_BYTES) {
            capacity_bytes = BUFFER_CAPACITY_MIN_BYTES;
        }
        if (capacity_bytes < needed_bytes) {
            capacity_bytes = needed_bytes;
        }
        uint8_t *data = merkle_reallocate(buffer->allocator, buffer->data, capacity_bytes, 1);
        if (data == NULL) {
            buffer->failed = true;
            return NULL;
        }
        buffer->data = data;
        buffer->capacity_bytes = capacity_bytes;
    }
    return buffer->data + buffer->size_bytes;
}

int merkle_buffer_append(struct merkle_buffer *buffer, const void *bytes, size_t size_bytes) {
    uint8_t *place = merkle_buffer_reserve(buffer, size_bytes);
    if (place == NULL) {
        return MERKLE_ENOMEM;
    }
    if (size_bytes > 0) {
        memcpy(place, bytes, size_bytes);
        buffer->size_bytes += size_bytes;
    }
    return 0;
}
