/* simulate_one.c - attune-chaos sim for one seed or one scenario: what was drawn, what happened, how it ended, how it is
 * repeated; a report to look at, and the smallest scenario that still fails, where these are wanted. */
#include "bin/chaos/simulate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- words ------------------------------------------------------------------------------------------------------------- */

static void again_print(const struct sim_arguments *arguments, const struct scenario *scenario,
                        char *text, size_t size_bytes) {
    const char *only = arguments->only == NULL ? "" : arguments->only;
    if (arguments->scenario != NULL) {
        (void)snprintf(text, size_bytes, "attune-chaos sim %s --seed %" PRIu64 "%s%s --trace",
                       arguments->scenario, scenario->seed, *only == '\0' ? "" : " --only ", only);
        return;
    }
    char nodes[40] = "";
    if (arguments->nodes != 0) {
        (void)snprintf(nodes, sizeof nodes, " --nodes %" PRIu64, arguments->nodes);
    }
    (void)snprintf(text, size_bytes, "attune-chaos sim --seed %" PRIu64 "%s%s%s --trace",
                   scenario->seed, nodes, *only == '\0' ? "" : " --only ", only);
}

/* The swarm's configuration, before the run: if that hangs, it is known what did. */
static void plan_print(const struct scenario *scenario) {
    printf("%s: %zu nodes%s, %.1f s of load, %zu actions; %s heals; classes of faults:",
           scenario->name, scenario->node_count, scenario->real_store ? " on SQLite" : "",
           (double)scenario->load_ms / 1000, scenario->action_count,
           scenario->core.count > 0 ? "a core" : "all");
    bool any = false;
    for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
        if (scenario->classes[i]) {
            printf(" %s", scenario_class_name((enum scenario_class)i));
            any = true;
        }
    }
    printf("%s\n", any ? "" : " none");
    (void)fflush(stdout);
}

static void figures_print(const struct scenario *scenario, const struct sim_result *result) {
    const struct sim_stats *stats = &result->stats;
    printf("%" PRIu64 " events, %" PRIu64 " frames (%" PRIu64 " lost), %" PRIu64
           " crashes (%" PRIu64 " with a commit under way); operations:",
           stats->events, stats->frames, stats->frames_lost, stats->crashes,
           stats->crashes_in_commit);
    for (unsigned i = 0; i < SIM_OPERATION_COUNT; i++) {
        printf(" %s %" PRIu64 "/%" PRIu64, sim_operation_name((enum sim_operation)i),
               stats->succeeded[i], stats->tried[i]);
    }
    printf("; faults fired:");
    for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
        if (scenario->classes[i]) {
            printf(" %s %" PRIu64, scenario_class_name((enum scenario_class)i), stats->fired[i]);
        }
    }
    printf("\n%" PRIu64 " writes acknowledged, %" PRIu64 " of them excused; %" PRIu64
           " entries moved; equal after %" PRIu64 " intervals (bound %" PRIu64 "); %" PRIu64
           " entries, %" PRIu64 " conflicts; content %s\n",
           stats->acknowledged, stats->excused, stats->entries_transferred, stats->settle_intervals,
           sim_settle_bound(scenario->node_count), stats->entries, stats->conflicts,
           result->content_root[0] == '\0' ? "-" : result->content_root);
}

/* --- files ------------------------------------------------------------------------------------------------------------- */

static bool file_write(const char *path, const void *what,
                       bool (*write)(const void *what, FILE *file)) {
    bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdout : fopen(path, "w");
    bool written = file != NULL && write(what, file);
    written = (file == NULL || standard || fclose(file) == 0) && written;
    if (!written) {
        chaos_complain("%.200s: %s", path, strerror(errno));
    }
    return written;
}

static bool write_html(const void *report, FILE *file) {
    return report_write_html(report, file);
}

static bool write_json(const void *report, FILE *file) {
    return report_write_json(report, file);
}

static bool write_scenario(const void *scenario, FILE *file) {
    scenario_print(scenario, file);
    return fflush(file) == 0 && ferror(file) == 0;
}

static bool report_files(const struct sim_arguments *arguments, const struct scenario *scenario,
                         const struct sim_result *result, struct report *report) {
    again_print(arguments, scenario, report->again, sizeof report->again);
    (void)snprintf(report->verdict, sizeof report->verdict, "%s",
                   chaos_verdict_name(result->verdict));
    (void)snprintf(report->reason, sizeof report->reason, "%s", result->reason);
    (void)snprintf(report->content_root, sizeof report->content_root, "%s", result->content_root);
    return (arguments->html == NULL || file_write(arguments->html, report, write_html)) &&
           (arguments->json == NULL || file_write(arguments->json, report, write_json));
}

/* --- the run ----------------------------------------------------------------------------------------------------------- */

static void run(const struct sim_arguments *arguments, const struct scenario *scenario,
                struct report *report, struct sim_result *result) {
    if (arguments->twice) {
        simulate_run_twice(arguments, scenario, result);
        return;
    }
    simulate_run(arguments, scenario,
                 &(struct sim_options){.trace = arguments->trace ? stdout : NULL, .report = report},
                 result);
}

static void end_print(const struct sim_arguments *arguments, const struct scenario *scenario,
                      const struct sim_result *result) {
    char text[400];
    figures_print(scenario, result);
    if (result->verdict == CHAOS_HELD) {
        printf("held; trace %016" PRIx64 "\n", result->trace_hash);
        return;
    }
    simulate_describe(scenario, result, text, sizeof text);
    printf("%s: %s\n  %s\n", chaos_verdict_name(result->verdict), result->reason, text);
    again_print(arguments, scenario, text, sizeof text);
    printf("  again: %s\n", text);
}

int simulate_one(const struct sim_arguments *arguments) {
    struct scenario scenario;
    struct sim_result result;
    struct report report;
    bool written = true;
    bool wants_report = arguments->html != NULL || arguments->json != NULL;
    if (!simulate_prepare(arguments) || !simulate_scenario(arguments, arguments->from, &scenario)) {
        return CHAOS_USAGE;
    }
    plan_print(&scenario);
    if (wants_report) {
        report_open(&report, &scenario, "sim");
    }
    run(arguments, &scenario, wants_report ? &report : NULL, &result);
    end_print(arguments, &scenario, &result);
    if (wants_report) {
        written = report_files(arguments, &scenario, &result, &report);
        report_close(&report);
    }
    bool failed = result.verdict != CHAOS_HELD && result.verdict != CHAOS_UNKNOWN;
    if (arguments->shrink && failed) {
        unsigned runs = simulate_shrink(arguments, &scenario, &result);
        printf("shrunk in %u runs to %zu nodes, %zu actions, %.1f s of load\n", runs,
               scenario.node_count, scenario.action_count, (double)scenario.load_ms / 1000);
    }
    if (arguments->save != NULL || (arguments->shrink && failed)) {
        written = file_write(arguments->save == NULL ? "-" : arguments->save, &scenario,
                             write_scenario) &&
                  written;
    }
    scenario_close(&scenario);
    return written ? (int)result.verdict : (int)CHAOS_USAGE;
}
