/* test_staged_step.c - the steps of a staged change as all nodes see them, and what refuses one (DESIGN 7.6). */
#include "test/unit/support/cluster.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

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

START_TEST(transcript_of_a_set) {
    /* Two steps, each pushed, stored and confirmed before the next (docs/PROTOCOL.md has this transcript). */
    struct pair *pair = cluster(2);
    pair_run(pair, 500);
    pair_transcript_clear(pair);
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_SET, "posts", ONE, 5000);
    pair_run(pair, 10);
    ck_assert_str_eq(pair_transcript(pair), "  6600 a ! changed -: -\n"
                                            "  6600 a > b push\n"
                                            "  6600 a > b confirm\n"
                                            "  6601 b ! changed -: -\n"
                                            "  6601 b > a push_ack\n"
                                            "  6601 b > a confirmation\n"
                                            "  6602 a ! changed -: -\n"
                                            "  6602 a > b push\n"
                                            "  6602 a > b confirm\n"
                                            "  6603 b ! changed -: -\n"
                                            "  6603 b > a push_ack\n"
                                            "  6603 b > a confirmation\n"
                                            "  6604 a = 0\n");
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

static enum catalog_state constraint_state(struct pair *pair, char letter) {
    struct catalog_key key = {.kind = CATALOG_CONSTRAINT, .entity = {"posts", 5}, .name = {"c", 1}};
    struct catalog_entry *entry = catalog_find(pair_engine(pair, letter)->catalog, &key);
    return entry == NULL ? CATALOG_DROPPED : (enum catalog_state)entry->state;
}

START_TEST(what_goes_along_is_agreed_upon) {
    /* What hangs on a schema goes through the same states, and is agreed upon as well: a member that has got the schema of a
     * step and not the constraint holds the next step up. */
    struct pair *pair = cluster(2);
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", ONE);
    pair_write(pair, 'a', CATALOG_CONSTRAINT, "posts", "c",
               "{\"type\":\"not_null\",\"fields\":[\"f\"]}");
    pair_run(pair, 3000);
    struct gossip *b = pair_engine(pair, 'b');
    struct catalog_key key = {.kind = CATALOG_CONSTRAINT, .entity = {"posts", 5}, .name = {"c", 1}};
    pair_stage(pair, 'a', 10, GOSSIP_STAGED_DROP, "posts", NULL, 20000);
    bool held = false;
    for (unsigned i = 0; i < 20000 && code_of(pair, 'a', 10) == 1; i++) {
        pair_run(pair, 1);
        if (!held && strcmp(stands(pair, 'b'), "pending_drop 2") == 0) {
            /* As if the constraint had come alone, and been lost with its push. */
            held = true;
            ck_assert_int_eq(catalog_unload(b->catalog, &key), 0);
        }
        bool lacks = held && catalog_find(b->catalog, &key) == NULL;
        ck_assert(!lacks || constraint_state(pair, 'a') != CATALOG_DROPPED);
    }
    ck_assert(held);
    ck_assert_int_eq(code_of(pair, 'a', 10), 0);
    ck_assert_int_eq(constraint_state(pair, 'b'), CATALOG_DROPPED);
    ck_assert_str_eq(stands(pair, 'b'), "dropped 3");
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

/* A staged set asked of a solo node, if that number stands (0: whatever stands). */
static void stage_solo_if(struct solo *solo, uint64_t token, const char *entity, const char *json,
                          uint64_t number) {
    struct merkle_buffer body;
    struct catalog_problem problem;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    ck_assert_int_eq(catalog_body_parse(CATALOG_SCHEMA, json, strlen(json), true, &body, &problem),
                     0);
    const struct catalog_write write = {
        .operation = CATALOG_SET,
        .key = {.kind = CATALOG_SCHEMA, .entity = {entity, strlen(entity)}, .name = {"", 0}},
        .body = body.data,
        .body_size_bytes = body.size_bytes,
        .number_expected = number != 0,
        .number = number,
    };
    const struct gossip_operation operation = {.type = GOSSIP_STAGED,
                                               .token = token,
                                               .writes = &write,
                                               .write_count = 1,
                                               .staged = GOSSIP_STAGED_SET,
                                               .timeout_ms = 60000};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    merkle_buffer_close(&body);
}

static void stage_solo(struct solo *solo, uint64_t token, const char *entity, const char *json) {
    stage_solo_if(solo, token, entity, json, 0);
}

START_TEST(number_holds_until_it_is_written) {
    /* If-Match: a change that has to wait for a batch of its own looks at the number again when it has one. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_write(solo, 1, "posts", "f");
    solo_store_all(solo);
    stage_solo_if(solo, 11, "posts", TWO, 1);
    (void)solo_ask(solo, 12, GOSSIP_MEMBER_REMOVE, "p1",
                   0); /* all agree, but its row is in the batch */
    ck_assert_uint_eq(gossip_deadline(solo->engine), solo->now_ms);
    (void)solo_write(solo, 13, "posts", "h");
    for (unsigned i = 0; i < 10; i++) {
        solo_store_all(solo);
        solo_run(solo, 1);
    }
    ck_assert_int_eq(solo_reply(solo, 13), 0);
    ck_assert_int_eq(solo_reply(solo, 11), CATALOG_EPRECONDITION);
    ck_assert_uint_eq(solo_find(solo, "posts")->number, 2);
    solo_free(solo);
}
END_TEST

START_TEST(one_batch_each) {
    /* Two changes that may go on in the same step, beside a member row: each has a batch of its own, in steps at once. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_write(solo, 1, "posts", "f");
    (void)solo_write(solo, 2, "users", "f");
    solo_store_all(solo);
    stage_solo(solo, 11, "posts", TWO);
    stage_solo(solo, 12, "users", TWO);
    ck_assert_uint_eq(solo_flying(solo), 0); /* p1 has not confirmed what stands */
    (void)solo_ask(solo, 13, GOSSIP_MEMBER_REMOVE, "p1", 0);
    ck_assert_uint_eq(solo_flying(solo), 1); /* the row */
    ck_assert_uint_eq(gossip_deadline(solo->engine), solo->now_ms);
    solo_run(solo, 1);
    ck_assert_uint_eq(solo_flying(solo), 3);
    for (unsigned i = 0; i < 10; i++) {
        solo_store_all(solo);
        solo_run(solo, 1);
    }
    ck_assert_int_eq(solo_reply(solo, 11), 0);
    ck_assert_int_eq(solo_reply(solo, 12), 0);
    ck_assert_uint_eq(solo_find(solo, "users")->number, 3);
    solo_free(solo);
}
END_TEST

START_TEST(store_that_fails) {
    /* A step that did not get to the disk ends the change with the store's error; what stood stands. */
    struct solo *solo = solo_new();
    stage_solo(solo, 11, "posts", ONE);
    ck_assert_int_eq(solo_reply(solo, 11), 1);
    solo_store(solo, CATALOG_EIO);
    ck_assert_int_eq(solo_reply(solo, 11), CATALOG_EIO);
    ck_assert_ptr_null(solo->update->replies[0].staged_entry);
    stage_solo(solo, 12, "posts", ONE);
    ck_assert_int_eq(solo_reply(solo, 12), CATALOG_EIO);
    solo_free(solo);
}
END_TEST

START_TEST(owner_that_is_nobody) {
    /* What a node of a name that no member has left pending belongs to whoever is asked. */
    static const uint8_t body[] = {0x81, 0xa6, 'f', 'i', 'e', 'l', 'd', 's', 0x80};
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    const struct catalog_key key = entry_maker_key(CATALOG_SCHEMA, "posts", "");
    const struct made_version version = {
        solo_clock(1),      0x31,        "ghost", 1, CATALOG_PENDING_ADD,
        (const char *)body, sizeof body, NULL,    0, 0};
    const struct made_pair pair = {0x31, solo_clock(1)};
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    entry_maker_bytes(&key, &version, 1, &pair, 1, &bytes);
    const struct gossip__span span = {bytes.data, bytes.size_bytes};
    solo_receive(
        solo, 1,
        &(struct gossip__message){.type = GOSSIP__PUSH,
                                  .push = {.sequence = 1, .entries = &span, .entry_count = 1}});
    solo_store_all(solo);
    solo_clear(solo);
    stage_solo(solo, 11, "posts", "{\"fields\":{}}");
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__CONFIRM), 1);
    ck_assert_uint_eq(solo_sent(solo, 1, GOSSIP__FORWARD), 0);
    merkle_buffer_close(&bytes);
    solo_free(solo);
}
END_TEST

Suite *staged_step_suite(void);
Suite *staged_step_suite(void) {
    Suite *suite = suite_create("staged_step");
    TCase *steps = tcase_create("staged_step");
    tcase_add_test(steps, set_goes_through_pending);
    tcase_add_test(steps, transcript_of_a_set);
    tcase_add_test(steps, drop_goes_through_pending);
    tcase_add_test(steps, what_goes_along_is_agreed_upon);
    tcase_add_test(steps, asked_step_by_step);
    tcase_add_test(steps, refused_as_a_write_is);
    tcase_add_test(steps, skipping_the_dead_waits);
    tcase_add_test(steps, one_batch_each);
    tcase_add_test(steps, number_holds_until_it_is_written);
    tcase_add_test(steps, store_that_fails);
    tcase_add_test(steps, owner_that_is_nobody);
    suite_add_tcase(suite, steps);
    return suite;
}
