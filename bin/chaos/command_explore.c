/* command_explore.c - attune-chaos explore: every state that a small world can reach.
 *
 *      attune-chaos explore                                   all models, each in its small world
 *      attune-chaos explore removal --nodes 3 --writes 3      one model in a world of one's own
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
    KEY_TICKS,
    KEY_STATES,
    KEY_MEMORY,
    KEY_SETTLE,
    KEY_PLANT,
    NUMBER_COUNT = KEY_MEMORY - KEY_NODES + 1,
};

static const struct argp_option options[] = {
    {"nodes", KEY_NODES, "N", 0, "Members at the start", 0},
    {"joins", KEY_JOINS, "N", 0, "Newcomers, and nodes that begin again under a new id", 0},
    {"keys", KEY_KEYS, "N", 0, "Entries of the catalog", 0},
    {"writes", KEY_WRITES, "N", 0, "Writes in all", 0},
    {"walks", KEY_WALKS, "N", 0, "Exchanges that take their time; more of them are done at once",
     0},
    {"late", KEY_LATE, "N", 0, "Messages that come late, and again and again", 0},
    {"crashes", KEY_CRASHES, "N", 0, "Processes that end, and start again from their disk", 0},
    {"restores", KEY_RESTORES, "N", 0, "Disks that are put back to a copy", 0},
    {"losses", KEY_LOSSES, "N", 0, "Disks that are lost", 0},
    {"removals", KEY_REMOVALS, "N", 0, "Removals by the operator", 0},
    {"ticks", KEY_TICKS, "N", 0, "Ticks of the clock", 0},
    {"states", KEY_STATES, "MAX", 0, "Stop at so many states (default: 100000000)", 1},
    {"memory", KEY_MEMORY, "MIB", 0, "Stop at so much memory (default: 6000)", 1},
    {"settle", KEY_SETTLE, NULL, 0, "From each state, see whether all become equal again", 1},
    {"plant", KEY_PLANT, "NAME", 0, "Leave a clause out, or plant a bug; ? lists them", 1},
    {0},
};

struct explore_arguments {
    const char *model, *plant;
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
    case ARGP_KEY_ARG:
        if (arguments->model != NULL) {
            chaos_complain("one model at a time: \"%.60s\" is another", value);
            arguments->wrong = true;
        }
        arguments->model = value;
        return 0;
    default:
        if (key < KEY_NODES || key > KEY_MEMORY) {
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
                          &limits.losses, &limits.removals, &limits.ticks};
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

static void world_print(const struct explore_limits *limits) {
    const struct {
        const char *name;
        unsigned value;
    } numbers[] = {
        {"nodes", limits->nodes},       {"joins", limits->joins},       {"keys", limits->keys},
        {"writes", limits->writes},     {"walks", limits->walks},       {"late", limits->late},
        {"crashes", limits->crashes},   {"restores", limits->restores}, {"losses", limits->losses},
        {"removals", limits->removals}, {"ticks", limits->ticks},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].value > 0) {
            printf(" %u %s", numbers[i].value, numbers[i].name);
        }
    }
}

static int run(const struct explore_model *model, const struct explore_arguments *arguments) {
    struct explore_world world = {.limits = limits_of(model, arguments),
                                  .settle = arguments->settle};
    if (arguments->plant != NULL) {
        world.plant = explore_plant_find(model, arguments->plant);
        if (world.plant == EXPLORE_PLANT_NONE) {
            chaos_complain("%s has no plant of this name; it has:", model->name);
            for (size_t i = 0; i < model->plant_count; i++) {
                fprintf(stderr, "  %-18s %s\n", model->plants[i].name, model->plants[i].what);
            }
            return CHAOS_USAGE;
        }
    }
    if (model->unfit != NULL && model->unfit(&world) != NULL) {
        chaos_complain("%s: %s", model->name, model->unfit(&world));
        return CHAOS_USAGE;
    }
    double begun = seconds_now();
    struct explore_result result = explore_run(model, &world, stdout);
    double seconds = seconds_now() - begun;
    if (result.broken) {
        printf("%s is broken after %u steps: %s\n", model->name, result.steps, result.why);
    }
    printf("%-9s", model->name);
    world_print(&world.limits);
    printf("%s%s%s: %" PRIu64 " states, %" PRIu64 " transitions, depth %u, %.1f s, %" PRIu64
           " MiB, %s\n",
           world.settle ? " settle" : "", world.plant != 0 ? " plant " : "",
           world.plant != 0 ? arguments->plant : "", result.states, result.transitions,
           result.depth, seconds, result.bytes >> 20,
           result.broken          ? "broken"
           : result.complete      ? "complete"
           : result.out_of_memory ? "bounded: no memory"
                                  : "bounded");
    return result.broken ? CHAOS_VIOLATED : result.complete ? CHAOS_HELD : CHAOS_UNKNOWN;
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
    if (arguments.model != NULL) {
        const struct explore_model *model = explore_model_find(arguments.model);
        if (model == NULL) {
            chaos_complain("\"%.60s\" is no model", arguments.model);
            return CHAOS_USAGE;
        }
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
