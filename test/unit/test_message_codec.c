/* test_message_codec.c - messages as bytes: round trips, golden bytes, what is refused, memory that is short. */
#include "gossip/bounds.h"
#include "gossip/message.h"

#include "test/unit/support/alloc_fault.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_NOW UINT64_C(0x018f000000000000) /* some day in 2024 */

static const struct gossip__member_update rows[] = {
    {.id = {{1, 2, 3}},
     .name = {"db-1", 4},
     .address = {"10.0.0.1:7740", 13},
     .incarnation = 65536,
     .state = GOSSIP_MEMBER_ALIVE,
     .ready = true},
    {.id = {{0xff}},
     .name = {"d\xc3\xa9j\xc3\xa0", 6},
     .address = {"[::1]:7740", 10},
     .incarnation = UINT64_MAX,
     .state = GOSSIP_MEMBER_REMOVED},
};
static const struct gossip__span entries[] = {
    {(const uint8_t *)"first", 5}, {(const uint8_t *)"", 0}, {(const uint8_t *)"third", 5}};
static const struct merkle_fingerprint prints[] = {{{1, 2, 3, 4, 5}}, {{6, 7, 8, 9, 10}}};
static const struct gossip__pull_path paths[] = {
    {.path = {0, 0}, .fingerprints = prints, .fingerprint_count = 2},
    {.path = {UINT64_C(0xabc0000000000000), 3}, .fingerprints = prints, .fingerprint_count = 1},
    {.path = {UINT64_MAX, 16}, .fingerprints = prints + 1, .fingerprint_count = 1},
};

#define DIGEST_FIELDS                                                                              \
    .exchange = 0xdeadbeef, .root = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},     \
    .count = 100000, .clock = CLOCK_NOW + 3, .seen = CLOCK_NOW + 3, .horizon = CLOCK_NOW + 3,      \
    .changes = 123456, .table = {{1, 2, 3, 4, 5}}, .ready = true

/* One of each type and shape. */
static const struct gossip__message samples[] = {
    {.type = GOSSIP__HELLO,
     .hello = {.protocol_min = 1,
               .protocol_max = 1,
               .format = CATALOG_FORMAT,
               .cluster_name = {"attune", 6},
               .cluster_id = {{9}},
               .node_id = {{1}},
               .origin = {{2}},
               .name = {"db-1", 4},
               .address = {"127.0.0.1:7740", 14},
               .incarnation = 65536,
               .ready = true,
               .had_entry = true}},
    {.type = GOSSIP__HELLO, /* in no cluster yet */
     .hello = {.cluster_name = {"a", 1},
               .node_id = {{1}},
               .origin = {{2}},
               .name = {"b", 1},
               .address = {"c:1", 3},
               .removed = true}},
    {.type = GOSSIP__REFUSE,
     .refuse = {.reason = GOSSIP_CLOSE_CLUSTER_ID, .text = {"another cluster", 15}}},
    {.type = GOSSIP__DIGEST, .digest = {DIGEST_FIELDS}},
    {.type = GOSSIP__DIGEST, .digest = {DIGEST_FIELDS, .wall_s = 1700000000}},
    {.type = GOSSIP__DIGEST, .digest = {DIGEST_FIELDS, .updates = {rows, 2}}},
    {.type = GOSSIP__DIGEST, /* differences of clocks both ways, up to the ends */
     .digest = {.exchange = 1, .clock = 5, .seen = CATALOG_CLOCK_MAX, .healing = true}},
    {.type = GOSSIP__DIGEST,
     .digest = {.clock = CATALOG_CLOCK_MAX, .horizon = CATALOG_CLOCK_MAX, .wall_s = UINT64_MAX}},
    {.type = GOSSIP__DIGEST_ANSWER, .digest = {DIGEST_FIELDS}},
    {.type = GOSSIP__DIGEST_ANSWER,
     .digest = {DIGEST_FIELDS, .walk = {(const uint8_t *)"walk", 4}, .updates = {rows, 1}}},
    {.type = GOSSIP__WALK,
     .walk = {.exchange = UINT32_MAX, .sequence = 1, .request = {(const uint8_t *)"ask", 3}}},
    {.type = GOSSIP__WALK_ANSWER,
     .walk_answer = {.exchange = 0, .sequence = UINT64_MAX, .answer = {NULL, 0}}},
    {.type = GOSSIP__PULL,
     .pull = {.exchange = 7, .sequence = 300, .paths = paths, .path_count = 3}},
    {.type = GOSSIP__PULL_RANGE,
     .pull_range = {.exchange = 7,
                    .sequence = 8,
                    .slot_first = 9,
                    .slot_last = UINT64_MAX,
                    .skip = 10,
                    .size_max = 262144}},
    {.type = GOSSIP__ENTRIES,
     .entries = {.exchange = 7,
                 .sequence = 8,
                 .horizon = CLOCK_NOW,
                 .missing = 2,
                 .more = true,
                 .next_slot = UINT64_MAX,
                 .next_skip = 1,
                 .entries = entries,
                 .entry_count = 3}},
    {.type = GOSSIP__ENTRIES, .entries = {.exchange = 7, .sequence = 8}},
    {.type = GOSSIP__PUSH,
     .push = {.sequence = 1, .horizon = CLOCK_NOW, .entries = entries, .entry_count = 1}},
    {.type = GOSSIP__PUSH_ACK,
     .push_ack = {.sequence = 1, .root = {{5}}, .horizon = CLOCK_NOW, .refused = 2}},
    {.type = GOSSIP__PING, .ping = {.sequence = 128}},
    {.type = GOSSIP__PONG, .ping = {.sequence = 65536}},
    {.type = GOSSIP__PROBE, .probe = {.sequence = 1, .target = {{1}}}},
    {.type = GOSSIP__PROBE_ANSWER, .probe = {.sequence = 1, .target = {{1}}}},
    {.type = GOSSIP__MEMBERS, .members = {.answer_wanted = true, .updates = {rows, 2}}},
    {.type = GOSSIP__MEMBERS, .members = {.answer_wanted = false}},
    {.type = GOSSIP__ADMIT,
     .admit = {.cluster_id = {{9}},
               .horizon = CLOCK_NOW,
               .clock = CLOCK_NOW + 1,
               .had_entry = true,
               .updates = {rows, 2}}},
};
enum { SAMPLE_COUNT = sizeof samples / sizeof *samples };

/* A message encoded into a block of just its size. */
struct frame {
    uint8_t *bytes; /* without the length */
    size_t size_bytes;
};

static struct frame encode(const struct gossip__message *message) {
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    ck_assert_int_eq(gossip__message_encode(message, &buffer), 0);
    ck_assert_uint_gt(buffer.size_bytes, 4);
    struct frame frame = {.size_bytes = buffer.size_bytes - 4};
    size_t length = 0;
    for (size_t i = 0; i < 4; i++) {
        length = length << 8 | buffer.data[i];
    }
    ck_assert_uint_eq(length, frame.size_bytes);
    frame.bytes = malloc(frame.size_bytes);
    ck_assert_ptr_nonnull(frame.bytes);
    memcpy(frame.bytes, buffer.data + 4, frame.size_bytes);
    merkle_buffer_close(&buffer);
    return frame;
}

static int decode(const uint8_t *bytes, size_t size_bytes, struct gossip__message *message,
                  enum gossip_rejection *rejection) {
    return gossip__message_decode(&merkle_allocator_libc, bytes, size_bytes, message, rejection);
}

static bool frame_equal(const struct frame *a, const struct frame *b) {
    return a->size_bytes == b->size_bytes && memcmp(a->bytes, b->bytes, a->size_bytes) == 0;
}

/* Whatever is accepted means one thing: encoded and decoded again it is the same, and never longer. */
static void check_any(const uint8_t *bytes, size_t size_bytes) {
    struct gossip__message message;
    enum gossip_rejection rejection = GOSSIP_REJECT_COUNT;
    int result = decode(bytes, size_bytes, &message, &rejection);
    if (result != 0) {
        ck_assert_int_eq(result, GOSSIP_EMALFORMED);
        ck_assert(rejection == GOSSIP_REJECT_FRAME || rejection == GOSSIP_REJECT_MESSAGE ||
                  rejection == GOSSIP_REJECT_UNKNOWN_TYPE);
        ck_assert_ptr_null(message.memory);
        return;
    }
    struct frame first = encode(&message);
    ck_assert_uint_le(first.size_bytes, size_bytes);
    gossip__message_close(&message);
    ck_assert_int_eq(decode(first.bytes, first.size_bytes, &message, &rejection), 0);
    struct frame second = encode(&message);
    ck_assert(frame_equal(&first, &second));
    gossip__message_close(&message);
    free(first.bytes);
    free(second.bytes);
}

START_TEST(each_message_comes_back_as_it_was) {
    /* Decoding what was encoded gives the message: encoded again it is the same bytes. */
    bool seen[GOSSIP__MESSAGE_TYPE_COUNT] = {false};
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct frame frame = encode(&samples[i]);
        struct gossip__message message;
        enum gossip_rejection rejection;
        ck_assert_msg(decode(frame.bytes, frame.size_bytes, &message, &rejection) == 0,
                      "sample %zu, %s", i, gossip__message_name(samples[i].type));
        ck_assert_int_eq(message.type, samples[i].type);
        struct frame again = encode(&message);
        ck_assert(frame_equal(&frame, &again));
        seen[message.type] = true;
        gossip__message_close(&message);
        free(frame.bytes);
        free(again.bytes);
    }
    for (size_t type = 1; type < GOSSIP__MESSAGE_TYPE_COUNT; type++) {
        ck_assert_msg(seen[type], "no sample of %s",
                      gossip__message_name((enum gossip__message_type)type));
    }
}
END_TEST

START_TEST(fields_arrive_in_their_places) {
    /* No two fields are mixed up alike in both directions. */
    struct gossip__message message;
    enum gossip_rejection rejection;
    struct frame frame = encode(&samples[0]);
    ck_assert_int_eq(decode(frame.bytes, frame.size_bytes, &message, &rejection), 0);
    const struct gossip__hello *hello = &message.hello;
    ck_assert_uint_eq(hello->format, CATALOG_FORMAT);
    ck_assert_uint_eq(hello->cluster_id.bytes[0], 9);
    ck_assert_uint_eq(hello->node_id.bytes[0], 1);
    ck_assert_uint_eq(hello->origin.bytes[0], 2);
    ck_assert_mem_eq(hello->cluster_name.data, "attune", 6);
    ck_assert_mem_eq(hello->name.data, "db-1", 4);
    ck_assert_mem_eq(hello->address.data, "127.0.0.1:7740", 14);
    ck_assert(hello->ready && hello->had_entry && !hello->removed);
    gossip__message_close(&message);
    free(frame.bytes);

    struct gossip__message digest = {
        .type = GOSSIP__DIGEST,
        .digest = {.exchange = 1, .clock = 100, .seen = 300, .horizon = 200, .healing = true}};
    frame = encode(&digest);
    ck_assert_int_eq(decode(frame.bytes, frame.size_bytes, &message, &rejection), 0);
    ck_assert_uint_eq(message.digest.clock, 100);
    ck_assert_uint_eq(message.digest.seen, 300);
    ck_assert_uint_eq(message.digest.horizon, 200);
    ck_assert(message.digest.healing && !message.digest.ready);
    gossip__message_close(&message);
    free(frame.bytes);

    frame = encode(&samples[SAMPLE_COUNT - 1]);
    ck_assert_int_eq(decode(frame.bytes, frame.size_bytes, &message, &rejection), 0);
    ck_assert_uint_eq(message.admit.horizon, CLOCK_NOW);
    ck_assert_uint_eq(message.admit.clock, CLOCK_NOW + 1);
    ck_assert_uint_eq(message.admit.updates.count, 2);
    ck_assert_int_eq(message.admit.updates.rows[1].state, GOSSIP_MEMBER_REMOVED);
    ck_assert_uint_eq(message.admit.updates.rows[1].incarnation, UINT64_MAX);
    ck_assert(message.admit.updates.rows[0].ready && !message.admit.updates.rows[1].ready);
    gossip__message_close(&message);
    free(frame.bytes);
}
END_TEST

START_TEST(digest_and_answer_have_golden_bytes_and_are_small) {
    /* G8: at rest a digest and its answer take at most 200 bytes together, frames included; the bytes are fixed. */
    static const uint8_t golden[] = {
        0x9a, 0x03,                   /* type */
        0xce, 0xde, 0xad, 0xbe, 0xef, /* exchange */
        0xc4, 0x10, 1,    2,    3,    4,    5,    6,    7,
        8,    9,    10,   11,   12,   13,   14,   15,   16,   /* root */
        0xce, 0x00, 0x01, 0x86, 0xa0,                         /* count */
        0xcf, 0x01, 0x8f, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, /* clock */
        0x00, 0x00,                                           /* differences */
        0xce, 0x00, 0x01, 0xe2, 0x40,                         /* changes */
        0xc4, 0x05, 1,    2,    3,    4,    5,                /* table */
        0x01,                                                 /* flags */
    };
    struct gossip__message digest = {
        .type = GOSSIP__DIGEST,
        .digest = {DIGEST_FIELDS},
    };
    struct frame frame = encode(&digest);
    ck_assert_uint_eq(frame.size_bytes, sizeof golden);
    ck_assert_mem_eq(frame.bytes, golden, sizeof golden);
    free(frame.bytes);

    digest.type = GOSSIP__DIGEST_ANSWER;
    struct frame answer = encode(&digest);
    ck_assert_uint_eq(answer.size_bytes, sizeof golden);
    ck_assert_mem_eq(answer.bytes + 2, golden + 2, sizeof golden - 2);
    ck_assert_uint_eq(answer.bytes[1], GOSSIP__DIGEST_ANSWER);
    free(answer.bytes);
    ck_assert_uint_le(2 * (4 + sizeof golden), 120);

    /* The largest that the fields can be, with the wall clock: still within the promise. */
    digest = (struct gossip__message){.type = GOSSIP__DIGEST,
                                      .digest = {.exchange = UINT32_MAX,
                                                 .count = UINT64_MAX,
                                                 .clock = CATALOG_CLOCK_MAX,
                                                 .seen = CATALOG_CLOCK_MAX / 2,
                                                 .changes = UINT64_MAX,
                                                 .wall_s = UINT64_MAX}};
    frame = encode(&digest);
    digest.type = GOSSIP__DIGEST_ANSWER;
    answer = encode(&digest);
    ck_assert_uint_le(4 + frame.size_bytes + 4 + answer.size_bytes, 200);
    free(frame.bytes);
    free(answer.bytes);
}
END_TEST

START_TEST(truncated_messages_are_refused) {
    /* B2: no prefix of a message is a message. */
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct frame frame = encode(&samples[i]);
        for (size_t size = 0; size < frame.size_bytes; size++) {
            uint8_t *prefix = malloc(size + 1);
            struct gossip__message message;
            enum gossip_rejection rejection;
            ck_assert_ptr_nonnull(prefix);
            memcpy(prefix, frame.bytes, size);
            ck_assert_int_eq(decode(prefix, size, &message, &rejection), GOSSIP_EMALFORMED);
            ck_assert_int_eq(rejection, GOSSIP_REJECT_FRAME);
            free(prefix);
        }
        free(frame.bytes);
    }
}
END_TEST

START_TEST(any_bit_flip_is_refused_or_means_one_thing) {
    /* N13, B3: a damaged message is refused, or it is another well-formed message; never anything between. */
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct frame frame = encode(&samples[i]);
        for (size_t bit = 0; bit < 8 * frame.size_bytes; bit++) {
            frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            check_any(frame.bytes, frame.size_bytes);
            frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(frame.bytes);
    }
}
END_TEST

/* Replaces `size` bytes at `offset` by `with`, and decodes. */
static int decode_spliced(const struct frame *frame, size_t offset, size_t size, const void *with,
                          size_t with_size, enum gossip_rejection *rejection) {
    size_t total = frame->size_bytes - size + with_size;
    uint8_t *bytes = malloc(total);
    struct gossip__message message;
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, frame->bytes, offset);
    memcpy(bytes + offset, with, with_size);
    memcpy(bytes + offset + with_size, frame->bytes + offset + size,
           frame->size_bytes - offset - size);
    int result = decode(bytes, total, &message, rejection);
    if (result == 0) {
        gossip__message_close(&message);
    }
    free(bytes);
    return result;
}

START_TEST(unknown_types_and_trailing_fields_are_ignored) {
    /* B7, DESIGN 8: what a newer version says more is no fault. */
    enum gossip_rejection rejection;
    struct gossip__message message;
    ck_assert_int_eq(decode((const uint8_t *)"\x92\x12\x01", 3, &message, &rejection),
                     GOSSIP_EMALFORMED);
    ck_assert_int_eq(rejection, GOSSIP_REJECT_UNKNOWN_TYPE);
    ck_assert_int_eq(decode((const uint8_t *)"\x91\x00", 2, &message, &rejection),
                     GOSSIP_EMALFORMED);
    ck_assert_int_eq(rejection, GOSSIP_REJECT_UNKNOWN_TYPE);
    ck_assert_int_eq(decode((const uint8_t *)"\x93\x0c\x05\xc0", 4, &message, &rejection), 0);
    ck_assert_uint_eq(message.ping.sequence, 5);
    gossip__message_close(&message);
    /* An unknown reason is still a refusal. */
    ck_assert_int_eq(decode((const uint8_t *)"\x93\x02\x63\xa1x", 5, &message, &rejection), 0);
    ck_assert_int_eq(message.refuse.reason, GOSSIP_CLOSE_NONE);
    gossip__message_close(&message);
}
END_TEST

START_TEST(canonical_bytes_that_are_no_message_are_refused) {
    /* B3: the right form with the wrong content. */
    static const struct {
        const char *bytes;
        size_t size_bytes;
    } cases[] = {
        {"\x90", 1},                     /* no type */
        {"\x05", 1},                     /* no array */
        {"\x80", 1},                     /* a map */
        {"\x91\xa1x", 3},                /* the type is a text */
        {"\x91\x0c", 2},                 /* a ping without its field */
        {"\x92\x0c\xff", 3},             /* a negative number */
        {"\x92\x0c\xc3", 3},             /* a boolean for a number */
        {"\x93\x10\x01\x90", 4},         /* a number for a boolean */
        {"\x93\x10\xc3\x91\x90", 5},     /* a member without fields */
        {"\x93\x0e\x01\xc0", 4},         /* a probe of nobody */
        {"\x93\x0e\x01\xc4\x01x", 6},    /* an id of one byte */
        {"\x94\x05\x01\x01\xa1x", 6},    /* a text for a blob */
        {"\x94\x07\x01\x01\x91\x90", 6}, /* a path without fields */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct gossip__message message;
        enum gossip_rejection rejection;
        ck_assert_msg(decode((const uint8_t *)cases[i].bytes, cases[i].size_bytes, &message,
                             &rejection) == GOSSIP_EMALFORMED,
                      "case %zu", i);
        ck_assert_int_eq(rejection, GOSSIP_REJECT_MESSAGE);
    }
    /* Sixteen zeros would be a second way to write an absent id. */
    struct frame probe = encode(&samples[20]);
    enum gossip_rejection rejection;
    uint8_t zeros[16] = {0};
    ck_assert_int_eq(samples[20].type, GOSSIP__PROBE);
    ck_assert_int_eq(decode_spliced(&probe, 5, 16, zeros, 16, &rejection), GOSSIP_EMALFORMED);
    ck_assert_int_eq(decode_spliced(&probe, 5, 16, "0123456789abcdef", 16, &rejection), 0);
    free(probe.bytes);
}
END_TEST

/* Encodes a message and demands that it is refused as no message. */
static void check_refused(const struct gossip__message *sent) {
    struct frame frame = encode(sent);
    struct gossip__message message;
    enum gossip_rejection rejection;
    ck_assert_int_eq(decode(frame.bytes, frame.size_bytes, &message, &rejection),
                     GOSSIP_EMALFORMED);
    ck_assert_int_eq(rejection, GOSSIP_REJECT_MESSAGE);
    free(frame.bytes);
}

START_TEST(names_addresses_and_states_are_checked) {
    /* DESIGN 9: what a peer calls itself ends up in URLs, logs and on disk. */
    static const struct catalog_text names[] = {{"", 0}, {"a/b", 3}, {"a\n", 2}, {"\xc2\x85", 2}};
    static const struct catalog_text addresses[] = {{"", 0}, {"h", 1}, {"h:0", 3}, {"h :1", 4}};
    char longest[CATALOG_NAME_SIZE_MAX + 1];
    memset(longest, 'n', sizeof longest);
    struct gossip__member_update row = rows[0];
    struct gossip__message message = {.type = GOSSIP__MEMBERS, .members.updates = {&row, 1}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        row.name = names[i];
        check_refused(&message);
    }
    row.name = (struct catalog_text){longest, sizeof longest};
    check_refused(&message);
    row = rows[0];
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        row.address = addresses[i];
        check_refused(&message);
    }
    row = rows[0];
    row.state = (enum gossip_member_state)0;
    check_refused(&message);
    row.state = GOSSIP_MEMBER_STATE_COUNT;
    check_refused(&message);
    row = rows[0];
    row.id = (struct catalog_id){{0}};
    check_refused(&message);
    row = rows[0];
    row.name = (struct catalog_text){longest, CATALOG_NAME_SIZE_MAX};
    struct frame frame = encode(&message);
    struct gossip__message read;
    enum gossip_rejection rejection;
    ck_assert_int_eq(decode(frame.bytes, frame.size_bytes, &read, &rejection), 0);
    gossip__message_close(&read);
    free(frame.bytes);
}
END_TEST

START_TEST(clocks_past_2200_are_refused) {
    /* B10: a clock past the year 2200 never gets as far as the engine, whichever field it is in. */
    struct gossip__message message = samples[3];
    message.digest.clock = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
    message = samples[3];
    message.digest.seen = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
    message = samples[3];
    message.digest.horizon = UINT64_MAX;
    check_refused(&message);
    message =
        (struct gossip__message){.type = GOSSIP__PUSH, .push = {.horizon = CATALOG_CLOCK_MAX + 1}};
    check_refused(&message);
    message = (struct gossip__message){.type = GOSSIP__ENTRIES,
                                       .entries = {.horizon = CATALOG_CLOCK_MAX + 1}};
    check_refused(&message);
    message = (struct gossip__message){.type = GOSSIP__PUSH_ACK,
                                       .push_ack = {.horizon = CATALOG_CLOCK_MAX + 1}};
    check_refused(&message);
    message = samples[SAMPLE_COUNT - 1];
    message.admit.horizon = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
    message = samples[SAMPLE_COUNT - 1];
    message.admit.clock = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
}
END_TEST

START_TEST(paths_and_ranges_are_checked) {
    /* B8: a path deeper than a slot, with bits below its depth, or that asks for nothing; a range that runs backwards. */
    static const struct merkle_path bad[] = {{0, 17}, {0, 255}, {1, 0}, {UINT64_C(1) << 59, 1}};
    struct gossip__pull_path path = paths[1];
    struct gossip__message message = {.type = GOSSIP__PULL};
    message.pull = (struct gossip__pull){.paths = &path, .path_count = 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        path.path = bad[i];
        check_refused(&message);
    }
    path = paths[1];
    path.fingerprint_count = 0;
    check_refused(&message);
    message = (struct gossip__message){.type = GOSSIP__PULL_RANGE,
                                       .pull_range = {.slot_first = 2, .slot_last = 1}};
    check_refused(&message);
}
END_TEST

START_TEST(declared_sizes_take_no_memory) {
    /* B2, B3: counts above what is there, and depth, are refused before anything is allocated. */
    static const struct {
        const char *bytes;
        size_t size_bytes;
    } cases[] = {
        {"\xdd\xff\xff\xff\xff", 5},
        {"\x93\x10\xc3\xdd\x7f\xff\xff\xff", 8},
        {"\x92\x0c\xc6\xff\xff\xff\xff", 7},
        {"\x91\x91\x91\x91\x91\x91\x91\x91\x91\x01", 10},
        {"\x92\x0c\xcd\x00\x05", 5},         /* not the shortest form */
        {"\x92\x0c\x05\x05", 4},             /* bytes behind the end */
        {"\x92\x0c\xd4\x01\x01", 5},         /* ext */
        {"\x93\x02\x01\xa1\xff", 5},         /* no UTF-8 */
        {"\x92\x0c\xca\x7f\xc0\x00\x00", 7}, /* NaN */
        {"", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct alloc_fault fault = {.allowed = SIZE_MAX};
        struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct gossip__message message;
        enum gossip_rejection rejection;
        ck_assert_int_eq(gossip__message_decode(&allocator, (const uint8_t *)cases[i].bytes,
                                                cases[i].size_bytes, &message, &rejection),
                         GOSSIP_EMALFORMED);
        ck_assert_int_eq(rejection, GOSSIP_REJECT_FRAME);
        ck_assert_uint_eq(fault.calls, 0);
    }
}
END_TEST

START_TEST(memory_that_is_short_is_reported) {
    /* P9: encoding and decoding fail cleanly at each allocation, and leave the buffer as it was. */
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        struct frame frame = encode(&samples[i]);
        for (size_t allowed = 0;; allowed++) {
            struct alloc_fault fault = {.allowed = allowed};
            struct merkle_allocator allocator = alloc_fault_allocator(&fault);
            struct gossip__message message;
            enum gossip_rejection rejection;
            int result = gossip__message_decode(&allocator, frame.bytes, frame.size_bytes, &message,
                                                &rejection);
            if (result == 0) {
                ck_assert_uint_eq(fault.fired, 0);
                gossip__message_close(&message);
                ck_assert_uint_eq(fault.live_blocks, 0);
                break;
            }
            ck_assert_int_eq(result, GOSSIP_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
            ck_assert_uint_eq(fault.live_blocks, 0);
        }
        free(frame.bytes);
        for (size_t allowed = 0;; allowed++) {
            struct alloc_fault fault = {.allowed = SIZE_MAX};
            struct merkle_allocator allocator = alloc_fault_allocator(&fault);
            struct merkle_buffer buffer;
            merkle_buffer_init(&buffer, &allocator);
            ck_assert_int_eq(merkle_buffer_append(&buffer, "x", 1), 0);
            /* Full, so that the first byte of the message needs memory. */
            buffer.size_bytes = buffer.capacity_bytes;
            size_t before = buffer.size_bytes;
            fault.allowed = allowed;
            int result = gossip__message_encode(&samples[i], &buffer);
            bool fired = fault.fired > 0;
            ck_assert(!buffer.failed);
            ck_assert_int_eq(result, fired ? GOSSIP_ENOMEM : 0);
            if (fired) {
                ck_assert_uint_eq(buffer.size_bytes, before);
            }
            merkle_buffer_close(&buffer);
            ck_assert_uint_eq(fault.live_blocks, 0);
            if (!fired) {
                ck_assert_uint_gt(allowed, 0);
                break;
            }
        }
    }
}
END_TEST

START_TEST(a_message_over_the_frame_limit_is_not_made) {
    /* G8: nothing that a peer would have to refuse is sent. */
    static uint8_t large[GOSSIP__FRAME_SIZE_MAX];
    struct gossip__span entry = {large, sizeof large};
    struct gossip__message message = {.type = GOSSIP__PUSH,
                                      .push = {.entries = &entry, .entry_count = 1}};
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    ck_assert_int_eq(gossip__message_encode(&message, &buffer), GOSSIP_ETOOBIG);
    ck_assert_uint_eq(buffer.size_bytes, 0);
    entry.size_bytes = CATALOG_ENTRY_SIZE_MAX;
    ck_assert_int_eq(gossip__message_encode(&message, &buffer), 0);
    merkle_buffer_close(&buffer);
}
END_TEST

Suite *message_codec_suite(void);
Suite *message_codec_suite(void) {
    Suite *suite = suite_create("message_codec");
    TCase *tcase = tcase_create("message_encode");
    tcase_add_test(tcase, each_message_comes_back_as_it_was);
    tcase_add_test(tcase, fields_arrive_in_their_places);
    tcase_add_test(tcase, digest_and_answer_have_golden_bytes_and_are_small);
    tcase_add_test(tcase, a_message_over_the_frame_limit_is_not_made);
    tcase_add_test(tcase, memory_that_is_short_is_reported);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("message_decode");
    tcase_add_test(tcase, truncated_messages_are_refused);
    tcase_add_test(tcase, any_bit_flip_is_refused_or_means_one_thing);
    tcase_add_test(tcase, unknown_types_and_trailing_fields_are_ignored);
    tcase_add_test(tcase, canonical_bytes_that_are_no_message_are_refused);
    tcase_add_test(tcase, names_addresses_and_states_are_checked);
    tcase_add_test(tcase, clocks_past_2200_are_refused);
    tcase_add_test(tcase, paths_and_ranges_are_checked);
    tcase_add_test(tcase, declared_sizes_take_no_memory);
    suite_add_tcase(suite, tcase);
    return suite;
}
