/* test_status.c - what operators read of an engine: who agrees, how many roots there are, who is there. */
#include "test/unit/support/solo.h"

#include <check.h>

static struct solo *solo_with(unsigned peers) {
    struct solo *solo = solo_new();
    for (unsigned peer = 1; peer <= peers; peer++) {
        struct gossip__member *member = solo_peer(solo, peer);
        member->root_known = true;
        member->root = merkle_tree_root(catalog_tree(solo->engine->catalog));
        member->root_ms = solo->now_ms;
    }
    return solo;
}

static struct gossip__member *member(struct solo *solo, unsigned peer) {
    struct catalog_id id = solo_peer_id(peer);
    return gossip__member_find(solo->engine, &id);
}

static struct gossip_status status(struct solo *solo) {
    return gossip_status(solo->engine, solo->now_ms, 123);
}

START_TEST(roots_are_counted_once) {
    /* Distinct roots are those known to stand now: ours, and each other one once, of members that can be reached. */
    struct solo *solo = solo_with(5);
    ck_assert_uint_eq(status(solo).distinct_roots, 1);
    ck_assert_int_eq(status(solo).agreed, GOSSIP_YES);
    ck_assert_uint_eq(status(solo).agreed_last_wall_ms, 123);
    member(solo, 1)->root.bytes[0] ^= 1;
    member(solo, 2)->root.bytes[0] ^= 1; /* the same other root */
    member(solo, 3)->root.bytes[0] ^= 2;
    ck_assert_uint_eq(status(solo).distinct_roots, 3);
    ck_assert_uint_eq(status(solo).disagreeing_count, 3);
    ck_assert_int_eq(status(solo).agreed, GOSSIP_NO);
    ck_assert_uint_eq(status(solo).agreed_since_wall_ms, 0);
    member(solo, 3)->state = GOSSIP_MEMBER_DEAD;
    ck_assert_uint_eq(status(solo).distinct_roots, 2);
    member(solo, 1)->root_known = false;
    ck_assert_uint_eq(status(solo).distinct_roots, 2);
    member(solo, 2)->state = GOSSIP_MEMBER_REMOVED;
    ck_assert_uint_eq(status(solo).distinct_roots, 1);
    solo_free(solo);
}
END_TEST

START_TEST(unknown_is_not_agreed) {
    /* G5: one member of whom nothing is known makes it unknown; one that differs makes it no; removed ones are not asked. */
    struct solo *solo = solo_with(3);
    member(solo, 2)->root_known = false;
    ck_assert_int_eq(status(solo).agreed, GOSSIP_UNKNOWN);
    ck_assert_uint_eq(status(solo).disagreeing_count, 0);
    member(solo, 1)->root.bytes[0] ^= 1;
    ck_assert_int_eq(status(solo).agreed, GOSSIP_NO);
    ck_assert_uint_eq(status(solo).disagreeing_count, 1);
    member(solo, 1)->state = GOSSIP_MEMBER_REMOVED;
    member(solo, 2)->state = GOSSIP_MEMBER_REMOVED;
    ck_assert_int_eq(status(solo).agreed, GOSSIP_YES);
    solo->engine->state.healing = true;
    ck_assert_int_eq(status(solo).agreed, GOSSIP_UNKNOWN);
    solo_free(solo);
}
END_TEST

START_TEST(members_by_name) {
    /* This node first, the others by name, as many as there is room for; the count is of all. */
    struct solo *solo = solo_with(12);
    struct gossip_member_status rows[16];
    solo->now_ms += 70;
    ck_assert_uint_eq(gossip_members(solo->engine, solo->now_ms, rows, 16), 13);
    ck_assert(rows[0].self);
    ck_assert_str_eq(rows[0].name, "solo");
    ck_assert_str_eq(rows[1].name, "p1");
    ck_assert_str_eq(rows[2].name, "p10");
    ck_assert_str_eq(rows[12].name, "p9");
    ck_assert_uint_eq(rows[1].heard_age_ms, 70);
    ck_assert_uint_eq(rows[1].agreed_age_ms, GOSSIP_NEVER);
    ck_assert_int_eq(rows[1].agrees, GOSSIP_YES);
    ck_assert_uint_eq(gossip_members(solo->engine, solo->now_ms, rows, 1), 13);
    ck_assert_uint_eq(gossip_members(solo->engine, solo->now_ms, NULL, 0), 13);
    ck_assert_uint_eq(status(solo).connection_count, 12);
    solo_free(solo);
}
END_TEST

Suite *status_suite(void);
Suite *status_suite(void) {
    Suite *suite = suite_create("status");
    TCase *reading = tcase_create("status");
    tcase_add_test(reading, roots_are_counted_once);
    tcase_add_test(reading, unknown_is_not_agreed);
    tcase_add_test(reading, members_by_name);
    suite_add_tcase(suite, reading);
    return suite;
}
