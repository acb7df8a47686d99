/* test_recv_hello.c - whom a node deals with, and what each refusal says on both sides. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/pair.h"

#include <check.h>
#include <string.h>

static struct pair *cluster(size_t count) {
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){0});
    for (size_t i = 1; i < count; i++) {
        pair_run(pair, 100);
        pair_start(pair, (char)('a' + i), (struct pair_start){.join = {"a:1"}});
    }
    pair_run(pair, 5000);
    pair_transcript_clear(pair);
    return pair;
}

static uint64_t closed(struct pair *pair, char letter, enum gossip_close_reason reason) {
    return pair_engine(pair, letter)->counters.closed[reason];
}

static uint64_t refused_by(struct pair *pair, char letter, enum gossip_close_reason reason) {
    return pair_engine(pair, letter)->counters.refused_by[reason];
}

START_TEST(other_cluster_name) {
    /* A node of another cluster is refused, changes nothing, and both sides count and show it. */
    struct pair *pair = cluster(1);
    pair_start(pair, 'b', (struct pair_start){.cluster = "other", .join = {"a:1"}});
    pair_run(pair, 20);
    ck_assert_uint_eq(closed(pair, 'a', GOSSIP_CLOSE_CLUSTER_NAME), 1);
    ck_assert_uint_eq(closed(pair, 'b', GOSSIP_CLOSE_CLUSTER_NAME), 1);
    ck_assert(pair_saw(pair, "a ! refused b: refused the peer: cluster_name"));
    ck_assert(pair_saw(pair, "b ! refused a: refused the peer: cluster_name"));
    ck_assert_uint_eq(pair_engine(pair, 'a')->member_count, 0);
    ck_assert_uint_eq(pair_engine(pair, 'b')->member_count, 0);
    pair_free(pair);
}
END_TEST

START_TEST(copied_disk_is_refused) {
    /* P6: a copy of a live member's disk is refused as the second process of that id and raises the alarm there; the
     * member stays; once it is gone the copy is let in, and its alarm ends (S13). */
    struct pair *pair = cluster(3);
    pair_stop(pair, 'b');
    pair_disk_copy(pair, 'b', 'd');
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 4000);
    pair_start(pair, 'd', (struct pair_start){.name = "b", .join = {"a:1"}});
    pair_run(pair, 5000);
    ck_assert(pair_engine(pair, 'd')->duplicate_id);
    ck_assert(!pair_engine(pair, 'b')->duplicate_id);
    ck_assert(pair_saw(pair, "a ! refused b: refused the peer: duplicate_id"));
    ck_assert_uint_gt(refused_by(pair, 'd', GOSSIP_CLOSE_DUPLICATE_ID), 0);
    ck_assert_str_eq(pair_member(pair, 'a', "b")->row.address, "b:1");
    pair_run(pair, 60000);
    ck_assert(pair_engine(pair, 'd')->duplicate_id);
    ck_assert_int_eq(pair_member(pair, 'a', "b")->state, GOSSIP_MEMBER_ALIVE);
    ck_assert_int_eq(pair_member(pair, 'c', "b")->state, GOSSIP_MEMBER_ALIVE);
    pair_kill(pair, 'b', true);
    pair_run(pair, 40000);
    ck_assert(!pair_engine(pair, 'd')->duplicate_id);
    ck_assert_str_eq(pair_member(pair, 'a', "b")->row.address, "d:1");
    ck_assert_int_eq(pair_member(pair, 'a', "b")->state, GOSSIP_MEMBER_ALIVE);
    pair_free(pair);
}
END_TEST

START_TEST(both_of_one_id_are_alarmed) {
    /* Two processes of one id that meet are both alarmed and write nothing meanwhile. */
    struct pair *pair = cluster(1);
    pair_stop(pair, 'a');
    pair_disk_copy(pair, 'a', 'd');
    pair_start(pair, 'a', (struct pair_start){0});
    pair_start(pair, 'd', (struct pair_start){.name = "a", .join = {"a:1"}});
    pair_run(pair, 2000);
    ck_assert(pair_engine(pair, 'a')->duplicate_id);
    ck_assert(pair_engine(pair, 'd')->duplicate_id);
    pair_kill(pair, 'd', true);
    pair_run(pair, 15000);
    ck_assert(!pair_engine(pair, 'a')->duplicate_id);
    pair_free(pair);
}
END_TEST

START_TEST(restart_wins_over_dead_session) {
    /* A restart whose old connections nobody saw end is taken back within three intervals, without an alarm. */
    struct pair *pair = cluster(2);
    pair_kill(pair, 'b', false);
    pair_start(pair, 'b', (struct pair_start){0});
    pair_run(pair, 3600);
    struct gossip__member *b = pair_member(pair, 'a', "b");
    ck_assert_int_eq(b->state, GOSSIP_MEMBER_ALIVE);
    ck_assert_ptr_nonnull(b->session);
    ck_assert(catalog_id_equal(&b->session->peer_origin, &pair_engine(pair, 'b')->config.origin));
    ck_assert(!pair_engine(pair, 'b')->duplicate_id);
    ck_assert_uint_eq(closed(pair, 'a', GOSSIP_CLOSE_DUPLICATE_ID), 0);
    pair_free(pair);
}
END_TEST

START_TEST(live_name_is_refused) {
    /* A newcomer under the name of a live member is refused for as long as that one lives, and shown why. */
    struct pair *pair = cluster(2);
    pair_start(pair, 'c', (struct pair_start){.name = "b", .join = {"a:1", "b:1"}});
    pair_run(pair, 60000);
    ck_assert(!pair_engine(pair, 'c')->stored.ready);
    ck_assert_uint_gt(closed(pair, 'a', GOSSIP_CLOSE_DUPLICATE_NAME), 0);
    ck_assert_uint_gt(refused_by(pair, 'c', GOSSIP_CLOSE_DUPLICATE_NAME), 0);
    ck_assert(pair_saw(pair, "c ! refused a: the peer refused us: duplicate_name"));
    ck_assert_uint_eq(pair_engine(pair, 'a')->member_count, 1);
    ck_assert_int_eq(pair_member(pair, 'a', "b")->state, GOSSIP_MEMBER_ALIVE);
    pair_free(pair);
}
END_TEST

START_TEST(larger_newcomer_gives_way) {
    /* Of two newcomers with one name the larger id gives way: the smaller founds, the larger is refused. */
    struct pair *pair = pair_new();
    pair_start(pair, 'a', (struct pair_start){.name = "x", .join = {"b:1"}});
    pair_start(pair, 'b', (struct pair_start){.name = "x", .join = {"a:1"}});
    pair_run(pair, 15000);
    ck_assert(pair_engine(pair, 'a')->stored.ready);
    ck_assert(!pair_engine(pair, 'b')->stored.ready);
    ck_assert_uint_gt(refused_by(pair, 'b', GOSSIP_CLOSE_DUPLICATE_NAME), 0);
    ck_assert_uint_eq(refused_by(pair, 'a', GOSSIP_CLOSE_DUPLICATE_NAME), 0);
    pair_free(pair);
}
END_TEST

/* --- one engine, messages by hand ----------------------------------------------------------- */

static struct gossip *engine_new(const struct merkle_allocator *allocator) {
    const char *const none[1] = {NULL};
    struct gossip_config config = {
        .allocator = allocator,
        .cluster_name = "test",
        .node_name = "own",
        .address = "own:1",
        .seeds = none,
        .interval_ms = 1000,
        .freshness_limit_ms = 5000,
        .random_seed = 1,
        .origin = {{1}},
        .fresh_node_id = {{50}},
        .fresh_cluster_id = {{9}},
    };
    struct catalog_load load = {.fresh = true};
    struct gossip *engine = NULL;
    return gossip_new(&config, &load, &engine) == 0 ? engine : NULL;
}

/* Steps; every batch is stored at once. The last update's first close reason is returned. */
static enum gossip_close_reason step(struct gossip *engine, const struct gossip_event *event) {
    const struct gossip_update *update;
    enum gossip_close_reason reason = GOSSIP_CLOSE_NONE;
    uint64_t ticket = 0;
    if (gossip_step(engine, event, &update) != 0) {
        return GOSSIP_CLOSE_NONE; /* finished for want of memory */
    }
    for (size_t i = 0; i < update->connection_count; i++) {
        if (update->connections[i].action == GOSSIP_CLOSE) {
            reason = update->connections[i].reason;
        }
    }
    if (update->batch_count == 1) {
        ticket = update->batches[0].ticket;
    }
    if (ticket != 0) {
        struct gossip_event stored = {.type = GOSSIP_STORED,
                                      .now_ms = event->now_ms,
                                      .wall_ms = event->wall_ms,
                                      .stored = {ticket, 0}};
        (void)step(engine, &stored);
    }
    return reason;
}

static const struct gossip__hello good = {
    .protocol_min = 1,
    .protocol_max = 1,
    .format = CATALOG_FORMAT,
    .cluster_name = {"test", 4},
    .node_id = {{60}},
    .origin = {{7}},
    .name = {"peer", 4},
    .address = {"peer:1", 6},
    .incarnation = 1 << 16,
};

static enum gossip_close_reason hello_step_on(struct gossip *engine,
                                              const struct gossip__hello *hello,
                                              uint32_t connection, gossip_time_ms now_ms) {
    struct gossip__message message = {.type = GOSSIP__HELLO, .hello = *hello};
    struct merkle_buffer frame;
    merkle_buffer_init(&frame, &merkle_allocator_libc);
    ck_assert_int_eq(gossip__message_encode(&message, &frame), 0);
    struct gossip_event received = {
        .type = GOSSIP_MESSAGE,
        .now_ms = now_ms,
        .message = {.connection = connection,
                    .bytes = frame.data + 4,
                    .size_bytes = frame.size_bytes - 4},
    };
    enum gossip_close_reason reason = step(engine, &received);
    merkle_buffer_close(&frame);
    return reason;
}

static enum gossip_close_reason hello_step(struct gossip *engine,
                                           const struct gossip__hello *hello) {
    struct gossip_event connected = {.type = GOSSIP_CONNECTED, .now_ms = 10, .connection = 1};
    (void)step(engine, &connected);
    return hello_step_on(engine, hello, 1, 11);
}

static enum gossip_close_reason answer_to(const struct gossip__hello *hello) {
    struct gossip *engine = engine_new(&merkle_allocator_libc);
    ck_assert_ptr_nonnull(engine);
    struct gossip_event event = {.type = GOSSIP_START, .now_ms = 1};
    (void)step(engine, &event);
    enum gossip_close_reason reason = hello_step(engine, hello);
    ck_assert(reason == GOSSIP_CLOSE_NONE || engine->member_count == 0);
    ck_assert_uint_eq(engine->session_count, reason == GOSSIP_CLOSE_NONE);
    gossip_free(engine);
    return reason;
}

START_TEST(each_reason) {
    /* A hello that cannot be dealt with is answered with its own reason and leaves nothing behind (B6, B7). */
    struct gossip__hello hello = good;
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_NONE);
    hello.protocol_max = 9; /* a newer one that still speaks ours */
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_NONE);
    hello.protocol_min = 2;
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_PROTOCOL);
    hello = good;
    hello.protocol_min = 2; /* and a range that is none */
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_PROTOCOL);
    hello = good;
    hello.format = CATALOG_FORMAT + 1;
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_PROTOCOL);
    hello = good;
    hello.cluster_name = (struct catalog_text){"tess", 4};
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_CLUSTER_NAME);
    hello = good;
    hello.origin = (struct catalog_id){{0}};
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_MALFORMED);
    hello = good;
    hello.incarnation = UINT64_MAX;
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_MALFORMED);
    hello = good;
    hello.ready = true; /* ready, but in no cluster */
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_MALFORMED);
    hello = good;
    hello.node_id = (struct catalog_id){{50}};
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_DUPLICATE_ID);
    hello.origin = (struct catalog_id){{1}};
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_SELF);
    hello = good;
    hello.name = (struct catalog_text){"own", 3};
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_DUPLICATE_NAME);
    hello = good;
    hello.removed = true;
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_REMOVED);
    hello = good;
    hello.cluster_id =
        (struct catalog_id){{10}}; /* larger than ours, and neither had an entry: it gives way */
    ck_assert_int_eq(answer_to(&hello), GOSSIP_CLOSE_CLUSTER_ID);
}
END_TEST

START_TEST(dead_is_dialled_before_its_name_goes) {
    /* P4: a newcomer gets the name of a dead member only after a direct dial to that one has failed. */
    struct gossip *engine = engine_new(&merkle_allocator_libc);
    struct gossip_event event = {.type = GOSSIP_START, .now_ms = 1};
    (void)step(engine, &event);
    struct gossip__member_update old = {.id = {{40}},
                                        .name = {"peer", 4},
                                        .address = {"old:1", 5},
                                        .incarnation = 1,
                                        .state = GOSSIP_MEMBER_DEAD,
                                        .ready = true};
    gossip__member_update(engine, &old, NULL);
    ck_assert_int_eq(hello_step(engine, &good), GOSSIP_CLOSE_DUPLICATE_NAME);
    ck_assert_int_eq(engine->members[0]->state, GOSSIP_MEMBER_DEAD);
    ck_assert_uint_eq(engine->session_count, 1); /* the dial */
    struct gossip_event failed = {
        .type = GOSSIP_DISCONNECTED, .now_ms = 12, .connection = engine->sessions->connection};
    (void)step(engine, &failed);
    ck_assert_uint_eq(engine->members[0]->dial_failures, 1);
    struct gossip_event connected = {.type = GOSSIP_CONNECTED, .now_ms = 13, .connection = 2};
    (void)step(engine, &connected);
    ck_assert_int_eq(hello_step_on(engine, &good, 2, 14), GOSSIP_CLOSE_NONE);
    ck_assert_int_eq(gossip__member_find(engine, &old.id)->state, GOSSIP_MEMBER_REMOVED);
    ck_assert_int_eq(gossip__member_find(engine, &good.node_id)->state, GOSSIP_MEMBER_JOINING);
    gossip_free(engine);
}
END_TEST

/* A row of the name and address of b, under an id that nobody has any more. */
static struct gossip__member *ghost_of_b(struct pair *pair, bool ready) {
    struct catalog_member_row row = {
        .id = {.bytes = {0x77}}, .name = "b", .address = "b:1", .ready = ready};
    row.state = GOSSIP_MEMBER_JOINING;
    struct gossip__member *ghost =
        gossip__member_add(pair_engine(pair, 'a'), &row, GOSSIP_MEMBER_JOINING);
    gossip__member_set_state(pair_engine(pair, 'a'), ghost, GOSSIP_MEMBER_DEAD);
    return ghost;
}

START_TEST(ghost_of_a_newcomer_goes) {
    /* A newcomer that never got in, and whose name is a member's now, is removed once its address leads to that member: nobody
     * would ever take its name over, and all would miss it. A member that is dead stays, whoever sits at its address. */
    for (unsigned ready = 0; ready < 2; ready++) {
        struct pair *pair = cluster(2);
        struct gossip__member *ghost = ghost_of_b(pair, ready == 1);
        pair_run(pair, 10000);
        ck_assert_int_eq(ghost->state, ready == 1 ? GOSSIP_MEMBER_DEAD : GOSSIP_MEMBER_REMOVED);
        struct gossip_status status = gossip_status(pair_engine(pair, 'a'), pair_now(pair), 0);
        ck_assert_int_eq(status.agreed == GOSSIP_YES, ready == 0);
        pair_free(pair);
    }
}
END_TEST

START_TEST(memory_is_short) {
    /* Whichever allocation fails while a hello is taken, nothing is lost but the message, and nothing leaks. */
    size_t fired = 0;
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.allowed = SIZE_MAX};
        struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct gossip *engine = engine_new(&allocator);
        ck_assert_ptr_nonnull(engine);
        struct gossip_event event = {.type = GOSSIP_START, .now_ms = 1};
        (void)step(engine, &event);
        fault.allowed = allowed;
        fault.repeat = false;
        (void)hello_step(engine, &good);
        bool over = fault.fired == 0;
        fired += fault.fired;
        gossip_free(engine);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (over) {
            break;
        }
        ck_assert_uint_lt(allowed, 1000);
    }
    ck_assert_uint_gt(fired, 3);
}
END_TEST

Suite *recv_hello_suite(void);
Suite *recv_hello_suite(void) {
    Suite *suite = suite_create("recv_hello");
    TCase *tcase = tcase_create("recv_hello_refuses");
    tcase_add_test(tcase, other_cluster_name);
    tcase_add_test(tcase, live_name_is_refused);
    tcase_add_test(tcase, larger_newcomer_gives_way);
    tcase_add_test(tcase, each_reason);
    tcase_add_test(tcase, dead_is_dialled_before_its_name_goes);
    tcase_add_test(tcase, ghost_of_a_newcomer_goes);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("recv_hello_duplicate");
    tcase_add_test(tcase, copied_disk_is_refused);
    tcase_add_test(tcase, both_of_one_id_are_alarmed);
    tcase_add_test(tcase, restart_wins_over_dead_session);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("recv_hello_memory");
    tcase_add_test(tcase, memory_is_short);
    suite_add_tcase(suite, tcase);
    return suite;
}
