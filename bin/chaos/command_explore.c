/* command_explore.c - attune-chaos explore: every state that a small world can reach.
 *
 *      attune-chaos explore                                   all models, each in its small world
 *      attune-chaos explore removal --nodes 3 --writes 3      one model in a world of one's own
 *      attune-chaos explore --suite small                     the worlds of test/sim/explore_suite.c
 *      attune-chaos explore removal --plant lift-late         with a clause left out: a counterexample is what is wanted
 *
 * Ends with 0 if the property held in all states, 1 if it is broken, 5 if a limit was met before all states were seen.
 */
#include "bin/chaos/chaos.h"
#include "test/sim/explore.h"

#include <argp.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

enum {
    KEY_NODES = 0x100,
    KEY_JOINS,
    KEY_KEYS,
    KEY_WRITES,
    KEY_WALKS,
    KEY_LATE,
    KEY_CRASHES,
    KEY_RESTORES,
    KEY_LOSSES,
    KEY_REMOVALS,
    KEY_CHANGES,
    KEY_SKIPS,
    KEY_TICKS,
    KEY_STATES,
    KEY_MEMORY,
    KEY_SETTLE,
    KEY_PLANT,
    KEY_SUITE,
    NUMBER_COUNT = KEY_MEMORY - KEY_NODES + 1,
};

static const struct argp_option options[] = {
    {"nodes", KEY_NODES, "N", 0, "Members at the start", 0},
    {"joins", KEY_JOINS, "N", 0, "Newcomers, and nodes that begin again under a new id", 0},
    {"keys", KEY_KEYS, "N", 0,
     "Entries of the catalog; staged: 2 if the entry is there at the start", 0},
    {"writes", KEY_WRITES, "N", 0, "Writes in all", 0},
    {"walks", KEY_WALKS, "N", 0, "Exchanges that take their time; more of them are done at once",
     0},
    {"late", KEY_LATE, "N", 0, "Messages that come late, and again and again", 0},
    {"crashes", KEY_CRASHES, "N", 0, "Processes that end, and start again from their disk", 0},
    {"restores", KEY_RESTORES, "N", 0, "Disks that are put back to a copy", 0},
    {"losses", KEY_LOSSES, "N", 0, "Disks that are lost", 0},
    {"removals", KEY_REMOVALS, "N", 0, "Removals by the operator", 0},
    {"changes", KEY_CHANGES, "N", 0, "Changes in stages (staged)", 0},
    {"skips", KEY_SKIPS, "0|1", 0, "Whether changes may leave out the dead (staged)", 0},
    {"ticks", KEY_TICKS, "N", 0, "Ticks of the clock", 0},
    {"states", KEY_STATES, "MAX", 0, "Stop at so many states (default: 100000000)", 1},
    {"memory", KEY_MEMORY, "MIB", 0, "Stop at so much memory (default: 6000)", 1},
    {"settle", KEY_SETTLE, NULL, 0, "From each state, see whether all become equal again", 1},
    {"plant", KEY_PLANT, "NAME", 0, "Leave a clause out, or plant a bug; ? lists them", 1},
    {"suite", KEY_SUITE, "SIZE", 0, "The worlds of the project's own: small, large or all", 1},
    {0},
};

struct explore_arguments {
    const char *model, *plant, *suite;
    bool settle, wrong, given[NUMBER_COUNT];
    uint64_t numbers[NUMBER_COUNT];
};

static const char *option_name(int key) {
    for (size_t i = 0; options[i].name != NULL; i++) {
        if (options[i].key == key) {
            return options[i].name;
        }
    }
    return "";
}

static error_t parse_option(int key, char *value, struct argp_state *state) {
    struct explore_arguments *arguments = state->input;
    switch (key) {
    case KEY_SETTLE:
        arguments->settle = true;
        return 0;
    case KEY_PLANT:
        arguments->plant = value;
        return 0;
    case KEY_SUITE:
        arguments->suite = value;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->model != NULL) {
            chaos_complain("one model at a time: \"%.60s\" is another", value);
            arguments->wrong = true;
        }
        arguments->model = value;
        return 0;
    default:
        if (key < KEY_NODES || key > KEY_MEMORY) { /* the others are numbers */
            return ARGP_ERR_UNKNOWN;
        }
        char name[32];
        (void)snprintf(name, sizeof name, "--%s", option_name(key));
        uint64_t most = key == KEY_STATES ? 1000000000 : key == KEY_MEMORY ? 1000000 : 15;
        arguments->given[key - KEY_NODES] = true;
        if (!argument_number(name, value, 0, most, &arguments->numbers[key - KEY_NODES])) {
            arguments->wrong = true;
        }
        return 0;
    }
}

/* The model's small world, with what was given. */
static struct explore_limits limits_of(const struct explore_model *model,
                                       const struct explore_arguments *arguments) {
    struct explore_limits limits = model->small;
    unsigned *places[] = {&limits.nodes,  &limits.joins,    &limits.keys,    &limits.writes,
                          &limits.walks,  &limits.late,     &limits.crashes, &limits.restores,
                          &limits.losses, &limits.removals, &limits.changes, &limits.skips,
                          &limits.ticks};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (arguments->given[i]) {
            *places[i] = (unsigned)arguments->numbers[i];
        }
    }
    limits.states = arguments->given[KEY_STATES - KEY_NODES]
                        ? arguments->numbers[KEY_STATES - KEY_NODES]
                        : 100000000;
    uint64_t mebibytes = arguments->given[KEY_MEMORY - KEY_NODES]
                             ? arguments->numbers[KEY_MEMORY - KEY_NODES]
                             : 6000;
    limits.bytes = mebibytes << 20;
    return limits;
}

static double seconds_now(void) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void world_print(const struct explore_model *model, const struct explore_world *world) {
    const struct explore_limits *limits = &world->limits;
    const struct {
        const char *name;
        unsigned value;
    } numbers[] = {
        {"nodes", limits->nodes},       {"joins", limits->joins},       {"keys", limits->keys},
        {"writes", limits->writes},     {"walks", limits->walks},       {"late", limits->late},
        {"crashes", limits->crashes},   {"restores", limits->restores}, {"losses", limits->losses},
        {"removals", limits->removals}, {"changes", limits->changes},   {"skips", limits->skips},
        {"ticks", limits->ticks},
    };
    printf("%-9s", model->name);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].value > 0) {
            printf(" %u %s", numbers[i].value, numbers[i].name);
        }
    }
    fputs(world->settle ? ", settling" : "", stdout);
    if (world->plant != EXPLORE_PLANT_NONE) {
        printf(", without %s", model->plants[world->plant - 1].name);
    }
    fputs(": ", stdout);
    (void)fflush(stdout); /* if it takes long, it is known what does */
}

static void result_print(const struct explore_result *result, double seconds) {
    printf("%" PRIu64 " states, %" PRIu64 " transitions, depth %u, %.1f s, %" PRIu64 " MiB: ",
           result->states, result->transitions, result->depth, seconds, result->bytes >> 20);
    if (result->broken) {
        printf("broken after %u steps: %s\n", result->steps, result->why);
    } else if (result->complete) {
        printf("holds\n");
    } else {
        printf("bounded%s: no proof\n", result->out_of_memory ? ", for want of memory" : "");
    }
}

static struct explore_result world_run(const struct explore_model *model,
                                       const struct explore_world *world, FILE *trace) {
    world_print(model, world);
    double begun = seconds_now();
    struct explore_result result = explore_run(model, world, trace);
    result_print(&result, seconds_now() - begun);
    return result;
}

static bool world_fits(const struct explore_model *model, const struct explore_world *world) {
    const char *unfit = model->unfit == NULL ? NULL : model->unfit(world);
    if (unfit != NULL) {
        chaos_complain("%s: %s", model->name, unfit);
    }
    return unfit == NULL;
}

static void plants_complain(const struct explore_model *model) {
    chaos_complain("%s has no plant of this name; it has:", model->name);
    for (size_t i = 0; i < model->plant_count; i++) {
        fprintf(stderr, "  %-18s %s\n", model->plants[i].name, model->plants[i].what);
    }
}

static int run(const struct explore_model *model, const struct explore_arguments *arguments) {
    struct explore_world world = {.limits = limits_of(model, arguments),
                                  .settle = arguments->settle};
    if (arguments->plant != NULL) {
        world.plant = explore_plant_find(model, arguments->plant);
        if (world.plant == EXPLORE_PLANT_NONE) {
            plants_complain(model);
            return CHAOS_USAGE;
        }
    }
    if (!world_fits(model, &world)) {
        return CHAOS_USAGE;
    }
    struct explore_result result = world_run(model, &world, stdout);
    return result.broken ? CHAOS_VIOLATED : result.complete ? CHAOS_HELD : CHAOS_UNKNOWN;
}

/* Whether what came out is what must. */
static int case_run(const struct explore_case *one, const struct explore_arguments *arguments) {
    struct explore_world world = {.limits = one->limits, .settle = one->settle};
    struct explore_limits given = limits_of(one->model, arguments);
    world.limits.states = given.states;
    world.limits.bytes = given.bytes;
    world.plant =
        one->plant == NULL ? EXPLORE_PLANT_NONE : explore_plant_find(one->model, one->plant);
    if ((one->plant != NULL && world.plant == EXPLORE_PLANT_NONE) ||
        !world_fits(one->model, &world)) {
        return CHAOS_USAGE;
    }
    struct explore_result result = world_run(one->model, &world, NULL);
    bool expected = one->outcome == EXPLORE_BREAKS ? result.broken : result.complete;
    if (!expected) {
        printf("          UNEXPECTED: it should %s\n",
               one->outcome == EXPLORE_BREAKS ? "break" : "hold in all states");
    }
    bool unknown = !result.broken && !result.complete;
    return expected ? CHAOS_HELD : unknown ? CHAOS_UNKNOWN : CHAOS_VIOLATED;
}

static int suite_run(const struct explore_model *model, const struct explore_arguments *arguments) {
    bool all = strcmp(arguments->suite, "all") == 0;
    bool large = strcmp(arguments->suite, "large") == 0;
    if (!all && !large && strcmp(arguments->suite, "small") != 0) {
        chaos_complain("--suite wants small, large or all, not \"%.60s\"", arguments->suite);
        return CHAOS_USAGE;
    }
    size_t count;
    const struct explore_case *cases = explore_cases(&count);
    size_t worlds = 0;
    size_t wrong = 0;
    int worst = CHAOS_HELD;
    for (size_t i = 0; i < count; i++) {
        bool wanted = all || cases[i].large == large;
        if (!wanted || (model != NULL && cases[i].model != model)) {
            continue;
        }
        int code = case_run(&cases[i], arguments);
        worlds++;
        wrong += code != CHAOS_HELD;
        worst = worst == CHAOS_HELD ? code : worst;
    }
    printf("%zu worlds, %zu not as expected\n", worlds, wrong);
    return worst;
}

int command_explore(int argc, char **argv) {
    static const struct argp argp = {
        options,
        parse_option,
        "[MODEL]",
        "Enumerates every state of a small world, and checks the property of the model in each. "
        "Models: removal, agreement, staged, freshness; without one: all, in their small worlds.",
        NULL,
        NULL,
        NULL};
    struct explore_arguments arguments = {0};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    if (arguments.wrong) {
        return CHAOS_USAGE;
    }
    const struct explore_model *model = NULL;
    if (arguments.model != NULL) {
        model = explore_model_find(arguments.model);
        if (model == NULL) {
            chaos_complain("\"%.60s\" is no model", arguments.model);
            return CHAOS_USAGE;
        }
    }
    if (arguments.suite != NULL) {
        return suite_run(model, &arguments);
    }
    if (model != NULL) {
        return run(model, &arguments);
    }
    int worst = CHAOS_HELD;
    size_t count;
    const struct explore_model *const *models = explore_models(&count);
    for (size_t i = 0; i < count; i++) {
        int code = run(models[i], &arguments);
        worst = worst == CHAOS_HELD ? code : worst;
    }
    return worst;
}
