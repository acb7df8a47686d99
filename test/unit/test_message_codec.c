/* test_message_codec.c - messages as bytes: round trips, golden bytes, memory that is short. */
#include "gossip/bounds.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/message_samples.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(each_message_comes_back_as_it_was) {
    /* Decoding what was encoded gives the message: encoded again it is the same bytes. */
    bool seen[GOSSIP__MESSAGE_TYPE_COUNT] = {false};
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        struct message_bytes frame = message_sample_encode(&message_samples[i]);
        struct gossip__message message;
        enum gossip_rejection rejection;
        ck_assert_msg(message_sample_decode(frame.bytes, frame.size_bytes, &message, &rejection) ==
                          0,
                      "sample %zu, %s", i, gossip__message_name(message_samples[i].type));
        ck_assert_int_eq(message.type, message_samples[i].type);
        struct message_bytes again = message_sample_encode(&message);
        ck_assert(message_bytes_equal(&frame, &again));
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
    struct message_bytes frame = message_sample_encode(&message_samples[0]);
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &message, &rejection), 0);
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
    frame = message_sample_encode(&digest);
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &message, &rejection), 0);
    ck_assert_uint_eq(message.digest.clock, 100);
    ck_assert_uint_eq(message.digest.seen, 300);
    ck_assert_uint_eq(message.digest.horizon, 200);
    ck_assert(message.digest.healing && !message.digest.ready);
    gossip__message_close(&message);
    free(frame.bytes);

    frame = message_sample_encode(&message_samples[MESSAGE_SAMPLE_ADMIT]);
    ck_assert_int_eq(message_sample_decode(frame.bytes, frame.size_bytes, &message, &rejection), 0);
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
    struct message_bytes frame = message_sample_encode(&digest);
    ck_assert_uint_eq(frame.size_bytes, sizeof golden);
    ck_assert_mem_eq(frame.bytes, golden, sizeof golden);
    free(frame.bytes);

    static const uint8_t golden_age[] = {0xcd, 0x05, 0xdd}; /* 1500 ms, and 1 */
    digest.type = GOSSIP__DIGEST_ANSWER;
    digest.digest.age_known = true;
    digest.digest.age_ms = 1500;
    struct message_bytes answer = message_sample_encode(&digest);
    ck_assert_uint_eq(answer.size_bytes, sizeof golden + sizeof golden_age);
    ck_assert_mem_eq(answer.bytes + 2, golden + 2, sizeof golden - 2);
    ck_assert_mem_eq(answer.bytes + sizeof golden, golden_age, sizeof golden_age);
    ck_assert_uint_eq(answer.bytes[0], 0x9b);
    ck_assert_uint_eq(answer.bytes[1], GOSSIP__DIGEST_ANSWER);
    ck_assert_uint_le(4 + sizeof golden + 4 + answer.size_bytes, 120);
    free(answer.bytes);

    /* The largest that the fields can be, with the wall clock: still within the promise. */
    digest = (struct gossip__message){.type = GOSSIP__DIGEST,
                                      .digest = {.exchange = UINT32_MAX,
                                                 .count = UINT64_MAX,
                                                 .clock = CATALOG_CLOCK_MAX,
                                                 .seen = CATALOG_CLOCK_MAX / 2,
                                                 .changes = UINT64_MAX,
                                                 .age_known = true,
                                                 .age_ms = UINT64_MAX - 1,
                                                 .wall_s = UINT64_MAX}};
    frame = message_sample_encode(&digest);
    digest.type = GOSSIP__DIGEST_ANSWER;
    answer = message_sample_encode(&digest);
    ck_assert_uint_le(4 + frame.size_bytes + 4 + answer.size_bytes, 200);
    free(frame.bytes);
    free(answer.bytes);
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

START_TEST(memory_that_is_short_is_reported) {
    /* P9: encoding and decoding fail cleanly at each allocation, and leave the buffer as it was. */
    for (size_t i = 0; i < MESSAGE_SAMPLE_COUNT; i++) {
        struct message_bytes frame = message_sample_encode(&message_samples[i]);
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
            int result = gossip__message_encode(&message_samples[i], &buffer);
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
    return suite;
}
