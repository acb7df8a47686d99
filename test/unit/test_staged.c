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

START_TEST(set_goes_through_pending) {
    /* A staged set is pending_add everywhere before it is active anywhere, and the caller hears when all have it. */
    struct pair *pair = cluster(3);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 5000);
    bool pending_seen = false;
    for (unsigned i = 0; i < 100 && code_of(pair, 'a', 10) == 1; i++) {
        pair_run(pair, 1);
        unsigned active = 0;
        unsigned absent = 0;
        for (char letter = 'a'; letter <= 'c'; letter++) {
            pending_seen = pending_seen || strcmp(stands(pair, letter), "pending_add 1") == 0;
            active += strcmp(stands(pair, letter), "active 2") == 0;
            absent += strcmp(stands(pair, letter), "absent") == 0;
        }
        ck_assert(active == 0 || absent == 0); /* never two states apart */
    }
    ck_assert(pending_seen);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    ck_assert_str_eq(pair_agreement(pair, 'a', 10), "a agreed, b agreed, c agreed");
    ck_assert_int_eq(pair_reply(pair, 'a', 10)->state, CATALOG_ACTIVE);
    ck_assert_uint_eq(pair_reply(pair, 'a', 10)->number, 2);
    ck_assert_str_eq(stands(pair, 'c'), "active 2");
    ck_assert_ptr_null(pair_engine(pair, 'a')->staged);
    ck_assert_ptr_null(pair_engine(pair, 'a')->agreements);
    pair_free(pair);
}
END_TEST

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

START_TEST(drop_goes_through_pending) {
    /* A staged drop is pending_drop everywhere before it is dropped anywhere. */
    struct pair *pair = cluster(3);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", ONE);
    pair_run(pair, 100);
    pair_stage(pair, 'b', 10, GOSSIP_STAGED_DROP, "posts", NULL, 5000);
    for (unsigned i = 0; i < 100 && code_of(pair, 'b', 10) == 1; i++) {
        pair_run(pair, 1);
        unsigned active = 0;
        unsigned dropped = 0;
        for (char letter = 'a'; letter <= 'c'; letter++) {
            active += strcmp(stands(pair, letter), "active 1") == 0;
            dropped += strcmp(stands(pair, letter), "dropped 3") == 0;
        }
        ck_assert(active == 0 || dropped == 0);
    }
    ck_assert_int_eq(code_of(pair, 'b', 10), 0);
    ck_assert_str_eq(stands(pair, 'c'), "dropped 3");
    pair_stage(pair, 'b', 11, GOSSIP_STAGED_DROP, "nothing", NULL, 5000);
    ck_assert_int_eq(code_of(pair, 'b', 11), CATALOG_ENOTFOUND);
    pair_free(pair);
}
END_TEST

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
    ck_assert_str_eq(stands(pair, 'b'), "dropped 2");
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

START_TEST(asked_step_by_step) {
    /* With a timeout of 0 each call takes the step that is known to be agreed, with what it wrote on disk when it answers. */
    struct pair *pair = cluster(2);
    pair_run(pair, 3000);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 0);
    pair_run(pair, 1);
    ck_assert_int_eq(code_of(pair, 'a', 10), GOSSIP_ENOTAGREED);
    ck_assert_int_eq(pair_reply(pair, 'a', 10)->state, CATALOG_PENDING_ADD);
    pair_run(pair, 3000);
    pair_stage(pair, 'a', 11, GOSSIP_STAGED_SET, "posts", ONE, 0);
    pair_run(pair, 1);
    ck_assert_int_eq(code_of(pair, 'a', 11), GOSSIP_ENOTAGREED);
    ck_assert_int_eq(pair_reply(pair, 'a', 11)->state, CATALOG_ACTIVE);
    pair_run(pair, 3000);
    pair_stage(pair, 'b', 12, GOSSIP_STAGED_SET, "posts", ONE, 0);
    ck_assert_int_eq(code_of(pair, 'b', 12), 0);
    pair_free(pair);
}
END_TEST

static void stage_expecting(struct pair *pair, char letter, uint64_t token, const char *json,
                            uint64_t number) {
    struct merkle_buffer body;
    struct catalog_problem problem;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    ck_assert_int_eq(catalog_body_parse(CATALOG_SCHEMA, json, strlen(json), true, &body, &problem),
                     0);
    struct catalog_write write = {
        .operation = CATALOG_SET,
        .key = {.kind = CATALOG_SCHEMA, .entity = {"posts", 5}, .name = {"", 0}},
        .body = body.data,
        .body_size_bytes = body.size_bytes,
        .number_expected = true,
        .number = number,
    };
    pair_operate(pair, letter,
                 &(struct gossip_operation){.type = GOSSIP_STAGED,
                                            .token = token,
                                            .writes = &write,
                                            .write_count = 1,
                                            .staged = GOSSIP_STAGED_SET,
                                            .timeout_ms = 5000});
    merkle_buffer_close(&body);
}

START_TEST(refused_as_a_write_is) {
    /* If-Match of the beginning, rules, a malformed key, no entry at all: refused, nothing changed, the reason told. */
    struct pair *pair = cluster(2);
    stage_expecting(pair, 'a', 10, ONE, 7);
    ck_assert_int_eq(code_of(pair, 'a', 10), CATALOG_EPRECONDITION);
    ck_assert_str_eq(stands(pair, 'a'), "absent");
    stage_expecting(pair, 'a', 11, ONE, 0);
    pair_run(pair, 500);
    ck_assert_int_eq(code_of(pair, 'a', 11), 0);
    pair_write(pair, 'a', CATALOG_CONSTRAINT, "posts", "once",
               "{\"type\":\"unique\",\"fields\":[\"f\"]}");
    pair_run(pair, 500);
    stage_expecting(pair, 'a', 12, TWO, 2);
    pair_run(pair, 500);
    ck_assert_int_eq(code_of(pair, 'a', 12), CATALOG_EFIELDINUSE);
    ck_assert_uint_eq(pair_reply(pair, 'a', 12)->problem_count, 1);
    ck_assert_ptr_nonnull(strstr(pair_reply(pair, 'a', 12)->text, "once"));
    ck_assert_str_eq(stands(pair, 'a'), "active 2");
    pair_stage(pair, 'a', 13, GOSSIP_STAGED_SET, "a/b", ONE, 1000);
    ck_assert_int_eq(code_of(pair, 'a', 13), CATALOG_EMALFORMED);
    pair_operate(pair, 'a', &(struct gossip_operation){.type = GOSSIP_STAGED, .token = 14});
    ck_assert_int_eq(code_of(pair, 'a', 14), CATALOG_EMALFORMED);
    ck_assert_uint_eq(pair_engine(pair, 'a')->operation_count, 0);
    pair_free(pair);
}
END_TEST

START_TEST(skipping_the_dead_waits) {
    /* With skip_dead a step waits until the dead have been silent for longer than the freshness limit. */
    struct pair *pair = cluster(3);
    pair_kill(pair, 'c', true);
    pair_run(pair, 1);
    struct gossip__member *c = pair_member(pair, 'a', "c");
    gossip__member_set_state(pair_engine(pair, 'a'), c, GOSSIP_MEMBER_DEAD);
    pair_engine(pair, 'a')->config.freshness_limit_ms = 20000;
    gossip_time_ms heard_ms = c->heard_ms;
    struct catalog_write write = {
        .operation = CATALOG_SET,
        .key = {.kind = CATALOG_SCHEMA, .entity = {"posts", 5}, .name = {"", 0}},
        .body = (const uint8_t *)"\x81\xa6"
                                 "fields\x80",
        .body_size_bytes = 9,
    };
    pair_operate(pair, 'a',
                 &(struct gossip_operation){.type = GOSSIP_STAGED,
                                            .token = 10,
                                            .writes = &write,
                                            .write_count = 1,
                                            .staged = GOSSIP_STAGED_SET,
                                            .skip_dead = true,
                                            .timeout_ms = 60000});
    pair_run(pair, heard_ms + 20000 - pair_now(pair));
    ck_assert_int_eq(code_of(pair, 'a', 10), 1);
    ck_assert_str_eq(stands(pair, 'a'), "pending_add 1");
    pair_run(pair, 4000);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    ck_assert_str_eq(stands(pair, 'b'), "active 2");
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
    tcase_add_test(changes, set_goes_through_pending);
    tcase_add_test(changes, alone_too);
    tcase_add_test(changes, drop_goes_through_pending);
    tcase_add_test(changes, deadline_leaves_it_pending);
    tcase_add_test(changes, goes_on_from_another_node);
    tcase_add_test(changes, owner_is_gone);
    tcase_add_test(changes, owner_restarts);
    tcase_add_test(changes, two_at_once);
    tcase_add_test(changes, another_is_pending);
    tcase_add_test(changes, abort_restores);
    tcase_add_test(changes, asked_step_by_step);
    tcase_add_test(changes, refused_as_a_write_is);
    tcase_add_test(changes, skipping_the_dead_waits);
    tcase_add_test(changes, stop_tells_all_that_wait);
    tcase_add_test(changes, many_at_once_are_bounded);
    suite_add_tcase(suite, changes);
    return suite;
}
