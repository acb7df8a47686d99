/* test_staged_exact.c - what a step of a staged change needs of the agreement before it (decision 0024). */
#include "gossip/agreement.h"
#include "test/unit/support/cluster.h"

#include <check.h>
#include <string.h>

#define ONE "{\"fields\":{\"f\":{\"type\":\"string\"}}}"

static int code_of(const struct pair *pair, char letter, uint64_t token) {
    const struct pair_reply *reply = pair_reply(pair, letter, token);
    return reply == NULL ? 1 : reply->code;
}

/* What was dropped may be forgotten already. */
static enum catalog_state state_of(struct pair *pair, char letter) {
    struct catalog_entry *entry = pair_entry(pair, letter, "posts");
    return entry == NULL ? CATALOG_DROPPED : (enum catalog_state)entry->state;
}

static void cut(struct pair *pair, char letter, bool is_cut) {
    for (char other = 'a'; other <= 'd'; other++) {
        if (other != letter) {
            pair_cut(pair, letter, other, is_cut);
        }
    }
}

/* Of four; "a" has posts pending, "b" and "d" have confirmed it, "c" is cut off and has not. */
static struct pair *pending(void) {
    struct pair *pair = cluster(4);
    cut(pair, 'c', true);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 60000);
    pair_run(pair, 200);
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    ck_assert_int_eq(state_of(pair, 'b'), CATALOG_PENDING_ADD);
    return pair;
}

static size_t confirmed(struct pair *pair) {
    const struct gossip__agreement *agreement = pair_engine(pair, 'a')->agreements;
    size_t count = 0;
    ck_assert_ptr_nonnull(agreement);
    for (size_t i = 0; i < agreement->target_count; i++) {
        count += agreement->targets[i].confirmed;
    }
    return count;
}

START_TEST(removal_asks_again) {
    /* Who confirmed before it heard of a removal may still take what the removed one writes: all are asked again. */
    struct pair *pair = pending();
    ck_assert_uint_eq(confirmed(pair), 2);
    pair_remove(pair, 'a', "c");
    ck_assert_uint_eq(confirmed(pair), 0);
    ck_assert_int_eq(state_of(pair, 'a'), CATALOG_PENDING_ADD);
    pair_run(pair, 3000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    ck_assert_int_eq(state_of(pair, 'd'), CATALOG_ACTIVE);
    pair_free(pair);
}
END_TEST

START_TEST(removal_of_an_unknown_asks_again) {
    /* The same of one that came and was removed while this node heard of neither: others may have taken what it wrote. */
    struct pair *pair = pending();
    struct gossip *a = pair_engine(pair, 'a');
    const struct gossip__member_update removed = {
        .id = {{0xee, 1}},
        .name = {"e", 1},
        .address = {"e:1", 3},
        .state = GOSSIP_MEMBER_REMOVED,
        .ready = true,
    };
    ck_assert_uint_eq(confirmed(pair), 2);
    gossip__member_update(a, &removed, pair_member(pair, 'a', "b"));
    ck_assert_uint_eq(confirmed(pair), 0);
    cut(pair, 'c', false);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    pair_free(pair);
}
END_TEST

START_TEST(what_moved_is_not_waited_for) {
    /* What a step waits for no longer stands: nobody would confirm just that, so it ends at once, and not at its deadline. */
    struct pair *pair = pending();
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_ABORT, "posts", NULL, 60000);
    pair_run(pair, 50);
    ck_assert_int_eq(code_of(pair, 'a', 10), CATALOG_ESTATE);
    ck_assert_int_eq(state_of(pair, 'a'), CATALOG_DROPPED);
    cut(pair, 'c', false);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    pair_free(pair);
}
END_TEST

START_TEST(who_takes_over_agrees_before_it_aborts) {
    /* Others may still take the next step of an owner that was removed: only the owner itself aborts at once. */
    struct pair *pair = pending();
    pair_kill(pair, 'a', true);
    pair_remove(pair, 'b', "a");
    pair_run(pair, 500);
    pair_stage(pair, 'b', 12, GOSSIP_STAGED_ABORT, "posts", NULL, 60000);
    pair_run(pair, 3000);
    ck_assert_int_eq(code_of(pair, 'b', 12), 1);
    ck_assert_int_eq(state_of(pair, 'b'), CATALOG_PENDING_ADD);
    cut(pair, 'c', false);
    pair_run(pair, 20000);
    ck_assert_int_eq(code_of(pair, 'b', 12), 0);
    ck_assert_int_eq(state_of(pair, 'c'), CATALOG_DROPPED);
    pair_free(pair);
}
END_TEST

START_TEST(two_begun_at_once) {
    /* Of a set and a drop that wait for the same agreement one goes first, and the other on what that has left: at no moment is
     * it in force on one node and dropped on another. */
    struct pair *pair = cluster(4);
    pair_set(pair, 'a', "posts", ONE);
    pair_run(pair, 1000);
    cut(pair, 'c', true);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", "{\"fields\":{}}", 60000);
    pair_stage(pair, 'c', 11, GOSSIP_STAGED_DROP, "posts", NULL, 60000);
    pair_run(pair, 300);
    cut(pair, 'c', false);
    for (unsigned i = 0; i < 10000; i++) {
        pair_run(pair, 1);
        size_t active = 0, dropped = 0;
        for (char letter = 'a'; letter <= 'd'; letter++) {
            active += state_of(pair, letter) == CATALOG_ACTIVE;
            dropped += state_of(pair, letter) == CATALOG_DROPPED;
        }
        ck_assert(active == 0 || dropped == 0);
    }
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    ck_assert_int_eq(code_of(pair, 'c', 11), 0);
    pair_must_agree(pair, 'a', 'c');
    pair_free(pair);
}
END_TEST

Suite *staged_exact_suite(void);
Suite *staged_exact_suite(void) {
    Suite *suite = suite_create("staged_exact");
    TCase *tcase = tcase_create("staged_exact");
    tcase_add_test(tcase, removal_asks_again);
    tcase_add_test(tcase, removal_of_an_unknown_asks_again);
    tcase_add_test(tcase, what_moved_is_not_waited_for);
    tcase_add_test(tcase, who_takes_over_agrees_before_it_aborts);
    tcase_add_test(tcase, two_begun_at_once);
    suite_add_tcase(suite, tcase);
    return suite;
}
