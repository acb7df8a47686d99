/* test_member.c - what is said of members comes to the same in whatever order it is heard. */
#include "gossip/engine.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { IDS = 5, UPDATES = 40, ORDERS = 60 };

/* Texts of the updates; a name depends on id and incarnation, as one start of a node does not change its name. */
struct said {
    struct gossip__member_update update;
    char name[8];
    char address[16];
};

static struct gossip *engine_new(uint8_t own_id) {
    const char *const none[1] = {NULL};
    struct gossip_config config = {
        .allocator = &merkle_allocator_libc,
        .cluster_name = "test",
        .node_name = "own",
        .address = "own:1",
        .seeds = none,
        .interval_ms = 1000,
        .freshness_limit_ms = 5000,
        .random_seed = 1,
        .origin = {{1}},
        .fresh_node_id = {{own_id}},
        .fresh_cluster_id = {{9}},
    };
    struct catalog_load load = {.fresh = true};
    struct gossip *engine = NULL;
    ck_assert_int_eq(gossip_new(&config, &load, &engine), 0);
    struct gossip_event event = {.type = GOSSIP_START, .now_ms = 1};
    const struct gossip_update *update;
    ck_assert_int_eq(gossip_step(engine, &event, &update), 0); /* founds: it is in a cluster */
    return engine;
}

static uint64_t random_next(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return *state >> 33;
}

static void said_draw(struct said *said, uint64_t *random) {
    uint8_t id = (uint8_t)(1 + random_next(random) % IDS);
    uint64_t incarnation = 1 + random_next(random) % 4;
    (void)snprintf(said->name, sizeof said->name, "n%d-%d", (int)id, (int)(incarnation / 2));
    (void)snprintf(said->address, sizeof said->address, "h%d:%d", (int)id, (int)incarnation);
    said->update = (struct gossip__member_update){
        .id = {{id}},
        .name = {said->name, strlen(said->name)},
        .address = {said->address, strlen(said->address)},
        .incarnation = incarnation,
        .state = (enum gossip_member_state)(1 + random_next(random) % 5),
        .ready = random_next(random) % 2 == 0,
    };
    if (random_next(random) % 30 == 0) {
        said->update.state = GOSSIP_MEMBER_REMOVED;
    }
}

/* Everything that is merged, as text; suspect and dead too, as nobody here hears anybody. */
static void table_print(struct gossip *engine, char *text, size_t size) {
    size_t used = 0;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        bool removed = member->state == GOSSIP_MEMBER_REMOVED;
        int written =
            snprintf(text + used, size - used, "%d %s %s %s %d %d\n", member->row.id.bytes[0],
                     gossip_member_state_name(member->state), removed ? "" : member->row.name,
                     removed ? "" : member->row.address, removed ? 0 : (int)member->row.incarnation,
                     removed ? 0 : member->row.ready);
        ck_assert_int_gt(written, 0);
        used += (size_t)written;
        ck_assert_uint_lt(used, size);
    }
}

static void shuffle(size_t *order, size_t count, uint64_t *random) {
    for (size_t i = count; i > 1; i--) {
        size_t other = random_next(random) % i;
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

/* Applies all, some of them twice, in an order of its own; the table goes to `text`. */
static struct merkle_fingerprint apply(const struct said *said, uint64_t *random, char *text,
                                       size_t size) {
    struct gossip *engine = engine_new(99);
    size_t order[2 * UPDATES];
    for (size_t i = 0; i < 2 * UPDATES; i++) {
        order[i] = i < UPDATES ? i : random_next(random) % UPDATES;
    }
    shuffle(order, 2 * UPDATES, random);
    for (size_t i = 0; i < 2 * UPDATES; i++) {
        gossip__member_update(engine, &said[order[i]].update, NULL);
    }
    table_print(engine, text, size);
    struct merkle_fingerprint fingerprint = gossip__member_table_fingerprint(engine, 5);
    gossip_free(engine);
    return fingerprint;
}

START_TEST(updates_commute) {
    /* The merge of updates is commutative, associative and idempotent: any order, with repeats, gives the same table. */
    uint64_t random = (uint64_t)_i + 1;
    struct said said[UPDATES];
    for (size_t i = 0; i < UPDATES; i++) {
        said_draw(&said[i], &random);
    }
    char first[1024];
    struct merkle_fingerprint expected = apply(said, &random, first, sizeof first);
    for (size_t i = 0; i < ORDERS; i++) {
        char text[1024];
        struct merkle_fingerprint fingerprint = apply(said, &random, text, sizeof text);
        ck_assert_str_eq(text, first);
        ck_assert_mem_eq(&fingerprint, &expected, sizeof expected);
    }
}
END_TEST

START_TEST(removed_stays_removed) {
    /* A removed id is never taken back, whatever its incarnation. */
    struct gossip *engine = engine_new(99);
    struct gossip__member_update update = {
        .id = {{1}},
        .name = {"n", 1},
        .address = {"h:1", 3},
        .incarnation = 5,
        .state = GOSSIP_MEMBER_REMOVED,
    };
    gossip__member_update(engine, &update, NULL);
    update.incarnation = GOSSIP__INCARNATION_MAX;
    update.state = GOSSIP_MEMBER_ALIVE;
    update.ready = true;
    gossip__member_update(engine, &update, NULL);
    ck_assert_uint_eq(engine->member_count, 1);
    ck_assert_int_eq(engine->members[0]->state, GOSSIP_MEMBER_REMOVED);
    ck_assert_uint_eq(gossip__member_required_count(engine), 1);
    gossip_free(engine);
}
END_TEST

START_TEST(accused_refutes) {
    /* Who hears itself called suspect, dead or left raises its incarnation above the accusation, and only then. */
    struct gossip *engine = engine_new(99);
    uint64_t before = engine->state.incarnation;
    struct gossip__member_update update = gossip__member_own_update(engine);
    gossip__member_update(engine, &update, NULL);
    ck_assert_uint_eq(engine->state.incarnation, before);
    update.state = GOSSIP_MEMBER_SUSPECT;
    update.incarnation = before - 1;
    gossip__member_update(engine, &update, NULL);
    ck_assert_uint_eq(engine->state.incarnation, before);
    update.incarnation = before;
    gossip__member_update(engine, &update, NULL);
    ck_assert_uint_eq(engine->state.incarnation, before + 1);
    update.state = GOSSIP_MEMBER_LEFT;
    update.incarnation = before + 7;
    gossip__member_update(engine, &update, NULL);
    ck_assert_uint_eq(engine->state.incarnation, before + 8);
    update.incarnation = UINT64_MAX; /* nothing could refute it: it is not taken */
    gossip__member_update(engine, &update, NULL);
    ck_assert_uint_eq(engine->state.incarnation, before + 8);
    gossip_free(engine);
}
END_TEST

START_TEST(fingerprint_covers) {
    /* The digest of the table follows what is merged to one result, and nothing that each node judges for itself. */
    struct gossip *engine = engine_new(99);
    struct gossip__member_update update = {
        .id = {{1}},
        .name = {"n", 1},
        .address = {"h:1", 3},
        .incarnation = 5,
        .state = GOSSIP_MEMBER_JOINING,
    };
    gossip__member_update(engine, &update, NULL);
    struct merkle_fingerprint joining = gossip__member_table_fingerprint(engine, 5);
    struct merkle_fingerprint salted = gossip__member_table_fingerprint(engine, 6);
    ck_assert_mem_ne(&joining, &salted, sizeof salted);
    update.state = GOSSIP_MEMBER_DEAD;
    gossip__member_update(engine, &update, NULL);
    struct merkle_fingerprint dead = gossip__member_table_fingerprint(engine, 5);
    ck_assert_int_eq(engine->members[0]->state, GOSSIP_MEMBER_DEAD);
    ck_assert_mem_eq(&dead, &joining, sizeof dead);
    update.ready = true;
    gossip__member_update(engine, &update, NULL);
    struct merkle_fingerprint ready = gossip__member_table_fingerprint(engine, 5);
    ck_assert_mem_ne(&ready, &joining, sizeof ready);
    update.state = GOSSIP_MEMBER_LEFT;
    gossip__member_update(engine, &update, NULL);
    struct merkle_fingerprint left = gossip__member_table_fingerprint(engine, 5);
    ck_assert_mem_ne(&left, &ready, sizeof left);
    gossip_free(engine);
}
END_TEST

START_TEST(table_is_bounded) {
    /* Above GOSSIP__MEMBERS_MAX ids are not taken, and counted (G8). */
    struct gossip *engine = engine_new(99);
    struct gossip__member_update update = {.name = {"n", 1},
                                           .address = {"h:1", 3},
                                           .incarnation = 5,
                                           .state = GOSSIP_MEMBER_ALIVE,
                                           .ready = true};
    for (unsigned i = 0; i < GOSSIP__MEMBERS_MAX + 3; i++) {
        update.id = (struct catalog_id){{1, (uint8_t)(i >> 8), (uint8_t)i}};
        gossip__member_update(engine, &update, NULL);
    }
    ck_assert_uint_eq(engine->member_count, GOSSIP__MEMBERS_MAX);
    ck_assert_uint_eq(engine->counters.closed[GOSSIP_CLOSE_LIMIT], 3);
    for (size_t i = 1; i < engine->member_count; i++) {
        ck_assert_int_lt(
            catalog_id_compare(&engine->members[i - 1]->row.id, &engine->members[i]->row.id), 0);
    }
    gossip_free(engine);
}
END_TEST

START_TEST(riders_run_out) {
    /* An update rides 3 * ceil(log2(n + 1)) times and at most 8 on one message, each member once. */
    struct gossip *engine = engine_new(99);
    engine->own_updates_left = 0;
    struct gossip__member_update update = {.name = {"n", 1},
                                           .address = {"h:1", 3},
                                           .incarnation = 5,
                                           .state = GOSSIP_MEMBER_ALIVE,
                                           .ready = true};
    size_t expected = 0;
    for (uint8_t i = 1; i <= 11; i++) {
        update.id = (struct catalog_id){{i}};
        gossip__member_update(engine, &update, NULL);
        expected += engine->members[i - 1]->updates_left;
    }
    ck_assert_uint_eq(engine->members[10]->updates_left,
                      3 * 4); /* 12 members: ceil(log2(13)) = 4 */
    size_t ridden = 0;
    for (;;) {
        struct merkle_buffer rows;
        merkle_buffer_init(&rows, &merkle_allocator_libc);
        struct gossip__member_updates updates = gossip__member_riders(engine, &rows);
        ck_assert_uint_le(updates.count, GOSSIP__UPDATES_PER_MESSAGE);
        for (size_t i = 0; i < updates.count; i++) {
            for (size_t j = 0; j < i; j++) {
                ck_assert(!catalog_id_equal(&updates.rows[i].id, &updates.rows[j].id));
            }
        }
        ridden += updates.count;
        bool over = updates.count == 0;
        merkle_buffer_close(&rows);
        if (over) {
            break;
        }
    }
    ck_assert_uint_eq(ridden, expected);
    gossip_free(engine);
}
END_TEST

Suite *member_suite(void);
Suite *member_suite(void) {
    Suite *suite = suite_create("member");
    TCase *tcase = tcase_create("member_update");
    tcase_add_loop_test(tcase, updates_commute, 0, 20);
    tcase_add_test(tcase, removed_stays_removed);
    tcase_add_test(tcase, accused_refutes);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("member_table");
    tcase_add_test(tcase, fingerprint_covers);
    tcase_add_test(tcase, table_is_bounded);
    tcase_add_test(tcase, riders_run_out);
    suite_add_tcase(suite, tcase);
    return suite;
}
