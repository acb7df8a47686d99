/* test_sim_check_agreement.c - S4 and L4: silent while agreement is what it says, and not when a member lacks what was agreed
 * on, or when the answer is late, early or incomplete. (check_agreement.c, check_agreement_time.c) */
#include "test/sim/check_agreement.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <string.h>

enum { TOKEN = 21, LINES = 3 };

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static struct sim_node *node, *other;
static struct catalog_entry *entry;
static struct gossip__member *member;
static struct gossip_agreement_member lines[LINES];
static const struct gossip_update nothing;

/* n1 is up and has an entry, as has n2, a member that n1 knows; n3 has no disk yet. */
static void setup(void) {
    sim_kit_open(&kit, 3);
    node = &sim->nodes[0];
    other = &sim->nodes[1];
    sim_kit_start(&kit, 0);
    entry = sim_kit_entry("a", 5);
    sim_kit_put(&node->disk, entry);
    sim_kit_put(&other->disk, entry);
    node->disk.state = node->engine->state;
    other->disk.state = (struct catalog_node_state){.node_id = entry_maker_id(7), .ready = true};
    struct catalog_member_row row = {
        .id = entry_maker_id(7), .name = "n2", .address = "x:1", .ready = true};
    member = gossip__member_add(node->engine, &row, GOSSIP_MEMBER_ALIVE);
    ck_assert_ptr_nonnull(member);
    for (size_t i = 0; i < LINES; i++) {
        lines[i] =
            (struct gossip_agreement_member){.name = sim->nodes[i].name, .state = GOSSIP_AGREED};
    }
}

static void teardown(void) {
    catalog_entry_release(entry);
    sim_kit_close(&kit);
}

/* n2 has lost the entry. */
static void lose(void) {
    struct catalog_node_state state = other->disk.state;
    sim_disk_close(&other->disk);
    other->disk.exists = true;
    other->disk.state = state;
}

static void ask(bool whole, bool skip_dead) {
    struct gossip_operation operation = {
        .type = GOSSIP_AGREEMENT, .token = TOKEN, .timeout_ms = 5000, .skip_dead = skip_dead};
    if (!whole) {
        operation.key = catalog_entry_key(entry);
    }
    struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = &operation};
    sim_check_s4.stepped(sim, node, &event, &nothing);
}

static void answer(const struct sim_checker *checker, int code, size_t count) {
    const struct gossip_reply reply = {
        .token = TOKEN, .code = code, .agreement = lines, .agreement_count = count};
    const struct gossip_update update = {.replies = &reply, .reply_count = 1};
    checker->stepped(sim, node, &(struct gossip_event){.type = GOSSIP_TICK}, &update);
}

START_TEST(all_have_it) {
    /* One entry or all of them: with each member, and said so. */
    for (unsigned whole = 0; whole < 2; whole++) {
        ask(whole == 1, false);
        answer(&sim_check_s4, 0, 2);
        sim_kit_verdict(&kit, NULL, "");
    }
}
END_TEST

START_TEST(a_member_lacks_it) {
    /* It does not help that the answer names it as agreed, nor that it does not name it. */
    ask(false, false);
    lose();
    answer(&sim_check_s4, 0, 2);
    sim_kit_verdict(&kit, "S4", "says that n2 has what was asked for");
    ask(true, false);
    answer(&sim_check_s4, 0, 1);
    sim_kit_verdict(&kit, "S4", "n2, which is a member, lacks it");
    ask(true, false);
    answer(&sim_check_s4, GOSSIP_ENOTAGREED, 2);
    sim_kit_verdict(&kit, "S4", "names nobody");
    lines[0].state = GOSSIP_LAGGING;
    ask(true, false);
    answer(&sim_check_s4, GOSSIP_ENOTAGREED, 2);
    sim_kit_verdict(&kit, "S4", "says that n2 has what was asked for");
}
END_TEST

START_TEST(who_is_skipped) {
    /* With skip_dead those that are dead for the initiator, if a majority has agreed; nobody without. */
    lose();
    lines[1].state = GOSSIP_UNREACHABLE;
    ask(false, true);
    answer(&sim_check_s4, 0, 3);
    sim_kit_verdict(&kit, "S4", "skips n2");
    member->state = GOSSIP_MEMBER_DEAD;
    ask(false, true);
    answer(&sim_check_s4, 0, 3);
    sim_kit_verdict(&kit, NULL, "");
    ask(false, true);
    answer(&sim_check_s4, 0, 2);
    sim_kit_verdict(&kit, "S4", "no majority");
    ask(false, false);
    answer(&sim_check_s4, 0, 3);
    sim_kit_verdict(&kit, "S4", "names who has not agreed");
    ask(false, false);
    answer(&sim_check_s4, 0, 0);
    sim_kit_verdict(&kit, "S4", "nobody is named");
}
END_TEST

START_TEST(who_is_no_member) {
    /* Neither who is being removed, nor who is replaced for the initiator, nor who is not ready. */
    lose();
    other->removals_asked = 1;
    ask(false, false);
    answer(&sim_check_s4, 0, 1);
    other->removals_asked = 0;
    member->state = GOSSIP_MEMBER_REMOVED;
    ask(false, false);
    answer(&sim_check_s4, 0, 1);
    member->state = GOSSIP_MEMBER_ALIVE;
    other->disk.state.ready = false;
    ask(false, false);
    answer(&sim_check_s4, 0, 1);
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(a_disk_that_a_fault_changed) {
    /* It may have confirmed before; but not a process that the initiator has met. */
    ask(false, false);
    lose();
    other->replaced_ms = sim->now_ms;
    answer(&sim_check_s4, 0, 2);
    sim_kit_verdict(&kit, NULL, "");
    struct gossip__session session = {.state = GOSSIP__SESSION_ESTABLISHED,
                                      .peer_id = entry_maker_id(7),
                                      .peer_origin = entry_maker_id(9)};
    other->origin = entry_maker_id(9);
    other->started_ms = sim->now_ms;
    ask(false, false);
    session.next = node->engine->sessions;
    node->engine->sessions = &session;
    answer(&sim_check_s4, 0, 2);
    node->engine->sessions = session.next;
    sim_kit_verdict(&kit, "S4", "says that n2 has");
}
END_TEST

START_TEST(who_becomes_a_member_later) {
    /* Has what was agreed on before it was one. */
    ask(false, false);
    answer(&sim_check_s4, 0, 2);
    const struct sim_batch batch = {.state = {.node_id = entry_maker_id(8), .ready = true}};
    struct catalog_node_state before = batch.state;
    sim->nodes[2].disk.exists = true;
    sim_check_s4.landed(sim, &sim->nodes[2], &batch, &before);
    sim_kit_verdict(&kit, NULL, "");
    before.ready = false;
    sim_check_s4.landed(sim, &sim->nodes[2], &batch, &before);
    sim_kit_verdict(&kit, "S4", "becomes a member without");
    sim_kit_put(&sim->nodes[2].disk, entry);
    sim_check_s4.landed(sim, &sim->nodes[2], &batch, &before);
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(staged_changes_by_their_end) {
    /* What a staged change came to is with all, though the entry has moved on since. */
    const struct catalog_write write = {.operation = CATALOG_SET, .key = catalog_entry_key(entry)};
    struct gossip_operation operation = {.type = GOSSIP_STAGED,
                                         .token = TOKEN,
                                         .writes = &write,
                                         .write_count = 1,
                                         .staged = GOSSIP_STAGED_SET,
                                         .timeout_ms = 5000};
    struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = &operation};
    sim_check_s4.stepped(sim, node, &event, &nothing);
    sim_check_s4.put(sim, node, NULL, entry); /* the last step of it */
    answer(&sim_check_s4, 0, 2);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s4.stepped(sim, node, &event, &nothing);
    sim_check_s4.put(sim, node, NULL, entry);
    lose();
    answer(&sim_check_s4, 0, 2);
    sim_kit_verdict(&kit, "S4", "says that n2 has");
}
END_TEST

/* --- L4 -------------------------------------------------------------------------------------------------------------- */

START_TEST(answers_in_time) {
    /* No later than the deadline (and an interval), and no earlier if it says that not all agree. */
    ask(false, false);
    sim->now_ms = 5900;
    sim_check_l4.interval(sim);
    answer(&sim_check_l4, GOSSIP_ENOTAGREED, 2);
    sim_kit_verdict(&kit, "L4", "before its deadline");
    sim->now_ms = 6000;
    answer(&sim_check_l4, GOSSIP_ENOTAGREED, 2);
    sim_kit_verdict(&kit, NULL, "");
    sim->now_ms = 7001;
    sim_check_l4.interval(sim);
    sim_kit_verdict(&kit, "L4", "does not answer");
    node->frozen_until_ms = 7100;
    sim_check_l4.interval(sim);
    sim->now_ms = 8000;
    sim_check_l4.interval(sim);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s4.ended(sim, node);
    sim->now_ms = 90000;
    sim_check_l4.interval(sim);
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(agreement_where_all_are_well) {
    /* After K + 2 calm intervals it is reached; a member that is not alive, or a link that is not sound, is no calm. */
    other->joined = sim->nodes[2].joined = false; /* n1 is all there is */
    kit.scenario.interval_ms = 1000;
    member->state = GOSSIP_MEMBER_ALIVE;
    struct gossip_operation operation = {
        .type = GOSSIP_AGREEMENT, .token = TOKEN, .timeout_ms = 100000};
    struct gossip_event event = {.type = GOSSIP_OPERATION, .operation = &operation};
    sim_check_s4.stepped(sim, node, &event, &nothing);
    for (unsigned i = 0; i < 15; i++) {
        sim_check_l4.interval(sim);
        sim->now_ms += 1000;
    }
    sim_kit_verdict(&kit, NULL, "");
    member->state = GOSSIP_MEMBER_DEAD;
    sim->now_ms += 4000;
    sim_check_l4.interval(sim);
    sim_kit_verdict(&kit, NULL, "");
    member->state = GOSSIP_MEMBER_ALIVE;
    sim_check_l4.interval(sim);
    sim_kit_verdict(&kit, "L4", "though all members are well");
    answer(&sim_check_l4, GOSSIP_ENOTAGREED, 2);
    sim_kit_verdict(&kit, "L4", "all members");
}
END_TEST

Suite *sim_check_agreement_suite(void);
Suite *sim_check_agreement_suite(void) {
    Suite *suite = suite_create("sim_check_agreement");
    TCase *safety = tcase_create("sim_check_s4");
    tcase_add_checked_fixture(safety, setup, teardown);
    tcase_add_test(safety, all_have_it);
    tcase_add_test(safety, a_member_lacks_it);
    tcase_add_test(safety, who_is_skipped);
    tcase_add_test(safety, who_is_no_member);
    tcase_add_test(safety, a_disk_that_a_fault_changed);
    tcase_add_test(safety, who_becomes_a_member_later);
    tcase_add_test(safety, staged_changes_by_their_end);
    suite_add_tcase(suite, safety);
    TCase *time = tcase_create("sim_check_l4");
    tcase_add_checked_fixture(time, setup, teardown);
    tcase_add_test(time, answers_in_time);
    tcase_add_test(time, agreement_where_all_are_well);
    suite_add_tcase(suite, time);
    return suite;
}
