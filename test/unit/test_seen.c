/* test_seen.c - what may be concluded from an exchange: `seen`, and whether all agree. */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>

static struct solo *solo_with(unsigned peers) {
    struct solo *solo = solo_new();
    ck_assert_int_eq(solo_write(solo, 77, "posts", "f"), 1);
    solo_store_all(solo);
    for (unsigned peer = 1; peer <= peers; peer++) {
        solo_peer(solo, peer)->met = true; /* whole, unless a test says otherwise */
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

/* --- seen ----------------------------------------------------------------------------------- */

START_TEST(seen_is_the_smallest) {
    /* G3: `seen` is the smallest clock counted over all required members, and the next batch bears it. */
    struct solo *solo = solo_with(2);
    struct gossip *engine = solo->engine;
    engine->stored.high_water = solo_clock(100);
    engine->state.seen = solo_clock(1);
    member(solo, 1)->counted = solo_clock(1);
    member(solo, 2)->counted = solo_clock(1);
    engine->state_dirty = false;
    gossip__seen_count(engine, member(solo, 1), solo_clock(50), 0);
    ck_assert_uint_eq(engine->state.seen, solo_clock(1));
    ck_assert(!engine->state_dirty);
    gossip__seen_count(engine, member(solo, 2), solo_clock(40), 0);
    ck_assert_uint_eq(engine->state.seen, solo_clock(40));
    ck_assert(engine->state_dirty);
    gossip__seen_count(engine, member(solo, 2), solo_clock(30), 0); /* an older answer */
    ck_assert_uint_eq(engine->state.seen, solo_clock(40));
    ck_assert_uint_eq(member(solo, 2)->counted, solo_clock(40));
    solo_free(solo);
}
END_TEST

START_TEST(seen_stays_below_our_disk) {
    /* G3: nothing above the clock that this node has on disk is concluded, but what a member concluded is taken over. */
    struct solo *solo = solo_with(1);
    struct gossip *engine = solo->engine;
    engine->stored.high_water = solo_clock(10);
    engine->state.seen = 0;
    gossip__seen_count(engine, member(solo, 1), solo_clock(50), 0);
    ck_assert_uint_eq(engine->state.seen, solo_clock(10));
    gossip__seen_count(engine, member(solo, 1), solo_clock(50), solo_clock(20));
    ck_assert_uint_eq(engine->state.seen, solo_clock(20));
    solo_free(solo);
}
END_TEST

START_TEST(removed_are_not_required) {
    /* A member that was removed holds nothing back; one that is dead or has left does. */
    struct solo *solo = solo_with(3);
    struct gossip *engine = solo->engine;
    engine->stored.high_water = solo_clock(100);
    engine->state.seen = 0;
    gossip__seen_reset(engine);
    gossip__member_set_state(engine, member(solo, 2), GOSSIP_MEMBER_DEAD);
    gossip__seen_count(engine, member(solo, 1), solo_clock(50), 0);
    gossip__seen_count(engine, member(solo, 3), solo_clock(60), 0);
    ck_assert_uint_eq(engine->state.seen, 0);
    gossip__member_set_state(engine, member(solo, 2), GOSSIP_MEMBER_REMOVED);
    gossip__seen_count(engine, member(solo, 1), solo_clock(70), 0);
    gossip__seen_count(engine, member(solo, 3), solo_clock(65), 0);
    ck_assert_uint_eq(engine->state.seen, solo_clock(65));
    solo_free(solo);
}
END_TEST

START_TEST(reset_forgets_what_was_counted) {
    /* G3: when an id is added or removed each member must be asked again before `seen` rises. */
    struct solo *solo = solo_with(2);
    struct gossip *engine = solo->engine;
    engine->stored.high_water = solo_clock(100);
    engine->stored.seen = engine->state.seen = solo_clock(3);
    gossip__seen_count(engine, member(solo, 1), solo_clock(50), 0);
    gossip__seen_reset(engine);
    ck_assert_uint_eq(member(solo, 1)->counted, solo_clock(3));
    gossip__seen_count(engine, member(solo, 2), solo_clock(50), 0);
    ck_assert_uint_eq(engine->state.seen, solo_clock(3));
    member(solo, 1)->counted = solo_clock(50);
    (void)solo_peer(solo, 3); /* joins: the same by way of the table */
    ck_assert_uint_lt(member(solo, 1)->counted, solo_clock(50));
    solo_free(solo);
}
END_TEST

/* --- agreement ------------------------------------------------------------------------------ */

static enum gossip_truth agrees(struct solo *solo) {
    return gossip__member_agrees(solo->engine, member(solo, 1));
}

START_TEST(agrees_in_each_case) {
    /* G5: yes only of a root that was heard, equals ours now, and is of a member that is there; no only of one that was
     * said after we last changed. */
    struct solo *solo = solo_with(1);
    struct gossip *engine = solo->engine;
    struct gossip__member *peer = member(solo, 1);
    ck_assert_int_eq(agrees(solo), GOSSIP_UNKNOWN); /* never heard */
    peer->root_known = true;
    peer->root = merkle_tree_root(catalog_tree(engine->catalog));
    peer->root_ms = engine->root_changed_ms;
    ck_assert_int_eq(agrees(solo), GOSSIP_YES);
    static const enum gossip_truth of_state[GOSSIP_MEMBER_STATE_COUNT] = {
        [GOSSIP_MEMBER_JOINING] = GOSSIP_YES,     [GOSSIP_MEMBER_ALIVE] = GOSSIP_YES,
        [GOSSIP_MEMBER_SUSPECT] = GOSSIP_UNKNOWN, [GOSSIP_MEMBER_DEAD] = GOSSIP_UNKNOWN,
        [GOSSIP_MEMBER_LEFT] = GOSSIP_UNKNOWN,    [GOSSIP_MEMBER_REMOVED] = GOSSIP_UNKNOWN,
    };
    for (enum gossip_member_state state = 1; state < GOSSIP_MEMBER_STATE_COUNT; state++) {
        peer->state = state;
        ck_assert_int_eq(agrees(solo), of_state[state]);
    }
    peer->state = GOSSIP_MEMBER_ALIVE;
    peer->root.bytes[0] ^= 1;
    ck_assert_int_eq(agrees(solo), GOSSIP_NO);
    peer->root_ms = engine->root_changed_ms - 1; /* said before we changed */
    ck_assert_int_eq(agrees(solo), GOSSIP_UNKNOWN);
    solo_free(solo);
}
END_TEST

START_TEST(since_and_last) {
    /* G5: since when all agree is the moment at which the last of them was heard to, and ends with our own change. */
    struct solo *solo = solo_with(2);
    struct gossip *engine = solo->engine;
    ck_assert_int_eq(solo_ask(solo, 9, GOSSIP_SYNC, "", 0), 1);
    solo->now_ms += 10;
    solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
    ck_assert_int_eq(gossip_status(engine, solo->now_ms, 0).agreed, GOSSIP_UNKNOWN);
    solo_answer_equal(solo, 1);
    ck_assert_uint_eq(engine->agreed_since_wall_ms, 0);
    solo->now_ms += 10;
    solo_answer_equal(solo, 2);
    uint64_t since_ms = SOLO_WALL_MS + solo->now_ms;
    ck_assert_uint_eq(engine->agreed_since_wall_ms, since_ms);
    ck_assert_int_eq(gossip_status(engine, solo->now_ms, 0).agreed, GOSSIP_YES);
    solo->now_ms += 10;
    ck_assert_int_eq(solo_write(solo, 1, "more", "f"), 1);
    ck_assert_uint_eq(engine->agreed_since_wall_ms, since_ms); /* not stored: not ours yet */
    solo_store_all(solo);
    ck_assert_uint_eq(engine->agreed_since_wall_ms, 0);
    ck_assert_uint_gt(engine->agreed_last_wall_ms, 0);
    ck_assert_int_ne(gossip_status(engine, solo->now_ms, 0).agreed, GOSSIP_YES);
    solo_free(solo);
}
END_TEST

START_TEST(healing_member_confirms_nothing) {
    /* G3: equal roots with a member that is fetching what it lost say nothing of what it may have had. */
    struct solo *solo = solo_with(1);
    struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
    catalog_clock counted = member(solo, 1)->counted;
    ck_assert_int_eq(solo_ask(solo, 9, GOSSIP_SYNC, "p1", 0), 1);
    solo_digest(solo, &answer, solo_sent_last(solo, 1, GOSSIP__DIGEST)->digest.exchange);
    answer.digest.healing = true;
    solo_receive(solo, 1, &answer);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    ck_assert(!member(solo, 1)->agreed_known);
    ck_assert_uint_eq(member(solo, 1)->counted, counted);
    ck_assert_int_eq(solo_ask(solo, 8, GOSSIP_SYNC, "p1", 0), 1);
    solo_answer_equal(solo, 1);
    ck_assert(member(solo, 1)->agreed_known);
    solo_free(solo);
}
END_TEST

START_TEST(asked_again_until_known) {
    /* Once our root has been calm for a moment, who is not known to agree is asked within the interval; then nobody. */
    struct solo *solo = solo_with(2);
    struct gossip *engine = solo->engine;
    engine->tick_ms = solo->now_ms + 100000; /* the interval's own exchange would hide it, */
    engine->freshen_ms = GOSSIP_NEVER;       /* and those that are to make it fresh as well */
    ck_assert_int_eq(solo_write(solo, 1, "more", "f"), 1);
    solo_store_all(solo);
    gossip_duration_ms pause_ms = 1000 / GOSSIP__RECHECKS_PER_INTERVAL;
    ck_assert_uint_eq(gossip__agreement_deadline(engine), solo->now_ms + pause_ms);
    solo_run(solo, pause_ms - 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST) + solo_sent(solo, 2, GOSSIP__DIGEST), 0);
    solo_run(solo, 1);
    unsigned first = solo_sent(solo, 1, GOSSIP__DIGEST) == 1 ? 1 : 2;
    ck_assert_uint_eq(solo_sent(solo, first, GOSSIP__DIGEST), 1);
    ck_assert_uint_eq(solo_sent(solo, 3 - first, GOSSIP__DIGEST), 0);
    solo_answer_equal(solo, first);
    solo_run(solo, pause_ms);
    ck_assert_uint_eq(solo_sent(solo, 3 - first, GOSSIP__DIGEST), 1);
    solo_answer_equal(solo, 3 - first);
    solo_run(solo, 4 * pause_ms);
    ck_assert_uint_eq(gossip__agreement_deadline(engine), GOSSIP_NEVER);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__DIGEST) + solo_sent(solo, 2, GOSSIP__DIGEST), 2);
    solo_free(solo);
}
END_TEST

/* --- who counts ------------------------------------------------------------------------------- */

START_TEST(whole_once_all_were_met) {
    /* G3: a process vouches for what its id has made only after an exchange of its own with every member; removed ones are
     * not required, and a newcomer is met, too. */
    struct solo *solo = solo_with(2);
    struct gossip *engine = solo->engine;
    ck_assert(gossip__seen_whole(engine));
    member(solo, 1)->met = false;
    ck_assert(!gossip__seen_whole(engine));
    member(solo, 2)->met = false;
    ck_assert(!gossip__seen_whole(engine));
    member(solo, 1)->met = member(solo, 2)->met = true;
    (void)solo_peer(solo, 3);
    ck_assert(!gossip__seen_whole(engine));
    gossip__member_set_state(engine, member(solo, 3), GOSSIP_MEMBER_REMOVED);
    ck_assert(gossip__seen_whole(engine));
    solo_free(solo);
    solo = solo_with(0);
    ck_assert(gossip__seen_whole(solo->engine)); /* nobody else can have what it made */
    solo_free(solo);
}
END_TEST

START_TEST(answer_counts_if_whole) {
    /* G3: an answer of a member that is not whole counts for freshness and joining, and neither its clock nor its `seen`. */
    for (unsigned whole = 0; whole < 2; whole++) {
        struct solo *solo = solo_with(1);
        struct gossip *engine = solo->engine;
        catalog_clock before = member(solo, 1)->counted;
        ck_assert_int_eq(solo_ask(solo, 9, GOSSIP_SYNC, "p1", 0), 1);
        ck_assert_ptr_nonnull(member(solo, 1)->exchange);
        member(solo, 1)->exchange->answer_whole = whole == 1;
        member(solo, 1)->exchange->tables_equal = true;
        gossip__exchange_conclude(engine, member(solo, 1)->exchange, before + 5, before + 3,
                                  solo->now_ms);
        ck_assert_uint_eq(member(solo, 1)->counted, whole == 1 ? before + 5 : before);
        ck_assert(member(solo, 1)->met);
        ck_assert(member(solo, 1)->agreed_known);
        solo_free(solo);
    }
}
END_TEST

START_TEST(walk_across_a_removal_does_not_count) {
    /* G3: an exchange that began before an id was added or removed counts for nothing: its table was another. */
    struct solo *solo = solo_with(3);
    struct gossip *engine = solo->engine;
    ck_assert_int_eq(solo_ask(solo, 9, GOSSIP_SYNC, "p1", 0), 1);
    struct gossip__exchange *exchange = member(solo, 1)->exchange;
    exchange->tables_equal = exchange->first_tables_equal = true;
    gossip__member_set_state(engine, member(solo, 2), GOSSIP_MEMBER_REMOVED);
    ck_assert(!exchange->tables_equal && !exchange->first_tables_equal);
    exchange->tables_equal = true;
    (void)solo_peer(solo, 4);
    ck_assert(!exchange->tables_equal);
    solo_free(solo);
}
END_TEST

START_TEST(not_whole_does_not_vouch_for_itself) {
    /* G3: a process that is not whole may lack what its id has made: its own clock counts for nothing, another's word does. */
    struct solo *solo = solo_with(2);
    struct gossip *engine = solo->engine;
    engine->stored.high_water = solo_clock(100);
    engine->state.seen = solo_clock(1);
    member(solo, 2)->met = false;
    member(solo, 1)->counted = member(solo, 2)->counted = solo_clock(60);
    gossip__seen_count(engine, member(solo, 1), solo_clock(70), solo_clock(5));
    ck_assert_uint_eq(engine->state.seen, solo_clock(5));
    member(solo, 2)->met = true;
    gossip__seen_count(engine, member(solo, 1), solo_clock(70), 0);
    ck_assert_uint_eq(engine->state.seen, solo_clock(60));
    solo_free(solo);
}
END_TEST

START_TEST(seen_is_believed_under_one_table) {
    /* G3: what a member has seen moves the horizon only if it was said under our table: it may have stored a newcomer that we
     * do not know, and seen on together with it. */
    for (unsigned other = 0; other < 2; other++) {
        struct solo *solo = solo_with(1);
        ck_assert_int_eq(solo_ask(solo, 9, GOSSIP_SYNC, "p1", 0), 1);
        struct gossip__message answer = {.type = GOSSIP__DIGEST_ANSWER};
        solo_digest(solo, &answer, solo_sent_last(solo, 1, GOSSIP__DIGEST)->digest.exchange);
        catalog_clock before = member(solo, 1)->seen;
        answer.digest.seen = answer.digest.clock = solo_clock(50);
        answer.digest.table.bytes[0] ^= (uint8_t)other;
        solo_receive(solo, 1, &answer);
        ck_assert_uint_eq(member(solo, 1)->seen, other == 0 ? solo_clock(50) : before);
        solo_free(solo);
    }
}
END_TEST

START_TEST(restarted_member_counts_anew) {
    /* G3: another process of a member may have an older disk: what was counted of the former one is forgotten. */
    struct solo *solo = solo_with(1);
    struct gossip *engine = solo->engine;
    engine->stored.seen = solo_clock(3);
    member(solo, 1)->counted = solo_clock(50);
    gossip__seen_restarted(engine, member(solo, 1));
    ck_assert_uint_eq(member(solo, 1)->counted, solo_clock(3));
    member(solo, 1)->counted = solo_clock(2);
    gossip__seen_restarted(engine, member(solo, 1));
    ck_assert_uint_eq(member(solo, 1)->counted, solo_clock(2));
    solo_free(solo);
}
END_TEST

Suite *seen_suite(void);
Suite *seen_suite(void) {
    Suite *suite = suite_create("seen");
    TCase *seen = tcase_create("seen_count");
    TCase *agree = tcase_create("member_agrees");
    tcase_add_test(seen, seen_is_the_smallest);
    tcase_add_test(seen, seen_stays_below_our_disk);
    tcase_add_test(seen, removed_are_not_required);
    tcase_add_test(seen, reset_forgets_what_was_counted);
    tcase_add_test(agree, agrees_in_each_case);
    tcase_add_test(agree, since_and_last);
    tcase_add_test(agree, healing_member_confirms_nothing);
    tcase_add_test(agree, asked_again_until_known);
    TCase *counts = tcase_create("seen_whole");
    tcase_add_test(counts, whole_once_all_were_met);
    tcase_add_test(counts, answer_counts_if_whole);
    tcase_add_test(counts, walk_across_a_removal_does_not_count);
    tcase_add_test(counts, not_whole_does_not_vouch_for_itself);
    tcase_add_test(counts, seen_is_believed_under_one_table);
    tcase_add_test(counts, restarted_member_counts_anew);
    suite_add_tcase(suite, counts);
    suite_add_tcase(suite, seen);
    suite_add_tcase(suite, agree);
    return suite;
}
