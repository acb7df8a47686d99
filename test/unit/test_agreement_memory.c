/* test_agreement_memory.c - memory that is short, once, at any point of an agreement or a staged change.
 *
 * Two nodes share an allocator that fails at the n-th allocation, for each n, while changes are agreed, staged, left
 * pending, passed on, aborted. Every caller gets one reply, unless its engine says that it is finished; success is never
 * told falsely (G6); afterwards the same requests succeed, and nothing leaks.
 */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/pair.h"

#include <check.h>
#include <string.h>

#define ONE "{\"fields\":{\"f\":{\"type\":\"string\"}}}"
#define TWO "{\"fields\":{\"g\":{\"type\":\"string\"}}}"

enum { SHARES = 4 };

struct scenario {
    struct pair *pair;
    struct alloc_fault fault;
    struct merkle_allocator allocator;
    unsigned restarts, agreed, refused;
};

static void start(struct scenario *scenario, char letter) {
    struct pair_start options = {.allocator = &scenario->allocator};
    options.join[0] = letter == 'a' ? NULL : "a:1";
    bool paused = scenario->fault.paused;
    scenario->fault.paused = true;
    pair_start(scenario->pair, letter, options);
    scenario->fault.paused = paused;
}

/* Who is finished is started again; returns whether one was. */
static bool run(struct scenario *scenario, gossip_duration_ms span_ms) {
    unsigned restarts = scenario->restarts;
    for (gossip_duration_ms gone_ms = 0; gone_ms < span_ms; gone_ms += 20) {
        pair_run(scenario->pair, 20);
        for (char letter = 'a'; letter <= 'b'; letter++) {
            struct gossip *engine = pair_engine(scenario->pair, letter);
            if (engine != NULL && engine->fatal) {
                scenario->restarts++;
                pair_kill(scenario->pair, letter, true);
                start(scenario, letter);
            }
        }
    }
    return scenario->restarts != restarts;
}

static struct catalog_entry *stored(struct scenario *scenario, char letter) {
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {"posts", 5}, .name = {"", 0}};
    return catalog_find(pair_engine(scenario->pair, letter)->catalog, &key);
}

/* The reply has come, unless the node started again; a success is true. */
static void judge(struct scenario *scenario, char letter, uint64_t token, bool restarted) {
    const struct pair_reply *reply = pair_reply(scenario->pair, letter, token);
    ck_assert_msg(reply != NULL || restarted, "no reply to %llu", (unsigned long long)token);
    if (reply == NULL || reply->code != 0) {
        scenario->refused++;
        return;
    }
    scenario->agreed++;
    struct catalog_entry *a = stored(scenario, 'a');
    struct catalog_entry *b = stored(scenario, 'b');
    ck_assert((a == NULL) == (b == NULL)); /* the first write may have failed */
    ck_assert(a == NULL || merkle_digest_equal(&a->digest, &b->digest));
}

static void stage(struct scenario *scenario, char letter, uint64_t token, enum gossip_staged staged,
                  const char *json) {
    pair_stage(scenario->pair, letter, token, staged, "posts", json, 2000);
    judge(scenario, letter, token, run(scenario, 2100));
}

static void life(struct scenario *scenario) {
    struct pair *pair = scenario->pair;
    pair_write(pair, 'a', CATALOG_SCHEMA, "posts", "", ONE);
    pair_agree(pair, 'a', 10, "posts", 1000, false);
    pair_agree(pair, 'b', 11, "", 1000, false);
    bool restarted = run(scenario, 1100);
    judge(scenario, 'a', 10, restarted);
    judge(scenario, 'b', 11, restarted);
    pair_cut(pair, 'a', 'b', true); /* left pending by a */
    pair_stage(pair, 'a', 12, GOSSIP_STAGED_SET, "posts", TWO, 100);
    restarted = run(scenario, 200);
    ck_assert(pair_reply(pair, 'a', 12) != NULL || restarted);
    pair_cut(pair, 'a', 'b', false);
    run(scenario, 1500);
    stage(scenario, 'b', 13, GOSSIP_STAGED_SET, TWO); /* passed on, perhaps */
    stage(scenario, 'b', 14, GOSSIP_STAGED_DROP, NULL);
}

static bool live_through(size_t allowed, struct scenario *total) {
    struct scenario scenario = {.fault = {.allowed = allowed, .paused = true}};
    scenario.allocator = alloc_fault_allocator(&scenario.fault);
    scenario.pair = pair_new();
    start(&scenario, 'a');
    run(&scenario, 100);
    start(&scenario, 'b');
    run(&scenario, 3000);
    scenario.fault.paused = false;
    life(&scenario);
    bool fired = scenario.fault.fired > 0;
    scenario.fault.paused = true;
    run(&scenario, 3000);
    stage(&scenario, 'b', 20, GOSSIP_STAGED_ABORT, NULL); /* whatever is left pending */
    stage(&scenario, 'a', 21, GOSSIP_STAGED_SET, ONE);
    ck_assert_int_eq(pair_reply(scenario.pair, 'a', 21)->code, 0);
    for (char letter = 'a'; letter <= 'b'; letter++) {
        ck_assert_uint_eq(pair_engine(scenario.pair, letter)->operation_count, 0);
        ck_assert_ptr_null(pair_engine(scenario.pair, letter)->agreements);
        ck_assert_ptr_null(pair_engine(scenario.pair, letter)->staged);
    }
    total->restarts += scenario.restarts;
    total->agreed += scenario.agreed;
    total->refused += scenario.refused;
    pair_free(scenario.pair);
    ck_assert_uint_eq(scenario.fault.live_blocks, 0);
    return fired;
}

START_TEST(one_failure_anywhere) {
    /* G6, G11: whichever single allocation fails, callers are answered, truly, and all goes on afterwards. */
    struct scenario total = {0};
    unsigned lives = 0;
    for (size_t allowed = (size_t)_i; live_through(allowed, &total); allowed += SHARES) {
        lives++;
    }
    ck_assert_uint_gt(lives, 160 / SHARES);
    ck_assert_uint_lt(total.restarts, lives / 2);
    ck_assert_uint_gt(total.refused, lives); /* of each life the abort of what is not pending */
    ck_assert_uint_gt(total.agreed, 3 * lives);
}
END_TEST

Suite *agreement_memory_suite(void);
Suite *agreement_memory_suite(void) {
    Suite *suite = suite_create("agreement_memory");
    TCase *memory = tcase_create("agreement_memory");
    tcase_set_timeout(memory, 120);
    tcase_add_loop_test(memory, one_failure_anywhere, 0, SHARES);
    suite_add_tcase(suite, memory);
    return suite;
}
