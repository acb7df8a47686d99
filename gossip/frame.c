/* frame.c - cuts a stream of bytes into frames, see frame.h. */
#include "gossip/frame.h"

#include <assert.h>
#include <string.h>

void gossip__frame_reader_init(struct gossip__frame_reader *reader,
                               const struct merkle_allocator *allocator, size_t size_max) {
    *reader = (struct gossip__frame_reader){.allocator = allocator, .size_max = size_max};
}

void gossip__frame_reader_close(struct gossip__frame_reader *reader) {
    merkle_release(reader->allocator, reader->data);
    *reader =
        (struct gossip__frame_reader){.allocator = reader->allocator, .error = GOSSIP_EMALFORMED};
}

bool gossip__frame_begun(const struct gossip__frame_reader *reader) {
    return reader->length_size_bytes > 0;
}

size_t gossip__frame_received(const struct gossip__frame_reader *reader) {
    return reader->length_size_bytes + reader->size_bytes;
}

/* Takes what is missing of the length; 0, also if it is not whole yet, or why no frame can have it. */
static int length_take(struct gossip__frame_reader *reader, const uint8_t *bytes, size_t size_bytes,
                       size_t *used) {
    while (reader->length_size_bytes < GOSSIP__FRAME_LENGTH_SIZE_BYTES && *used < size_bytes) {
        reader->length_bytes[reader->length_size_bytes++] = bytes[(*used)++];
    }
    if (reader->length_size_bytes < GOSSIP__FRAME_LENGTH_SIZE_BYTES) {
        return 0;
    }
    reader->length = 0;
    for (size_t i = 0; i < GOSSIP__FRAME_LENGTH_SIZE_BYTES; i++) {
        reader->length = reader->length << 8 | reader->length_bytes[i];
    }
    if (reader->length == 0) {
        return GOSSIP_EMALFORMED;
    }
    return reader->length > reader->size_max ? GOSSIP_ETOOBIG : 0;
}

/* Adds a part to what is gathered. */
static int part_append(struct gossip__frame_reader *reader, const uint8_t *bytes,
                       size_t size_bytes) {
    size_t needed = reader->size_bytes + size_bytes;
    assert(needed <= reader->length);
    if (needed > reader->capacity_bytes) {
        size_t capacity = needed + GOSSIP__FRAME_GROWTH_BYTES;
        if (capacity > reader->length) {
            capacity = reader->length;
        }
        uint8_t *data = merkle_reallocate(reader->allocator, reader->data, capacity, 1);
        if (data == NULL) {
            return GOSSIP_ENOMEM;
        }
        reader->data = data;
        reader->capacity_bytes = capacity;
    }
    memcpy(reader->data + reader->size_bytes, bytes, size_bytes);
    reader->size_bytes = needed;
    return 0;
}

/* The next frame begins. A large buffer goes back: connections are many, large frames are rare. */
static void frame_end(struct gossip__frame_reader *reader) {
    reader->length_size_bytes = 0;
    reader->length = 0;
    reader->size_bytes = 0;
    if (reader->capacity_bytes > GOSSIP__FRAME_GROWTH_BYTES) {
        merkle_release(reader->allocator, reader->data);
        reader->data = NULL;
        reader->capacity_bytes = 0;
    }
}

static int frame_take(struct gossip__frame_reader *reader, const uint8_t *bytes, size_t size_bytes,
                      size_t *used, const uint8_t **frame) {
    size_t missing = reader->length - reader->size_bytes;
    size_t available = size_bytes - *used;
    if (reader->size_bytes == 0 && available >= missing) {
        *frame = bytes + *used;
        *used += missing;
        return 0;
    }
    size_t taken = available < missing ? available : missing;
    int result = taken > 0 ? part_append(reader, bytes + *used, taken) : 0;
    if (result == 0) {
        *used += taken;
        *frame = taken == missing ? reader->data : NULL;
    }
    return result;
}

int gossip__frame_read(struct gossip__frame_reader *reader, const uint8_t *bytes, size_t size_bytes,
                       size_t *used, const uint8_t **frame, size_t *frame_size_bytes) {
    *used = 0;
    *frame = NULL;
    *frame_size_bytes = 0;
    if (reader->error != 0) {
        return reader->error;
    }
    /* What the last call gave out is done with. */
    if (reader->length > 0 && reader->size_bytes == reader->length) {
        frame_end(reader);
    }
    reader->error = length_take(reader, bytes, size_bytes, used);
    if (reader->error != 0 || reader->length_size_bytes < GOSSIP__FRAME_LENGTH_SIZE_BYTES) {
        return reader->error;
    }
    reader->error = frame_take(reader, bytes, size_bytes, used, frame);
    if (*frame != NULL) {
        *frame_size_bytes = reader->length;
        if (*frame != reader->data) {
            frame_end(reader);
        }
    }
    return reader->error;
}
