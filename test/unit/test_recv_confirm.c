/* test_recv_confirm.c - what a member says of its disk when it is asked (G6, G11): a test plays the disk and who asks. */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

static const struct catalog_key posts = {CATALOG_SCHEMA, {"posts", 5}, {"", 0}};

/* The versions of what stands, in flight or not. */
static struct gossip__agreement_pair pair_of(struct solo *solo) {
    struct catalog_version version =
        catalog_entry_in_force(catalog_pending_find(solo->engine->catalog, &posts));
    return (struct gossip__agreement_pair){version.origin, version.clock};
}

static bool exactly;

static void ask(struct solo *solo, uint64_t sequence, const struct gossip__agreement_pair *pair) {
    solo_receive(solo, 1,
                 &(struct gossip__message){.type = GOSSIP__CONFIRM,
                                           .confirm = {.sequence = sequence,
                                                       .salt = 77,
                                                       .exact = exactly,
                                                       .key = posts,
                                                       .pairs = pair,
                                                       .pair_count = 1}});
}

static enum gossip__confirmation_result said(struct solo *solo) {
    return solo_sent_last(solo, 1, GOSSIP__CONFIRMATION)->confirmation.result;
}

static struct solo *solo_with_peer(void) {
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    ck_assert_int_eq(solo_write(solo, 1, "posts", "f"), 1);
    return solo;
}

START_TEST(only_what_is_on_disk) {
    /* B38, G11: while it is in flight there is no answer; when it is stored there is one, with the table of then. */
    struct solo *solo = solo_with_peer();
    struct gossip__agreement_pair pair = pair_of(solo);
    solo_clear(solo);
    ask(solo, 5, &pair);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRMATION), 0);
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRMATION), 1);
    const struct gossip__confirmation *answer =
        &solo_sent_last(solo, 1, GOSSIP__CONFIRMATION)->confirmation;
    struct merkle_fingerprint table = gossip__member_table_fingerprint(solo->engine, 77);
    ck_assert_int_eq(answer->result, GOSSIP__CONFIRMATION_HAS);
    ck_assert_uint_eq(answer->sequence, 5);
    ck_assert_uint_eq(answer->salt, 77);
    ck_assert_mem_eq(&answer->table, &table, sizeof table);
    ask(solo, 6, &pair);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_HAS);
    pair.clock++;
    ask(solo, 7, &pair);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_LACKS);
    solo_free(solo);
}
END_TEST

START_TEST(for_a_step_exactly) {
    /* Decision 0024: of what a step is to follow on it is looked at when it is stored whether just that stands. */
    struct solo *solo = solo_with_peer();
    const struct gossip__agreement_pair first = pair_of(solo);
    exactly = true;
    solo_clear(solo);
    ask(solo, 5, &first);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRMATION), 0);
    solo_store_all(solo);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(solo_write(solo, 2, "posts", "g"), 1);
    const struct gossip__agreement_pair second = pair_of(solo);
    ask(solo, 6, &second);
    ck_assert_int_eq(solo_write(solo, 3, "posts", "h"), 1);
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRMATION), 2);
    ask(solo, 7, &second);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_LACKS);
    exactly = false;
    ask(solo, 8, &second);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_HAS);
    solo_free(solo);
}
END_TEST

START_TEST(a_commit_that_fails) {
    /* What did not get to the disk is not confirmed, nor asked of a connection that has gone. */
    struct solo *solo = solo_with_peer();
    const struct gossip__agreement_pair pair = pair_of(solo);
    solo_clear(solo);
    ask(solo, 5, &pair);
    solo_store(solo, CATALOG_EIO);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_LACKS);
    solo_free(solo);

    solo = solo_with_peer();
    const struct gossip__agreement_pair other = pair_of(solo);
    solo_clear(solo);
    ask(solo, 5, &other);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_DISCONNECTED, .connection = 1});
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRMATION), 0);
    solo_free(solo);
}
END_TEST

START_TEST(questions_that_wait_are_bounded) {
    /* G8: of one session so many questions wait for the disk; the rest is answered with what is on it. */
    struct solo *solo = solo_with_peer();
    const struct gossip__agreement_pair pair = pair_of(solo);
    solo_clear(solo);
    size_t waiters = solo->engine->waiter_count;
    for (uint64_t i = 0; i < GOSSIP__CONFIRMS_UNSTORED_MAX + 10; i++) {
        ask(solo, i, &pair);
    }
    ck_assert_uint_eq(solo->engine->waiter_count, waiters + GOSSIP__CONFIRMS_UNSTORED_MAX);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRMATION), 10);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_LACKS);
    solo_store_all(solo);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRMATION), GOSSIP__CONFIRMS_UNSTORED_MAX + 10);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_HAS);
    solo_free(solo);
}
END_TEST

START_TEST(who_may_not_confirm) {
    /* A node that is not ready, or was removed, or has lost the row, confirms nothing. */
    struct solo *solo = solo_with_peer();
    const struct gossip__agreement_pair pair = pair_of(solo);
    const struct gossip__agreement_pair old = {entry_maker_id(0x33), 5};
    solo_store_all(solo);
    solo->engine->state.ready = false;
    ask(solo, 5, &pair);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_NOT_READY);
    solo->engine->state.ready = true;
    solo->engine->removed = true;
    ask(solo, 6, &pair);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_NOT_READY);
    solo->engine->removed = false;
    solo->engine->state.seen = solo->engine->stored.seen = 9;
    solo->engine->state.horizon = solo->engine->stored.horizon = 9;
    ask(solo, 7, &old);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_HAS);
    ck_assert_int_eq(catalog_unload(solo->engine->catalog, &posts), 0);
    ask(solo, 8, &old);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_HAS);
    solo->engine->state.healing = true;
    ask(solo, 9, &old);
    ck_assert_int_eq(said(solo), GOSSIP__CONFIRMATION_LACKS);
    solo_free(solo);
}
END_TEST

Suite *recv_confirm_suite(void);
Suite *recv_confirm_suite(void) {
    Suite *suite = suite_create("recv_confirm");
    TCase *confirm = tcase_create("recv_confirm");
    tcase_add_test(confirm, only_what_is_on_disk);
    tcase_add_test(confirm, for_a_step_exactly);
    tcase_add_test(confirm, a_commit_that_fails);
    tcase_add_test(confirm, questions_that_wait_are_bounded);
    tcase_add_test(confirm, who_may_not_confirm);
    suite_add_tcase(suite, confirm);
    return suite;
}
