/* command_list.c - attune-chaos list: what a scenario may contain, and what this build counts.
 *
 * Everything comes from the tables that the simulator and the real runs use, so that the list is never older than they are.
 */
#include "bin/chaos/chaos.h"
#include "merkle/instrument.h"
#include "test/sim/sim.h"

#include <argp.h>
#include <string.h>

static const struct {
    const char *name;
    enum scenario_class class;
    unsigned takes;
} actions[] = {
#define X(symbol, name, class, takes) {name, SCENARIO_CLASS_##class, takes},
    SCENARIO_ACTIONS(X)
#undef X
};
enum { ACTION_COUNT = sizeof(actions) / sizeof(actions[0]) };

static const char *const classes[] = {
#define X(symbol, name) name,
    SCENARIO_CLASSES(X)
#undef X
};

/* In the order in which they stand in a file. Nodes that must be named have no brackets. */
static void print_arguments(unsigned takes) {
    static const struct {
        unsigned flag;
        const char *name;
    } arguments[] = {
        {SCENARIO_TAKES_TO, "to"},           {SCENARIO_TAKES_FOR, "for"},
        {SCENARIO_TAKES_PERCENT, "percent"}, {SCENARIO_TAKES_SPAN, "span"},
        {SCENARIO_TAKES_COUNT, "count"},     {SCENARIO_TAKES_KEY, "key"},
        {SCENARIO_TAKES_BODY, "body"},       {SCENARIO_TAKES_WAIT, "wait"},
        {SCENARIO_TAKES_WAIT, "skip_dead"},
    };
    if (takes & SCENARIO_TAKES_NODES) {
        fputs(takes & SCENARIO_NODES_NEEDED ? " nodes" : " [nodes]", stdout);
    }
    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
        if (takes & arguments[i].flag) {
            printf(" %s", arguments[i].name);
        }
    }
    putchar('\n');
}

static void list_actions(void) {
    printf("Classes of faults, and the actions of scenarios with their arguments (at, and):\n");
    for (size_t class = 1; class < SCENARIO_CLASS_COUNT; class ++) {
        for (size_t i = 0; i < ACTION_COUNT; i++) {
            if (actions[i].class == class) {
                printf("  %-14s %-14s", classes[class], actions[i].name);
                print_arguments(actions[i].takes);
            }
        }
    }
    printf("\nActions that are no faults:\n");
    for (size_t i = 0; i < ACTION_COUNT; i++) {
        if (actions[i].class == SCENARIO_CLASS_NONE) {
            printf("  %-14s", actions[i].name);
            print_arguments(actions[i].takes);
        }
    }
}

static void list_probes(void) {
    if (probes_count() == 0) {
        printf("\nThis build has no probes.\n");
        return;
    }
    printf("\nProbes, which a sweep must hit:\n");
    for (size_t i = 0; i < probes_count(); i++) {
        const struct attune_probe *probe = probes_at(i);
        printf("  %-40s %s:%d\n", probe->name, probe->file, probe->line);
    }
}

static void list_checks(void) {
    size_t count;
    const struct sim_invariant *invariants = sim_invariants(&count);
    printf("\nChecks of simulated runs:\n");
    for (size_t i = 0; i < count; i++) {
        printf("  %-6s %s%s\n", invariants[i].id, invariants[i].statement,
               invariants[i].later ? " (not yet)" : "");
    }
}

static void list_plants(void) {
#ifdef ATTUNE_PLANTS
    printf("\nPlanted bugs, and what must notice each:\n");
#define X(name, what, caught_by) printf("  %-4s %s (%s)\n", #name, what, caught_by);
    ATTUNE_PLANT_LIST(X)
#undef X
#endif
}

int command_list(int argc, char **argv) {
    static const struct argp argp = {
        NULL, NULL,
        "",   "Lists classes of faults, actions and their arguments, checks, and probes.",
        NULL, NULL,
        NULL};
    argp_parse(&argp, argc, argv, 0, NULL, NULL);
    list_actions();
    list_checks();
    list_probes();
    list_plants();
    return CHAOS_HELD;
}
