/* test_staged.c - changes that go through a pending state in clusters of a few engines (DESIGN 7.6). */
#include "test/unit/support/cluster.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define ONE "{\"fields\":{\"f\":{\"type\":\"string\"}}}"
#define TWO "{\"fields\":{\"g\":{\"type\":\"string\"}}}"
#define THREE "{\"fields\":{\"h\":{\"type\":\"string\"}}}"

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
    for (unsigned i = 0; i < 100 && strcmp(stands(pair, 'a'), "active 1") == 0; i++) {
        pair_run(pair, 1);
    }
    cut_off(pair, 'c', 3, true);
    pair_run(pair, 3000);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    return pair;
}

START_TEST(alone_too) {
    /* A cluster of one goes through the same states; asked again, what is in force changes nothing. */
    struct pair *pair = cluster(1);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 5000);
    pair_run(pair, 10);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_SET, "posts", TWO, 5000);
    pair_run(pair, 10);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    ck_assert_str_eq(stands(pair, 'a'), "active 4");
    pair_stage(pair, 'a', 12, GOSSIP_STAGED_SET, "posts", TWO, 0);
    ck_assert_int_eq(code_of(pair, 'a', 12), 0);
    ck_assert_str_eq(stands(pair, 'a'), "active 4");
    pair_free(pair);
}
END_TEST

START_TEST(deadline_leaves_it_pending) {
    /* At the deadline it stays pending and names who has not agreed; the same request goes on from there. */
    struct pair *pair = pending_at_deadline(TWO);
    ck_assert_str_eq(pair_agreement(pair, 'a', 10), "a agreed, b agreed, c unreachable");
    ck_assert_str_eq(stands(pair, 'b'), "pending_add 2");
    ck_assert_int_eq(pair_reply(pair, 'a', 10)->state, CATALOG_PENDING_ADD);
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_SET, "posts", TWO, 60000);
    pair_run(pair, 1000);
    ck_assert_str_eq(stands(pair, 'a'), "pending_add 2");
    cut_off(pair, 'c', 3, false);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    ck_assert_str_eq(stands(pair, 'c'), "active 3");
    pair_free(pair);
}
END_TEST

START_TEST(two_at_once) {
    /* Of two different changes at one node the second is refused at once; at two nodes neither finishes over the other. */
    struct pair *pair = cluster(3);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 5000);
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_SET, "posts", TWO, 5000);
    pair_stage(pair, 'a', 12, GOSSIP_STAGED_SET, "posts", ONE, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 11), CATALOG_ESTATE);
    pair_run(pair, 500);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    ck_assert_int_eq(code_of(pair, 'a', 12), 0);
    ck_assert_str_eq(stands(pair, 'b'), "active 2");

    pair_stage(pair, 'a', 13, GOSSIP_STAGED_SET, "posts", TWO, 5000);
    pair_stage(pair, 'b', 13, GOSSIP_STAGED_SET, "posts", THREE, 5000);
    pair_run(pair, 5000);
    ck_assert_int_eq(code_of(pair, 'a', 13), CATALOG_ESTATE);
    ck_assert_int_eq(code_of(pair, 'b', 13), CATALOG_ESTATE);
    ck_assert_str_eq(stands(pair, 'c'), "pending_add 3 conflict");
    pair_stage(pair, 'c', 14, GOSSIP_STAGED_ABORT, "posts", NULL, 1000);
    ck_assert_int_eq(code_of(pair, 'c', 14), CATALOG_ESTATE);
    pair_write(pair, 'c', CATALOG_SCHEMA, "posts", "", ONE); /* resolves */
    pair_run(pair, 1000);
    ck_assert_str_eq(stands(pair, 'a'), "active 4");
    pair_free(pair);
}
END_TEST

START_TEST(another_is_pending) {
    /* What somebody else has pending is finished or aborted first: another body, a drop, are refused, here and there. */
    struct pair *pair = pending_at_deadline(TWO);
    cut_off(pair, 'c', 3, false);
    pair_run(pair, 3000);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        pair_stage(pair, letter, 20, GOSSIP_STAGED_SET, "posts", THREE, 1000);
        pair_stage(pair, letter, 21, GOSSIP_STAGED_DROP, "posts", NULL, 1000);
        pair_run(pair, 100);
        ck_assert_int_eq(code_of(pair, letter, 20), CATALOG_ESTATE);
        ck_assert_int_eq(code_of(pair, letter, 21), CATALOG_ESTATE);
        ck_assert_str_eq(stands(pair, letter), "pending_add 2");
    }
    pair_free(pair);
}
END_TEST

START_TEST(abort_restores) {
    /* The abort leads back to what was before, at the owner and from elsewhere, also while the change still waits. */
    struct pair *pair = pending_at_deadline(TWO);
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_SET, "posts", TWO, 60000);
    pair_run(pair, 100);
    pair_stage(pair, 'b', 12, GOSSIP_STAGED_ABORT, "posts", NULL, 60000);
    pair_run(pair, 100);
    ck_assert_str_eq(stands(pair, 'a'), "active 3");
    cut_off(pair, 'c', 3, false);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'b', 12), 0);
    ck_assert_int_eq(code_of(pair, 'a', 11), CATALOG_ESTATE);
    ck_assert_str_eq(stands(pair, 'c'), "active 3");
    pair_stage(pair, 'b', 13, GOSSIP_STAGED_ABORT, "posts", NULL, 60000);
    ck_assert_int_eq(code_of(pair, 'b', 13), CATALOG_ESTATE); /* nothing is pending */
    pair_stage(pair, 'b', 14, GOSSIP_STAGED_ABORT, "nothing", NULL, 60000);
    ck_assert_int_eq(code_of(pair, 'b', 14), CATALOG_ESTATE);
    pair_free(pair);

    pair = cluster(2); /* a first version leads back to nothing, a drop to what is in force */
    cut_off(pair, 'b', 2, true);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 100);
    pair_run(pair, 100);
    ck_assert_str_eq(stands(pair, 'a'), "pending_add 1");
    cut_off(pair, 'b', 2, false);
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_ABORT, "posts", NULL, 60000);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    ck_assert(strcmp(stands(pair, 'b'), "dropped 2") == 0 ||
              strcmp(stands(pair, 'b'), "absent") == 0); /* the horizon may have passed it */
    pair_free(pair);

    pair = pending_at_deadline(NULL);
    ck_assert_str_eq(stands(pair, 'b'), "pending_drop 2");
    cut_off(pair, 'c', 3, false);
    pair_stage(pair, 'b', 12, GOSSIP_STAGED_ABORT, "posts", NULL, 60000);
    pair_run(pair, 10000);
    ck_assert_int_eq(code_of(pair, 'b', 12), 0);
    ck_assert_str_eq(stands(pair, 'c'), "active 3");
    pair_free(pair);
}
END_TEST

START_TEST(many_at_once_are_bounded) {
    /* G8: above the bound a change is refused as busy; an engine that ends with changes waiting leaks nothing. */
    struct pair *pair = cluster(2);
    pair_kill(pair, 'b', false);
    for (unsigned i = 0; i <= GOSSIP__STAGED_MAX; i++) {
        char entity[8];
        (void)snprintf(entity, sizeof entity, "e%u", i);
        pair_stage(pair, 'a', 100 + i, GOSSIP_STAGED_SET, entity, ONE, 60000);
    }
    ck_assert_int_eq(code_of(pair, 'a', 100 + GOSSIP__STAGED_MAX), GOSSIP_EBUSY);
    pair_run(pair, 100);
    ck_assert_int_eq(code_of(pair, 'a', 100 + GOSSIP__STAGED_MAX - 1), 1);
    pair_free(pair);
}
END_TEST

Suite *staged_suite(void);
Suite *staged_suite(void) {
    Suite *suite = suite_create("staged");
    TCase *changes = tcase_create("staged");
    tcase_add_test(changes, alone_too);
    tcase_add_test(changes, deadline_leaves_it_pending);
    tcase_add_test(changes, two_at_once);
    tcase_add_test(changes, another_is_pending);
    tcase_add_test(changes, abort_restores);
    tcase_add_test(changes, many_at_once_are_bounded);
    suite_add_tcase(suite, changes);
    return suite;
}
