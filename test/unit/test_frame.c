/* test_frame.c - the frame reader: the same frames at any split of the stream, memory that follows the bytes. */
#include "gossip/frame.h"

#include "test/unit/support/alloc_fault.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { SIZE_MAX_BYTES = 300 * 1024, STREAM_SIZE_MAX = 1024 * 1024 };

/* A stream of frames, and what a reader made of it: each frame as its length and a digest of its bytes. */
struct stream {
    uint8_t bytes[STREAM_SIZE_MAX];
    size_t size_bytes;
};

static void stream_add(struct stream *stream, size_t size_bytes, uint8_t fill) {
    uint8_t *to = stream->bytes + stream->size_bytes;
    ck_assert_uint_le(stream->size_bytes + 4 + size_bytes, sizeof stream->bytes);
    for (size_t i = 0; i < 4; i++) {
        to[i] = (uint8_t)(size_bytes >> (8 * (3 - i)));
    }
    for (size_t i = 0; i < size_bytes; i++) {
        to[4 + i] = (uint8_t)(fill + i * 7);
    }
    stream->size_bytes += 4 + size_bytes;
}

static struct stream *stream_make(void) {
    static const size_t sizes[] = {1, 2, 3, 200, 4, 65536, 1, 65537, 70000, 299 * 1024, 5};
    struct stream *stream = calloc(1, sizeof *stream);
    ck_assert_ptr_nonnull(stream);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        stream_add(stream, sizes[i], (uint8_t)i);
    }
    return stream;
}

/* Feeds one part and appends what came out to `out`, as a stream again. Returns the reader's answer. */
static int feed(struct gossip__frame_reader *reader, const uint8_t *bytes, size_t size_bytes,
                struct stream *out) {
    for (;;) {
        size_t used;
        size_t frame_size_bytes;
        const uint8_t *frame;
        int result =
            gossip__frame_read(reader, bytes, size_bytes, &used, &frame, &frame_size_bytes);
        if (result != 0) {
            return result;
        }
        ck_assert_uint_le(used, size_bytes);
        if (frame == NULL) {
            ck_assert_uint_eq(used, size_bytes);
            return 0;
        }
        uint8_t *to = out->bytes + out->size_bytes;
        for (size_t i = 0; i < 4; i++) {
            to[i] = (uint8_t)(frame_size_bytes >> (8 * (3 - i)));
        }
        memcpy(to + 4, frame, frame_size_bytes);
        out->size_bytes += 4 + frame_size_bytes;
        bytes += used;
        size_bytes -= used;
    }
}

/* Cuts the stream into parts of a size that `next` chooses, and demands that what comes out is the stream. */
static void check_split(const struct stream *stream, size_t (*next)(unsigned *seed),
                        unsigned seed) {
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct gossip__frame_reader reader;
    struct stream *out = calloc(1, sizeof *out);
    ck_assert_ptr_nonnull(out);
    gossip__frame_reader_init(&reader, &allocator, SIZE_MAX_BYTES);
    for (size_t offset = 0; offset < stream->size_bytes;) {
        size_t part = next(&seed);
        part = part < stream->size_bytes - offset ? part : stream->size_bytes - offset;
        /* A block of its own for each part, so that a sanitizer sees a frame that outlives it. */
        uint8_t *copy = malloc(part);
        ck_assert_ptr_nonnull(copy);
        memcpy(copy, stream->bytes + offset, part);
        ck_assert_int_eq(feed(&reader, copy, part, out), 0);
        free(copy);
        offset += part;
    }
    ck_assert(!gossip__frame_begun(&reader));
    ck_assert_uint_eq(out->size_bytes, stream->size_bytes);
    ck_assert_mem_eq(out->bytes, stream->bytes, stream->size_bytes);
    gossip__frame_reader_close(&reader);
    ck_assert_uint_eq(fault.live_blocks, 0);
    free(out);
}

static size_t next_one(unsigned *seed) {
    (void)seed;
    return 1;
}

static size_t next_all(unsigned *seed) {
    (void)seed;
    return STREAM_SIZE_MAX;
}

static unsigned draw(unsigned *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static size_t next_any(unsigned *seed) {
    static const size_t limits[] = {4, 9, 100, 5000, 65536, 200000};
    return 1 + draw(seed) % limits[draw(seed) % (sizeof limits / sizeof *limits)];
}

START_TEST(any_split_gives_the_same_frames) {
    /* N10: however the stream is cut, the same frames come out. */
    struct stream *stream = stream_make();
    check_split(stream, next_all, 0);
    check_split(stream, next_one, 0);
    for (unsigned seed = 1; seed <= 60; seed++) {
        check_split(stream, next_any, seed);
    }
    free(stream);
}
END_TEST

START_TEST(each_cut_of_a_short_stream_gives_the_same_frames) {
    /* N10: for every pair of cuts of a short stream, which passes through each boundary of length and frame. */
    struct stream *stream = calloc(1, sizeof *stream);
    struct stream *out = calloc(1, sizeof *out);
    ck_assert(stream != NULL && out != NULL);
    stream_add(stream, 1, 'a');
    stream_add(stream, 5, 'b');
    stream_add(stream, 2, 'c');
    size_t total = stream->size_bytes;
    for (size_t first = 0; first <= total; first++) {
        for (size_t second = first; second <= total; second++) {
            struct gossip__frame_reader reader;
            gossip__frame_reader_init(&reader, &merkle_allocator_libc, 5);
            out->size_bytes = 0;
            ck_assert_int_eq(feed(&reader, stream->bytes, first, out), 0);
            ck_assert_int_eq(feed(&reader, stream->bytes + first, second - first, out), 0);
            ck_assert_int_eq(feed(&reader, stream->bytes + second, total - second, out), 0);
            ck_assert_uint_eq(out->size_bytes, total);
            ck_assert_mem_eq(out->bytes, stream->bytes, total);
            gossip__frame_reader_close(&reader);
        }
    }
    free(out);
    free(stream);
}
END_TEST

START_TEST(lengths_out_of_bounds_end_the_stream) {
    /* B2: a length of 0 or above the limit is refused before anything is allocated, and for good. */
    static const struct {
        uint8_t length[4];
        int result;
    } cases[] = {
        {{0, 0, 0, 0}, GOSSIP_EMALFORMED},
        {{0, 0, 1, 1}, GOSSIP_ETOOBIG},
        {{0x7f, 0xff, 0xff, 0xff}, GOSSIP_ETOOBIG},
        {{0xff, 0xff, 0xff, 0xff}, GOSSIP_ETOOBIG},
        {{'G', 'E', 'T', ' '}, GOSSIP_ETOOBIG},
        {{0, 0, 1, 0}, 0},
        {{0, 0, 0, 1}, 0},
    };
    struct stream *out = calloc(1, sizeof *out);
    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct alloc_fault fault = {.allowed = SIZE_MAX};
        struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct gossip__frame_reader reader;
        gossip__frame_reader_init(&reader, &allocator, 256);
        ck_assert_int_eq(feed(&reader, cases[i].length, 4, out), cases[i].result);
        ck_assert_uint_eq(fault.calls, 0);
        if (cases[i].result != 0) {
            ck_assert_int_eq(feed(&reader, (const uint8_t *)"\0\0\0\1a", 5, out), cases[i].result);
        }
        gossip__frame_reader_close(&reader);
    }
    ck_assert_uint_eq(out->size_bytes, 0);
    free(out);
}
END_TEST

START_TEST(memory_follows_the_bytes_that_came) {
    /* B2, G8: a declared length takes no memory: at no time more than 64 KiB above what has come, and a large buffer goes
     * back once its frame is done with. */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct gossip__frame_reader reader;
    struct stream *stream = calloc(1, sizeof *stream);
    struct stream *out = calloc(1, sizeof *out);
    ck_assert(stream != NULL && out != NULL);
    stream_add(stream, SIZE_MAX_BYTES, 1);
    gossip__frame_reader_init(&reader, &allocator, SIZE_MAX_BYTES);
    for (size_t offset = 0; offset < stream->size_bytes; offset += 1000) {
        size_t part = stream->size_bytes - offset < 1000 ? stream->size_bytes - offset : 1000;
        ck_assert_int_eq(feed(&reader, stream->bytes + offset, part, out), 0);
        ck_assert_uint_le(fault.live_bytes, offset + part + GOSSIP__FRAME_GROWTH_BYTES);
    }
    ck_assert_uint_eq(out->size_bytes, stream->size_bytes);
    ck_assert_uint_eq(fault.live_blocks, 0);
    gossip__frame_reader_close(&reader);
    free(out);
    free(stream);
}
END_TEST

START_TEST(a_frame_that_has_begun_is_known) {
    /* The driver's deadline for a frame runs from its first byte to its last. */
    struct gossip__frame_reader reader;
    struct stream *out = calloc(1, sizeof *out);
    ck_assert_ptr_nonnull(out);
    gossip__frame_reader_init(&reader, &merkle_allocator_libc, 256);
    ck_assert(!gossip__frame_begun(&reader));
    ck_assert_int_eq(feed(&reader, (const uint8_t *)"\0", 1, out), 0);
    ck_assert(gossip__frame_begun(&reader));
    ck_assert_uint_eq(gossip__frame_received(&reader), 1);
    ck_assert_int_eq(feed(&reader, (const uint8_t *)"\0\0\2a", 4, out), 0);
    ck_assert(gossip__frame_begun(&reader));
    ck_assert_uint_eq(gossip__frame_received(&reader), 5);
    ck_assert_int_eq(feed(&reader, (const uint8_t *)"b", 1, out), 0);
    ck_assert(!gossip__frame_begun(&reader));
    gossip__frame_reader_close(&reader);
    free(out);
}
END_TEST

START_TEST(memory_that_is_short_ends_the_stream) {
    /* P9: whichever allocation fails, the reader says so, keeps saying so, and leaks nothing. */
    struct stream *stream = calloc(1, sizeof *stream);
    struct stream *out = calloc(1, sizeof *out);
    ck_assert(stream != NULL && out != NULL);
    stream_add(stream, 200000, 1);
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.allowed = allowed};
        struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct gossip__frame_reader reader;
        gossip__frame_reader_init(&reader, &allocator, SIZE_MAX_BYTES);
        int result = 0;
        out->size_bytes = 0;
        for (size_t offset = 0; offset < stream->size_bytes && result == 0; offset += 20000) {
            size_t left = stream->size_bytes - offset;
            result = feed(&reader, stream->bytes + offset, left < 20000 ? left : 20000, out);
        }
        if (result != 0) {
            ck_assert_int_eq(result, GOSSIP_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
            ck_assert_int_eq(feed(&reader, stream->bytes, 1, out), GOSSIP_ENOMEM);
        }
        gossip__frame_reader_close(&reader);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 0);
            ck_assert_uint_eq(out->size_bytes, stream->size_bytes);
            break;
        }
    }
    free(out);
    free(stream);
}
END_TEST

Suite *frame_suite(void);
Suite *frame_suite(void) {
    Suite *suite = suite_create("frame");
    TCase *tcase = tcase_create("frame_read");
    tcase_add_test(tcase, any_split_gives_the_same_frames);
    tcase_add_test(tcase, each_cut_of_a_short_stream_gives_the_same_frames);
    tcase_add_test(tcase, lengths_out_of_bounds_end_the_stream);
    tcase_add_test(tcase, memory_follows_the_bytes_that_came);
    tcase_add_test(tcase, memory_that_is_short_ends_the_stream);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("frame_begun");
    tcase_add_test(tcase, a_frame_that_has_begun_is_known);
    suite_add_tcase(suite, tcase);
    return suite;
}
