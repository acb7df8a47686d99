/* test_caller.c - callers that wait for exchanges: each is answered once, by its deadline, and none disturbs another. */
#include "test/unit/support/solo.h"

#include <check.h>

static struct solo *solo_with(unsigned peers) {
    struct solo *solo = solo_new();
    for (unsigned peer = 1; peer <= peers; peer++) {
        (void)solo_peer(solo, peer);
    }
    solo_clear(solo);
    return solo;
}

START_TEST(sync_with_all) {
    /* A sync with all is answered when the last exchange has ended, with a line for each member. */
    struct solo *solo = solo_with(2);
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_SYNC, "", 0), 1);
    solo_answer_equal(solo, 2);
    ck_assert_int_eq(solo_reply(solo, 1), 1);
    solo_answer_equal(solo, 1);
    ck_assert_int_eq(solo_reply(solo, 1), 0);
    ck_assert_uint_eq(solo->update->replies[0].synced_count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(solo->update->replies[0].synced[i].result, GOSSIP_SYNC_EQUAL);
    }
    solo_free(solo);
}
END_TEST

START_TEST(one_of_two_fails) {
    /* One member that is lost fails in its line only; the caller hears of the other. */
    struct solo *solo = solo_with(2);
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_SYNC, "", 0), 1);
    solo_answer_equal(solo, 2);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED, .connection = 1});
    ck_assert_int_eq(solo_reply(solo, 1), 0);
    ck_assert_int_eq(solo->update->replies[0].synced[0].result, GOSSIP_SYNC_FAILED);
    ck_assert_int_eq(solo->update->replies[0].synced[1].result, GOSSIP_SYNC_EQUAL);
    ck_assert_str_eq(solo->update->replies[0].synced[0].name, "p1");
    solo_free(solo);
}
END_TEST

START_TEST(answered_by_the_deadline) {
    /* Without an answer a caller is told so at its deadline, not before and not after, whatever it asked for. */
    static const enum gossip_operation_type types[] = {GOSSIP_SYNC, GOSSIP_DIFF};
    for (size_t i = 0; i < 2; i++) {
        struct solo *solo = solo_with(1);
        ck_assert_int_eq(solo_ask(solo, 1, types[i], "p1", 300), 1);
        solo_run(solo, 299);
        ck_assert_int_eq(solo_reply(solo, 1), 1);
        solo_run(solo, 1);
        ck_assert_int_eq(solo_reply(solo, 1), GOSSIP_EUNREACHABLE);
        solo_answer_equal(solo, 1); /* too late: nobody is there to be told */
        ck_assert_uint_eq(solo_reply_count(solo, 1), 1);
        ck_assert_uint_eq(solo->engine->operation_count, 0);
        solo_free(solo);
    }
}
END_TEST

START_TEST(several_at_once) {
    /* Callers for one member take turns: each has an exchange that began after it asked, and one reply. */
    struct solo *solo = solo_with(1);
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_SYNC, "p1", 0), 1);
    ck_assert_int_eq(solo_ask(solo, 2, GOSSIP_DIFF, "p1", 0), 1);
    ck_assert_int_eq(solo_ask(solo, 3, GOSSIP_SYNC, "", 100), 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST), 1);
    solo_answer_equal(solo, 1);
    ck_assert_int_eq(solo_reply(solo, 1), 0);
    ck_assert_int_eq(solo_reply(solo, 2), 1);
    ck_assert_int_eq(solo_reply(solo, 3), 1);
    for (unsigned i = 0; i < 2; i++) {
        solo_run(solo, 20);
        solo_answer_equal(solo, 1);
    }
    ck_assert_int_eq(solo_reply(solo, 2), 0);
    ck_assert_int_eq(solo_reply(solo, 3), 0);
    ck_assert_uint_eq(solo->reply_count, 3);
    ck_assert_ptr_null(solo->engine->callers);
    solo_free(solo);
}
END_TEST

START_TEST(refused_at_once) {
    /* Strangers, oneself, a diff with nobody, and a node that stops: told at once. Alone a sync has nothing to do. */
    struct solo *solo = solo_new();
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_SYNC, "nobody", 0), GOSSIP_ENOMEMBER);
    ck_assert_int_eq(solo_ask(solo, 2, GOSSIP_DIFF, "solo", 0), GOSSIP_ESELF);
    ck_assert_int_eq(solo_ask(solo, 3, GOSSIP_DIFF, "", 0), GOSSIP_ENOMEMBER);
    ck_assert_int_eq(solo_ask(solo, 4, GOSSIP_SYNC, "", 0), 0);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_STOP});
    ck_assert_int_eq(solo_ask(solo, 5, GOSSIP_SYNC, "", 0), GOSSIP_ESTOPPING);
    solo_free(solo);
}
END_TEST

START_TEST(freed_while_they_wait) {
    /* An engine that ends with callers waiting leaks nothing (ASan looks). */
    struct solo *solo = solo_with(1);
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_SYNC, "p1", 0), 1);
    ck_assert_int_eq(solo_ask(solo, 2, GOSSIP_DIFF, "p1", 0), 1);
    ck_assert_int_eq(solo_write(solo, 3, "posts", "f"), 1);
    solo_free(solo);
}
END_TEST

Suite *caller_suite(void);
Suite *caller_suite(void) {
    Suite *suite = suite_create("caller");
    TCase *callers = tcase_create("caller");
    tcase_add_test(callers, sync_with_all);
    tcase_add_test(callers, one_of_two_fails);
    tcase_add_test(callers, answered_by_the_deadline);
    tcase_add_test(callers, several_at_once);
    tcase_add_test(callers, refused_at_once);
    tcase_add_test(callers, freed_while_they_wait);
    suite_add_tcase(suite, callers);
    return suite;
}
