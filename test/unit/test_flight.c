/* test_flight.c - batches on their way to the disk, and who waits for them. */
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>

START_TEST(stored_in_order) {
    /* G11: each step's batch has the next ticket, and a write is answered, and seen, when its own batch is stored. */
    struct solo *solo = solo_new();
    for (uint64_t token = 1; token <= 3; token++) {
        char entity[8];
        (void)snprintf(entity, sizeof entity, "e%u", (unsigned)token);
        ck_assert_int_eq(solo_write(solo, token, entity, "f"), 1);
    }
    ck_assert_uint_eq(solo_flying(solo), 3);
    ck_assert_ptr_null(solo_find(solo, "e1"));
    for (uint64_t token = 1; token <= 3; token++) {
        ck_assert_int_eq(solo_reply(solo, token), 1);
        solo_store(solo, 0);
        ck_assert_int_eq(solo_reply(solo, token), 0);
        ck_assert_uint_eq(solo_reply_count(solo, token), 1);
    }
    ck_assert_ptr_nonnull(solo_find(solo, "e3"));
    ck_assert_uint_eq(solo->notices[GOSSIP_NOTICE_CHANGED], 3);
    ck_assert_uint_eq(solo->engine->counters.writes, 3);
    solo_free(solo);
}
END_TEST

START_TEST(waits_for_what_it_saw) {
    /* G11: a write that changes nothing because the same is in flight is answered when that is on disk, not before. */
    struct solo *solo = solo_new();
    ck_assert_int_eq(solo_write(solo, 1, "posts", "f"), 1);
    ck_assert_int_eq(solo_write(solo, 2, "posts", "f"), 1);
    ck_assert_uint_eq(solo_flying(solo), 1);
    solo_store(solo, 0);
    ck_assert_int_eq(solo_reply(solo, 1), 0);
    ck_assert_int_eq(solo_reply(solo, 2), 0);
    ck_assert_int_eq(solo_write(solo, 3, "posts", "f"), 0);
    solo_free(solo);
}
END_TEST

START_TEST(older_ticket_goes_first) {
    /* A waiter for an older batch is run with that batch although it was left after those of newer ones. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_write(solo, 1, "a", "f");
    (void)solo_write(solo, 2, "b", "f");
    solo->engine->operation_count++; /* of the caller that this waiter stands for */
    struct gossip__waiter waiter = {
        .ticket = solo->ticket_oldest, .type = GOSSIP__WAIT_REMOVE, .token = 9};
    ck_assert(gossip__flight_wait(solo->engine, &waiter));
    solo_store(solo, 0);
    ck_assert_int_eq(solo_reply(solo, 9), 0);
    ck_assert_int_eq(solo_reply(solo, 1), 0);
    ck_assert_int_eq(solo_reply(solo, 2), 1);
    solo_store(solo, 0);
    ck_assert_int_eq(solo_reply(solo, 2), 0);
    solo_free(solo);
}
END_TEST

START_TEST(one_failure_fails_all_behind) {
    /* G11: a batch that fails takes all behind it with it: each caller hears it once, nothing of them is ever seen. */
    struct solo *solo = solo_new();
    (void)solo_write(solo, 1, "kept", "f");
    (void)solo_write(solo, 2, "lost", "f");
    (void)solo_write(solo, 3, "kept", "g");
    solo_store(solo, 0);
    solo_store(solo, CATALOG_EFULL);
    ck_assert_int_eq(solo_reply(solo, 1), 0);
    ck_assert_int_eq(solo_reply(solo, 2), CATALOG_EFULL);
    ck_assert_int_eq(solo_reply(solo, 3), CATALOG_EFULL);
    solo_store(solo, CATALOG_EFULL); /* the third comes back too, and changes nothing */
    ck_assert_uint_eq(solo_reply_count(solo, 3), 1);
    ck_assert_ptr_null(solo_find(solo, "lost"));
    ck_assert_uint_eq(solo_find(solo, "kept")->number, 1);
    struct catalog_key key = {.kind = CATALOG_SCHEMA, .entity = {"kept", 4}};
    ck_assert_ptr_eq(catalog_pending_find(solo->engine->catalog, &key), solo_find(solo, "kept"));
    ck_assert_uint_eq(solo->engine->counters.batches_failed, 2);
    ck_assert_uint_eq(solo->notices[GOSSIP_NOTICE_STORE], 1);
    ck_assert_uint_eq(solo->engine->operation_count, 0);
    solo_free(solo);
}
END_TEST

START_TEST(failed_store_takes_nothing) {
    /* While the store is down a write is refused with the store's own error, and nothing is sent to the disk. */
    struct solo *solo = solo_new();
    (void)solo_write(solo, 1, "posts", "f");
    solo_store(solo, CATALOG_EIO);
    ck_assert_int_eq(solo_write(solo, 2, "posts", "f"), CATALOG_EIO);
    gossip__flight_state_dirty(solo->engine);
    solo_run(solo, 3000);
    ck_assert_uint_eq(solo_flying(solo), 0);
    ck_assert_uint_eq(gossip__flight_ticket(solo->engine), 0);
    ck_assert_int_eq(gossip_status(solo->engine, solo->now_ms, 0).store_error, CATALOG_EIO);
    solo_free(solo);
}
END_TEST

START_TEST(state_falls_back_but_not_clocks) {
    /* G3: the state is what the disk has again, but clocks that were given out are never given out again. */
    struct solo *solo = solo_new();
    (void)solo_write(solo, 1, "posts", "f");
    catalog_clock given = solo->engine->state.high_water;
    ck_assert_uint_gt(given, solo->engine->stored.high_water);
    ck_assert(solo->engine->state.had_entry);
    solo_store(solo, CATALOG_EIO);
    ck_assert(!solo->engine->state.had_entry);
    ck_assert_uint_eq(solo->engine->state.high_water, given);
    const struct catalog_load load = {.state = solo->disk.state};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_REOPENED, .reopened = &load});
    solo->wall_late_ms = 60000; /* even if the wall clock was set back */
    (void)solo_write(solo, 2, "posts", "f");
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 2), 0);
    ck_assert_uint_gt(solo_find(solo, "posts")->clock, given);
    solo_free(solo);
}
END_TEST

START_TEST(batches_are_bounded) {
    /* G8: above GOSSIP__BATCHES_IN_FLIGHT a write is refused as busy; when one has landed the next is taken. */
    struct solo *solo = solo_new();
    char entity[16];
    for (unsigned i = 0; i < GOSSIP__BATCHES_IN_FLIGHT; i++) {
        (void)snprintf(entity, sizeof entity, "e%u", i);
        ck_assert_int_eq(solo_write(solo, i + 1, entity, "f"), 1);
    }
    ck_assert_int_eq(solo_write(solo, 5000, "more", "f"), GOSSIP_EBUSY);
    gossip__flight_state_dirty(solo->engine);
    solo_run(solo, 1000);
    ck_assert(solo->engine->state_dirty); /* waits for room */
    solo_store(solo, 0);
    ck_assert(!solo->engine->state_dirty);
    ck_assert_uint_eq(solo_flying(solo), GOSSIP__BATCHES_IN_FLIGHT);
    solo_store(solo, 0);
    ck_assert_int_eq(solo_write(solo, 5001, "more", "f"), 1);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 5001), 0);
    solo_free(solo);
}
END_TEST

START_TEST(sum_is_of_what_flies) {
    /* The state of each batch bears the count and sum of all entries up to that batch. */
    struct solo *solo = solo_new();
    (void)solo_write(solo, 1, "a", "f");
    ck_assert_uint_eq(solo->update->batches[0].state.sum.entry_count, 1);
    (void)solo_write(solo, 2, "b", "f");
    ck_assert_uint_eq(solo->update->batches[0].state.sum.entry_count, 2);
    ck_assert_uint_eq(solo->update->batches[0].entry_count, 1);
    ck_assert_uint_gt(solo->update->batches[0].state.high_water, 0);
    solo_store(solo, 0);
    ck_assert_uint_eq(solo->engine->stored.sum.entry_count, 1);
    solo_free(solo);
}
END_TEST

START_TEST(first_batch_fails) {
    /* A fresh node whose very first batch fails keeps the id, the names and the incarnation that its peers have heard, and
     * stores them as soon as the store works. */
    struct solo *solo = solo_new_with(&merkle_allocator_libc);
    struct catalog_id id = solo->engine->config.fresh_node_id;
    uint64_t incarnation = solo->engine->state.incarnation;
    solo_store(solo, CATALOG_EFULL);
    ck_assert(catalog_id_equal(&solo->engine->state.node_id, &id));
    ck_assert_uint_eq(solo->engine->state.incarnation, incarnation);
    ck_assert(!solo->engine->state.ready);
    const struct catalog_load load = {.fresh = true};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_REOPENED, .reopened = &load});
    solo_run(solo, 2000); /* founds its cluster again */
    solo_store_all(solo);
    ck_assert(catalog_id_equal(&solo->disk.state.node_id, &id));
    ck_assert_str_eq(solo->disk.state.node_name, "solo");
    ck_assert_str_eq(solo->disk.state.cluster_name, "test");
    ck_assert_uint_eq(solo->disk.state.incarnation, incarnation);
    ck_assert(solo->engine->stored.ready);
    solo_free(solo);
}
END_TEST

START_TEST(pruned_is_given_to_nobody) {
    /* G8: what a horizon left of an entry is pushed to nobody, in a large cluster either; who watches is told if versions
     * left with it. */
    enum { PEERS = GOSSIP__PUSH_ALL_MEMBERS_MAX + 1 };
    struct solo *solo = solo_new();
    for (unsigned peer = 1; peer <= PEERS; peer++) {
        (void)solo_peer(solo, peer);
    }
    (void)solo_write(solo, 1, "posts", "f");
    solo_store_all(solo);
    for (unsigned same = 0; same <= 1; same++) {
        const struct gossip__arrival pruned = {.pruned = true, .same = same == 1};
        ck_assert_int_eq(gossip__flight_put(solo->engine, solo_find(solo, "posts"), &pruned), 0);
        solo_step(solo, (struct gossip_event){.type = GOSSIP_TICK});
        solo_clear(solo);
        solo_store_all(solo);
        size_t pushes = 0;
        for (unsigned peer = 1; peer <= PEERS; peer++) {
            pushes += solo_sent(solo, peer, GOSSIP__PUSH);
        }
        ck_assert_uint_eq(pushes, 0);
        ck_assert_uint_eq(solo->notices[GOSSIP_NOTICE_CHANGED], 1 - same);
    }
    solo_free(solo);
}
END_TEST

Suite *flight_suite(void);
Suite *flight_suite(void) {
    Suite *suite = suite_create("flight");
    TCase *order = tcase_create("flight_stored");
    TCase *failed = tcase_create("flight_failed");
    tcase_add_test(order, stored_in_order);
    tcase_add_test(order, waits_for_what_it_saw);
    tcase_add_test(order, older_ticket_goes_first);
    tcase_add_test(order, batches_are_bounded);
    tcase_add_test(order, sum_is_of_what_flies);
    tcase_add_test(order, pruned_is_given_to_nobody);
    tcase_add_test(failed, one_failure_fails_all_behind);
    tcase_add_test(failed, failed_store_takes_nothing);
    tcase_add_test(failed, state_falls_back_but_not_clocks);
    tcase_add_test(failed, first_batch_fails);
    suite_add_tcase(suite, order);
    suite_add_tcase(suite, failed);
    return suite;
}
