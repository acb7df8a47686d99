/* frame.h - the frame reader: bytes in at any split of the stream, frames out (private to gossip/).
 *
 *      4 bytes, big endian   length bytes
 *      +------------------+--------------------+------------------+---
 *      | length           | frame              | length           | ...
 *      +------------------+--------------------+------------------+---
 *
 * It knows no socket and no clock. Memory follows the bytes that have come, never the length that was declared: a frame
 * that lies whole in what is fed is not copied at all, one that does not is gathered in a buffer that grows by at most
 * GOSSIP__FRAME_GROWTH_BYTES more than has come.
 */
#ifndef GOSSIP_FRAME_H
#define GOSSIP_FRAME_H

#include "gossip/gossip.h"

enum {
    GOSSIP__FRAME_LENGTH_SIZE_BYTES = 4,
    GOSSIP__FRAME_GROWTH_BYTES = 64 * 1024,
};

struct gossip__frame_reader {
    const struct merkle_allocator *allocator;
    size_t size_max; /* of a frame; may be changed between frames */
    uint8_t length_bytes[GOSSIP__FRAME_LENGTH_SIZE_BYTES];
    size_t length_size_bytes; /* of them that have come */
    size_t length;            /* declared, once all have come */
    uint8_t *data;            /* the part of the frame that has come */
    size_t size_bytes;
    size_t capacity_bytes;
    int error; /* what ended it; no more is taken */
};

void gossip__frame_reader_init(struct gossip__frame_reader *reader,
                               const struct merkle_allocator *allocator, size_t size_max);
void gossip__frame_reader_close(struct gossip__frame_reader *reader);

/* Takes bytes up to the end of the next frame; `*used` says how many. When a frame is whole, `*frame` is where it lies
 * (in `bytes` or in the reader; until the next call) and `*frame_size_bytes` its size, else NULL: all bytes were used.
 * Call it again with the rest until `*frame` is NULL. GOSSIP_EMALFORMED (a length of 0), GOSSIP_ETOOBIG (above size_max),
 * GOSSIP_ENOMEM: the stream is lost; each later call answers the same. */
int gossip__frame_read(struct gossip__frame_reader *reader, const uint8_t *bytes, size_t size_bytes,
                       size_t *used, const uint8_t **frame, size_t *frame_size_bytes);
/* Whether a frame has begun and not ended; how much of it has come, its length's bytes included. */
bool gossip__frame_begun(const struct gossip__frame_reader *reader);
size_t gossip__frame_received(const struct gossip__frame_reader *reader);

#endif
