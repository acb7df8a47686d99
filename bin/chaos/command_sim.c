/* command_sim.c - attune-chaos sim: the arguments of simulations, and what they must not be.
 *
 *      attune-chaos sim --seed 7                     one run
 *      attune-chaos sim --seeds 5000 --from 1        a sweep, in as many processes as there are processors
 *      attune-chaos sim scenario.yaml                what a file says
 */
#include "bin/chaos/command_sim.h"

#include "bin/chaos/sweep.h"
#include "test/sim/scenario.h"

#include <argp.h>

enum {
    KEY_SEED = 0x100,
    KEY_SEEDS,
    KEY_FROM,
    KEY_JOBS,
    KEY_NODES,
    KEY_SECONDS_MAX,
    KEY_PROBES_LEAST,
    KEY_TWICE,
    KEY_TRACE,
    KEY_REPORT,
    KEY_JSON,
    KEY_QUIET,
    KEY_SHRINK,
    KEY_SAVE,
    KEY_ONLY,
    KEY_PLANT,
    KEY_HOLLOW,
    KEY_LOSSLESS,
    KEY_CANARY,
    KEY_STOP_AT_FIRST,
};

static const struct argp_option options[] = {
    {"seed", KEY_SEED, "S", 0, "One run: the one of this seed", 0},
    {"seeds", KEY_SEEDS, "N", 0, "A sweep of so many seeds (default: 100)", 0},
    {"from", KEY_FROM, "S", 0, "The sweep's first seed (default: 1)", 0},
    {"jobs", KEY_JOBS, "N", 0, "Processes of a sweep (default: one for each processor)", 0},
    {"nodes", KEY_NODES, "N", 0, "Nodes of each run (default: drawn from the seed)", 0},
    {"seconds-max", KEY_SECONDS_MAX, "N", 0,
     "A run of a sweep that takes longer counts as crashed (default: 300)", 0},
    {"twice", KEY_TWICE, NULL, 0, "Run each seed twice and compare (default: one of 20)", 0},
    {"trace", KEY_TRACE, NULL, 0, "Print what happens (one run)", 0},
    {"report", KEY_REPORT, "FILE", 0, "Write what happened over time as HTML (one run)", 0},
    {"json", KEY_JSON, "FILE", 0, "Write the same figures as JSON (one run)", 0},
    {"quiet", KEY_QUIET, NULL, 0, "No progress", 0},
    {"shrink", KEY_SHRINK, NULL, 0, "Make a run that fails as small as can be (one run)", 1},
    {"save", KEY_SAVE, "FILE", 0, "Write the scenario of the run, shrunk or not, there (one run)",
     1},
    {"only", KEY_ONLY, "CLASS,...", 0, "Leave out faults of all other classes", 1},
    {"probes-least", KEY_PROBES_LEAST, "N", 0,
     "The sweep proves nothing if a probe was hit less often", 1},
    {"stop-at-first", KEY_STOP_AT_FIRST, NULL, 0,
     "End the sweep at the first seed that fails, and say which and why in one line", 1},
    {"plant", KEY_PLANT, "BUG", 0, "Switch a planted bug on (a build of MODE=plant only)", 2},
    {"hollow", KEY_HOLLOW, "CHECK,...", 0, "Make checks pass always, to see that they are missed",
     2},
    {"lossless", KEY_LOSSLESS, NULL, 0, "A network that never fails, to see that runs say so", 2},
    {"canary", KEY_CANARY, NULL, 0, "One seed of 100 fails, to see that it is reported", 2},
    {0},
};

static bool parse_number(int key, const char *text, struct sim_arguments *arguments) {
    uint64_t *from = &arguments->from, number = 0;
    switch (key) {
    case KEY_SEED:
        arguments->single = true;
        return argument_number("--seed", text, 0, UINT64_MAX, from);
    case KEY_SEEDS:
        arguments->sweep = true;
        return argument_number("--seeds", text, 1, UINT64_MAX, &arguments->count);
    case KEY_FROM:
        arguments->sweep = true;
        return argument_number("--from", text, 0, UINT64_MAX, from);
    case KEY_JOBS:
        if (!argument_number("--jobs", text, 1, SWEEP_JOBS_MAX, &number)) {
            return false;
        }
        arguments->jobs = (unsigned)number;
        return true;
    case KEY_NODES:
        return argument_number("--nodes", text, 2, SCENARIO_NODES_MAX, &arguments->nodes);
    case KEY_PROBES_LEAST:
        return argument_number("--probes-least", text, 1, UINT32_MAX, &arguments->probes_least);
    default:
        if (!argument_number("--seconds-max", text, 1, 24 * 3600, &number)) {
            return false;
        }
        arguments->seconds_max = (unsigned)number;
        return true;
    }
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
    struct sim_arguments *arguments = state->input;
    switch (key) {
    case KEY_TWICE:
        arguments->twice = true;
        return 0;
    case KEY_TRACE:
        arguments->trace = true;
        return 0;
    case KEY_REPORT:
        arguments->html = value;
        return 0;
    case KEY_JSON:
        arguments->json = value;
        return 0;
    case KEY_QUIET:
        arguments->quiet = true;
        return 0;
    case KEY_SHRINK:
        arguments->shrink = true;
        return 0;
    case KEY_SAVE:
        arguments->save = value;
        return 0;
    case KEY_ONLY:
        arguments->only = value;
        return 0;
    case KEY_PLANT:
        arguments->plant = value;
        return 0;
    case KEY_HOLLOW:
        arguments->hollow = value;
        return 0;
    case KEY_LOSSLESS:
        arguments->lossless = true;
        return 0;
    case KEY_CANARY:
        arguments->canary = true;
        return 0;
    case KEY_STOP_AT_FIRST:
        arguments->stop_at_first = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->scenario != NULL) {
            chaos_complain("one scenario at a time: \"%.60s\" is another", value);
            arguments->wrong = true;
        }
        arguments->scenario = value;
        return 0;
    default:
        if (key < KEY_SEED || key > KEY_PROBES_LEAST) {
            return ARGP_ERR_UNKNOWN;
        }
        if (!arguments->wrong && !parse_number(key, value, arguments)) {
            arguments->wrong = true;
        }
        return 0;
    }
}

/* What each is right by itself, and makes no sense together. */
static bool fit_together(const struct sim_arguments *arguments) {
    const char *wrong = NULL;
    bool one = arguments->single || arguments->scenario != NULL;
    if (arguments->single && arguments->sweep) {
        wrong = "--seed is one run; --seeds and --from are a sweep";
    } else if (arguments->scenario != NULL && (arguments->sweep || arguments->nodes != 0)) {
        wrong = "a scenario is one run, and says how many nodes there are";
    } else if (!one && arguments->trace) {
        wrong = "--trace is for one run: give --seed or a scenario";
    } else if (!one && (arguments->html != NULL || arguments->json != NULL)) {
        wrong = "--report and --json are for one run: give --seed or a scenario";
    } else if (!one && (arguments->shrink || arguments->save != NULL)) {
        wrong = "--shrink and --save are for one run: give --seed or a scenario";
    } else if (one && arguments->probes_least > 0) {
        wrong = "--probes-least is for a sweep";
    } else if (one && arguments->stop_at_first) {
        wrong = "--stop-at-first is for a sweep";
    } else if (one && arguments->jobs > 0) {
        wrong = "--jobs is for a sweep";
    } else if (one && arguments->seconds_max > 0) {
        wrong = "--seconds-max is for a sweep";
    } else if (arguments->twice &&
               (arguments->trace || arguments->html != NULL || arguments->json != NULL)) {
        wrong = "--twice compares two runs, and writes neither trace nor report";
    }
    if (wrong != NULL) {
        chaos_complain("%s", wrong);
        return false;
    }
    return argument_seeds(arguments->from, arguments->single ? 1 : arguments->count);
}

bool sim_arguments_parse(int argc, char **argv, struct sim_arguments *arguments) {
    static const struct argp argp = {
        options,
        parse_option,
        "[SCENARIO]",
        "Simulates clusters under faults: one run of a seed or of a scenario, or a sweep of seeds.",
        NULL,
        NULL,
        NULL};
    *arguments = (struct sim_arguments){.from = 1, .count = 100};
    argp_parse(&argp, argc, argv, 0, NULL, arguments);
    return !arguments->wrong && fit_together(arguments);
}

int command_sim(int argc, char **argv) {
    struct sim_arguments arguments;
    if (!sim_arguments_parse(argc, argv, &arguments)) {
        return CHAOS_USAGE;
    }
    bool one = arguments.single || arguments.scenario != NULL;
    return one ? simulate_one(&arguments) : simulate_sweep(&arguments);
}
