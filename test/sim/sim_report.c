/* sim_report.c - what a run leaves in its report: samples at each interval, bands of faults, figures, checks. */
#include "test/sim/checker.h"

#include <stdlib.h>
#include <string.h>

/* --- samples: make no choice and change nothing ------------------------------------------------------------------------------ */

/* Counts roots that differ, up to `max`. */
static void root_note(struct merkle_digest *roots, uint32_t *count, uint32_t max,
                      const struct merkle_digest *root) {
    for (uint32_t i = 0; i < *count; i++) {
        if (merkle_digest_equal(&roots[i], root)) {
            return;
        }
    }
    if (*count < max) {
        roots[(*count)++] = *root;
    }
}

void sim_report_sample(struct sim *sim) {
    enum { ROOTS_MAX = 64 };
    struct merkle_digest roots[ROOTS_MAX];
    uint32_t root_count = 0;
    uint32_t up = 0;
    size_t count = sim->scenario->node_count;
    uint32_t *missing = sim_allocate(count, sizeof *missing);
    sim_god_follow(sim);
    for (size_t i = 0; i < count; i++) {
        struct sim_node *node = &sim->nodes[i];
        missing[i] = UINT32_MAX;
        if (node->engine == NULL || node->abandoned) {
            continue;
        }
        up++;
        missing[i] = sim_god_missing(sim, node);
        struct merkle_digest root = merkle_tree_root(catalog_tree(gossip_catalog(node->engine)));
        root_note(roots, &root_count, ROOTS_MAX, &root);
    }
    report_sample(sim->options->report, sim->now_ms, root_count, up, missing);
    free(missing);
}

/* --- the end ------------------------------------------------------------------------------------------------------------------- */

static void bands_fill(const struct sim *sim, struct report *report) {
    for (size_t i = 0; i < sim->band_count; i++) {
        const struct sim_band *band = &sim->bands[i];
        const struct scenario_action *action = &sim->scenario->actions[band->action];
        enum scenario_class class = scenario_action_class(action->type);
        bool later = band->until_ms > band->from_ms || action->type == SCENARIO_MEMORY;
        struct report_band made = {
            .from_ms = band->from_ms,
            .until_ms = band->until_ms,
            .class = class,
            .fired = band->at_once || (later && sim->stats.fired[class] > band->fired_before),
        };
        scenario_action_describe(action, made.text, sizeof made.text);
        if (!made.fired) {
            (void)snprintf(made.why_not, sizeof made.why_not,
                           "nothing was there that it could have met");
        }
        report_band(report, &made);
    }
}

static bool is_slower(const struct sim_acknowledged *a, const struct sim_acknowledged *b) {
    if (a->everywhere_ms == 0 || b->everywhere_ms == 0) {
        return a->everywhere_ms == 0 && b->everywhere_ms != 0;
    }
    return a->everywhere_ms - a->time_ms > b->everywhere_ms - b->time_ms;
}

static void slowest_fill(const struct sim *sim, struct report *report) {
    const struct sim_acknowledged *slowest = NULL;
    for (size_t i = 0; i < sim->acknowledged_count; i++) {
        const struct sim_acknowledged *write = &sim->acknowledged[i];
        if (!write->lost && !write->out_of_reach && write->cluster == 0 &&
            (slowest == NULL || is_slower(write, slowest))) {
            slowest = write;
        }
    }
    if (slowest == NULL) {
        return;
    }
    struct catalog_key key = catalog_entry_key(slowest->entry);
    const char *kind = catalog_kind_name(key.kind);
    (void)snprintf(report->slowest_key, sizeof report->slowest_key, "%s/%.*s%s%.*s",
                   kind == NULL ? "other" : kind, (int)key.entity.size_bytes, key.entity.data,
                   key.name.size_bytes > 0 ? "/" : "", (int)key.name.size_bytes, key.name.data);
    report->slowest_written_ms = slowest->time_ms;
    report->slowest_everywhere_ms = slowest->everywhere_ms;
}

static void figures_fill(const struct sim *sim, struct report *report) {
    const struct sim_stats *stats = &sim->stats;
    report_figure(report, "writes acknowledged", (double)stats->acknowledged, "");
    report_figure(report, "of those excused", (double)stats->excused, "");
    report_figure(report, "entries at the end", (double)stats->entries, "");
    report_figure(report, "conflicts at the end", (double)stats->conflicts, "");
    report_figure(report, "entries transferred", (double)stats->entries_transferred, "");
    report_figure(report, "frames", (double)stats->frames, "");
    report_figure(report, "frames lost", (double)stats->frames_lost, "");
    report_figure(report, "crashes", (double)stats->crashes, "");
    report_figure(report, "equal after", (double)stats->settle_intervals, "intervals");
    report_figure(report, "sent at rest, a node and interval",
                  stats->quiet_intervals == 0
                      ? 0.0
                      : (double)stats->quiet_bytes / (double)stats->quiet_intervals /
                            (double)stats->nodes,
                  "bytes");
}

static void checks_fill(const struct sim *sim, struct report *report) {
    for (size_t i = 0; i < sim_checker_count; i++) {
        struct report_check check = {.evaluations = sim->check_looks[i]};
        (void)snprintf(check.id, sizeof check.id, "%s", sim_checkers[i]->id);
        (void)snprintf(check.statement, sizeof check.statement, "%s", sim_checkers[i]->statement);
        check.violated = strcmp(sim->result->invariant, check.id) == 0;
        report_check(report, &check);
    }
}

void sim_report_fill(const struct sim *sim) {
    struct report *report = sim->options->report;
    report->load_ms = sim->stats.load_ms;
    report->end_ms = sim->now_ms;
    report->trace_hash = sim->hash;
    bands_fill(sim, report);
    slowest_fill(sim, report);
    figures_fill(sim, report);
    checks_fill(sim, report);
}
