/* test_real_fault.c - what is done to real nodes and links: each action has its effect, ends when its time is over, and is
 * over after a heal.
 */
#include "bin/chaos/real_fault.h"
#include "test/unit/support/fake_daemon.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct scenario scenario;
static struct real_faults *faults;
static uint16_t one[] = {0};
static uint16_t two[] = {1};

static void setup(void) {
    fake_setup();
    fake_script("trap 'exit 0' TERM", "");
    scenario = (struct scenario){.seed = 7, .node_count = 3, .interval_ms = 100};
    fake_ground(3);
    faults = real_faults_new(fake.ground, &scenario);
}

static void teardown(void) {
    real_faults_free(faults);
    fake_teardown();
}

static struct scenario_nodes of(uint16_t *index) {
    return (struct scenario_nodes){.indexes = index, .count = 1};
}

static void perform(struct scenario_action action, uint64_t now_ms) {
    char why_not[120];
    ck_assert_msg(real_faults_perform(faults, &action, now_ms, why_not), "%s", why_not);
    ck_assert_str_eq(why_not, "");
}

static bool fails(struct scenario_action action, uint64_t now_ms) {
    char why_not[120];
    bool failed = !real_faults_perform(faults, &action, now_ms, why_not);
    ck_assert_int_eq(failed, why_not[0] != '\0');
    return failed;
}

static const struct real_rule *rule(size_t from, size_t to) {
    return &faults->rules[from * REAL_PROXY_NODES_MAX + to];
}

static bool is_whole(void) {
    for (size_t i = 0; i < 9; i++) {
        if (memcmp(rule(i / 3, i % 3), &(struct real_rule){0}, sizeof(struct real_rule)) != 0) {
            return false;
        }
    }
    return true;
}

static bool is_state(size_t index, enum real_state state) {
    real_ground_reap(fake.ground);
    return fake.nodes[index].state == state;
}

/* --- links ------------------------------------------------------------------------------------------------------- */

/* A partition cuts its nodes from all others both ways, nothing else, and is over when its time is. */
START_TEST(partitions) {
    perform((struct scenario_action){.type = SCENARIO_PARTITION, .nodes = of(one), .for_ms = 100},
            50);
    ck_assert_int_eq(rule(0, 1)->blocked, SCENARIO_CLASS_PARTITION);
    ck_assert_int_eq(rule(2, 0)->blocked, SCENARIO_CLASS_PARTITION);
    ck_assert_int_eq(rule(1, 2)->blocked, SCENARIO_CLASS_NONE);
    ck_assert_uint_eq(real_faults_tick(faults, 149), 150);
    ck_assert(!is_whole());
    ck_assert_uint_eq(real_faults_tick(faults, 150), UINT64_MAX);
    ck_assert(is_whole());
}
END_TEST

/* One way is one way; `to` limits it. */
START_TEST(cuts_one_way) {
    perform((struct scenario_action){.type = SCENARIO_ONE_WAY, .nodes = of(one), .to = of(two)}, 0);
    ck_assert_int_eq(rule(0, 1)->blocked, SCENARIO_CLASS_ONE_WAY);
    ck_assert_int_eq(rule(1, 0)->blocked, SCENARIO_CLASS_NONE);
    ck_assert_int_eq(rule(0, 2)->blocked, SCENARIO_CLASS_NONE);
}
END_TEST

/* Who hangs is cut off from everybody both ways. */
START_TEST(hangs) {
    perform((struct scenario_action){.type = SCENARIO_HANG, .nodes = of(two)}, 0);
    ck_assert_int_eq(rule(0, 1)->blocked, SCENARIO_CLASS_HANG);
    ck_assert_int_eq(rule(1, 2)->blocked, SCENARIO_CLASS_HANG);
    ck_assert_int_eq(rule(0, 2)->blocked, SCENARIO_CLASS_NONE);
}
END_TEST

/* Of two faults on one link the worse counts; when it ends the other is left. */
START_TEST(adds_up) {
    perform((struct scenario_action){.type = SCENARIO_LOSS, .percent = 10}, 0);
    perform(
        (struct scenario_action){
            .type = SCENARIO_LOSS, .percent = 40, .nodes = of(one), .for_ms = 100},
        0);
    perform((struct scenario_action){.type = SCENARIO_SLOW_LINK, .count = 5000}, 0);
    perform((struct scenario_action){.type = SCENARIO_SLOW_LINK, .count = 900, .for_ms = 100}, 0);
    perform((struct scenario_action){.type = SCENARIO_FRAGMENT}, 0);
    ck_assert_uint_eq(rule(0, 1)->loss_percent, 40);
    ck_assert_uint_eq(rule(1, 0)->loss_percent, 10);
    ck_assert_uint_eq(rule(1, 0)->rate, 900);
    ck_assert_uint_eq(rule(1, 0)->fragment, 1);
    (void)real_faults_tick(faults, 100);
    ck_assert_uint_eq(rule(0, 1)->loss_percent, 10);
    ck_assert_uint_eq(rule(0, 1)->rate, 5000);
}
END_TEST

/* A flap comes and goes every span, also when a tick comes late. */
START_TEST(flaps) {
    perform((struct scenario_action){.type = SCENARIO_FLAP, .nodes = of(one), .span_ms = 100}, 0);
    ck_assert(!is_whole());
    ck_assert_uint_eq(real_faults_tick(faults, 100), 200);
    ck_assert(is_whole());
    ck_assert_uint_eq(real_faults_tick(faults, 450), 500);
    ck_assert(!is_whole());
    ck_assert_uint_eq(real_faults_tick(faults, 500), 600);
    ck_assert(is_whole());
}
END_TEST

/* --- processes --------------------------------------------------------------------------------------------------- */

/* A crashed node is down for its time and up again after it, at the same addresses, told of the others. */
START_TEST(crashes) {
    char join[120];
    pid_t pid = fake.nodes[0].pid;
    perform((struct scenario_action){.type = SCENARIO_CRASH, .nodes = of(one), .for_ms = 100}, 0);
    ck_assert(is_state(0, REAL_DOWN));
    ck_assert_str_eq(fake_status(pid, "State:"), "");
    (void)real_faults_tick(faults, 99);
    ck_assert(is_state(0, REAL_DOWN));
    (void)real_faults_tick(faults, 100);
    ck_assert(is_state(0, REAL_UP));
    ck_assert_uint_eq(fake.nodes[0].starts, 2);
    (void)snprintf(join, sizeof join, "--join %s", fake.nodes[1].advertised);
    ck_assert(fake_holds(&fake.nodes[0], "arguments", join));
    ck_assert_uint_eq(real_faults_fired(faults)[SCENARIO_CLASS_CRASH], 1);
    ck_assert(is_state(1, REAL_UP));
}
END_TEST

/* A node that two faults keep down comes up when the last is over; what hits nobody did not fire. */
START_TEST(waits_for_the_last) {
    perform((struct scenario_action){.type = SCENARIO_MASS_RESTART, .for_ms = 200}, 0);
    ck_assert(fails(
        (struct scenario_action){.type = SCENARIO_CRASH, .nodes = of(one), .for_ms = 300}, 0));
    (void)real_faults_tick(faults, 200);
    ck_assert(is_state(0, REAL_UP) && is_state(1, REAL_UP) && is_state(2, REAL_UP));
    perform((struct scenario_action){.type = SCENARIO_CRASH, .nodes = of(one), .for_ms = 100}, 300);
    perform((struct scenario_action){.type = SCENARIO_WIPE, .nodes = of(one), .for_ms = 200}, 300);
    (void)real_faults_tick(faults, 400);
    ck_assert(is_state(0, REAL_DOWN));
    (void)real_faults_tick(faults, 500);
    ck_assert(is_state(0, REAL_UP));
    ck_assert_uint_eq(real_faults_fired(faults)[SCENARIO_CLASS_CRASH], 1);
    ck_assert_uint_eq(real_faults_fired(faults)[SCENARIO_CLASS_MASS_RESTART], 3);
}
END_TEST

static bool has_ended(void *context) {
    (void)context;
    real_ground_reap(fake.ground);
    return fake.ground->processes[0].child == 0;
}

/* A stopped node gets SIGTERM, and is started when it has ended and its time is over. */
START_TEST(stops) {
    perform((struct scenario_action){.type = SCENARIO_STOP, .nodes = of(one), .for_ms = 100}, 0);
    ck_assert(is_state(0, REAL_DOWN));
    ck_assert(fake_until(has_ended, NULL));
    (void)real_faults_tick(faults, 100);
    ck_assert(is_state(0, REAL_UP));
    ck_assert_uint_eq(real_faults_fired(faults)[SCENARIO_CLASS_STOP], 1);
}
END_TEST

/* Frozen for its time. */
START_TEST(freezes) {
    perform((struct scenario_action){.type = SCENARIO_FREEZE, .nodes = of(one), .for_ms = 100}, 0);
    ck_assert(is_state(0, REAL_FROZEN));
    ck_assert(fake_until(fake_is_stopped, &fake.nodes[0].pid));
    (void)real_faults_tick(faults, 100);
    ck_assert(is_state(0, REAL_UP));
}
END_TEST

static void put_file(size_t node, const char *text) {
    char path[REAL_PATH_SIZE_MAX];
    (void)snprintf(path, sizeof path, "%.200s/state", fake.nodes[node].directory);
    ck_assert(real_files_write(path, text));
}

/* Wiping empties the directory; what was there comes back by restoring a backup, and only if there is one. */
START_TEST(wipes_and_restores) {
    struct scenario_action restore = {.type = SCENARIO_RESTORE, .nodes = of(one), .for_ms = 10};
    ck_assert(fails(restore, 0));
    put_file(0, "old\n");
    perform((struct scenario_action){.type = SCENARIO_BACKUP, .nodes = of(one)}, 0);
    ck_assert(is_state(0, REAL_UP));
    put_file(0, "new\n");
    perform((struct scenario_action){.type = SCENARIO_WIPE, .nodes = of(one), .for_ms = 10}, 0);
    ck_assert(!fake_holds(&fake.nodes[0], "state", "new"));
    (void)real_faults_tick(faults, 10);
    perform(restore, 20);
    (void)real_faults_tick(faults, 30);
    ck_assert(is_state(0, REAL_UP));
    ck_assert(fake_holds(&fake.nodes[0], "state", "old"));
    ck_assert_uint_eq(real_faults_fired(faults)[SCENARIO_CLASS_NONE], 0);
}
END_TEST

/* A clone runs beside its original, with its name and files and an address of its own, for its time. */
START_TEST(clones) {
    size_t count;
    put_file(0, "mine\n");
    perform((struct scenario_action){.type = SCENARIO_CLONE, .nodes = of(one), .for_ms = 100}, 0);
    (void)real_ground_nodes(fake.ground, &count);
    ck_assert_uint_eq(count, 4);
    ck_assert(is_state(0, REAL_UP) && is_state(3, REAL_UP));
    ck_assert(fake_holds(&fake.nodes[3], "state", "mine"));
    ck_assert(!fake_holds(&fake.nodes[3], "arguments", "--name n1c "));
    ck_assert(fake_holds(&fake.nodes[3], "arguments", fake.nodes[3].advertised));
    ck_assert_str_ne(fake.nodes[3].advertised, fake.nodes[0].advertised);
    (void)real_faults_tick(faults, 100);
    ck_assert(is_state(0, REAL_UP) && is_state(3, REAL_DOWN));
}
END_TEST

/* --- healing ----------------------------------------------------------------------------------------------------- */

/* After a heal nothing is cut, frozen or down. */
START_TEST(heals_all) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    perform((struct scenario_action){.type = SCENARIO_CRASH, .nodes = of(one)}, 0);
    perform((struct scenario_action){.type = SCENARIO_FREEZE, .nodes = of(two)}, 0);
    perform((struct scenario_action){.type = SCENARIO_LOSS, .percent = 10}, 0);
    ck_assert(real_faults_heal(faults, NULL, message));
    ck_assert(is_state(0, REAL_UP) && is_state(1, REAL_UP) && is_state(2, REAL_UP));
    ck_assert(is_whole());
    ck_assert_uint_eq(real_faults_tick(faults, 1000), UINT64_MAX);
}
END_TEST

/* With a core only what is within it is healed; the rest stays as it is for ever. */
START_TEST(heals_a_core) {
    uint16_t indexes[] = {1, 2};
    const struct scenario_nodes core = {indexes, 2};
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    perform((struct scenario_action){.type = SCENARIO_CRASH, .nodes = of(one), .for_ms = 50}, 0);
    perform((struct scenario_action){.type = SCENARIO_CRASH, .nodes = of(two), .for_ms = 50}, 0);
    perform((struct scenario_action){.type = SCENARIO_LOSS, .percent = 10, .for_ms = 50}, 0);
    ck_assert(real_faults_heal(faults, &core, message));
    ck_assert_uint_eq(real_faults_tick(faults, 1000), UINT64_MAX);
    ck_assert(is_state(0, REAL_DOWN) && is_state(1, REAL_UP));
    ck_assert_uint_eq(rule(1, 2)->loss_percent, 0);
    ck_assert_uint_eq(rule(0, 1)->loss_percent, 10);
    ck_assert_uint_eq(rule(2, 0)->loss_percent, 10);
}
END_TEST

static bool is_dead(void *context) {
    (void)context;
    return is_state(0, REAL_DIED);
}

/* Who died by itself is not started again: that is for the report. */
START_TEST(leaves_the_dead) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    ck_assert_int_eq(kill(fake.nodes[0].pid, SIGKILL), 0);
    ck_assert(fake_until(is_dead, NULL));
    ck_assert(real_faults_heal(faults, NULL, message));
    ck_assert(is_state(0, REAL_DIED));
}
END_TEST

static TCase *group(Suite *suite, const char *name) {
    TCase *made = tcase_create(name);
    tcase_add_checked_fixture(made, setup, teardown);
    suite_add_tcase(suite, made);
    return made;
}

Suite *real_fault_suite(void);
Suite *real_fault_suite(void) {
    Suite *suite = suite_create("real_fault");
    TCase *links = group(suite, "real_fault_links");
    tcase_add_test(links, partitions);
    tcase_add_test(links, cuts_one_way);
    tcase_add_test(links, hangs);
    tcase_add_test(links, adds_up);
    tcase_add_test(links, flaps);
    TCase *processes = group(suite, "real_faults_perform");
    tcase_add_test(processes, crashes);
    tcase_add_test(processes, waits_for_the_last);
    tcase_add_test(processes, stops);
    tcase_add_test(processes, freezes);
    tcase_add_test(processes, wipes_and_restores);
    tcase_add_test(processes, clones);
    TCase *heal = group(suite, "real_faults_heal");
    tcase_add_test(heal, heals_all);
    tcase_add_test(heal, heals_a_core);
    tcase_add_test(heal, leaves_the_dead);
    return suite;
}
