/* test_operation.c - writes and removals of local callers: refused with a reason, or whole, and answered once. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <string.h>

START_TEST(refused_in_each_state) {
    /* Each state that forbids writes has its own reason; status shows the same; afterwards writes are taken again. */
    struct solo *solo = solo_new();
    struct gossip *engine = solo->engine;
    struct {
        bool *flag;
        bool value;
        int code;
    } states[] = {
        {&engine->clock_ahead, true, GOSSIP_ECLOCKAHEAD},
        {&engine->state.healing, true, GOSSIP_EHEALING},
        {&engine->duplicate_id, true, GOSSIP_EDUPLICATE},
        {&engine->state.ready, false, GOSSIP_EJOINING},
        {&engine->removed, true, GOSSIP_EREMOVED},
        {&engine->stopping, true, GOSSIP_ESTOPPING},
    };
    (void)solo_peer(solo, 1);
    uint64_t token = 1;
    for (size_t i = 0; i < sizeof states / sizeof *states;
         i++) { /* a later one goes before an earlier */
        *states[i].flag = states[i].value;
        engine->duplicate_id_until_ms = UINT64_MAX;
        ck_assert_int_eq(gossip__write_refusal(engine), states[i].code);
        ck_assert_int_eq(gossip_status(engine, solo->now_ms, 0).write_refusal, states[i].code);
        ck_assert_int_eq(solo_write(solo, token++, "posts", "f"), states[i].code);
        ck_assert_uint_eq(engine->counters.writes_refused, i + 1);
    }
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        *states[i].flag = !states[i].value;
    }
    ck_assert_int_eq(solo_write(solo, token, "posts", "f"), 1);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, token), 0);
    ck_assert_uint_eq(engine->operation_count, 0);
    solo_free(solo);
}
END_TEST

START_TEST(healing_alone_may_write) {
    /* A node alone has nobody to heal from: it is not kept from writing. */
    struct solo *solo = solo_new();
    solo->engine->state.healing = true;
    ck_assert_int_eq(solo_write(solo, 1, "posts", "f"), 1);
    solo_free(solo);
}
END_TEST

/* Three schemas in one batch. */
static int write_three(struct solo *solo, uint64_t token, bool dry_run, const char *third_body) {
    static const char *const names[] = {"a", "b", "c"};
    struct catalog_write writes[3];
    struct merkle_buffer body;
    struct catalog_problem problem;
    const char *json = "{\"fields\":{\"f\":{\"type\":\"string\"}}}";
    merkle_buffer_init(&body, &merkle_allocator_libc);
    ck_assert_int_eq(catalog_body_parse(CATALOG_SCHEMA, json, strlen(json), true, &body, &problem),
                     0);
    for (unsigned i = 0; i < 3; i++) {
        writes[i] = (struct catalog_write){.operation = CATALOG_SET,
                                           .key = entry_maker_key(CATALOG_SCHEMA, names[i], ""),
                                           .body = body.data,
                                           .body_size_bytes = body.size_bytes};
    }
    if (third_body == NULL) {
        writes[2].operation = CATALOG_DROP; /* of nothing: refused */
    }
    const struct gossip_operation operation = {.type = GOSSIP_WRITE,
                                               .token = token,
                                               .writes = writes,
                                               .write_count = 3,
                                               .dry_run = dry_run};
    solo_step(solo, (struct gossip_event){.type = GOSSIP_OPERATION, .operation = &operation});
    merkle_buffer_close(&body);
    return solo_reply(solo, token);
}

START_TEST(dry_run_and_problems) {
    /* A dry run is answered at once with its outcomes, a batch with one bad line with its problem; neither writes. */
    struct solo *solo = solo_new();
    ck_assert_int_eq(write_three(solo, 1, true, ""), 0);
    ck_assert_uint_eq(solo->update->replies[0].plan->outcome_count, 3);
    ck_assert_int_eq(write_three(solo, 2, false, NULL), CATALOG_ENOTFOUND);
    ck_assert_uint_eq(solo->update->replies[0].plan->problem_count, 1);
    ck_assert_uint_eq(solo_flying(solo), 0);
    ck_assert_int_eq(write_three(solo, 3, false, ""), 1);
    ck_assert_uint_eq(solo->update->batches[0].entry_count, 3);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 3), 0);
    solo_free(solo);
}
END_TEST

START_TEST(whole_or_not_at_all) {
    /* G11: whichever allocation fails, a batch is in flight as a whole and answered later, or refused at once with nothing
     * of it anywhere; or the engine says that it is finished. Nothing leaks. */
    unsigned refused = 0;
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.paused = true, .allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct solo *solo = solo_new_with(&allocator);
        solo_store_all(solo);
        struct catalog_sum before = catalog_pending_sum(solo->engine->catalog);
        fault.paused = false;
        int code = write_three(solo, 1, false, "");
        fault.paused = true;
        ck_assert_int_eq(solo->result, 0);
        struct catalog_sum after = catalog_pending_sum(solo->engine->catalog);
        if (code == 1) {
            ck_assert_uint_eq(after.entry_count, before.entry_count + 3);
        } else {
            refused++;
            ck_assert(code == GOSSIP_EBUSY || code == GOSSIP_ENOMEM || code == CATALOG_ENOMEM);
            ck_assert_uint_eq(after.entry_count, before.entry_count);
            ck_assert_uint_eq(solo_flying(solo), 0);
            ck_assert_uint_eq(solo->engine->waiter_count, 0);
            ck_assert_int_eq(write_three(solo, 2, false, ""), 1); /* and again, with memory */
        }
        solo_store_all(solo);
        ck_assert_int_eq(solo_reply(solo, code == 1 ? 1 : 2), 0);
        ck_assert_uint_eq(catalog_count(solo->engine->catalog).all, 3);
        size_t fired = fault.fired;
        solo_free(solo);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (fired == 0) {
            break;
        }
    }
    ck_assert_uint_gt(refused, 10);
}
END_TEST

START_TEST(too_many_wait) {
    /* G8: above GOSSIP__OPERATIONS_MAX waiting callers the next is told to try again. */
    struct solo *solo = solo_new();
    ck_assert_int_eq(solo_write(solo, 1, "posts", "f"), 1);
    for (uint64_t token = 2; token <= GOSSIP__OPERATIONS_MAX; token++) {
        ck_assert_int_eq(solo_write(solo, token, "posts", "f"), 1);
        solo->reply_count = 0;
    }
    ck_assert_int_eq(solo_write(solo, 5000, "posts", "f"), GOSSIP_EBUSY);
    solo_store_all(solo);
    ck_assert_uint_eq(solo->reply_count, GOSSIP__OPERATIONS_MAX + 1);
    ck_assert_uint_eq(solo->engine->operation_count, 0);
    ck_assert_int_eq(solo_write(solo, 5001, "posts", "f"), 0);
    solo_free(solo);
}
END_TEST

START_TEST(removal_of_a_namesake) {
    /* A member that took a new id is here twice; removed is what is gone, also where it is this node's own former self. */
    struct solo *solo = solo_new();
    struct gossip__member *alive = solo_peer(solo, 1);
    struct gossip__member *gone = solo_peer(solo, 2);
    struct gossip__member *former = solo_peer(solo, 3);
    memcpy(gone->row.name, alive->row.name, sizeof gone->row.name);
    memcpy(former->row.name, "solo", sizeof "solo");
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_MEMBER_REMOVE, "solo", 0), GOSSIP_ESELF);
    gossip__member_set_state(solo->engine, gone, GOSSIP_MEMBER_DEAD);
    gossip__member_set_state(solo->engine, former, GOSSIP_MEMBER_DEAD);
    (void)solo_ask(solo, 2, GOSSIP_MEMBER_REMOVE, alive->row.name, 0);
    ck_assert_int_eq(gone->state, GOSSIP_MEMBER_REMOVED);
    ck_assert_int_ne(alive->state, GOSSIP_MEMBER_REMOVED);
    (void)solo_ask(solo, 3, GOSSIP_MEMBER_REMOVE, "solo", 0);
    ck_assert_int_eq(former->state, GOSSIP_MEMBER_REMOVED);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 3), 0);
    ck_assert_int_eq(solo_ask(solo, 4, GOSSIP_MEMBER_REMOVE, alive->row.name, 0), GOSSIP_ENAMESAKE);
    ck_assert_int_eq(solo_ask(solo, 5, GOSSIP_MEMBER_REMOVE, "solo", 0), GOSSIP_ESELF);
    ck_assert_int_eq(alive->state, GOSSIP_MEMBER_ALIVE);
    solo_free(solo);
}
END_TEST

START_TEST(removal_by_id) {
    /* An id says which of two namesakes is meant, also which of two that live; one's own is refused. */
    struct solo *solo = solo_new();
    struct gossip__member *alive = solo_peer(solo, 1);
    struct gossip__member *namesake = solo_peer(solo, 2);
    char id[33];
    memcpy(namesake->row.name, alive->row.name, sizeof namesake->row.name);
    catalog_id_print(&solo->engine->state.node_id, id);
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_MEMBER_REMOVE, id, 0), GOSSIP_ESELF);
    id[31] = id[31] == '0' ? '1' : '0';
    ck_assert_int_eq(solo_ask(solo, 2, GOSSIP_MEMBER_REMOVE, id, 0), GOSSIP_ENOMEMBER);
    catalog_id_print(&alive->row.id, id);
    ck_assert_int_eq(solo_ask(solo, 3, GOSSIP_MEMBER_REMOVE, id, 0), 1);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 3), 0);
    ck_assert_int_eq(alive->state, GOSSIP_MEMBER_REMOVED);
    ck_assert_int_eq(namesake->state, GOSSIP_MEMBER_ALIVE);
    ck_assert_int_eq(solo_ask(solo, 4, GOSSIP_MEMBER_REMOVE, id, 0), GOSSIP_ENOMEMBER);
    solo_free(solo);
}
END_TEST

START_TEST(removal_asked_again_spares_the_namesake) {
    /* As gossip.h says: a removal that could not be stored stands, and who asks again does not mean the one that lives. */
    struct solo *solo = solo_new();
    struct gossip__member *alive = solo_peer(solo, 1);
    struct gossip__member *gone = solo_peer(solo, 2);
    memcpy(gone->row.name, alive->row.name, sizeof gone->row.name);
    gossip__member_set_state(solo->engine, gone, GOSSIP_MEMBER_DEAD);
    (void)solo_write(solo, 1, "posts", "f");
    solo_store(solo, CATALOG_EIO);
    ck_assert_int_eq(solo_ask(solo, 2, GOSSIP_MEMBER_REMOVE, alive->row.name, 0), CATALOG_EIO);
    ck_assert_int_eq(gone->state, GOSSIP_MEMBER_REMOVED);
    ck_assert_int_eq(solo_ask(solo, 3, GOSSIP_MEMBER_REMOVE, alive->row.name, 0), GOSSIP_ENOMEMBER);
    ck_assert_int_eq(alive->state, GOSSIP_MEMBER_ALIVE);
    solo_free(solo);
}
END_TEST

START_TEST(removal) {
    /* A removal is answered when it is on disk; oneself, a stranger and the removed are refused. While the store is down it
     * stands all the same, as gossip.h says, and the answer says that it is not stored. */
    struct solo *solo = solo_new();
    struct gossip__member *member = solo_peer(solo, 1);
    struct gossip__member *other = solo_peer(solo, 2);
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_MEMBER_REMOVE, "solo", 0), GOSSIP_ESELF);
    ck_assert_int_eq(solo_ask(solo, 2, GOSSIP_MEMBER_REMOVE, "nobody", 0), GOSSIP_ENOMEMBER);
    ck_assert_int_eq(solo_ask(solo, 3, GOSSIP_MEMBER_REMOVE, "p1", 0), 1);
    ck_assert_uint_ge(solo->update->batches[0].member_count, 1);
    ck_assert_uint_eq(solo->update->batches[0].members[0].state, GOSSIP_MEMBER_REMOVED);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 3), 0);
    ck_assert_int_eq(member->state, GOSSIP_MEMBER_REMOVED);
    ck_assert_int_eq(solo_ask(solo, 4, GOSSIP_MEMBER_REMOVE, "p1", 0), GOSSIP_ENOMEMBER);
    (void)solo_write(solo, 5, "posts", "f");
    solo_store(solo, CATALOG_EIO);
    ck_assert_int_eq(solo_ask(solo, 6, GOSSIP_MEMBER_REMOVE, "p2", 0), CATALOG_EIO);
    ck_assert_int_eq(other->state, GOSSIP_MEMBER_REMOVED);
    ck_assert(!other->row_stored);
    solo_free(solo);
}
END_TEST

START_TEST(removal_by_who_is_no_member) {
    /* A newcomer, also one with a new id, removes nobody: it may know only the last member that is ready. Nor does who was
     * removed itself. A member that heals does, and one whose store is down. */
    struct solo *solo = solo_new();
    struct gossip *engine = solo->engine;
    struct gossip__member *member = solo_peer(solo, 1);
    engine->state.ready = false;
    ck_assert_int_eq(solo_ask(solo, 1, GOSSIP_MEMBER_REMOVE, "p1", 0), GOSSIP_EJOINING);
    engine->state.ready = true;
    engine->removed = true;
    ck_assert_int_eq(solo_ask(solo, 2, GOSSIP_MEMBER_REMOVE, "p1", 0), GOSSIP_EREMOVED);
    engine->removed = false;
    ck_assert_int_eq(member->state, GOSSIP_MEMBER_ALIVE);
    engine->state.healing = true;
    ck_assert_int_eq(solo_ask(solo, 3, GOSSIP_MEMBER_REMOVE, "p1", 0), 1);
    ck_assert_int_eq(member->state, GOSSIP_MEMBER_REMOVED);
    solo_free(solo);
}
END_TEST

Suite *operation_suite(void);
Suite *operation_suite(void) {
    Suite *suite = suite_create("operation");
    TCase *write = tcase_create("operation_write");
    TCase *removed = tcase_create("operation_remove");
    tcase_add_test(write, refused_in_each_state);
    tcase_add_test(write, healing_alone_may_write);
    tcase_add_test(write, dry_run_and_problems);
    tcase_add_test(write, whole_or_not_at_all);
    tcase_add_test(write, too_many_wait);
    tcase_add_test(removed, removal);
    tcase_add_test(removed, removal_of_a_namesake);
    tcase_add_test(removed, removal_by_id);
    tcase_add_test(removed, removal_asked_again_spares_the_namesake);
    tcase_add_test(removed, removal_by_who_is_no_member);
    suite_add_tcase(suite, write);
    suite_add_tcase(suite, removed);
    return suite;
}
