/* simulate.c - see simulate.h. */
#include "bin/chaos/simulate.h"

#include "merkle/instrument.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef ATTUNE_COMMIT
#define ATTUNE_COMMIT "unknown"
#endif
#ifndef ATTUNE_BUILD
#define ATTUNE_BUILD "unknown"
#endif

static uint64_t nanoseconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* --- switches -------------------------------------------------------------------------------------------------------- */

static bool plant(const char *name) {
#ifdef ATTUNE_PLANTS
    if (attune_plant_find(name, &attune_planted)) {
        return true;
    }
    chaos_complain("there is no planted bug \"%.20s\"; see attune-chaos list", name);
#else
    chaos_complain("this build has no planted bugs (%.20s): make MODE=plant", name);
#endif
    return false;
}

static bool is_check(const char *id) {
    size_t count;
    const struct sim_invariant *invariants = sim_invariants(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(invariants[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static bool hollow_exists(const char *hollow) {
    char copy[400];
    char *position = NULL;
    (void)snprintf(copy, sizeof copy, "%s", hollow);
    for (char *word = strtok_r(copy, ",", &position); word != NULL;
         word = strtok_r(NULL, ",", &position)) {
        if (!is_check(word)) {
            chaos_complain("there is no check \"%.20s\"; see attune-chaos list", word);
            return false;
        }
    }
    return true;
}

static bool only_is_known(const char *only) {
    char copy[400];
    char *position = NULL;
    (void)snprintf(copy, sizeof copy, "%s", only);
    for (char *word = strtok_r(copy, ",", &position); word != NULL;
         word = strtok_r(NULL, ",", &position)) {
        enum scenario_class class;
        if (!scenario_class_find(word, &class)) {
            chaos_complain("there is no class of faults \"%.30s\"; see attune-chaos list", word);
            return false;
        }
    }
    return true;
}

bool simulate_prepare(const struct sim_arguments *arguments) {
    return (arguments->plant == NULL || plant(arguments->plant)) &&
           (arguments->hollow == NULL || hollow_exists(arguments->hollow)) &&
           (arguments->only == NULL || only_is_known(arguments->only));
}

/* --- scenarios ------------------------------------------------------------------------------------------------------- */

static bool is_left(const char *only, enum scenario_class class) {
    const char *name = scenario_class_name(class);
    size_t size = strlen(name);
    for (const char *at = only; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, size) == 0 && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return class == SCENARIO_CLASS_NONE;
}

static void others_leave_out(struct scenario *scenario, const char *only) {
    struct scenario left;
    bool *left_out = calloc(scenario->action_count + 1, sizeof *left_out);
    for (size_t i = 0; left_out != NULL && i < scenario->action_count; i++) {
        left_out[i] = !is_left(only, scenario_action_class(scenario->actions[i].type));
    }
    scenario_copy(&left, scenario, left_out);
    for (unsigned i = 1; i < SCENARIO_CLASS_COUNT; i++) {
        left.classes[i] = left.classes[i] && is_left(only, (enum scenario_class)i);
    }
    free(left_out);
    scenario_close(scenario);
    *scenario = left;
}

bool simulate_scenario(const struct sim_arguments *arguments, uint64_t seed,
                       struct scenario *scenario) {
    if (arguments->scenario != NULL) {
        char message[SCENARIO_MESSAGE_SIZE_MAX];
        if (!scenario_read(arguments->scenario, scenario, message)) {
            chaos_complain("%s", message);
            return false;
        }
        if (scenario->realtime_only) {
            chaos_complain("%s is for real processes only: attune-chaos run", arguments->scenario);
            scenario_close(scenario);
            return false;
        }
        scenario->seed = arguments->single ? seed : scenario->seed;
    } else {
        struct choice choice;
        choice_seed(&choice, seed);
        scenario_draw(scenario, &choice, seed, (size_t)arguments->nodes);
    }
    scenario_expand(scenario);
    if (arguments->only != NULL) {
        others_leave_out(scenario, arguments->only);
    }
    return true;
}

/* --- runs ------------------------------------------------------------------------------------------------------------ */

void simulate_run(const struct sim_arguments *arguments, const struct scenario *scenario,
                  const struct sim_options *extra, struct sim_result *result) {
    struct sim_options options = {.scenario = scenario};
    if (extra != NULL) {
        options = *extra;
        options.scenario = scenario;
    }
    options.nanoseconds = nanoseconds;
    options.hollow = arguments->hollow;
    options.lossless = arguments->lossless;
    sim_run(&options, result);
    bool canary = arguments->canary && scenario->seed % SIMULATE_CANARY_EVERY == 0;
    if (canary && (result->verdict == CHAOS_HELD || result->verdict == CHAOS_UNKNOWN)) {
        result->verdict = CHAOS_VIOLATED;
        (void)snprintf(result->invariant, sizeof result->invariant, "CANARY");
        (void)snprintf(result->reason, sizeof result->reason, "CANARY: this seed fails on purpose");
    }
}

void simulate_run_twice(const struct sim_arguments *arguments, const struct scenario *scenario,
                        struct sim_result *result) {
    struct sim_result again;
    simulate_run(arguments, scenario, &(struct sim_options){.record = true}, result);
    simulate_run(
        arguments, scenario,
        &(struct sim_options){.expected = result->records, .expected_count = result->record_count},
        &again);
    if (again.differs || again.trace_hash != result->trace_hash) {
        struct sim_step_record first = {.time_ms = 0};
        if (again.differs_at < result->record_count) {
            first = result->records[again.differs_at];
        }
        result->verdict = CHAOS_VIOLATED;
        (void)snprintf(result->invariant, sizeof result->invariant, "REPLAY");
        (void)snprintf(result->reason, sizeof result->reason,
                       "REPLAY: two runs differ from event %zu on: %s of n%" PRIu32 " at %" PRIu64
                       " ms in the first, %s of n%" PRIu32 " at %" PRIu64 " ms in the second",
                       again.differs_at, sim_event_name(first.type), first.node + 1, first.time_ms,
                       sim_event_name(again.found.type), again.found.node + 1, again.found.time_ms);
    }
    free(result->records);
    result->records = NULL;
}

void simulate_describe(const struct scenario *scenario, const struct sim_result *result, char *text,
                       size_t size_bytes) {
    char node[32] = "";
    if (result->failed_node != SIZE_MAX) {
        (void)snprintf(node, sizeof node, ", n%zu", result->failed_node + 1);
    }
    (void)snprintf(text, size_bytes,
                   "%s, seed %" PRIu64 ", commit %s, build %s, trace %016" PRIx64 ", phase %s%s",
                   scenario->name, scenario->seed, ATTUNE_COMMIT, ATTUNE_BUILD, result->trace_hash,
                   sim_phase_name(result->phase), node);
}

/* " OPTION VALUE", if there is a value. */
static void again_add(char *text, size_t size_bytes, const char *option, const char *value) {
    size_t used = strlen(text);
    if (value != NULL) {
        (void)snprintf(text + used, size_bytes - used, " %s%s%s", option,
                       *option == '\0' ? "" : " ", value);
    }
}

void simulate_again(const struct sim_arguments *arguments, uint64_t seed, char *text,
                    size_t size_bytes) {
    char number[24], nodes[24];
    (void)snprintf(number, sizeof number, "%" PRIu64, seed);
    (void)snprintf(nodes, sizeof nodes, "%" PRIu64, arguments->nodes);
    (void)snprintf(text, size_bytes, "attune-chaos sim");
    again_add(text, size_bytes, "", arguments->scenario);
    again_add(text, size_bytes, "--seed", number);
    again_add(text, size_bytes, "--nodes", arguments->nodes == 0 ? NULL : nodes);
    again_add(text, size_bytes, "--only", arguments->only);
    again_add(text, size_bytes, "--plant", arguments->plant);
    again_add(text, size_bytes, "--hollow", arguments->hollow);
    again_add(text, size_bytes, "", arguments->lossless ? "--lossless" : NULL);
    again_add(text, size_bytes, "", arguments->canary ? "--canary" : NULL);
    again_add(text, size_bytes, "", "--trace");
}
