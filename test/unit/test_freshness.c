/* test_freshness.c - how old this node's copy may be (DESIGN 7.7), and asking further members until it is fresh. */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>

static struct solo *solo_with(unsigned peers) {
    struct solo *solo = solo_new();
    ck_assert_int_eq(solo_write(solo, 77, "posts", "f"), 1);
    solo_store_all(solo);
    for (unsigned peer = 1; peer <= peers; peer++) {
        (void)solo_peer(solo, peer);
    }
    solo_clear(solo);
    return solo;
}

static struct gossip__member *member(struct solo *solo, unsigned peer) {
    struct catalog_id id = solo_peer_id(peer);
    struct gossip__member *found = gossip__member_find(solo->engine, &id);
    ck_assert_ptr_nonnull(found);
    return found;
}

static int64_t age(struct solo *solo) {
    gossip__freshness_follow(solo->engine);
    return gossip__agreement_age(solo->engine, 10000);
}

START_TEST(age_alone) {
    /* DESIGN 7.7: a node alone is its own majority. */
    struct solo *solo = solo_with(0);
    ck_assert_int_eq(age(solo), 0);
    solo_free(solo);
}
END_TEST

START_TEST(age_of_two_and_three) {
    /* Of two both, of three any two are a majority: the latest of the others counts. */
    for (unsigned peers = 1; peers <= 2; peers++) {
        struct solo *solo = solo_with(peers);
        ck_assert_int_eq(age(solo), -1);
        gossip__freshness_agreed(solo->engine, member(solo, 1), 9000);
        ck_assert_int_eq(age(solo), 1000);
        gossip__freshness_agreed(solo->engine, member(solo, 1),
                                 8000); /* an answer that was overtaken */
        ck_assert_int_eq(age(solo), 1000);
        if (peers == 2) {
            gossip__freshness_agreed(solo->engine, member(solo, 2), 9900);
            ck_assert_int_eq(age(solo), 100);
        }
        solo_free(solo);
    }
}
END_TEST

START_TEST(age_of_five) {
    /* Of five two others are needed: the second latest counts, whatever their order; removed ones do not count. */
    struct solo *solo = solo_with(4);
    gossip__freshness_agreed(solo->engine, member(solo, 3), 9500);
    ck_assert_int_eq(age(solo), -1);
    gossip__freshness_agreed(solo->engine, member(solo, 1), 9000);
    ck_assert_int_eq(age(solo), 1000);
    gossip__freshness_agreed(solo->engine, member(solo, 2), 9200);
    ck_assert_int_eq(age(solo), 800);
    gossip__freshness_agreed(solo->engine, member(solo, 4), 9500); /* two at the same moment */
    ck_assert_int_eq(age(solo), 500);
    gossip__member_set_state(solo->engine, member(solo, 3), GOSSIP_MEMBER_REMOVED);
    ck_assert_int_eq(age(solo), 800); /* of four two others are needed, too */
    gossip__member_set_state(solo->engine, member(solo, 4), GOSSIP_MEMBER_REMOVED);
    ck_assert_int_eq(age(solo), 800); /* of three one */
    solo_free(solo);
}
END_TEST

START_TEST(age_is_unknown) {
    /* A node that is joining, healing or removed does not know how old its copy is. */
    struct solo *solo = solo_with(0);
    solo->engine->state.ready = false;
    ck_assert_int_eq(age(solo), -1);
    solo->engine->state.ready = true;
    solo->engine->state.healing = true;
    ck_assert_int_eq(age(solo), -1);
    solo->engine->state.healing = false;
    solo->engine->removed = true;
    ck_assert_int_eq(age(solo), -1);
    solo->engine->removed = false;
    ck_assert_int_eq(age(solo), 0);
    solo_free(solo);
}
END_TEST

/* --- by another's word ---------------------------------------------------------------------- */

START_TEST(age_of_a_slow_answer) {
    /* B33: an answer says how things stood at some moment since the question: the age is counted from that. */
    struct solo *solo = solo_with(1);
    (void)solo_ask(solo, 9, GOSSIP_SYNC, "p1", 0);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST), 1);
    const gossip_time_ms sent_ms = solo->now_ms;
    solo_run(solo, 40); /* before it is sent again */
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST), 1);
    solo_answer_equal(solo, 1);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    gossip__freshness_follow(solo->engine);
    ck_assert_int_eq(gossip__agreement_age(solo->engine, solo->now_ms), 40);
    ck_assert_uint_eq(solo->now_ms, sent_ms + 40);
    solo_free(solo);
}
END_TEST

START_TEST(age_of_the_table_that_is_told) {
    /* A digest whose updates change the table is answered with the age under that table, as the fingerprint beside it is: the
     * moment of a removed member makes no majority any more (seed 80435). */
    struct solo *solo = solo_with(4);
    gossip__freshness_agreed(solo->engine, member(solo, 3), solo->now_ms);
    gossip__freshness_agreed(solo->engine, member(solo, 4), solo->now_ms);
    gossip__freshness_follow(solo->engine);
    ck_assert_int_eq(gossip__agreement_age(solo->engine, solo->now_ms), 0);
    const struct gossip__member *removed = member(solo, 4);
    const struct gossip__member_update row = {.id = removed->row.id,
                                              .name = entry_maker_text(removed->row.name),
                                              .address = entry_maker_text(removed->row.address),
                                              .incarnation = removed->row.incarnation,
                                              .state = GOSSIP_MEMBER_REMOVED};
    struct gossip__message digest = {.type = GOSSIP__DIGEST};
    solo_digest(solo, &digest, 5);
    digest.digest.updates = (struct gossip__member_updates){&row, 1};
    solo_receive(solo, 1, &digest);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST_ANSWER), 1);
    ck_assert(!solo_sent_last(solo, 1, GOSSIP__DIGEST_ANSWER)->digest.age_known);
    ck_assert_int_eq(removed->state, GOSSIP_MEMBER_REMOVED);
    solo_free(solo);
}
END_TEST

START_TEST(age_by_word) {
    /* A member whose own copy was fresh makes ours so: its moment, seen from when it was asked; only a later one counts. */
    struct solo *solo = solo_with(4);
    gossip__freshness_told(solo->engine, 9000, -1);
    ck_assert_int_eq(age(solo), -1);
    /* Never fail open: what was before this node's clock began cannot be said, and is not taken for its beginning. */
    gossip__freshness_told(solo->engine, 9000, 9001);
    ck_assert_int_eq(age(solo), -1);
    gossip__freshness_told(solo->engine, 9000, 500);
    ck_assert_int_eq(age(solo), 1500);
    gossip__freshness_told(solo->engine, 9500, 2000); /* asked later, and older */
    ck_assert_int_eq(age(solo), 1500);
    gossip__freshness_agreed(solo->engine, member(solo, 1), 9100);
    gossip__freshness_agreed(solo->engine, member(solo, 2), 9200);
    ck_assert_int_eq(age(solo), 900); /* what this node has seen itself is later */
    gossip__freshness_told(solo->engine, 9900, 100);
    ck_assert_int_eq(age(solo), 200);
    gossip__freshness_forget(solo->engine);
    ck_assert_int_eq(age(solo), 900);
    gossip__freshness_told(solo->engine, 100, UINT32_MAX); /* before its clock began */
    ck_assert_int_eq(age(solo), 900);
    solo_free(solo);
}
END_TEST

START_TEST(word_goes_with_the_table) {
    /* A majority of the members that another knew is none of ours once we know of one more, or of one less (seeds 4117 and
     * 6152 of the simulator); what this node has seen itself stands. */
    struct solo *solo = solo_with(4);
    gossip__freshness_agreed(solo->engine, member(solo, 1), 8000);
    gossip__freshness_agreed(solo->engine, member(solo, 2), 8000);
    gossip__freshness_told(solo->engine, 9000, 500);
    ck_assert_int_eq(age(solo), 1500);
    (void)solo_peer(solo, 5);
    ck_assert_int_eq(age(solo), -1);
    gossip__freshness_agreed(solo->engine, member(solo, 3), 7000);
    ck_assert_int_eq(age(solo), 3000);
    gossip__freshness_told(solo->engine, 9000, 500);
    gossip__member_set_state(solo->engine, member(solo, 5), GOSSIP_MEMBER_REMOVED);
    ck_assert_int_eq(age(solo), 2000);
    solo_free(solo);
}
END_TEST

START_TEST(word_of_another_cluster) {
    /* What was said in the cluster that this node leaves says nothing of the one that it joins. */
    struct solo *solo = solo_with(4);
    gossip__freshness_told(solo->engine, 9000, 500);
    ck_assert_int_eq(age(solo), 1500);
    solo->engine->state.had_entry = false; /* as if its cluster were empty */
    gossip__join_give_way(solo->engine, "other:1");
    ck_assert(!solo->engine->freshness_told_known);
    solo_free(solo);
}
END_TEST

/* --- asking further members ------------------------------------------------------------------- */

START_TEST(asked_until_fresh) {
    /* DESIGN 7.7: while the age is above half of the limit further members are asked, each once in that time; then no more. */
    struct solo *solo = solo_with(6);
    struct gossip *engine = solo->engine;
    ck_assert_uint_le(gossip__freshness_deadline(engine),
                      engine->now_ms); /* nothing is known yet */
    solo_run(solo, 1500);
    for (unsigned peer = 1; peer <= 6; peer++) {
        size_t sent = solo_sent(solo, peer, GOSSIP__DIGEST);
        ck_assert_uint_ge(sent, 1);
        ck_assert_ptr_nonnull(member(solo, peer)->exchange);
        if (member(solo, peer)->exchange != NULL) {
            gossip__exchange_end(engine, member(solo, peer)->exchange, GOSSIP_EXCHANGE_EQUAL);
        }
        gossip__freshness_agreed(engine, member(solo, peer), solo->now_ms);
    }
    gossip__freshness_follow(engine);
    gossip_duration_ms half_ms = engine->config.freshness_limit_ms / 2;
    ck_assert_uint_eq(gossip__freshness_deadline(engine), solo->now_ms + half_ms);
    solo_free(solo);
}
END_TEST

START_TEST(nobody_is_asked_in_vain) {
    /* Who is alone, not ready or leaving asks nobody; members that are not alive are not asked. */
    struct solo *solo = solo_with(0);
    ck_assert_uint_eq(gossip__freshness_deadline(solo->engine), GOSSIP_NEVER);
    solo_free(solo);
    solo = solo_with(2);
    struct gossip *engine = solo->engine;
    gossip__member_set_state(engine, member(solo, 1), GOSSIP_MEMBER_DEAD);
    gossip__member_set_state(engine, member(solo, 2), GOSSIP_MEMBER_DEAD);
    solo_clear(solo);
    gossip__freshness_tick(engine);
    ck_assert_ptr_null(member(solo, 1)->exchange);
    ck_assert_uint_gt(gossip__freshness_deadline(engine),
                      engine->now_ms); /* and not again at once */
    engine->state.ready = false;
    ck_assert_uint_eq(gossip__freshness_deadline(engine), GOSSIP_NEVER);
    solo_free(solo);
}
END_TEST

Suite *freshness_suite(void);
Suite *freshness_suite(void) {
    Suite *suite = suite_create("freshness");
    TCase *ages = tcase_create("agreement_age");
    tcase_add_test(ages, age_alone);
    tcase_add_test(ages, age_of_two_and_three);
    tcase_add_test(ages, age_of_five);
    tcase_add_test(ages, age_is_unknown);
    tcase_add_test(ages, age_of_a_slow_answer);
    tcase_add_test(ages, age_of_the_table_that_is_told);
    tcase_add_test(ages, age_by_word);
    tcase_add_test(ages, word_goes_with_the_table);
    tcase_add_test(ages, word_of_another_cluster);
    suite_add_tcase(suite, ages);
    TCase *asks = tcase_create("freshness_tick");
    tcase_add_test(asks, asked_until_fresh);
    tcase_add_test(asks, nobody_is_asked_in_vain);
    suite_add_tcase(suite, asks);
    return suite;
}
