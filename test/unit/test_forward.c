/* test_forward.c - staged changes that are asked for at another node than their owner (DESIGN 7.6). */
#include "test/unit/support/cluster.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define ONE "{\"fields\":{\"f\":{\"type\":\"string\"}}}"
#define TWO "{\"fields\":{\"g\":{\"type\":\"string\"}}}"

static int code_of(const struct pair *pair, char letter, uint64_t token) {
    const struct pair_reply *reply = pair_reply(pair, letter, token);
    return reply == NULL ? 1 : reply->code;
}

/* "active 2": what stands at a node, on its disk. */
static const char *stands(struct pair *pair, char letter) {
    static char text[4][64];
    static unsigned next;
    char *told = text[next++ % 4];
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {"posts", 5}, .name = {"", 0}};
    struct catalog_entry *entry = catalog_find(pair_engine(pair, letter)->catalog, &key);
    if (entry == NULL) {
        return "absent";
    }
    (void)snprintf(told, 64, "%s %llu%s", catalog_state_name((enum catalog_state)entry->state),
                   (unsigned long long)entry->number, entry->conflict ? " conflict" : "");
    return told;
}

static void cut_off(struct pair *pair, char letter, size_t count, bool cut) {
    for (size_t i = 0; i < count; i++) {
        if ('a' + (char)i != letter) {
            pair_cut(pair, letter, (char)('a' + i), cut);
        }
    }
}

/* A change that c, cut off, has not agreed to: it stands pending at a and b. */
static struct pair *pending_at_deadline(const char *json) {
    struct pair *pair = cluster(3);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", ONE);
    pair_run(pair, 3000);
    pair_stage(pair, 'a', 10, json == NULL ? GOSSIP_STAGED_DROP : GOSSIP_STAGED_SET, "posts", json,
               3000);
    pair_run(pair, 2);
    cut_off(pair, 'c', 3, true);
    pair_run(pair, 2998);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    return pair;
}

START_TEST(transcript_of_one_passed_on) {
    /* A change that a has left pending, asked for at b: a goes on with it and tells b (docs/PROTOCOL.md). */
    struct pair *pair = cluster(2);
    pair_cut(pair, 'a', 'b', true);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 0);
    pair_run(pair, 1);
    pair_cut(pair, 'a', 'b', false);
    pair_run(pair, 3050);
    pair_transcript_clear(pair);
    pair_stage(pair, 'b', 11, GOSSIP_STAGED_SET, "posts", ONE, 5000);
    pair_run(pair, 10);
    ck_assert_str_eq(pair_transcript(pair), "  9151 b > a forward\n"
                                            "  9152 a > b confirm\n"
                                            "  9153 b > a confirmation\n"
                                            "  9154 a ! changed -: -\n"
                                            "  9154 a > b push\n"
                                            "  9154 a > b confirm\n"
                                            "  9155 b ! changed -: -\n"
                                            "  9155 b > a push_ack\n"
                                            "  9155 b > a confirmation\n"
                                            "  9156 a > b forward_answer\n"
                                            "  9157 b = 0\n");
    pair_free(pair);
}
END_TEST

START_TEST(goes_on_from_another_node) {
    /* Asked elsewhere it is passed on to the owner, whose caller may be gone; the answer names all, this node first. */
    struct pair *pair = pending_at_deadline(TWO);
    pair_transcript_clear(pair);
    pair_stage(pair, 'b', 11, GOSSIP_STAGED_SET, "posts", TWO, 300);
    pair_run(pair, 300);
    ck_assert_uint_gt(pair_sent(pair, 'b', 'a', "forward"), 0);
    ck_assert_int_eq(code_of(pair, 'b', 11), GOSSIP_ENOTAGREED);
    ck_assert_str_eq(pair_agreement(pair, 'b', 11), "b agreed, a agreed, c unreachable");
    cut_off(pair, 'c', 3, false);
    pair_stage(pair, 'b', 12, GOSSIP_STAGED_SET, "posts", TWO, 60000);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'b', 12), 0);
    ck_assert_str_eq(stands(pair, 'b'), "active 3");
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {"posts", 5}, .name = {"", 0}};
    struct catalog_version version =
        catalog_entry_in_force(catalog_find(pair_engine(pair, 'b')->catalog, &key));
    ck_assert_uint_eq(version.node.size_bytes, 1);
    ck_assert_int_eq(version.node.data[0], 'a'); /* the owner took the step */
    pair_free(pair);
}
END_TEST

START_TEST(owner_is_gone) {
    /* An owner that does not answer is told as such, and nothing changes; once it is removed anybody finishes. */
    struct pair *pair = pending_at_deadline(TWO);
    cut_off(pair, 'c', 3, false);
    pair_kill(pair, 'a', false);
    pair_stage(pair, 'b', 11, GOSSIP_STAGED_SET, "posts", TWO, 2000);
    pair_run(pair, 2000);
    ck_assert_int_eq(code_of(pair, 'b', 11), GOSSIP_EUNREACHABLE);
    ck_assert_str_eq(pair_reply(pair, 'b', 11)->text,
                     "its staged change belongs to the member a, which does not answer");
    pair_run(pair, 30000);
    ck_assert_str_eq(stands(pair, 'c'), "pending_add 2");
    pair_stage(pair, 'b', 12, GOSSIP_STAGED_SET, "posts", TWO, 60000);
    ck_assert_int_eq(code_of(pair, 'b', 12), GOSSIP_EUNREACHABLE); /* dead: at once */
    pair_remove(pair, 'b', "a");
    pair_run(pair, 1000);
    pair_stage(pair, 'b', 13, GOSSIP_STAGED_SET, "posts", TWO, 5000);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'b', 13), 0);
    ck_assert_str_eq(stands(pair, 'c'), "active 3");
    pair_free(pair);
}
END_TEST

START_TEST(owner_restarts) {
    /* A change whose owner has restarted under way goes on when it is asked for again, from wherever. */
    struct pair *pair = pending_at_deadline(TWO);
    cut_off(pair, 'c', 3, false);
    pair_stage(pair, 'b', 11, GOSSIP_STAGED_SET, "posts", TWO, 60000);
    pair_run(pair, 1);
    pair_kill(pair, 'a', true);
    pair_run(pair, 100);
    pair_start(pair, 'a', (struct pair_start){0});
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'b', 11), 0);
    ck_assert_str_eq(stands(pair, 'a'), "active 3");
    ck_assert_str_eq(stands(pair, 'c'), "active 3");
    pair_free(pair);
}
END_TEST

START_TEST(stop_tells_all_that_wait) {
    /* A node that stops tells the callers of its changes; one that was passed on to it is unreachable for its caller. */
    struct pair *pair = pending_at_deadline(TWO);
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_SET, "posts", TWO, 60000);
    pair_stage(pair, 'b', 11, GOSSIP_STAGED_SET, "posts", TWO, 60000);
    pair_run(pair, 50);
    ck_assert_int_eq(code_of(pair, 'b', 11), 1);
    pair_stop(pair, 'a');
    pair_run(pair, 10);
    ck_assert_int_eq(code_of(pair, 'a', 11), GOSSIP_ESTOPPING);
    ck_assert_int_eq(code_of(pair, 'b', 11), GOSSIP_EUNREACHABLE);
    pair_free(pair);
}
END_TEST

START_TEST(answer_of_the_owner_counts) {
    /* A change that has agreed upon what stood, and finds it pending at another's hand by then, tells what its owner says, not
     * the agreement before. */
    struct pair *pair = cluster(3);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", ONE);
    pair_run(pair, 3000);
    pair_transcript_clear(pair);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", TWO, 500);
    pair_run(pair, 2); /* a has written its pending_add, b has not heard of it */
    pair_stage(pair, 'b', 11, GOSSIP_STAGED_SET, "posts", TWO, 400);
    pair_cut(pair, 'a', 'c', true);
    pair_run(pair, 600);
    ck_assert_str_eq(stands(pair, 'b'), "pending_add 2");
    ck_assert_uint_gt(pair_sent(pair, 'b', 'a', "forward"), 0);
    ck_assert_int_eq(code_of(pair, 'b', 11), GOSSIP_ENOTAGREED);
    ck_assert_str_eq(pair_agreement(pair, 'b', 11), "b agreed, a agreed, c unreachable");
    pair_free(pair);
}
END_TEST

Suite *forward_suite(void);
Suite *forward_suite(void) {
    Suite *suite = suite_create("forward");
    TCase *passed_on = tcase_create("forward");
    tcase_add_test(passed_on, transcript_of_one_passed_on);
    tcase_add_test(passed_on, goes_on_from_another_node);
    tcase_add_test(passed_on, answer_of_the_owner_counts);
    tcase_add_test(passed_on, owner_is_gone);
    tcase_add_test(passed_on, owner_restarts);
    tcase_add_test(passed_on, stop_tells_all_that_wait);
    suite_add_tcase(suite, passed_on);
    return suite;
}
