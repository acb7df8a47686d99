/* paired.c - see paired.h. */
#include "test/sim/paired.h"

#include <stdlib.h>

static bool is_of(const struct scenario_action *action, size_t bad) {
    return !scenario_action_is_operation(action->type) && action->type != SCENARIO_JOIN &&
           action->nodes.count == 1 && action->nodes.indexes[0] == bad;
}

static void run(const struct scenario *scenario, size_t bad, struct sim_result *result) {
    struct sim_options options = {.scenario = scenario, .lag_counted = true, .lag_except = bad};
    sim_run(&options, result);
}

void paired_run(const struct scenario *scenario, size_t bad, struct paired *paired) {
    struct scenario without;
    bool *left_out = calloc(scenario->action_count + 1, sizeof *left_out);
    *paired = (struct paired){.left_out = 0};
    for (size_t i = 0; i < scenario->action_count && left_out != NULL; i++) {
        left_out[i] = is_of(&scenario->actions[i], bad);
        paired->left_out += left_out[i];
    }
    scenario_copy(&without, scenario, left_out);
    run(scenario, bad, &paired->with);
    run(&without, bad, &paired->without);
    scenario_close(&without);
    free(left_out);
}

static bool came_to_an_end(const struct sim_result *result) {
    return result->verdict == CHAOS_HELD || result->verdict == CHAOS_UNKNOWN;
}

bool paired_costs_too_much(const struct paired *paired) {
    const struct sim_stats *with = &paired->with.stats;
    const struct sim_stats *without = &paired->without.stats;
    return !came_to_an_end(&paired->with) ||
           with->lag > 2 * without->lag + with->acknowledged / 4 ||
           with->settle_intervals > 2 * without->settle_intervals + 1;
}
