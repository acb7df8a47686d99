/* test_engine_memory.c - memory that is short, once, at any point of a cluster's life.
 *
 * Two nodes share an allocator that fails at the n-th allocation, for each n, once or for some 200 ms: found, join, write, push, cut, exchange,
 * restart. A step either goes on as if a frame had been lost or a client refused, or the engine says that it is finished
 * (GOSSIP_EFATAL) and is started again from its disk. Either way the cluster converges, nothing that was acknowledged is
 * lost (G11), and nothing leaks.
 */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/pair.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { WRITES_MAX = 64, WRITES_BEFORE_JOIN = 24, SHARES = 4, BURST_SLICES = 4 };

struct scenario {
    struct pair *pair;
    struct alloc_fault fault;
    struct merkle_allocator allocator;
    bool acknowledged[WRITES_MAX];
    unsigned writes;
    unsigned restarts;
    unsigned burst_slices; /* for how long memory has been short */
};

static void start(struct scenario *scenario, char letter) {
    struct pair_start options = {.allocator = &scenario->allocator};
    options.join[0] = letter == 'a' ? NULL : "a:1";
    bool paused = scenario->fault.paused;
    scenario->fault.paused = paused || scenario->fault.repeat; /* started when there is memory */
    pair_start(scenario->pair, letter, options);
    scenario->fault.paused = paused;
}

/* Time goes on; who is finished is started again. */
static void run(struct scenario *scenario, gossip_duration_ms span_ms) {
    for (gossip_duration_ms gone_ms = 0; gone_ms < span_ms; gone_ms += 50) {
        pair_run(scenario->pair, 50);
        if (scenario->fault.repeat && scenario->fault.fired > 0 &&
            ++scenario->burst_slices >= BURST_SLICES) {
            scenario->fault.paused = true;
        }
        for (char letter = 'a'; letter <= 'b'; letter++) {
            struct gossip *engine = pair_engine(scenario->pair, letter);
            if (engine != NULL && engine->fatal) {
                scenario->restarts++;
                pair_kill(scenario->pair, letter, true);
                start(scenario, letter);
            }
        }
    }
}

static void write_one(struct scenario *scenario, char letter) {
    char entity[8];
    char line[16];
    unsigned number = scenario->writes++;
    (void)snprintf(entity, sizeof entity, "e%u", number);
    (void)snprintf(line, sizeof line, " %c = 0", letter);
    pair_transcript_clear(scenario->pair);
    pair_write(scenario->pair, letter, CATALOG_SCHEMA, entity, "",
               "{\"fields\":{\"f\":{\"type\":\"string\"}}}");
    run(scenario, 50);
    scenario->acknowledged[number] = pair_saw(scenario->pair, line);
}

static void life(struct scenario *scenario) {
    start(scenario, 'a');
    run(scenario, 100);
    for (unsigned i = 0; i < WRITES_BEFORE_JOIN; i++) {
        write_one(scenario, 'a');
    }
    start(scenario, 'b');
    run(scenario, 1000);
    write_one(scenario, 'a');
    write_one(scenario, 'b');
    pair_cut(scenario->pair, 'a', 'b', true);
    write_one(scenario, 'a');
    write_one(scenario, 'b');
    run(scenario, 200);
    pair_cut(scenario->pair, 'a', 'b', false);
    pair_ask(scenario->pair, 'a', GOSSIP_DIFF, "b");
    run(scenario, 100);
    pair_ask(scenario->pair, 'b', GOSSIP_SYNC, "");
    run(scenario, 1500);
    pair_kill(scenario->pair, 'b', true);
    write_one(scenario, 'a');
    start(scenario, 'b');
    run(scenario, 1500);
}

static void assert_converged(struct scenario *scenario) {
    struct merkle_digest roots[2];
    for (unsigned i = 0; i < 2; i++) {
        struct gossip *engine = pair_engine(scenario->pair, (char)('a' + i));
        ck_assert(engine->state.ready);
        ck_assert_int_eq(gossip__write_refusal(engine), 0);
        roots[i] = merkle_tree_root(catalog_tree(engine->catalog));
        for (unsigned number = 0; number < scenario->writes; number++) {
            char entity[8];
            int length = snprintf(entity, sizeof entity, "e%u", number);
            struct catalog_key key = {CATALOG_SCHEMA, {entity, (size_t)length}, {"", 0}};
            ck_assert(!scenario->acknowledged[number] ||
                      catalog_find(engine->catalog, &key) != NULL);
        }
        ck_assert_uint_eq(engine->operation_count, 0);
        ck_assert_uint_eq(engine->counters.exchanges[GOSSIP_EXCHANGE_FUTILE], 0);
    }
    ck_assert(merkle_digest_equal(&roots[0], &roots[1]));
}

/* The whole life with this failure; returns whether it came to it. */
static bool live_through(size_t allowed, bool repeat, unsigned *restarts, unsigned *acknowledged) {
    struct scenario scenario = {.fault = {.allowed = allowed, .repeat = repeat}};
    scenario.allocator = alloc_fault_allocator(&scenario.fault);
    scenario.pair = pair_new();
    life(&scenario);
    bool fired = scenario.fault.fired > 0;
    scenario.fault.paused = true;
    for (unsigned i = 0; i < 60;
         i++) { /* a dial that failed waits; a newcomer may have to wait, too */
        run(&scenario, 1000);
        if (gossip_status(pair_engine(scenario.pair, 'a'), pair_now(scenario.pair), 0).agreed ==
                GOSSIP_YES &&
            gossip_status(pair_engine(scenario.pair, 'b'), pair_now(scenario.pair), 0).agreed ==
                GOSSIP_YES) {
            break;
        }
    }
    assert_converged(&scenario);
    for (unsigned i = 0; i < scenario.writes; i++) {
        *acknowledged += scenario.acknowledged[i];
    }
    *restarts += scenario.restarts;
    pair_free(scenario.pair);
    ck_assert_uint_eq(scenario.fault.live_blocks, 0);
    return fired;
}

/* A quarter of the failures each, so that no test takes long. */
static void sweep(size_t share, bool repeat) {
    unsigned restarts = 0;
    unsigned acknowledged = 0;
    unsigned lives = 0;
    for (size_t allowed = share; live_through(allowed, repeat, &restarts, &acknowledged);
         allowed += SHARES) {
        lives++;
    }
    ck_assert_uint_gt(lives, 400 / SHARES);
    ck_assert_uint_gt(restarts, 0);         /* some are fatal, */
    ck_assert_uint_lt(restarts, lives / 2); /* most are not */
    ck_assert_uint_gt(acknowledged, lives * (WRITES_BEFORE_JOIN + 3));
}

START_TEST(one_failure_anywhere) {
    /* G11, G1: whichever single allocation fails, the cluster converges and keeps what it acknowledged; nothing leaks. */
    sweep((size_t)_i, false);
}
END_TEST

START_TEST(short_for_a_while) {
    /* The same where memory is short for some 200 ms from there on. */
    sweep((size_t)_i, true);
}
END_TEST

Suite *engine_memory_suite(void);
Suite *engine_memory_suite(void) {
    Suite *suite = suite_create("engine_memory");
    TCase *memory = tcase_create("engine_memory");
    tcase_set_timeout(memory, 120);
    tcase_add_loop_test(memory, one_failure_anywhere, 0, SHARES);
    tcase_add_loop_test(memory, short_for_a_while, 0, SHARES);
    suite_add_tcase(suite, memory);
    return suite;
}
