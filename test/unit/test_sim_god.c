/* test_sim_god.c - the god's view: which acknowledged writes must be there in the end, and which loss is excused. */
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <string.h>

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static struct catalog_entry *write, *later;

/* A write that n1 acknowledged, on its disk alone. */
static void setup(void) {
    sim_kit_open(&kit, 3);
    write = sim_kit_entry("a", 5);
    later = sim_kit_entry("a", 9);
    sim_kit_put(&sim->nodes[0].disk, write);
    sim_god_acknowledged(sim, &sim->nodes[0], write);
}

static void teardown(void) {
    sim_kit_close(&kit);
    catalog_entry_release(write);
    catalog_entry_release(later);
}

static void put_on(size_t node) {
    sim_kit_put(&sim->nodes[node].disk, write);
}

/* A fault outside the promises empties the disk. */
static void empty(size_t node) {
    sim_god_disk_replaced(sim, &sim->nodes[node], NULL);
    sim_disk_close(&sim->nodes[node].disk);
}

static void check(bool violated) {
    sim_god_check(sim);
    ck_assert_int_eq(sim->failed, violated);
    if (violated) {
        ck_assert_str_eq(kit.result.invariant, "S2");
    }
}

START_TEST(all_have_it) {
    /* A write that is on all disks is missing nowhere. */
    ck_assert_uint_eq(sim_god_missing(sim, &sim->nodes[0]), 0);
    ck_assert_uint_eq(sim_god_missing(sim, &sim->nodes[1]), 1);
    put_on(1);
    put_on(2);
    ck_assert_uint_eq(sim_god_missing(sim, &sim->nodes[1]), 0);
    check(false);
    ck_assert_uint_eq(sim->stats.acknowledged, 1);
    ck_assert_uint_eq(sim->stats.excused, 0);
}
END_TEST

START_TEST(one_lacks_it) {
    /* One disk without it is a violation that names the node and the key. */
    put_on(2);
    check(true);
    ck_assert_uint_eq(kit.result.failed_node, 1);
    ck_assert_ptr_nonnull(strstr(kit.result.reason, "constraint/a/c, acknowledged by n1"));
}
END_TEST

START_TEST(superseded_is_there) {
    /* Who has what superseded the write has it. */
    put_on(1);
    sim_kit_put(&sim->nodes[2].disk, later);
    ck_assert_uint_eq(sim_god_missing(sim, &sim->nodes[2]), 0);
    check(false);
}
END_TEST

START_TEST(lost_from_its_only_disk) {
    /* A write that only a fault outside the promises took, from its only disk, is excused, once. */
    empty(0);
    ck_assert_uint_eq(sim_god_missing(sim, &sim->nodes[0]), 0);
    check(false);
    ck_assert_uint_eq(sim->stats.excused, 1);
}
END_TEST

START_TEST(lost_from_one_of_two) {
    /* While another disk has it, its loss on one is not excused. */
    put_on(1);
    empty(0);
    check(true);
}
END_TEST

START_TEST(lost_and_back_on_one) {
    /* What was lost and came back to one node (in a message that was late) must be on all again. */
    empty(0);
    put_on(1);
    check(true);
}
END_TEST

START_TEST(a_copy_brings_it_back) {
    /* What is left in a copy only is lost as long as that is not put back, and must be everywhere from then on. */
    struct sim_disk copy = {.exists = true};
    sim_kit_put(&copy, write);
    empty(0);
    ck_assert(sim->acknowledged[0].lost);
    sim_god_disk_replaced(sim, &sim->nodes[1], &copy);
    ck_assert(!sim->acknowledged[0].lost);
    check(true);
    sim_disk_close(&copy);
}
END_TEST

START_TEST(put_back_to_before) {
    /* A disk that is put back takes what its copy lacks, and leaves what that has. */
    struct sim_disk with = {.exists = true};
    struct sim_disk without = {.exists = true};
    sim_kit_put(&with, write);
    sim_god_disk_replaced(sim, &sim->nodes[0], &with);
    ck_assert(!sim->acknowledged[0].lost);
    sim_god_disk_replaced(sim, &sim->nodes[0], &without);
    ck_assert(sim->acknowledged[0].lost);
    sim_disk_close(&with);
    sim_disk_close(&without);
}
END_TEST

START_TEST(held_by_the_unreachable) {
    /* What only nodes have that are never reached again is out of reach, and excused; what a required one has is not. */
    sim->nodes[0].abandoned = true;
    ck_assert(sim_god_out_of_reach(sim, write));
    sim_god_healed(sim);
    check(false);
    ck_assert_uint_eq(sim->stats.excused, 1);
    put_on(1);
    check(true);
}
END_TEST

START_TEST(gone_after_the_heal) {
    /* What a required disk held when all was healed must stay, though an unreachable one has it, too, or it was lost before. */
    sim->nodes[2].abandoned = true;
    put_on(2);
    sim->acknowledged[0].lost = true;
    sim_god_healed(sim);
    ck_assert(!sim->acknowledged[0].lost && !sim->acknowledged[0].out_of_reach);
    sim_disk_close(&sim->nodes[0].disk);
    check(true);
}
END_TEST

START_TEST(acknowledged_after_the_heal) {
    /* What was under way then is out of reach if an unreachable node acknowledges it, and must be everywhere else. */
    sim->nodes[1].abandoned = sim->nodes[2].abandoned = true;
    sim_god_healed(sim);
    sim->phase = SIM_SETTLE;
    sim_god_acknowledged(sim, &sim->nodes[2], later);
    check(false);
    ck_assert_uint_eq(sim->stats.excused, 1);
    sim_god_acknowledged(sim, &sim->nodes[0], later);
    check(true);
}
END_TEST

START_TEST(damage_met_after_the_heal) {
    /* What damage takes from the last required disk after the heal is out of reach while an unreachable one has it. */
    sim->nodes[2].abandoned = true;
    put_on(2);
    sim_god_healed(sim);
    sim->phase = SIM_SETTLE;
    empty(0);
    ck_assert(!sim->acknowledged[0].lost && sim->acknowledged[0].out_of_reach);
    check(false);
}
END_TEST

/* n2's damaged disk has lost the row that n3 wrote, and heals. n1, with an older disk, has it yet. */
static void lose_the_row(void) {
    struct sim_disk after = {.exists = true, .state = {.healing = true, .horizon = 20}};
    put_on(1);
    sim->acknowledged[0].node = 2;
    sim_god_disk_replaced(sim, &sim->nodes[1], &after);
    sim_disk_close(&sim->nodes[1].disk);
    sim->nodes[1].disk = after;
    sim->nodes[0].outside_promises = true;
    sim->nodes[0].disk.state = (struct catalog_node_state){.ready = true, .seen = 3, .horizon = 3};
}

static void begin_anew(size_t node) {
    sim_god_reset(sim, &sim->nodes[node]);
    sim_disk_close(&sim->nodes[node].disk);
}

START_TEST(gone_with_lost_rows) {
    /* What the last disk had that begins anew, at the word of the one whose row of it was lost, is excused; not if it comes
     * back to one. */
    lose_the_row();
    begin_anew(0);
    check(false);
    ck_assert_uint_eq(sim->stats.excused, 1);
    put_on(1);
    check(true);
}
END_TEST

static void own_and_above(void) {
    sim->acknowledged[0].node = 0;
}
static void no_fault(void) {
    sim->nodes[0].outside_promises = false;
}
static void newer(void) {
    sim->nodes[0].disk.state.seen = 20;
}
static void healed(void) {
    sim->nodes[1].disk.state.healing = false;
}
static void on_a_third(void) {
    put_on(2);
}
static void with_its_writer(void) {
    sim__disk_kept_add(&sim->nodes[2].disk, &write, 1);
}
static void above_all(void) {
    sim->nodes[1].disk.state.horizon = 4;
}
static void (*const not_excused[])(void) = {own_and_above, no_fault,        newer,    healed,
                                            on_a_third,    with_its_writer, above_all};

START_TEST(not_gone_with_lost_rows) {
    /* It must be there if one of the facts is another one: it is handed over, no fault made the disk older, it is not older,
     * the damaged one was whole again, a third had it, or its writer will hand it over, or the horizon has not passed it. */
    lose_the_row();
    not_excused[_i]();
    begin_anew(0);
    sim_disk_close(&sim->nodes[2].disk);
    check(true);
}
END_TEST

START_TEST(another_cluster_is_apart) {
    /* What was written in a cluster of its own is not missed in this one. */
    sim->acknowledged[0].cluster = 1;
    check(false);
    ck_assert_uint_eq(sim_god_missing(sim, &sim->nodes[1]), 0);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

Suite *sim_god_suite(void);
Suite *sim_god_suite(void) {
    Suite *suite = suite_create("sim_god");
    add(suite, "sim_god_check", all_have_it);
    add(suite, "sim_god_check", one_lacks_it);
    add(suite, "sim_god_check", superseded_is_there);
    add(suite, "sim_god_disk_replaced", lost_from_its_only_disk);
    add(suite, "sim_god_disk_replaced", lost_from_one_of_two);
    add(suite, "sim_god_disk_replaced", lost_and_back_on_one);
    add(suite, "sim_god_disk_replaced", a_copy_brings_it_back);
    add(suite, "sim_god_disk_replaced", put_back_to_before);
    add(suite, "sim_god_check", held_by_the_unreachable);
    add(suite, "sim_god_healed", gone_after_the_heal);
    add(suite, "sim_god_healed", acknowledged_after_the_heal);
    add(suite, "sim_god_healed", damage_met_after_the_heal);
    add(suite, "sim_god_check", another_cluster_is_apart);
    add(suite, "sim_god_reset", gone_with_lost_rows);
    TCase *reset = tcase_create("sim_god_reset_facts");
    tcase_add_checked_fixture(reset, setup, teardown);
    tcase_add_loop_test(reset, not_gone_with_lost_rows, 0,
                        sizeof not_excused / sizeof not_excused[0]);
    suite_add_tcase(suite, reset);
    return suite;
}
