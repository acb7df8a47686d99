/* test_sim_fault.c - each fault does to its node what scenario.h says, when it says so, and for as long. */
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sim_result result;

/* A fault at 6 s, and lines of the trace that must come in this order; "!" in front: that must not be there at all. */
static const struct fault {
    const char *action;
    enum scenario_class class;
    const char *lines[4];
} faults[] = {
    {"{at: 6s, do: mass_restart, for: 2s}",
     SCENARIO_CLASS_MASS_RESTART,
     {"    6000 n1  crash", "    6000 n3  crash", "    8000 n1  start", "    8000 n3  start"}},
    {"{at: 6s, do: stop, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_STOP,
     {"stop n3 for 2s", "n3  crash, 0 of 0", "   10001 n3  start"}},
    {"{at: 6s, do: freeze, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_FREEZE,
     {"    6000 n3  frozen until 8000", "!    6500 n3", "!    7000 n3"}},
    {"{at: 6s, do: wipe, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_WIPE,
     {"    6000 n3  disk emptied", "    8000 n3  start", "n3  note n1: admitted"}},
    {"{at: 6s, do: backup, nodes: [n3]}\n  - {at: 7s, do: restore, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_RESTORE,
     {"    6000 n3  disk copied", "    6001 n3  start", "    7000 n3  disk put back",
      "    9000 n3  start"}},
    {"{at: 6s, do: clone, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_CLONE,
     {"    6000 n3'1  start 1", "    8000 n3'1  crash", "    8000 n3'1  disk emptied"}},
    {"{at: 6s, do: clock, nodes: [n3], span: 1h, for: 2s}",
     SCENARIO_CLASS_CLOCK,
     {"    6000 n3  clock jumps by 3600000 ms"}},
    {"{at: 6s, do: disk_full, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_DISK_FULL,
     {"n3  stored 9: -", "disk_full ends", "n3  reopened"}},
    {"{at: 6s, do: disk_error, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_DISK_ERROR,
     {"n3  stored 9: -", "disk_error ends", "n3  reopened"}},
    {"{at: 6s, do: disk_slow, nodes: [n3], span: 2s, for: 3s}",
     SCENARIO_CLASS_DISK_SLOW,
     {"    8000 n3  stored 9: 0"}},
    {"{at: 6s, do: disk_lie, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_DISK_LIE,
     {"    8000 n3  crash", "    8000 n3  disk put back", "    8001 n3  start"}},
    {"{at: 6s, do: damage, nodes: [n3]}",
     SCENARIO_CLASS_DAMAGE,
     {"    6000 n3  crash", "    6000 n3  1 rows damaged", "    6001 n3  start"}},
    {"{at: 6s, do: stranger, nodes: [n3], count: 3}",
     SCENARIO_CLASS_STRANGER,
     {"n3  close malformed"}},
    {"{at: 6s, do: liar, nodes: [n3], count: 3}", SCENARIO_CLASS_LIAR, {"    6000 n3  lie "}},
    {"{at: 2s, do: join, nodes: [n3]}",
     SCENARIO_CLASS_LATE_JOIN,
     {"    2000 n3  start 1", "n3  note n1: admitted"}},
    {"{at: 6s, do: remove, nodes: [n1], to: [n3]}",
     SCENARIO_CLASS_REMOVE,
     {"    6000 n3  crash", "n3  is removed"}},
    {"{at: 5s, do: wipe, nodes: [n2], for: 1s}\n"
     "  - {at: 6010ms, do: remove, nodes: [n2], to: [n3]}\n"
     "  - {at: 10s, do: remove, nodes: [n1], to: [n3]}",
     SCENARIO_CLASS_REMOVE,
     {"    6010 n3  crash", "    6010 n2  reply joining", "    6011 n3  start", "n3  is removed"}},
    {"{at: 6s, do: memory, nodes: [n3], count: 20}", SCENARIO_CLASS_MEMORY, {"memory n3"}},
    {"{at: 6s, do: partition, nodes: [n3], for: 2s}",
     SCENARIO_CLASS_PARTITION,
     {"    6000 --  partition n3", "    8000 --  partition ends"}},
    {"{at: 6s, do: reset, nodes: [n3]}", SCENARIO_CLASS_RESET, {"    6000 --  reset n3"}},
    {"{at: 1s, do: other_cluster, nodes: [n3], span: 5s}\n" SIM_KIT_SET("3s", "n3", "own"),
     SCENARIO_CLASS_OTHER_CLUSTER,
     {"    1000 n3  start", "n3  note -: founded", "    6000 n3  start"}},
};
/* An allocation fails only where there are many. */
#define MORE_WRITES "load:\n  - {from: 6s, until: 11s, every: 20ms}\n"

enum { FAULTS = sizeof faults / sizeof *faults };

START_TEST(does_what_it_says) {
    /* The fault is performed, has an effect, ends when it should, and the nodes are equal after. */
    const struct fault *fault = &faults[_i];
    char text[1500];
    (void)snprintf(text, sizeof text, "%s  - %s\n%s%s", SIM_KIT_HEAD SIM_KIT_WRITES, fault->action,
                   SIM_KIT_SET("7500ms", "n1", "c") SIM_KIT_SET("10500ms", "n2", "d"),
                   fault->class == SCENARIO_CLASS_MEMORY ? MORE_WRITES : "");
    const char *trace = sim_kit_trace(text, &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s\n%s", result.reason, trace);
    ck_assert_uint_gt(result.stats.fired[fault->class], 0);
    const char *at = trace;
    for (size_t i = 0; i < 4 && fault->lines[i] != NULL; i++) {
        const char *line = fault->lines[i];
        if (line[0] == '!') {
            ck_assert_msg(strstr(trace, line + 1) == NULL, "%s", line);
            continue;
        }
        const char *found = strstr(at, line);
        ck_assert_msg(found != NULL, "'%s' is missing in\n%s", line, trace);
        at = found;
    }
}
END_TEST

/* When n3 crashes that is to crash at 36 s, for 4 s; nothing is stored by itself any more then. */
static unsigned long crash_ms(unsigned seed, const char *write) {
    static const char head[] = "name: t\nnodes: 3\ninterval: 500ms\nload_ends: 45s\nactions:\n";
    char text[1000];
    (void)snprintf(text, sizeof text,
                   "%s%s%s  - {at: 36s, do: crash, nodes: [n3], for: 4s}\nseed: %u\n", head,
                   SIM_KIT_WRITES, write, seed);
    const char *crash = strstr(sim_kit_trace(text, &result), "n3  crash, ");
    ck_assert_ptr_nonnull(crash);
    ck_assert_ptr_nonnull(strstr(crash, "   40000 n3  start"));
    return strtoul(crash - 9, NULL, 10);
}

START_TEST(crashes_now_or_in_a_commit) {
    /* A crash comes at its time, or with the next commit under way, at the latest after a quarter of its time. */
    unsigned at_once = 0;
    unsigned in_commit = 0;
    unsigned late = 0;
    for (unsigned seed = 1; seed <= 8; seed++) {
        unsigned long time_ms = crash_ms(seed, "");
        ck_assert(time_ms == 36000 || time_ms == 37000);
        at_once += time_ms == 36000;
        late += time_ms == 37000;
        time_ms = crash_ms(seed, SIM_KIT_SET("36500ms", "n1", "c"));
        ck_assert(time_ms >= 36000 && time_ms < 37000);
        in_commit += time_ms > 36000 && result.stats.crashes_in_commit == 1;
    }
    ck_assert_uint_gt(at_once, 0);
    ck_assert_uint_gt(late, 0);
    ck_assert_uint_gt(in_commit, 0);
}
END_TEST

START_TEST(clocks_jump_back) {
    /* A clock that jumped for a while is right again after; one that jumped for good stays off. */
    struct sim_kit kit;
    const uint16_t nodes[] = {0, 2};
    sim_kit_open(&kit, 3);
    scenario_add(&kit.scenario, &(struct scenario_action){.type = SCENARIO_CLOCK,
                                                          .span_ms = -5000,
                                                          .for_ms = 1000,
                                                          .nodes = scenario_nodes_of(2, nodes)});
    uint64_t right_ms = sim_wall_ms(&kit.sim, &kit.sim.nodes[1]);
    sim_fault_perform(&kit.sim, 0);
    ck_assert_uint_eq(sim_wall_ms(&kit.sim, &kit.sim.nodes[0]), right_ms - 5000);
    ck_assert_uint_eq(sim_wall_ms(&kit.sim, &kit.sim.nodes[1]), right_ms);
    ck_assert_uint_eq(sim_wall_ms(&kit.sim, &kit.sim.nodes[2]), right_ms - 5000);
    struct sim_event event;
    ck_assert(sim_event_pop(&kit.sim, &event));
    ck_assert_int_eq(event.type, SIM_EVENT_UNDO);
    ck_assert_uint_eq(event.time_ms, 2000);
    sim_fault_undo(&kit.sim, event.node);
    ck_assert_uint_eq(sim_wall_ms(&kit.sim, &kit.sim.nodes[0]), right_ms);
    ck_assert_uint_eq(sim_wall_ms(&kit.sim, &kit.sim.nodes[2]), right_ms);
    sim_kit_close(&kit);
}
END_TEST

START_TEST(clock_of_who_joins_later) {
    /* A clock that is wrong before its node joins is wrong when it does, does not count as fired, and is set right once. */
    struct sim_kit kit;
    const uint16_t node = 2;
    sim_kit_open(&kit, 3);
    struct sim_node *late = &kit.sim.nodes[2];
    late->joined = false;
    scenario_add(&kit.scenario, &(struct scenario_action){.type = SCENARIO_CLOCK,
                                                          .span_ms = 5000,
                                                          .for_ms = 1000,
                                                          .nodes = scenario_nodes_of(1, &node)});
    sim_fault_perform(&kit.sim, 0);
    ck_assert_int_eq(late->skew_ms, 5000);
    ck_assert_uint_eq(kit.sim.stats.fired[SCENARIO_CLASS_CLOCK], 0);
    late->joined = true;
    struct sim_event event;
    ck_assert(sim_event_pop(&kit.sim, &event));
    sim_fault_undo(&kit.sim, event.node);
    ck_assert_int_eq(late->skew_ms, 0);
    sim_kit_close(&kit);
}
END_TEST

START_TEST(founder_that_is_down) {
    /* A cluster of its own is told of the others also if its node is down in that moment: when it comes back. */
    struct sim_kit kit;
    sim_kit_open(&kit, 3);
    kit.sim.nodes[2].founder = true;
    sim_fault_undo(&kit.sim, 2);
    ck_assert(!kit.sim.nodes[2].founder);
    ck_assert_ptr_null(kit.sim.nodes[2].engine);
    ck_assert_uint_eq(kit.sim.stats.fired[SCENARIO_CLASS_OTHER_CLUSTER], 1);
    sim_kit_close(&kit);
}
END_TEST

START_TEST(nobody_to_meet) {
    /* A fault that is meant for a node that never joined, or is gone for good, has no effect and does not count. */
    sim_kit_run(SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 6s, do: remove, nodes: [n1], to: [n3]}\n"
                                            "  - {at: 8s, do: freeze, nodes: [n3], for: 1s}\n"
                                            "  - {at: 8s, do: wipe, nodes: [n3], for: 1s}\n",
                NULL, &result);
    ck_assert_uint_eq(result.stats.fired[SCENARIO_CLASS_FREEZE], 0);
    ck_assert_uint_eq(result.stats.fired[SCENARIO_CLASS_WIPE], 0);
    ck_assert_uint_eq(result.stats.fired[SCENARIO_CLASS_REMOVE], 1);
    ck_assert_int_eq(result.verdict, CHAOS_UNKNOWN);
}
END_TEST

START_TEST(healing_ends_everything) {
    /* What would last for ever ends with the load: links, frozen nodes, full disks, nodes that are down. */
    sim_kit_run(SIM_KIT_HEAD SIM_KIT_WRITES
                "  - {at: 6s, do: partition, nodes: [n1]}\n  - {at: 6s, do: freeze, nodes: [n2]}\n"
                "  - {at: 9s, do: disk_full, nodes: [n3]}\n" SIM_KIT_SET("10s", "n3", "e")
                    SIM_KIT_SET("10500ms", "n1", "f"),
                NULL, &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
    ck_assert_uint_ge(result.stats.entries, 3);
    ck_assert_uint_gt(result.stats.settle_intervals, 0);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test, int times) {
    TCase *tcase = tcase_create(name);
    tcase_add_loop_test(tcase, test, 0, times);
    suite_add_tcase(suite, tcase);
}

Suite *sim_fault_suite(void);
Suite *sim_fault_suite(void) {
    Suite *suite = suite_create("sim_fault");
    add(suite, "sim_fault_perform", does_what_it_says, FAULTS);
    add(suite, "sim_fault_perform", crashes_now_or_in_a_commit, 1);
    add(suite, "sim_fault_perform", clocks_jump_back, 1);
    add(suite, "sim_fault_perform", clock_of_who_joins_later, 1);
    add(suite, "sim_fault_undo", founder_that_is_down, 1);
    add(suite, "sim_fault_perform", nobody_to_meet, 1);
    add(suite, "sim_fault_heal", healing_ends_everything, 1);
    return suite;
}
