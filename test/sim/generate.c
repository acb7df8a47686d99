/* generate.c - draws a whole run from a choice source: how many nodes, which classes of faults, what happens when.
 *
 * Swarm testing (Groce et al., ISSTA '12): all faults at once mask each other, so each run first draws how many of the classes
 * are likely (an eighth, a quarter, a half of them) and then which are on, and only those occur. A class that is on is tried a
 * few times at least, on nodes that are there by then: a run in which it never had an effect has proved nothing.
 */
#include "test/sim/generate.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NODES_MIN = 3,
    NODES_SPAN = 28,
    FEW_NODES = 6,
    LOAD_MS_MIN = 14000,
    LOAD_MS_SPAN = 46000,
    LOAD_MS_SPAN_BRIEF = 4000,
    EVERY_MS_BRIEF = 150,
    GAP_MS_BRIEF = 1500,
    FAULTS_FROM_MS = 4000, /* the cluster stands by then */
    FOR_MS_MEAN = 4000,
    FOR_MS_MIN = 600,
    TRIES_MIN = 5, /* of each class */
    DRAWS_MAX = 6, /* of a node that suits */
    MANY_MIN = 150,
    MANY_SPAN = 500,
    MANY_BRIEF = 60,
    REAL_STORE_PERCENT = 7,
    REAL_STORE_NODES_MAX = 5,
    CORE_PERCENT = 25,
    MEAN_GAP_MS = 5000, /* between two faults of one class */
    MEAN_GAP_HEAVY_MS = 15000,
    REMOVAL_GAP_MS = 1500, /* between two tries of the operator */
    JOIN_MS = 1500,        /* a node that is started is a member by then, if nothing goes wrong */
};

static_assert((int)SCENARIO_CLASS_OTHER_CLUSTER + 2 == (int)SCENARIO_CLASS_COUNT &&
                  (int)SCENARIO_CLASS_UPGRADE + 1 == (int)SCENARIO_CLASS_COUNT,
              "scenario_draw() goes through the classes up to OTHER_CLUSTER, and upgrade_draw() "
              "has the last");

uint64_t generate__below(struct drawing *drawing, uint64_t bound, const char *label) {
    return choice_below(drawing->choice, bound, label);
}

static uint64_t below(struct drawing *drawing, uint64_t bound, const char *label) {
    return generate__below(drawing, bound, label);
}

static bool is_there(const struct drawing *drawing, size_t index, uint64_t at_ms) {
    const struct scenario *scenario = drawing->scenario;
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->type == SCENARIO_JOIN && action->nodes.indexes[0] == index) {
            return action->at_ms + JOIN_MS <= at_ms;
        }
    }
    return true;
}

uint16_t generate__node(struct drawing *drawing, size_t first, uint64_t at_ms, const char *label) {
    uint64_t index = 0;
    for (unsigned i = 0; i < DRAWS_MAX; i++) {
        index = first + below(drawing, drawing->eligible - first, label);
        if (is_there(drawing, index, at_ms)) {
            break;
        }
    }
    return (uint16_t)index;
}

/* Whose disk is lost or put back: not the one that another cluster is told of, for that would take it in as a newcomer. */
static uint16_t disk_draw(struct drawing *drawing, uint64_t at_ms) {
    size_t first = drawing->eligible < drawing->scenario->node_count ? 1 : 0;
    return generate__node(drawing, first, at_ms, "victim");
}

/* A part of the nodes, from one to half of them, beginning anywhere. */
static struct scenario_nodes group_draw(struct drawing *drawing, const char *label) {
    uint16_t indexes[SCENARIO_NODES_MAX];
    size_t all = drawing->scenario->node_count;
    size_t count = 1 + (size_t)below(drawing, all / 2 + 1, label);
    size_t first = (size_t)below(drawing, all, label);
    count = count < all ? count : all - 1;
    for (size_t i = 0; i < count; i++) {
        indexes[i] = (uint16_t)((first + i) % all);
    }
    return scenario_nodes_of(count, indexes);
}

/* --- what one occurrence of an action looks like ---------------------------------------------------------------------------------- */

static void arguments_draw(struct drawing *drawing, struct scenario_action *action) {
    unsigned takes = scenario_action_takes(action->type);
    if ((takes & SCENARIO_TAKES_FOR) != 0) {
        action->for_ms = FOR_MS_MIN + choice_delay(drawing->choice, FOR_MS_MEAN, "for");
    }
    if ((takes & SCENARIO_TAKES_PERCENT) != 0) {
        action->percent = 2 + (unsigned)below(drawing, 40, "percent");
    }
    switch (action->type) {
    case SCENARIO_DELAY:
        action->span_ms = 5 + (int64_t)below(drawing, 300, "delay mean");
        break;
    case SCENARIO_REPEAT:
        action->span_ms = 1 + (int64_t)below(drawing, 5000, "repeat within");
        break;
    case SCENARIO_FLAP:
        action->span_ms = 100 + (int64_t)below(drawing, 3000, "flap period");
        break;
    case SCENARIO_SLOW_LINK:
        action->count = 1000 + below(drawing, 50000, "rate");
        break;
    case SCENARIO_FRAGMENT:
        action->count = 1 + below(drawing, 64, "piece");
        break;
    case SCENARIO_CORRUPT:
        action->percent = 4 + action->percent / 5;
        break;
    case SCENARIO_CLOCK:
        action->span_ms = (int64_t)below(drawing, 240000, "jump") - 120000;
        break;
    case SCENARIO_DISK_SLOW:
        action->span_ms = 200 + (int64_t)choice_delay(drawing->choice, 2000, "slow disk");
        break;
    case SCENARIO_MEMORY:
        action->count = 1 + below(drawing, 20, "allocations that fail");
        break;
    case SCENARIO_DAMAGE:
        action->count = 1 + below(drawing, 4, "bits");
        break;
    case SCENARIO_STRANGER:
    case SCENARIO_LIAR:
        action->count = 3 + below(drawing, 8, "times");
        break;
    default:
        break;
    }
}

static void nodes_draw(struct drawing *drawing, struct scenario_action *action) {
    bool link = (scenario_action_takes(action->type) & SCENARIO_LINK) == SCENARIO_LINK &&
                action->type != SCENARIO_HANG;
    bool needs = (scenario_action_takes(action->type) & SCENARIO_NODES_NEEDED) != 0;
    if (link && (needs || below(drawing, 3, "which links") > 0)) {
        action->nodes = group_draw(drawing, "links from");
        if (!needs && below(drawing, 2, "links to some") == 1) {
            action->to = group_draw(drawing, "links to");
        }
        if (action->to.count == 1 && action->nodes.count == 1 &&
            action->to.indexes[0] == action->nodes.indexes[0]) {
            free(action->to.indexes); /* nobody speaks with himself */
            action->to = (struct scenario_nodes){0};
        }
    } else if (!link && action->type != SCENARIO_MASS_RESTART && action->type != SCENARIO_RESET) {
        /* Of a real file that is damaged there may be nothing left. */
        bool disk = action->type == SCENARIO_WIPE || action->type == SCENARIO_DISK_LIE ||
                    (action->type == SCENARIO_DAMAGE && drawing->scenario->real_store);
        uint16_t index = disk ? disk_draw(drawing, action->at_ms)
                              : generate__node(drawing, 0, action->at_ms, "victim");
        action->nodes = scenario_nodes_of(1, &index);
    }
}

static void add(struct drawing *drawing, enum scenario_action_type type, uint64_t at_ms) {
    struct scenario_action action = {.type = type, .at_ms = at_ms};
    nodes_draw(drawing, &action);
    arguments_draw(drawing, &action);
    scenario_add(drawing->scenario, &action);
}

/* --- classes that need more than one action -------------------------------------------------------------------------------------------- */

/* A copy now, put back some time later. */
static void add_restore(struct drawing *drawing, uint64_t at_ms) {
    uint64_t load_ms = drawing->scenario->load_ms;
    uint16_t index = disk_draw(drawing, at_ms);
    scenario_add(drawing->scenario,
                 &(struct scenario_action){.type = SCENARIO_BACKUP,
                                           .at_ms = at_ms,
                                           .nodes = scenario_nodes_of(1, &index)});
    uint64_t later_ms = at_ms + 500 + below(drawing, load_ms - at_ms + 1, "put back after");
    scenario_add(drawing->scenario,
                 &(struct scenario_action){.type = SCENARIO_RESTORE,
                                           .at_ms = later_ms < load_ms ? later_ms : load_ms - 1,
                                           .for_ms = 1 + below(drawing, 2000, "for"),
                                           .nodes = scenario_nodes_of(1, &index)});
}

static void add_joins(struct drawing *drawing) {
    for (size_t i = 2; i < drawing->eligible; i++) {
        if (below(drawing, 2, "late") == 1 || i + 1 == drawing->eligible) {
            uint16_t index = (uint16_t)i;
            scenario_add(
                drawing->scenario,
                &(struct scenario_action){
                    .type = SCENARIO_JOIN,
                    .at_ms = 500 + below(drawing, drawing->scenario->load_ms - 500, "joins at"),
                    .nodes = scenario_nodes_of(1, &index)});
        }
    }
}

/* The operator tries by way of one member after the other, until one takes it. */
static void add_remove(struct drawing *drawing, uint64_t at_ms) {
    if (drawing->eligible < 4) {
        return;
    }
    uint16_t gone = generate__node(drawing, 1, at_ms, "removed");
    bool live = below(drawing, 2, "removed alive") == 1;
    uint64_t for_ms = below(drawing, 2, "comes back") == 1
                          ? 1000 + below(drawing, drawing->scenario->load_ms / 2, "back after")
                          : SCENARIO_FOREVER;
    for (; at_ms < drawing->scenario->load_ms; at_ms += REMOVAL_GAP_MS) {
        uint16_t by = generate__node(drawing, 0, at_ms, "removes");
        if (by != gone) {
            scenario_add(
                drawing->scenario,
                &(struct scenario_action){.type = live ? SCENARIO_REMOVE_LIVE : SCENARIO_REMOVE,
                                          .at_ms = at_ms,
                                          .for_ms = for_ms,
                                          .nodes = scenario_nodes_of(1, &by),
                                          .to = scenario_nodes_of(1, &gone)});
        }
    }
}

/* The last node is a cluster of its own, with entries of its own, until it is told of the others. By then the others have
 * had entries, too: one that has not heard of them yet would give way, and leave its cluster (DESIGN 7.1). */
static void add_other_cluster(struct drawing *drawing) {
    struct scenario *scenario = drawing->scenario;
    uint16_t index = (uint16_t)(scenario->node_count - 1);
    uint64_t span_ms = 5000 + below(drawing, 4000, "alone");
    drawing->eligible = scenario->node_count - 1;
    scenario_add(scenario, &(struct scenario_action){.type = SCENARIO_OTHER_CLUSTER,
                                                     .at_ms = 1000,
                                                     .span_ms = (int64_t)span_ms,
                                                     .nodes = scenario_nodes_of(1, &index)});
    scenario->loads[scenario->load_count++] =
        (struct scenario_load){.from_ms = 1500,
                               .until_ms = 1000 + span_ms,
                               .every_ms = 200,
                               .entities = 4,
                               .writers = scenario_nodes_of(1, &index)};
}

static void skews_draw(struct drawing *drawing) {
    struct scenario *scenario = drawing->scenario;
    /* Most clocks are a little off; one is off by up to an hour, and must not refuse writes for the others. */
    uint64_t victim = below(drawing, scenario->node_count, "victim of the clock");
    for (size_t i = 0; i < scenario->node_count; i++) {
        uint16_t index = (uint16_t)i;
        int64_t skew_ms = i == victim ? (int64_t)below(drawing, 7200000, "large skew") - 3600000
                                      : (int64_t)below(drawing, 40000, "skew") - 20000;
        scenario_add(scenario, &(struct scenario_action){.type = SCENARIO_CLOCK,
                                                         .at_ms = i * 10 + 5,
                                                         .span_ms = skew_ms,
                                                         .nodes = scenario_nodes_of(1, &index)});
    }
}

/* --- the swarm ------------------------------------------------------------------------------------------------------------------------- */

/* How often a class is on, in 64ths of the chance that this run gives to all; what is heavy is on less often. */
static unsigned weight_of(enum scenario_class class) {
    switch (class) {
    case SCENARIO_CLASS_NONE:
        return 0;
    case SCENARIO_CLASS_WIPE:
    case SCENARIO_CLASS_RESTORE:
    case SCENARIO_CLASS_CLONE:
    case SCENARIO_CLASS_DISK_LIE:
    case SCENARIO_CLASS_DAMAGE:
    case SCENARIO_CLASS_REMOVE:
    case SCENARIO_CLASS_OTHER_CLUSTER:
    case SCENARIO_CLASS_MEMORY:
    case SCENARIO_CLASS_MASS_RESTART:
        return 32;
    default:
        return 64;
    }
}

static enum scenario_action_type action_of(enum scenario_class class) {
    unsigned type = 0;
    while (scenario_action_class((enum scenario_action_type)type) != class) {
        type++;
    }
    return (enum scenario_action_type)type;
}

static bool has_rate(enum scenario_class class) {
    return class == SCENARIO_CLASS_LOSS || class == SCENARIO_CLASS_DELAY ||
           class == SCENARIO_CLASS_REPEAT || class == SCENARIO_CLASS_REORDER;
}

static void class_draw(struct drawing *drawing, enum scenario_class class) {
    uint64_t load_ms = drawing->scenario->load_ms;
    if (class == SCENARIO_CLASS_CLOCK) {
        skews_draw(drawing);
    }
    if (has_rate(class) && below(drawing, 2, "all the time") == 1) {
        struct scenario_action action = {.type = action_of(class), .at_ms = 0};
        arguments_draw(drawing, &action);
        action.for_ms = SCENARIO_FOREVER;
        scenario_add(drawing->scenario, &action);
        return;
    }
    uint64_t at_ms = FAULTS_FROM_MS + below(drawing, load_ms / 3, "first fault");
    bool once = class == SCENARIO_CLASS_MASS_RESTART || class == SCENARIO_CLASS_REMOVE;
    uint64_t mean_ms = weight_of(class) < 64 ? MEAN_GAP_HEAVY_MS : MEAN_GAP_MS;
    for (unsigned tries = 1; at_ms + 500 < load_ms; tries++) {
        if (class == SCENARIO_CLASS_RESTORE) {
            add_restore(drawing, at_ms);
        } else if (class == SCENARIO_CLASS_REMOVE) {
            add_remove(drawing, at_ms);
        } else {
            add(drawing, action_of(class), at_ms);
        }
        if (once) {
            break;
        }
        uint64_t gap_ms = (drawing->brief ? GAP_MS_BRIEF : 1) +
                          choice_delay(drawing->choice, mean_ms, "next of class");
        uint64_t most_ms = tries < TRIES_MIN ? (load_ms - at_ms) / (TRIES_MIN - tries + 1) : gap_ms;
        at_ms += gap_ms < most_ms ? gap_ms : most_ms;
    }
}

/* One choice after the other: in one initialiser their order would be the compiler's. */
static void load_draw(struct drawing *drawing) {
    struct scenario *scenario = drawing->scenario;
    struct scenario_load *load = &scenario->loads[scenario->load_count++];
    bool large = below(drawing, 8, "large bodies") == 7;
    *load = (struct scenario_load){.from_ms = 3000, .until_ms = scenario->load_ms};
    load->every_ms = (drawing->brief ? EVERY_MS_BRIEF : 30) + below(drawing, 180, "write every");
    load->entities = 3 + (unsigned)below(drawing, 14, "entities");
    load->drops_percent = 20 + (unsigned)below(drawing, 30, "drops");
    load->imports_percent = 10 + (unsigned)below(drawing, 20, "imports");
    load->body_size_bytes = large ? 1000 + below(drawing, 20000, "body size") : 0;
}

static void loads_draw(struct drawing *drawing) {
    struct scenario *scenario = drawing->scenario;
    uint64_t load_ms = scenario->load_ms;
    load_draw(drawing);
    for (enum scenario_action_type type = SCENARIO_SYNC; type <= SCENARIO_DIFF; type++) {
        for (uint64_t i = 3 + below(drawing, 4, "syncs and diffs"); i > 0; i--) {
            uint64_t at_ms = 3000 + below(drawing, load_ms - 3000, "asks at");
            uint16_t index = generate__node(drawing, 0, at_ms, "asks");
            uint16_t with = (uint16_t)((index + 1 + below(drawing, drawing->eligible - 1, "of")) %
                                       drawing->eligible);
            struct scenario_action action = {
                .type = type, .at_ms = at_ms, .nodes = scenario_nodes_of(1, &index)};
            if (type == SCENARIO_DIFF) {
                action.to = scenario_nodes_of(1, &with);
            }
            scenario_add(scenario, &action);
        }
    }
}

/* Imports of what a newer version exported: entries of kind 9, which must come out as they went in (G10). */
static void add_unknown_kinds(struct drawing *drawing) {
    static const char *const lines[] = {
        "{\"kind\":9,\"entity\":\"u0\",\"name\":\"ka\",\"bytes\":"
        "\"k5MJonUwomthkZYBxBARERERERERERERERERERERoXgBASqRksQQEREREREREREREREREREREQE=\"}\n",
        "{\"kind\":9,\"entity\":\"u0\",\"name\":\"ka\",\"bytes\":"
        "\"k5MJonUwomthkZYBxBARERERERERERERERERERERoXgBAYGhYZEHkZLEEBEREREREREREREREREREREB\"}\n",
        "{\"kind\":9,\"entity\":\"u0\",\"name\":\"kb\",\"bytes\":"
        "\"k5MJonUwomtikZYBxBARERERERERERERERERERERoXgBASqRksQQEREREREREREREREREREREQE=\"}\n",
    };
    enum { LINES = sizeof lines / sizeof *lines, TIMES = 4 };
    for (unsigned i = 0; i < TIMES; i++) {
        uint64_t at_ms = 3000 + below(drawing, drawing->scenario->load_ms - 3000, "imports at");
        uint16_t index = generate__node(drawing, 0, at_ms, "imports");
        struct scenario_action action = {
            .type = SCENARIO_IMPORT, .at_ms = at_ms, .nodes = scenario_nodes_of(1, &index)};
        action.body = scenario__text(lines[below(drawing, LINES, "unknown kind")]);
        scenario_add(drawing->scenario, &action);
    }
}

/* At least two, that can reach each other when all others never come back. */
static void core_draw(struct drawing *drawing) {
    uint16_t indexes[SCENARIO_NODES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < drawing->eligible; i++) {
        bool needed = count + drawing->eligible - i <= 2;
        if (needed || below(drawing, 2, "core") == 1) {
            indexes[count++] = (uint16_t)i;
        }
    }
    drawing->scenario->core = scenario_nodes_of(count, indexes);
}

/* Last, so that all else of a seed is what it was before. A real store cannot be upgraded, and is what damage is for; not
 * where a core must do with what its few disks hold. */
static void more_draw(struct drawing *drawing, unsigned chance) {
    bool on = choice_below(drawing->choice, 64, "upgrade") >= 64 - chance;
    const struct scenario *scenario = drawing->scenario;
    if (!scenario->real_store && on) {
        class_draw(drawing, SCENARIO_CLASS_UPGRADE);
    } else if (scenario->real_store && scenario->core.count == 0) {
        class_draw(drawing, SCENARIO_CLASS_DAMAGE);
        class_draw(drawing, SCENARIO_CLASS_DAMAGE);
    }
}

/* Few keys make writes collide, and fit into one leaf of the tree: one run in twelve has hundreds beside, so that walks go
 * down, and answers end at their limits. */
static void many_draw(struct drawing *drawing) {
    struct scenario *scenario = drawing->scenario;
    if (below(drawing, 12, "many entries") == 11) {
        struct scenario_load *load = &scenario->loads[scenario->load_count++];
        *load = (struct scenario_load){.from_ms = 3000, .until_ms = scenario->load_ms};
        load->entries =
            drawing->brief ? MANY_BRIEF : MANY_MIN + below(drawing, MANY_SPAN, "entries");
    }
}

void scenario_draw(struct scenario *scenario, struct choice *choice, uint64_t seed, size_t nodes) {
    struct drawing drawing = {
        .scenario = scenario, .choice = choice, .brief = choice->bytes != NULL};
    scenario_init(scenario);
    scenario->seed = seed;
    scenario->drawn = true;
    (void)snprintf(scenario->name, sizeof scenario->name, "seed-%llu", (unsigned long long)seed);
    scenario->real_store =
        !drawing.brief && choice_percent(choice, REAL_STORE_PERCENT, "real store");
    size_t span = scenario->real_store ? REAL_STORE_NODES_MAX - NODES_MIN + 1 : NODES_SPAN;
    size_t drawn = NODES_MIN + (size_t)choice_below(choice, span, "nodes");
    scenario->node_count = nodes != 0 ? nodes : drawn;
    scenario->load_ms =
        LOAD_MS_MIN +
        choice_below(choice, drawing.brief ? LOAD_MS_SPAN_BRIEF : LOAD_MS_SPAN, "load time");
    drawing.eligible = scenario->node_count;
    /* An eighth, a quarter or a half; in a few nodes too many faults leave nothing that others could meet. */
    unsigned chance =
        8u << choice_below(choice, scenario->node_count > FEW_NODES ? 3 : 2, "how many classes");
    bool on[SCENARIO_CLASS_COUNT] = {false};
    for (unsigned i = SCENARIO_CLASS_OTHER_CLUSTER; i > 0; i--) {
        enum scenario_class each = (enum scenario_class)i;
        unsigned weight = weight_of(each) * chance / 64;
        on[i] = choice_below(choice, 64, scenario_class_name(each)) >= 64 - weight;
    }
    on[SCENARIO_CLASS_CLONE] = on[SCENARIO_CLASS_CLONE] && !scenario->real_store;
    /* What says which nodes there are, and when, comes first. */
    if (on[SCENARIO_CLASS_OTHER_CLUSTER] && scenario->node_count > NODES_MIN) {
        add_other_cluster(&drawing);
    }
    if (on[SCENARIO_CLASS_LATE_JOIN]) {
        add_joins(&drawing);
    }
    for (unsigned i = SCENARIO_CLASS_LATE_JOIN - 1; i > 0; i--) {
        if (on[i]) {
            class_draw(&drawing, (enum scenario_class)i);
        }
    }
    if (on[SCENARIO_CLASS_REMOVE]) {
        class_draw(&drawing, SCENARIO_CLASS_REMOVE);
    }
    loads_draw(&drawing);
    add_unknown_kinds(&drawing);
    if (choice_percent(choice, CORE_PERCENT, "heal a core only")) {
        core_draw(&drawing);
    }
    more_draw(&drawing, chance);
    many_draw(&drawing);
    generate__agree(&drawing);
    scenario_sort(scenario);
}
