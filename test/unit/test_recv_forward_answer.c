/* test_recv_forward_answer.c - what the caller of a staged change hears that was passed on: the test plays its owner. */
#include "gossip/staged.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

static const uint8_t body[] = {0x81, 0xa6, 'f', 'i', 'e', 'l', 'd', 's', 0x80};

/* A node at which a change of p2 stands pending, and a caller (token 9) that asks for it. */
static struct solo *solo_asking(gossip_duration_ms timeout_ms) {
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_peer(solo, 2);
    const struct catalog_key key = entry_maker_key(CATALOG_SCHEMA, "posts", "");
    const struct made_version version = {
        solo_clock(1),      0x31,        "p2", 1, CATALOG_PENDING_ADD,
        (const char *)body, sizeof body, NULL, 0, 0};
    const struct made_pair pair = {0x31, solo_clock(1)};
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    entry_maker_bytes(&key, &version, 1, &pair, 1, &bytes);
    const struct gossip__span span = {bytes.data, bytes.size_bytes};
    solo_receive(
        solo, 2,
        &(struct gossip__message){.type = GOSSIP__PUSH,
                                  .push = {.sequence = 1, .entries = &span, .entry_count = 1}});
    merkle_buffer_close(&bytes);
    solo_store_all(solo);
    solo_clear(solo);
    const struct catalog_write write = {
        .operation = CATALOG_SET, .key = key, .body = body, .body_size_bytes = sizeof body};
    const struct gossip_operation operation = {.type = GOSSIP_STAGED,
                                               .token = 9,
                                               .writes = &write,
                                               .write_count = 1,
                                               .staged = GOSSIP_STAGED_SET,
                                               .timeout_ms = timeout_ms};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__FORWARD), 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__FORWARD), 0);
    return solo;
}

static void answer(struct solo *solo, unsigned peer, uint64_t sequence, int code,
                   const char *text) {
    static const struct gossip__forward_line lines[] = {{{"p2", 2}, GOSSIP_AGREED, 3},
                                                        {{"p1", 2}, GOSSIP_UNREACHABLE, 500},
                                                        {{"solo", 4}, GOSSIP_AGREED, 4}};
    solo_receive(solo, peer,
                 &(struct gossip__message){.type = GOSSIP__FORWARD_ANSWER,
                                           .forward_answer = {.sequence = sequence,
                                                              .code = code,
                                                              .text = entry_maker_text(text),
                                                              .lines = lines,
                                                              .line_count = 3}});
}

static uint64_t sequence_of(struct solo *solo) {
    return solo_sent_last(solo, 2, GOSSIP__FORWARD)->forward.sequence;
}

START_TEST(told_as_the_owner_tells) {
    /* Code, sentence and lines are the owner's, with this node first; the entry is as it stands here. */
    struct solo *solo = solo_asking(5000);
    const struct gossip__forward *forward = &solo_sent_last(solo, 2, GOSSIP__FORWARD)->forward;
    ck_assert_uint_lt(forward->timeout_ms, 5000); /* its answer has to come back in time */
    ck_assert_uint_gt(forward->timeout_ms, 4500);
    ck_assert_uint_eq(forward->body.size_bytes, sizeof body);
    answer(solo, 2, sequence_of(solo), GOSSIP_ENOTAGREED, "p1 is away");
    ck_assert_int_eq(solo_reply(solo, 9), GOSSIP_ENOTAGREED);
    const struct gossip_reply *reply = &solo->update->replies[0];
    ck_assert_str_eq(reply->text, "p1 is away");
    ck_assert_uint_eq(reply->agreement_count, 3);
    ck_assert_str_eq(reply->agreement[0].name, "solo");
    ck_assert_str_eq(reply->agreement[1].name, "p1");
    ck_assert_int_eq(reply->agreement[1].state, GOSSIP_UNREACHABLE);
    ck_assert_uint_eq(reply->agreement[1].since_ms, 500);
    ck_assert_str_eq(reply->agreement[2].name, "p2");
    ck_assert_int_eq(reply->staged_entry->state, CATALOG_PENDING_ADD);
    solo_free(solo);
}
END_TEST

START_TEST(told_although_something_was_agreed_here) {
    /* A change that had come to an agreement here before it was passed on tells what the owner told, not that. */
    struct solo *solo = solo_asking(5000);
    struct gossip__staged *staged = solo->engine->staged;
    staged->last = merkle_allocate_zeroed(solo->engine->allocator, 1, sizeof *staged->last);
    staged->last->lines =
        merkle_allocate_zeroed(solo->engine->allocator, 1, sizeof *staged->last->lines);
    staged->last->line_capacity = 1;
    answer(solo, 2, sequence_of(solo), 0, "");
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    ck_assert_uint_eq(solo->update->replies[0].agreement_count, 3);
    solo_free(solo);
}
END_TEST

START_TEST(repeated_until_answered) {
    /* It is repeated under one sequence, and on a new session; without an answer the owner is unreachable at the deadline. */
    struct solo *solo = solo_asking(3000);
    uint64_t sequence = sequence_of(solo);
    solo_run(solo, 2999);
    ck_assert_uint_gt(solo_sent(solo, 2, GOSSIP__FORWARD), 2);
    ck_assert_uint_lt(solo_sent(solo, 2, GOSSIP__FORWARD), 12);
    ck_assert_uint_eq(sequence_of(solo), sequence);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    solo_run(solo, 1);
    ck_assert_int_eq(solo_reply(solo, 9), GOSSIP_EUNREACHABLE);
    answer(solo, 2, sequence, 0, "");
    ck_assert_uint_eq(solo_reply_count(solo, 9), 1);
    solo_free(solo);

    solo = solo_asking(0); /* not to wait: but for the way there and back */
    ck_assert_uint_eq(solo_sent_last(solo, 2, GOSSIP__FORWARD)->forward.timeout_ms, 0);
    solo_run(solo, GOSSIP__FORWARD_MS_MIN - 1);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    solo_run(solo, 1);
    ck_assert_int_eq(solo_reply(solo, 9), GOSSIP_EUNREACHABLE);
    solo_free(solo);
}
END_TEST

START_TEST(answers_that_are_none) {
    /* Of another member, another sequence: nothing. That the owner ends, or a code of a newer version: unreachable. */
    struct solo *solo = solo_asking(5000);
    uint64_t sequence = sequence_of(solo);
    answer(solo, 1, sequence, 0, "");
    answer(solo, 2, sequence + 1, 0, "");
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    answer(solo, 2, sequence, GOSSIP_ESTOPPING, "");
    ck_assert_int_eq(solo_reply(solo, 9), GOSSIP_EUNREACHABLE);
    solo_free(solo);
    solo = solo_asking(5000);
    answer(solo, 2, sequence_of(solo), -999, "");
    ck_assert_int_eq(solo_reply(solo, 9), GOSSIP_EUNREACHABLE);
    solo_free(solo);
}
END_TEST

START_TEST(owner_removed_meanwhile) {
    /* Once its owner is removed the change is anybody's: it goes on here. */
    struct solo *solo = solo_asking(60000);
    (void)solo_ask(solo, 10, GOSSIP_MEMBER_REMOVE, "p2", 0);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 1);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    solo_free(solo);
}
END_TEST

Suite *recv_forward_answer_suite(void);
Suite *recv_forward_answer_suite(void) {
    Suite *suite = suite_create("recv_forward_answer");
    TCase *told = tcase_create("recv_forward_answer");
    tcase_add_test(told, told_as_the_owner_tells);
    tcase_add_test(told, told_although_something_was_agreed_here);
    tcase_add_test(told, repeated_until_answered);
    tcase_add_test(told, answers_that_are_none);
    tcase_add_test(told, owner_removed_meanwhile);
    suite_add_tcase(suite, told);
    return suite;
}
