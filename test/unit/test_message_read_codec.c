/* test_message_read_codec.c - what is refused of messages from peers: truncated, flipped, malformed, out of bounds. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/message_samples.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Whatever is accepted means one thing: encoded and decoded again it is the same, and never longer. */
static void check_any(const uint8_t *bytes, size_t size_bytes) {
    struct gossip__message message;
    enum gossip_rejection rejection = GOSSIP_REJECT_COUNT;
    int result = message_sample_decode(bytes, size_bytes, &message, &rejection);
    if (result != 0) {
        ck_assert_int_eq(result, GOSSIP_EMALFORMED);
        ck_assert(rejection == GOSSIP_REJECT_FRAME || rejection == GOSSIP_REJECT_MESSAGE ||
                  rejection == GOSSIP_REJECT_UNKNOWN_TYPE);
        ck_assert_ptr_null(message.memory);
        return;
    }
    struct message_bytes first = message_sample_encode(&message);
    ck_assert_uint_le(first.size_bytes, size_bytes);
    gossip__message_close(&message);
    ck_assert_int_eq(message_sample_decode(first.bytes, first.size_bytes, &message, &rejection), 0);
    struct message_bytes second = message_sample_encode(&message);
    ck_assert(message_bytes_equal(&first, &second));
    gossip__message_close(&message);
    free(first.bytes);
    free(second.bytes);
}

START_TEST(truncated_messages_are_refused) {
    /* B2: no prefix of a message is a message. */
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        struct message_bytes frame = message_sample_encode(&message_samples[i]);
        for (size_t size = 0; size < frame.size_bytes; size++) {
            uint8_t *prefix = malloc(size + 1);
            struct gossip__message message;
            enum gossip_rejection rejection;
            ck_assert_ptr_nonnull(prefix);
            memcpy(prefix, frame.bytes, size);
            ck_assert_int_eq(message_sample_decode(prefix, size, &message, &rejection),
                             GOSSIP_EMALFORMED);
            ck_assert_int_eq(rejection, GOSSIP_REJECT_FRAME);
            free(prefix);
        }
        free(frame.bytes);
    }
}
END_TEST

START_TEST(any_bit_flip_is_refused_or_means_one_thing) {
    /* N13, B3: a damaged message is refused, or it is another well-formed message; never anything between. */
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        struct message_bytes frame = message_sample_encode(&message_samples[i]);
        for (size_t bit = 0; bit < 8 * frame.size_bytes; bit++) {
            frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            check_any(frame.bytes, frame.size_bytes);
            frame.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(frame.bytes);
    }
}
END_TEST

START_TEST(unknown_types_and_trailing_fields_are_ignored) {
    /* B7, DESIGN 8: what a newer version says more is no fault. */
    enum gossip_rejection rejection;
    struct gossip__message message;
    ck_assert_int_eq(
        message_sample_decode((const uint8_t *)"\x92\x7f\x01", 3, &message, &rejection),
        GOSSIP_EMALFORMED);
    ck_assert_int_eq(rejection, GOSSIP_REJECT_UNKNOWN_TYPE);
    ck_assert_int_eq(message_sample_decode((const uint8_t *)"\x91\x00", 2, &message, &rejection),
                     GOSSIP_EMALFORMED);
    ck_assert_int_eq(rejection, GOSSIP_REJECT_UNKNOWN_TYPE);
    ck_assert_int_eq(
        message_sample_decode((const uint8_t *)"\x93\x0c\x05\xc0", 4, &message, &rejection), 0);
    ck_assert_uint_eq(message.ping.sequence, 5);
    gossip__message_close(&message);
    /* An unknown reason is still a refusal. */
    ck_assert_int_eq(
        message_sample_decode((const uint8_t *)"\x93\x02\x63\xa1x", 5, &message, &rejection), 0);
    ck_assert_int_eq(message.refuse.reason, GOSSIP_CLOSE_NONE);
    gossip__message_close(&message);
}
END_TEST

/* Replaces `size` bytes at `offset` by `with`, and decodes. */
static int decode_spliced(const struct message_bytes *frame, size_t offset, size_t size,
                          const void *with, size_t with_size, enum gossip_rejection *rejection) {
    size_t total = frame->size_bytes - size + with_size;
    uint8_t *bytes = malloc(total);
    struct gossip__message message;
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, frame->bytes, offset);
    memcpy(bytes + offset, with, with_size);
    memcpy(bytes + offset + with_size, frame->bytes + offset + size,
           frame->size_bytes - offset - size);
    int result = message_sample_decode(bytes, total, &message, rejection);
    if (result == 0) {
        gossip__message_close(&message);
    }
    free(bytes);
    return result;
}

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
        ck_assert_msg(message_sample_decode((const uint8_t *)cases[i].bytes, cases[i].size_bytes,
                                            &message, &rejection) == GOSSIP_EMALFORMED,
                      "case %zu", i);
        ck_assert_int_eq(rejection, GOSSIP_REJECT_MESSAGE);
    }
    /* Sixteen zeros would be a second way to write an absent id. */
    struct message_bytes probe = message_sample_encode(&message_samples[MESSAGE_SAMPLE_PROBE]);
    enum gossip_rejection rejection;
    uint8_t zeros[16] = {0};
    ck_assert_int_eq(message_samples[MESSAGE_SAMPLE_PROBE].type, GOSSIP__PROBE);
    ck_assert_int_eq(decode_spliced(&probe, 5, 16, zeros, 16, &rejection), GOSSIP_EMALFORMED);
    ck_assert_int_eq(decode_spliced(&probe, 5, 16, "0123456789abcdef", 16, &rejection), 0);
    free(probe.bytes);
}
END_TEST

/* Encodes a message and demands that it is refused as no message. */
static void check_refused(const struct gossip__message *sent) {
    struct message_bytes frame = message_sample_encode(sent);
    struct gossip__message message;
    enum gossip_rejection rejection;
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &message, &rejection),
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
    struct gossip__member_update row = message_sample_rows[0];
    struct gossip__message message = {.type = GOSSIP__MEMBERS, .members.updates = {&row, 1}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        row.name = names[i];
        check_refused(&message);
    }
    row.name = (struct catalog_text){longest, sizeof longest};
    check_refused(&message);
    row = message_sample_rows[0];
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        row.address = addresses[i];
        check_refused(&message);
    }
    row = message_sample_rows[0];
    row.state = (enum gossip_member_state)0;
    check_refused(&message);
    row.state = GOSSIP_MEMBER_STATE_COUNT;
    check_refused(&message);
    row = message_sample_rows[0];
    row.id = (struct catalog_id){{0}};
    check_refused(&message);
    row = message_sample_rows[0];
    row.name = (struct catalog_text){longest, CATALOG_NAME_SIZE_MAX};
    struct message_bytes frame = message_sample_encode(&message);
    struct gossip__message read;
    enum gossip_rejection rejection;
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &read, &rejection), 0);
    gossip__message_close(&read);
    free(frame.bytes);
}
END_TEST

START_TEST(clocks_past_2200_are_refused) {
    /* B10: a clock past the year 2200 never gets as far as the engine, whichever field it is in. */
    struct gossip__message message = message_samples[MESSAGE_SAMPLE_DIGEST];
    message.digest.clock = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
    message = message_samples[MESSAGE_SAMPLE_DIGEST];
    message.digest.seen = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
    message = message_samples[MESSAGE_SAMPLE_DIGEST];
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
    message = message_samples[MESSAGE_SAMPLE_ADMIT];
    message.admit.horizon = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
    message = message_samples[MESSAGE_SAMPLE_ADMIT];
    message.admit.clock = CATALOG_CLOCK_MAX + 1;
    check_refused(&message);
}
END_TEST

START_TEST(paths_and_ranges_are_checked) {
    /* B8: a path deeper than a slot, with bits below its depth, or that asks for nothing; a range that runs backwards. */
    static const struct merkle_path bad[] = {{0, 17}, {0, 255}, {1, 0}, {UINT64_C(1) << 59, 1}};
    struct gossip__pull_path path = message_sample_paths[1];
    struct gossip__message message = {.type = GOSSIP__PULL};
    message.pull = (struct gossip__pull){.paths = &path, .path_count = 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        path.path = bad[i];
        check_refused(&message);
    }
    path = message_sample_paths[1];
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

Suite *message_read_codec_suite(void);
Suite *message_read_codec_suite(void) {
    Suite *suite = suite_create("message_read_codec");
    TCase *tcase = tcase_create("message_decode");
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
