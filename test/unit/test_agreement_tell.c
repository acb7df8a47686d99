/* test_agreement_tell.c - what is told of each member (G6): agreed, lagging, unreachable, or not known. */
#include "test/unit/support/cluster.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

#define POSTS "{\"fields\":{\"f\":{\"type\":\"string\"}}}"

static void write_posts(struct pair *pair, char letter, const char *json) {
    pair_write(pair, letter, CATALOG_SCHEMA, "posts", "", json);
}

static int code_of(const struct pair *pair, char letter, uint64_t token) {
    const struct pair_reply *reply = pair_reply(pair, letter, token);
    return reply == NULL ? 1 : reply->code;
}

START_TEST(unreachable_is_named) {
    /* B08: who does not answer is named unreachable, dead or not; success is told only when it is back and has it. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', false);
    write_posts(pair, 'a', POSTS);
    pair_agree(pair, 'a', 10, "posts", 2000, false);
    pair_agree(pair, 'a', 11, "", 2000, false);
    pair_agree(pair, 'a', 12, "posts", 120000, false);
    pair_run(pair, 2000);
    for (uint64_t token = 10; token <= 11; token++) {
        ck_assert_int_eq(code_of(pair, 'a', token), GOSSIP_ENOTAGREED);
        ck_assert_str_eq(pair_agreement(pair, 'a', token), "a agreed, b agreed, c unreachable");
    }
    pair_run(pair, 30000);
    ck_assert_int_eq(pair_member(pair, 'a', "c")->state, GOSSIP_MEMBER_DEAD);
    ck_assert_int_eq(code_of(pair, 'a', 12), 1);
    pair_start(pair, 'c', (struct pair_start){0});
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 12), 0);
    pair_free(pair);
}
END_TEST

START_TEST(times_of_any_length) {
    /* 0 answers at once from what is known, 1 ms after a millisecond, a year does not overflow anything. */
    struct pair *pair = cluster(2);
    pair_run(pair, 3000);
    pair_agree(pair, 'a', 9, "", 0, false);
    ck_assert_int_eq(code_of(pair, 'a', 9), 0); /* the last digest said so */
    write_posts(pair, 'a', POSTS);
    pair_cut(pair, 'a', 'b', true);
    pair_run(pair, 5);
    pair_transcript_clear(pair);
    pair_agree(pair, 'a', 10, "posts", 0, false);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    ck_assert_str_eq(pair_agreement(pair, 'a', 10), "a agreed, b unknown");
    ck_assert_uint_eq(pair_sent(pair, 'a', 'b', "confirm"), 0);
    gossip_time_ms asked_ms = pair_now(pair);
    pair_agree(pair, 'a', 11, "posts", 1, false);
    pair_run(pair, 1);
    ck_assert_int_eq(code_of(pair, 'a', 11), GOSSIP_ENOTAGREED);
    ck_assert_uint_eq(pair_reply(pair, 'a', 11)->replied_ms, asked_ms + 1);
    ck_assert_str_eq(pair_agreement(pair, 'a', 11), "a agreed, b unknown");
    pair_agree(pair, 'a', 12, "posts", UINT64_C(31536000000), false);
    pair_agree(pair, 'a', 13, "posts", GOSSIP_NEVER, false);
    pair_run(pair, 40000);
    pair_agree(pair, 'a', 14, "posts", 0, false);
    ck_assert_str_eq(pair_agreement(pair, 'a', 14), "a agreed, b unreachable");
    pair_cut(pair, 'a', 'b', false);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'a', 12), 0);
    ck_assert_int_eq(code_of(pair, 'a', 13), 0);
    pair_free(pair);
}
END_TEST

START_TEST(known_only_if_all_of_it_is) {
    /* With a timeout of 0 a root heard before a change, another table, or another process tells nothing. */
    struct pair *pair = cluster(2);
    write_posts(pair, 'a', POSTS);
    pair_run(pair, 3000);
    struct gossip__member *b = pair_member(pair, 'a', "b");
    pair_agree(pair, 'a', 10, "posts", 0, false);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    const struct gossip__told told = b->told;
    for (unsigned flaw = 0; flaw < 4; flaw++) {
        b->told.root.bytes[0] ^= flaw == 0;
        b->told.table.bytes[0] ^= flaw == 1;
        b->told.origin.bytes[5] ^= flaw == 2;
        b->told.known = flaw != 3;
        pair_agree(pair, 'a', 11 + flaw, "posts", 0, false);
        ck_assert_int_eq(code_of(pair, 'a', 11 + flaw), GOSSIP_ENOTAGREED);
        b->told = told;
    }
    pair_free(pair);
}
END_TEST

START_TEST(this_node_first_then_by_name) {
    /* The lines stand in order of names, whatever the ids are. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 2);
    (void)solo_peer(solo, 10);
    const struct gossip_operation operation = {.type = GOSSIP_AGREEMENT, .token = 9};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    const struct gossip_reply *reply = &solo->update->replies[0];
    ck_assert_uint_eq(reply->agreement_count, 3);
    ck_assert_str_eq(reply->agreement[0].name, "solo");
    ck_assert_str_eq(reply->agreement[1].name, "p10");
    ck_assert_str_eq(reply->agreement[2].name, "p2");
    solo_free(solo);
}
END_TEST

Suite *agreement_tell_suite(void);
Suite *agreement_tell_suite(void) {
    Suite *suite = suite_create("agreement_tell");
    TCase *told = tcase_create("agreement_tell");
    tcase_add_test(told, unreachable_is_named);
    tcase_add_test(told, times_of_any_length);
    tcase_add_test(told, known_only_if_all_of_it_is);
    tcase_add_test(told, this_node_first_then_by_name);
    suite_add_tcase(suite, told);
    return suite;
}
