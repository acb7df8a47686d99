/* test_skew.c - the wall clocks of members, and the jumps of our own. */
#include "test/unit/support/solo.h"

#include <check.h>

enum { HOUR_S = 3600, HOUR_MS = 3600000 };

static void tell(struct solo *solo, unsigned peer, int64_t ahead_s) {
    struct gossip__message message = {.type = GOSSIP__DIGEST};
    solo_digest(solo, &message, 1000 + peer);
    message.digest.wall_s = (uint64_t)((int64_t)(solo->engine->wall_ms / 1000) + ahead_s);
    solo_receive(solo, peer, &message);
}

static struct solo *solo_with_clocks(unsigned peers) {
    struct solo *solo = solo_new();
    for (unsigned peer = 1; peer <= peers; peer++) {
        (void)solo_peer(solo, peer);
        tell(solo, peer, 0);
    }
    solo_clear(solo);
    return solo;
}

START_TEST(majority_behind_refuses_writes) {
    /* DESIGN 4.2: a node that the majority of its peers shows to be over a minute ahead refuses writes. */
    struct solo *solo = solo_with_clocks(3);
    tell(solo, 1, -HOUR_S);
    ck_assert_int_eq(solo_write(solo, 1, "posts", "a"), 1); /* one of three: under way */
    tell(solo, 2, -HOUR_S);
    ck_assert_int_eq(solo_write(solo, 2, "posts", "b"), GOSSIP_ECLOCKAHEAD);
    tell(solo, 2, 59);
    ck_assert_int_eq(solo_write(solo, 3, "posts", "b"), 1);
    solo_free(solo);
}
END_TEST

START_TEST(own_jump_counts_at_once) {
    /* A clock that is set an hour ahead refuses the next write, and takes it when it is set right; nobody has to tell. */
    struct solo *solo = solo_with_clocks(2);
    solo->wall_late_ms -= HOUR_MS;
    ck_assert_int_eq(solo_write(solo, 1, "posts", "a"), GOSSIP_ECLOCKAHEAD);
    ck_assert_uint_eq(gossip_counters(solo->engine)->clock_skew_ms_max, HOUR_MS);
    ck_assert_uint_eq(gossip_counters(solo->engine)->skew_alarms, 2);
    solo->wall_late_ms += HOUR_MS;
    ck_assert_int_eq(solo_write(solo, 2, "posts", "a"), 1);
    ck_assert_uint_lt(gossip_counters(solo->engine)->clock_skew_ms_max, 1000);
    solo_free(solo);
}
END_TEST

START_TEST(own_jump_back_takes_writes) {
    /* Being behind refuses nothing: the hybrid clock goes on above all that was seen. */
    struct solo *solo = solo_with_clocks(2);
    solo->wall_late_ms += HOUR_MS;
    ck_assert_int_eq(solo_write(solo, 1, "posts", "a"), 1);
    ck_assert_uint_eq(gossip_counters(solo->engine)->clock_skew_ms_max, HOUR_MS);
    solo_free(solo);
}
END_TEST

START_TEST(waiting_is_no_jump) {
    /* A process that stood still, with both clocks going on, and a clock that is slewed, change nothing. */
    struct solo *solo = solo_with_clocks(2);
    int64_t skew_ms = solo->engine->members[0]->skew_ms;
    solo->engine->members[0]->wall_told_ms = 5;
    solo->now_ms += HOUR_MS;
    solo->wall_late_ms += 999;
    solo_step(solo, (struct gossip_event){.type = GOSSIP_CONNECTED, .connection = 99});
    ck_assert_uint_eq(solo->engine->members[0]->wall_told_ms, 5);
    ck_assert_int_eq(solo->engine->members[0]->skew_ms, skew_ms);
    solo_free(solo);
}
END_TEST

START_TEST(jump_is_told_to_all) {
    /* The next digest to each member bears the new clock, so that they need not wait for the turn of it either. */
    struct solo *solo = solo_with_clocks(1);
    struct gossip__member *member = solo->engine->members[0];
    member->wall_told_ms = solo->now_ms;
    solo->wall_late_ms -= HOUR_MS;
    solo_step(solo, (struct gossip_event){.type = GOSSIP_CONNECTED, .connection = 99});
    ck_assert_uint_eq(member->wall_told_ms, 0);
    while (solo_sent(solo, 1, GOSSIP__DIGEST) == 0) {
        solo_run(solo, 50);
    }
    const struct gossip__message *digest = solo_sent_last(solo, 1, GOSSIP__DIGEST);
    ck_assert_ptr_nonnull(digest);
    ck_assert_uint_ge(digest->digest.wall_s, SOLO_WALL_MS / 1000 + HOUR_S);
    solo_free(solo);
}
END_TEST

START_TEST(clock_is_told_until_answered) {
    /* A digest that was not answered may not have arrived: each repeat bears the clock, and so does the next exchange. */
    struct solo *solo = solo_with_clocks(1);
    struct gossip__member *member = solo->engine->members[0];
    member->wall_told_ms = 0;
    for (unsigned i = 0; i < 3; i++) {
        solo_clear(solo);
        while (solo_sent(solo, 1, GOSSIP__DIGEST) == 0) {
            solo_run(solo, 50);
        }
        ck_assert_uint_ne(solo_sent_last(solo, 1, GOSSIP__DIGEST)->digest.wall_s, 0);
        ck_assert_uint_eq(member->wall_told_ms, 0);
    }
    solo_answer_equal(solo, 1);
    ck_assert_uint_eq(member->wall_told_ms, solo->now_ms);
    solo_clear(solo);
    while (solo_sent(solo, 1, GOSSIP__DIGEST) == 0) {
        solo_run(solo, 50);
    }
    ck_assert_uint_eq(solo_sent_last(solo, 1, GOSSIP__DIGEST)->digest.wall_s, 0);
    solo_free(solo);
}
END_TEST

START_TEST(jump_before_the_answer_is_told) {
    /* The answer to a digest that bore the clock of before the jump does not count as told: the next digest bears the new one. */
    struct solo *solo = solo_with_clocks(1);
    struct gossip__member *member = solo->engine->members[0];
    member->wall_told_ms = 0;
    while (solo_sent(solo, 1, GOSSIP__DIGEST) == 0) {
        solo_run(solo, 50);
    }
    ck_assert_uint_ne(solo_sent_last(solo, 1, GOSSIP__DIGEST)->digest.wall_s, 0);
    solo->wall_late_ms -= HOUR_MS;
    solo_answer_equal(solo, 1);
    ck_assert_uint_eq(member->wall_told_ms, 0);
    solo_free(solo);
}
END_TEST

Suite *skew_suite(void);
Suite *skew_suite(void) {
    Suite *suite = suite_create("skew");
    TCase *told = tcase_create("gossip_skew_told");
    tcase_add_test(told, majority_behind_refuses_writes);
    suite_add_tcase(suite, told);
    TCase *follow = tcase_create("gossip_skew_follow");
    tcase_add_test(follow, own_jump_counts_at_once);
    tcase_add_test(follow, own_jump_back_takes_writes);
    tcase_add_test(follow, waiting_is_no_jump);
    tcase_add_test(follow, jump_is_told_to_all);
    tcase_add_test(follow, clock_is_told_until_answered);
    tcase_add_test(follow, jump_before_the_answer_is_told);
    suite_add_tcase(suite, follow);
    return suite;
}
