/* test_sim_check_staged.c - the checker of staged changes: silent while all have one state before its owner takes the next, and
 * not when somebody lacks it, when another takes the step, or when something else is enforced. (check_staged.c) */
#include "test/sim/check_agreement.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ACTIVE = CATALOG_ACTIVE, PENDING = CATALOG_PENDING_ADD, DROPPING = CATALOG_PENDING_DROP };

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static struct sim_node *node, *other, *third, *fourth;
static struct gossip__member *member;
static const struct gossip_update nothing;

/* Its disk is that of a member of this id, and has no entries. */
static void disk_make(struct sim_node *of, uint8_t id) {
    sim_disk_close(&of->disk);
    of->disk.exists = true;
    of->disk.state = (struct catalog_node_state){.node_id = entry_maker_id(id), .ready = true};
}

static struct gossip__member *know(const char *name, uint8_t id, enum gossip_member_state state) {
    struct catalog_member_row row = {.id = entry_maker_id(id), .address = "x:1", .ready = true};
    memcpy(row.name, name, strlen(name));
    struct gossip__member *known = gossip__member_add(node->engine, &row, state);
    ck_assert_ptr_nonnull(known);
    return known;
}

/* n1 is up and knows n2, whose disk is a member's; two more have no disks. */
static void setup(void) {
    sim_kit_open(&kit, 4);
    node = &sim->nodes[0];
    other = &sim->nodes[1];
    third = &sim->nodes[2];
    fourth = &sim->nodes[3];
    sim_kit_start(&kit, 0);
    node->disk.state = node->engine->state;
    disk_make(other, 7);
    member = know("n2", 7, GOSSIP_MEMBER_ALIVE);
}

static void teardown(void) {
    sim_kit_close(&kit);
}

/* A version by this node's present start, made there under this name; with a `previous` if that is a letter. */
static struct catalog_entry *made(const char *by, catalog_clock clock, uint8_t state, char field,
                                  char previous) {
    uint8_t origin[sizeof(struct catalog_id)];
    memset(origin, 3, sizeof origin);
    memcpy(node->origin.bytes, origin, sizeof origin); /* what the checker compares with */
    struct made_version version = {clock, 3, by, clock, state, NULL, 0, NULL, 0, 0};
    struct made_pair pair = {3, clock};
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "a", "c");
    char before[64];
    if (previous != 0) {
        const char *body = entry_maker_body(previous, &version.tail_size_bytes);
        memcpy(before, body, version.tail_size_bytes);
        version.tail = before;
        version.tail_count = 1;
    }
    if (state != CATALOG_DROPPED) {
        version.body = entry_maker_body(field, &version.body_size_bytes);
    }
    return entry_maker_entry(&key, &version, 1, &pair, 1);
}

/* Somebody asks n1 for a staged change, or for a plain write, of that entry. */
static void ask(enum gossip_operation_type type, bool skip_dead) {
    const struct catalog_write write = {.operation = CATALOG_SET,
                                        .key = entry_maker_key(CATALOG_CONSTRAINT, "a", "c")};
    struct gossip_operation operation = {
        .type = type, .token = 5, .writes = &write, .write_count = 1, .skip_dead = skip_dead};
    struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = &operation};
    sim_check_staged.stepped(sim, node, &event, &nothing);
}

static void step(struct catalog_entry *before, struct catalog_entry *after) {
    sim_check_staged.put(sim, node, before, after);
    catalog_entry_release(before);
    catalog_entry_release(after);
}

static void give(struct sim_node *to, struct catalog_entry *entry) {
    struct catalog_node_state state = to->disk.state;
    sim_kit_put(&to->disk, entry);
    to->disk.state = state;
    catalog_entry_release(entry);
}

START_TEST(one_state_apart) {
    /* A step lands once all members have what it replaces; an abort may land before. */
    ask(GOSSIP_STAGED, false);
    give(node, made("n1", 5, PENDING, 'b', 'a'));
    give(other, made("n1", 5, PENDING, 'b', 'a'));
    step(made("n1", 5, PENDING, 'b', 'a'), made("n1", 6, ACTIVE, 'b', 0));
    sim_kit_verdict(&kit, NULL, "");
    disk_make(other, 7);
    step(made("n1", 5, PENDING, 'b', 'a'), made("n1", 6, ACTIVE, 'b', 0));
    sim_kit_verdict(&kit, "STAGED", "n2 does not have the one before");
    step(made("n1", 5, ACTIVE, 'a', 0), made("n1", 6, DROPPING, 'a', 0));
    sim_kit_verdict(&kit, "STAGED", "n2 does not have the one before");
    step(made("n1", 5, PENDING, 'b', 'a'), made("n1", 6, ACTIVE, 'a', 0));
    step(made("n1", 5, PENDING, 'b', 0), made("n1", 6, CATALOG_DROPPED, 'b', 0));
    step(made("n1", 5, DROPPING, 'a', 0), made("n1", 6, ACTIVE, 'a', 0));
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(who_does_not_count) {
    /* A plain write is under way; or the member is skipped: dead, silent for long, and a majority has it. */
    give(node, made("n1", 5, ACTIVE, 'a', 0));
    ask(GOSSIP_STAGED, false);
    ask(GOSSIP_WRITE, false);
    step(made("n1", 5, ACTIVE, 'a', 0), made("n1", 6, ACTIVE, 'b', 0));
    sim_kit_verdict(&kit, NULL, "");
    const struct gossip_reply reply = {.token = 5};
    const struct gossip_update update = {.replies = &reply, .reply_count = 1};
    sim_check_staged.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK}, &update);
    step(made("n1", 5, ACTIVE, 'a', 0), made("n1", 6, ACTIVE, 'b', 0));
    sim_kit_verdict(&kit, "STAGED", "n2 does not have");
    ask(GOSSIP_STAGED, true);
    member->state = GOSSIP_MEMBER_DEAD;
    member->heard = true;
    member->heard_ms = sim->now_ms;
    step(made("n1", 5, ACTIVE, 'a', 0), made("n1", 6, PENDING, 'b', 'a'));
    sim_kit_verdict(&kit, "STAGED", "n2 does not have");
    sim->now_ms += 2 * node->engine->config.freshness_limit_ms;
    step(made("n1", 5, ACTIVE, 'a', 0), made("n1", 6, PENDING, 'b', 'a'));
    sim_kit_verdict(&kit, "STAGED", "no majority");
}
END_TEST

/* The first step of a change that skips whom n1 takes for dead. */
static void first_step(void) {
    step(made("n1", 5, ACTIVE, 'a', 0), made("n1", 6, PENDING, 'b', 'a'));
}

/* n1 hands a step to its store. */
static void decide(struct catalog_entry *after) {
    const struct catalog_batch batch = {.entries = &after, .entry_count = 1};
    const struct gossip_update update = {.batches = &batch, .batch_count = 1};
    sim_check_staged.stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK}, &update);
    catalog_entry_release(after);
}

START_TEST(who_is_back_when_it_lands) {
    /* Who was gone when the step was handed to the store is skipped, also if it is back when that has written it; who was there
     * is not. Seed 111382. */
    disk_make(third, 8);
    struct gossip__member *holder = know("n3", 8, GOSSIP_MEMBER_ALIVE);
    holder->heard = true;
    give(node, made("n1", 5, ACTIVE, 'a', 0));
    give(third, made("n1", 5, ACTIVE, 'a', 0));
    ask(GOSSIP_STAGED, true);
    sim->now_ms += 2 * node->engine->config.freshness_limit_ms;
    decide(made("n1", 6, PENDING, 'b', 'a'));
    first_step();
    sim_kit_verdict(&kit, "STAGED", "n2 does not have");
    member->state = GOSSIP_MEMBER_DEAD;
    decide(made("n1", 6, PENDING, 'b', 'a'));
    member->state = GOSSIP_MEMBER_ALIVE;
    first_step();
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(a_majority_of_ids) {
    /* A clone has the id of its original: what either has, the member has. Seeds 80851 and 84895. */
    kit.scenario.node_count = 3;
    fourth->clone_of = other->index;
    disk_make(third, 8);
    disk_make(fourth, 7);
    (void)know("n3", 8, GOSSIP_MEMBER_LEFT);
    give(node, made("n1", 5, ACTIVE, 'a', 0));
    ask(GOSSIP_STAGED, true);
    sim->now_ms += 2 * node->engine->config.freshness_limit_ms;
    first_step();
    sim_kit_verdict(&kit, "STAGED", "no majority");
    give(fourth, made("n1", 5, ACTIVE, 'a', 0));
    first_step();
    sim_kit_verdict(&kit, NULL, "");
    disk_make(fourth, 7);
    give(other, made("n1", 5, ACTIVE, 'a', 0));
    first_step();
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(a_majority_with_disks_that_are_gone) {
    /* It may have confirmed while it had a disk, if it was heard since the change was asked for. */
    disk_make(third, 8);
    (void)know("n3", 8, GOSSIP_MEMBER_LEFT);
    give(node, made("n1", 5, ACTIVE, 'a', 0));
    ask(GOSSIP_STAGED, true);
    sim->now_ms += 2 * node->engine->config.freshness_limit_ms;
    for (unsigned cloned = 0; cloned < 2; cloned++) {
        kit.scenario.node_count = cloned == 1 ? 3 : 4;
        fourth->clone_of = cloned == 1 ? other->index : SIZE_MAX;
        disk_make(other, 7);
        other->disk.exists = cloned == 1; /* the clone's is gone, or its own */
        member->heard = false;
        first_step();
        sim_kit_verdict(&kit, "STAGED", "no majority");
        member->heard = true;
        member->heard_ms = sim->now_ms;
        first_step();
        sim_kit_verdict(&kit, NULL, "");
    }
}
END_TEST

/* The row of this member's id gets onto the disk of `on`. */
static void learn(struct sim_node *on, uint8_t id) {
    struct catalog_member_row row = {.id = entry_maker_id(id), .name = "x", .ready = true};
    const struct sim_batch batch = {.members = &row, .member_count = 1};
    sim_check_staged.landed(sim, on, &batch, NULL);
}

START_TEST(a_newcomer_of_the_skipped) {
    /* Whom skipped members alone have admitted is skipped with them; not whom a member knew that counts. Seed 84706. */
    disk_make(third, 8);
    disk_make(fourth, 9);
    (void)know("n4", 9, GOSSIP_MEMBER_DEAD);
    give(node, made("n1", 5, ACTIVE, 'a', 0));
    give(other, made("n1", 5, ACTIVE, 'a', 0));
    learn(other, 8);
    sim->now_ms++;
    ask(GOSSIP_STAGED, true);
    sim->now_ms += 2 * node->engine->config.freshness_limit_ms;
    learn(fourth, 8);
    first_step();
    sim_kit_verdict(&kit, "STAGED", "n3 does not have");
    sim_check_staged.disk_replaced(sim, other); /* it has forgotten whom it knew */
    first_step();
    sim_kit_verdict(&kit, NULL, "");
    learn(other, 8); /* after it has confirmed, perhaps */
    first_step();
    sim_kit_verdict(&kit, NULL, "");
    sim_check_staged.disk_replaced(sim, fourth);
    first_step();
    sim_kit_verdict(&kit, "STAGED", "n3 does not have");
    learn(fourth, 8);
    (void)know("n3", 8, GOSSIP_MEMBER_ALIVE);
    first_step();
    sim_kit_verdict(&kit, "STAGED", "n3 does not have");
}
END_TEST

START_TEST(who_may) {
    /* What is pending belongs to whoever made it so, until that member is removed. */
    step(made("n2", 5, PENDING, 'b', 'a'), made("n1", 6, ACTIVE, 'b', 0));
    sim_kit_verdict(&kit, "STAGED", "belongs to n2");
    step(made("n1", 5, PENDING, 'b', 'a'), made("n1", 6, ACTIVE, 'b', 0));
    step(made("n2", 5, ACTIVE, 'a', 0), made("n1", 6, ACTIVE, 'b', 0));
    member->state = GOSSIP_MEMBER_REMOVED;
    step(made("n2", 5, PENDING, 'b', 'a'), made("n1", 6, ACTIVE, 'b', 0));
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(what_is_enforced) {
    /* While a schema is being added over another, that one is what records are checked by; and it is looked at. */
    struct sim_result result;
    const char *trace =
        sim_kit_trace(SIM_KIT_HEAD SIM_KIT_WRITES
                      "  - {at: 6s, do: set, nodes: [n1], key: schema/s, body: "
                      "'{\"fields\":{\"a\":{\"type\":\"string\"}}}'}\n"
                      "  - {at: 7s, do: freeze, nodes: [n3], for: 3s}\n"
                      "  - {at: 7100ms, do: staged_set, nodes: [n1], key: schema/s, body: "
                      "'{\"fields\":{\"a\":{\"type\":\"integer\"}}}', wait: 10s}\n",
                      &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
    ck_assert_uint_eq(result.stats.succeeded[SIM_OPERATION_STAGED_SET], 1);
    ck_assert_ptr_nonnull(strstr(trace, "staged set schema/s at n1, waiting for 10s"));
}
END_TEST

Suite *sim_check_staged_suite(void);
Suite *sim_check_staged_suite(void) {
    Suite *suite = suite_create("sim_check_staged");
    TCase *staged = tcase_create("sim_check_staged");
    tcase_add_checked_fixture(staged, setup, teardown);
    tcase_add_test(staged, one_state_apart);
    tcase_add_test(staged, who_does_not_count);
    tcase_add_test(staged, who_is_back_when_it_lands);
    tcase_add_test(staged, a_majority_of_ids);
    tcase_add_test(staged, a_majority_with_disks_that_are_gone);
    tcase_add_test(staged, a_newcomer_of_the_skipped);
    tcase_add_test(staged, who_may);
    tcase_add_test(staged, what_is_enforced);
    suite_add_tcase(suite, staged);
    return suite;
}
