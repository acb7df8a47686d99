/* fuzz_frame.c - any bytes as a stream of frames, cut anywhere: the same frames come out (N10).
 *
 * Each byte of the first half of the input is the size of a part; the second half is the stream.
 * One reader takes it whole, another in parts; what they give out, and how they end, must be the same.
 */
#include "gossip/frame.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAME_SIZE_MAX = 70000 };

/* Adds the frames in these bytes to `out`, each behind its size. */
static int feed(struct gossip__frame_reader *reader, const uint8_t *bytes, size_t size_bytes,
                struct merkle_buffer *out) {
    for (;;) {
        size_t used;
        size_t frame_size_bytes;
        const uint8_t *frame;
        int result =
            gossip__frame_read(reader, bytes, size_bytes, &used, &frame, &frame_size_bytes);
        assert(used <= size_bytes);
        if (result != 0) {
            return result;
        }
        if (frame == NULL) {
            assert(used == size_bytes);
            return 0;
        }
        assert(frame_size_bytes > 0);
        assert(frame_size_bytes <= FRAME_SIZE_MAX);
        (void)merkle_buffer_append(out, &frame_size_bytes, sizeof frame_size_bytes);
        (void)merkle_buffer_append(out, frame, frame_size_bytes);
        assert(!out->failed);
        bytes += used;
        size_bytes -= used;
    }
}

static int feed_in_parts(const uint8_t *cuts, size_t cut_count, const uint8_t *bytes,
                         size_t size_bytes, struct merkle_buffer *out) {
    struct gossip__frame_reader reader;
    int result = 0;
    size_t cut = 0;
    gossip__frame_reader_init(&reader, &merkle_allocator_libc, FRAME_SIZE_MAX);
    while (size_bytes > 0 && result == 0) {
        size_t part = cut_count == 0 ? size_bytes : (size_t)cuts[cut++ % cut_count] + 1;
        part = part < size_bytes ? part : size_bytes;
        uint8_t *copy = malloc(part);
        if (copy == NULL) {
            abort();
        }
        memcpy(copy, bytes, part);
        result = feed(&reader, copy, part, out);
        free(copy);
        bytes += part;
        size_bytes -= part;
    }
    gossip__frame_reader_close(&reader);
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct merkle_buffer whole;
    struct merkle_buffer parts;
    size_t cut_count = size / 2;
    const uint8_t *stream = data + cut_count;
    size_t stream_size = size - cut_count;
    merkle_buffer_init(&whole, &merkle_allocator_libc);
    merkle_buffer_init(&parts, &merkle_allocator_libc);
    int result = feed_in_parts(NULL, 0, stream, stream_size, &whole);
    int result_in_parts = feed_in_parts(data, cut_count, stream, stream_size, &parts);
    assert(result == result_in_parts);
    assert(whole.size_bytes == parts.size_bytes);
    assert(whole.size_bytes == 0 || memcmp(whole.data, parts.data, whole.size_bytes) == 0);
    merkle_buffer_close(&whole);
    merkle_buffer_close(&parts);
    return 0;
}
