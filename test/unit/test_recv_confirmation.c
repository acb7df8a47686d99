/* test_recv_confirmation.c - which answers count for an agreement (G6): a test plays the members that answer. */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

/* A node with peers 1 and 2, an entry on its disk, and a caller (token 9) that waits for agreement on it. */
static struct solo *solo_waiting(void) {
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_peer(solo, 2);
    (void)solo_write(solo, 1, "posts", "f");
    solo_store_all(solo);
    solo_clear(solo);
    const struct gossip_operation operation = {
        .type = GOSSIP_AGREEMENT,
        .token = 9,
        .key = {CATALOG_SCHEMA, {"posts", 5}, {"", 0}},
        .timeout_ms = 60000,
    };
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    return solo;
}

/* The answer of a peer to our last question. */
static struct gossip__message answer_of(struct solo *solo, unsigned peer,
                                        enum gossip__confirmation_result result) {
    const struct gossip__confirm *confirm = &solo_sent_last(solo, peer, GOSSIP__CONFIRM)->confirm;
    return (struct gossip__message){
        .type = GOSSIP__CONFIRMATION,
        .confirmation = {.sequence = confirm->sequence,
                         .salt = confirm->salt,
                         .result = result,
                         .table = gossip__member_table_fingerprint(solo->engine, confirm->salt)}};
}

static void answer(struct solo *solo, unsigned peer, enum gossip__confirmation_result result) {
    struct gossip__message message = answer_of(solo, peer, result);
    solo_receive(solo, peer, &message);
}

START_TEST(all_must_say_yes) {
    /* Each required member's own yes counts, once, whoever repeats himself. */
    struct solo *solo = solo_waiting();
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 1);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__CONFIRM), 1);
    answer(solo, 1, GOSSIP__CONFIRMATION_HAS);
    answer(solo, 1, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    ck_assert_uint_eq(solo->update->replies[0].agreement_count, 3);
    ck_assert_str_eq(solo->update->replies[0].agreement[0].name, "solo");
    ck_assert_str_eq(solo->update->replies[0].agreement[2].name, "p2");
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS); /* too late: nobody is there to be told */
    ck_assert_uint_eq(solo_reply_count(solo, 9), 1);
    solo_free(solo);
}
END_TEST

START_TEST(no_and_not_ready) {
    /* A no is asked again after 5 ms, silence then after 100; not ready takes back what was confirmed before. */
    struct solo *solo = solo_waiting();
    answer(solo, 1, GOSSIP__CONFIRMATION_LACKS);
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS);
    solo_run(solo, 4);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 1);
    solo_run(solo, 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 2);
    solo_run(solo, 99);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 2);
    solo_run(solo, 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 3);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__CONFIRM), 1);
    answer(solo, 2, GOSSIP__CONFIRMATION_NOT_READY);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__CONFIRM), 2);
    answer(solo, 1, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    solo_free(solo);
}
END_TEST

START_TEST(horizon_that_we_have_not_seen) {
    /* Decision 0031: who hears a horizon above what it has seen takes nothing from the message. Such a member has forgotten what
     * was dropped up to there, and takes what it never had for that. (Seed 70658: a disk that was put back.) */
    struct solo *solo = solo_waiting();
    struct gossip__message message = answer_of(solo, 1, GOSSIP__CONFIRMATION_HAS);
    message.confirmation.horizon = solo->engine->state.seen + 1;
    solo_receive(solo, 1, &message);
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    message.confirmation.horizon = solo->engine->state.seen;
    solo_receive(solo, 1, &message);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    solo_free(solo);
}
END_TEST

START_TEST(digest_of_one_that_is_not_ready) {
    /* A member that says in a digest that it is not ready has to confirm anew. */
    struct solo *solo = solo_waiting();
    struct gossip__message digest = {.type = GOSSIP__DIGEST};
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS);
    solo_digest(solo, &digest, 5);
    solo_receive(solo, 2, &digest);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__CONFIRM), 1);
    digest.digest.ready = false;
    solo_receive(solo, 2, &digest);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__CONFIRM), 2);
    answer(solo, 1, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    solo_free(solo);
}
END_TEST

START_TEST(asked_after_a_push) {
    /* Whoever lacked it is asked at once when it has acknowledged a push. */
    struct solo *solo = solo_waiting();
    answer(solo, 1, GOSSIP__CONFIRMATION_LACKS);
    const struct gossip__message ack = {.type = GOSSIP__PUSH_ACK, .push_ack = {.sequence = 1}};
    solo_receive(solo, 1, &ack);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 2);
    solo_receive(solo, 1, &ack);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 2);
    solo_free(solo);
}
END_TEST

START_TEST(given_what_it_lacks) {
    /* Whoever lacks it when it is asked the second time is given it once more, if no push of it is on its way. */
    struct solo *solo = solo_waiting();
    struct catalog_id id = solo_peer_id(1);
    struct gossip__member *member = gossip__member_find(solo->engine, &id);
    answer(solo, 1, GOSSIP__CONFIRMATION_LACKS);
    solo_run(solo, 50);
    answer(solo, 1, GOSSIP__CONFIRMATION_LACKS);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 0); /* the first is not acknowledged yet */
    gossip__push_satisfied(solo->engine, member);
    solo_run(solo, 100);
    answer(solo, 1, GOSSIP__CONFIRMATION_LACKS);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__PUSH), 1);
    ck_assert_uint_eq(solo_sent(solo, 2, GOSSIP__PUSH), 0);
    solo_free(solo);
}
END_TEST

START_TEST(another_table) {
    /* A yes under another member table does not count: tables are exchanged, and it is asked again, at once only once. */
    struct solo *solo = solo_waiting();
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS);
    for (unsigned round = 0; round < 2; round++) {
        struct gossip__message message = answer_of(solo, 1, GOSSIP__CONFIRMATION_HAS);
        message.confirmation.table.bytes[0] ^= 1;
        solo_clear(solo);
        solo_receive(solo, 1, &message);
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__MEMBERS), 1);
        ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), round == 0 ? 1 : 0);
        ck_assert_int_eq(solo_reply(solo, 9), 1);
        if (round == 1) {
            solo_run(solo, 200);
        }
    }
    answer(solo, 1, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    solo_free(solo);
}
END_TEST

START_TEST(answers_to_nothing) {
    /* An answer to a question that nobody asked, or of another agreement, changes nothing. */
    struct solo *solo = solo_waiting();
    struct gossip__message message = answer_of(solo, 1, GOSSIP__CONFIRMATION_HAS);
    message.confirmation.sequence += 1;
    solo_receive(solo, 1, &message);
    answer(solo, 2, GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_reply(solo, 9), 1);
    solo_free(solo);
}
END_TEST

Suite *recv_confirmation_suite(void);
Suite *recv_confirmation_suite(void) {
    Suite *suite = suite_create("recv_confirmation");
    TCase *confirmation = tcase_create("recv_confirmation");
    tcase_add_test(confirmation, all_must_say_yes);
    tcase_add_test(confirmation, no_and_not_ready);
    tcase_add_test(confirmation, horizon_that_we_have_not_seen);
    tcase_add_test(confirmation, digest_of_one_that_is_not_ready);
    tcase_add_test(confirmation, asked_after_a_push);
    tcase_add_test(confirmation, given_what_it_lacks);
    tcase_add_test(confirmation, another_table);
    tcase_add_test(confirmation, answers_to_nothing);
    suite_add_tcase(suite, confirmation);
    return suite;
}
