/* simulate_one.c - attune-chaos sim for one seed or one scenario: what was drawn, what happened, how it ended, how it is
 * repeated; a report to look at, and the smallest scenario that still fails, where these are wanted. */
#include "bin/chaos/simulate.h"

#include <inttypes.h>

/* --- words ------------------------------------------------------------------------------------------------------------- */

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

static bool report_file(const char *path, const struct report *report,
                        bool (*write)(const struct report *report, FILE *file)) {
    if (path == NULL) {
        return true;
    }
    FILE *file = output_open(path);
    return file != NULL && output_close(path, file, write(report, file));
}

static bool scenario_file(const char *path, const struct scenario *scenario) {
    FILE *file = output_open(path);
    if (file == NULL) {
        return false;
    }
    scenario_print(scenario, file);
    return output_close(path, file, fflush(file) == 0 && ferror(file) == 0);
}

static bool report_files(const struct sim_arguments *arguments, const struct scenario *scenario,
                         const struct sim_result *result, struct report *report) {
    simulate_again(arguments, scenario->seed, report->again, sizeof report->again);
    (void)snprintf(report->verdict, sizeof report->verdict, "%s",
                   chaos_verdict_name(result->verdict));
    (void)snprintf(report->reason, sizeof report->reason, "%s", result->reason);
    (void)snprintf(report->content_root, sizeof report->content_root, "%s", result->content_root);
    bool html = report_file(arguments->html, report, report_write_html);
    return report_file(arguments->json, report, report_write_json) && html;
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
    char text[SIMULATE_AGAIN_SIZE_MAX];
    figures_print(scenario, result);
    if (result->verdict == CHAOS_HELD) {
        printf("held; trace %016" PRIx64 "\n", result->trace_hash);
        return;
    }
    simulate_describe(scenario, result, text, sizeof text);
    printf("%s: %s\n  %s\n", chaos_verdict_name(result->verdict), result->reason, text);
    simulate_again(arguments, scenario->seed, text, sizeof text);
    printf("  again: %s\n", text);
}

int simulate_one(const struct sim_arguments *arguments) {
    struct scenario scenario;
    struct sim_result result;
    struct report report;
    bool written = true;
    bool wants_report = arguments->html != NULL || arguments->json != NULL;
    if (!simulate_prepare(arguments) || !output_possible(arguments->html) ||
        !output_possible(arguments->json) || !output_possible(arguments->save) ||
        !simulate_scenario(arguments, arguments->from, &scenario)) {
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
        written =
            scenario_file(arguments->save == NULL ? "-" : arguments->save, &scenario) && written;
    }
    scenario_close(&scenario);
    return written ? (int)result.verdict : (int)CHAOS_USAGE;
}
