/* scenario.c - the structure itself: names, memory, order, copies, and an action in words. */
#include "test/sim/scenario_parts.h"

#include "catalog/catalog.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* --- tables ----------------------------------------------------------------------------------------------------------- */

static const char *const class_names[SCENARIO_CLASS_COUNT] = {
#define X(symbol, name) [SCENARIO_CLASS_##symbol] = (name),
    SCENARIO_CLASSES(X)
#undef X
};

static const struct {
    const char *name;
    enum scenario_class class;
    unsigned takes;
} actions[SCENARIO_ACTION_COUNT] = {
#define X(symbol, name, class, takes) [SCENARIO_##symbol] = {name, SCENARIO_CLASS_##class, takes},
    SCENARIO_ACTIONS(X)
#undef X
};

const char *scenario_class_name(enum scenario_class class) {
    assert((unsigned)class < SCENARIO_CLASS_COUNT);
    return class_names[class];
}

bool scenario_class_find(const char *name, enum scenario_class *class) {
    for (unsigned i = 0; i < SCENARIO_CLASS_COUNT; i++) {
        if (strcmp(class_names[i], name) == 0) {
            *class = (enum scenario_class)i;
            return true;
        }
    }
    return false;
}

const char *scenario_action_name(enum scenario_action_type type) {
    assert((unsigned)type < SCENARIO_ACTION_COUNT);
    return actions[type].name;
}

enum scenario_class scenario_action_class(enum scenario_action_type type) {
    assert((unsigned)type < SCENARIO_ACTION_COUNT);
    return actions[type].class;
}

unsigned scenario_action_takes(enum scenario_action_type type) {
    assert((unsigned)type < SCENARIO_ACTION_COUNT);
    return actions[type].takes;
}

bool scenario_action_is_operation(enum scenario_action_type type) {
    return type >= SCENARIO_SET && type < SCENARIO_ACTION_COUNT;
}

/* --- memory ----------------------------------------------------------------------------------------------------------- */

static void *or_end(void *memory) {
    if (memory == NULL) {
        (void)fputs("out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *scenario__allocate(size_t count, size_t size_bytes) {
    return or_end(calloc(count == 0 ? 1 : count, size_bytes));
}

void *scenario__grow(void *memory, size_t count, size_t *capacity, size_t size_bytes) {
    if (count < *capacity) {
        return memory;
    }
    *capacity = *capacity == 0 ? 16 : *capacity * 2;
    return or_end(reallocarray(memory, *capacity, size_bytes));
}

char *scenario__text(const char *text) {
    return text == NULL ? NULL : or_end(strdup(text));
}

static void *copy_of(const void *memory, size_t count, size_t size_bytes) {
    if (count == 0) {
        return NULL;
    }
    void *copy = scenario__allocate(count, size_bytes);
    memcpy(copy, memory, count * size_bytes);
    return copy;
}

static struct scenario_nodes nodes_copy(const struct scenario_nodes *nodes) {
    return (struct scenario_nodes){
        .indexes = copy_of(nodes->indexes, nodes->count, sizeof *nodes->indexes),
        .count = nodes->count,
    };
}

void scenario__action_close(struct scenario_action *action) {
    free(action->nodes.indexes);
    free(action->to.indexes);
    free(action->entity);
    free(action->name);
    free(action->body);
    *action = (struct scenario_action){0};
}

struct scenario_action scenario__action_copy(const struct scenario_action *action) {
    struct scenario_action copy = *action;
    copy.nodes = nodes_copy(&action->nodes);
    copy.to = nodes_copy(&action->to);
    copy.entity = scenario__text(action->entity);
    copy.name = scenario__text(action->name);
    copy.body = scenario__text(action->body);
    return copy;
}

void scenario_init(struct scenario *scenario) {
    *scenario = (struct scenario){
        .seed = 1,
        .interval_ms = 1000,
        .quiet_intervals = 20,
        .expect = {.entries = -1, .conflicts = -1, .intervals = -1},
    };
}

void scenario_close(struct scenario *scenario) {
    for (size_t i = 0; i < scenario->action_count; i++) {
        scenario__action_close(&scenario->actions[i]);
    }
    for (size_t i = 0; i < scenario->load_count; i++) {
        free(scenario->loads[i].writers.indexes);
    }
    free(scenario->actions);
    free(scenario->core.indexes);
    free(scenario->kept);
    *scenario = (struct scenario){0};
}

void scenario_add(struct scenario *scenario, const struct scenario_action *action) {
    assert(scenario->action_count < SCENARIO_ACTIONS_MAX);
    scenario->actions = scenario__grow(scenario->actions, scenario->action_count,
                                       &scenario->action_capacity, sizeof *scenario->actions);
    scenario->actions[scenario->action_count++] = *action;
}

void scenario_copy(struct scenario *to, const struct scenario *from, const bool *left_out) {
    *to = *from;
    to->core = nodes_copy(&from->core);
    to->kept = copy_of(from->kept, from->kept_count, sizeof *from->kept);
    for (size_t i = 0; i < from->load_count; i++) {
        to->loads[i].writers = nodes_copy(&from->loads[i].writers);
    }
    to->actions = NULL;
    to->action_count = to->action_capacity = 0;
    for (size_t i = 0; i < from->action_count; i++) {
        if (left_out == NULL || !left_out[i]) {
            struct scenario_action copy = scenario__action_copy(&from->actions[i]);
            scenario_add(to, &copy);
        }
    }
    scenario_sort(to);
}

/* --- nodes and order -------------------------------------------------------------------------------------------------- */

static int compare_indexes(const void *a, const void *b) {
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

struct scenario_nodes scenario_nodes_of(size_t count, const uint16_t *indexes) {
    struct scenario_nodes nodes = {copy_of(indexes, count, sizeof *indexes), count};
    if (count > 0) {
        qsort(nodes.indexes, count, sizeof *nodes.indexes, compare_indexes);
    }
    return nodes;
}

bool scenario_nodes_hold(const struct scenario_nodes *nodes, size_t index) {
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->indexes[i] == index) {
            return true;
        }
    }
    return false;
}

struct place {
    uint64_t at_ms;
    size_t index;
};

static int compare_places(const void *first, const void *second) {
    const struct place *a = first;
    const struct place *b = second;
    if (a->at_ms != b->at_ms) {
        return a->at_ms < b->at_ms ? -1 : 1;
    }
    return a->index < b->index ? -1 : a->index > b->index;
}

static void sort_actions(struct scenario *scenario) {
    size_t count = scenario->action_count;
    struct place *places = scenario__allocate(count, sizeof *places);
    struct scenario_action *sorted = scenario__allocate(count, sizeof *sorted);
    for (size_t i = 0; i < count; i++) {
        places[i] = (struct place){scenario->actions[i].at_ms, i};
    }
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 0; i < count; i++) {
        sorted[i] = scenario->actions[places[i].index];
    }
    free(places);
    free(scenario->actions);
    scenario->actions = sorted;
    scenario->action_capacity = count;
}

static uint64_t default_load_ms(const struct scenario *scenario) {
    uint64_t last_ms = 0;
    for (size_t i = 0; i < scenario->action_count; i++) {
        uint64_t end_ms = scenario->actions[i].at_ms + scenario->actions[i].for_ms;
        last_ms = end_ms > last_ms ? end_ms : last_ms;
    }
    for (size_t i = 0; i < scenario->load_count; i++) {
        uint64_t end_ms = scenario->loads[i].until_ms;
        last_ms = end_ms > last_ms ? end_ms : last_ms;
    }
    return last_ms + 1000 < SCENARIO_TIME_MS_MAX ? last_ms + 1000 : SCENARIO_TIME_MS_MAX;
}

void scenario_sort(struct scenario *scenario) {
    if (scenario->action_count > 0) {
        sort_actions(scenario);
    }
    if (scenario->load_ms == 0) {
        scenario->load_ms = default_load_ms(scenario);
    }
    memset(scenario->classes, 0, sizeof scenario->classes);
    for (size_t i = 0; i < scenario->action_count; i++) {
        scenario->classes[scenario_action_class(scenario->actions[i].type)] = true;
    }
    scenario->classes[SCENARIO_CLASS_NONE] = false;
}

/* --- in words --------------------------------------------------------------------------------------------------------- */

struct words {
    char *text;
    size_t size_bytes, used;
};

static void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct words *words, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int written =
        vsnprintf(words->text + words->used, words->size_bytes - words->used, format, arguments);
    va_end(arguments);
    words->used += written < 0 ? 0 : (size_t)written;
    words->used = words->used < words->size_bytes ? words->used : words->size_bytes - 1;
}

static void say_nodes(struct words *words, const struct scenario_nodes *nodes, const char *none) {
    enum { SHOWN_MAX = 8 };
    say(words, "%s", nodes->count == 0 ? none : "");
    for (size_t i = 0; i < nodes->count && i < SHOWN_MAX; i++) {
        say(words, "%sn%u", i == 0 ? "" : ",", nodes->indexes[i] + 1U);
    }
    if (nodes->count > SHOWN_MAX) {
        say(words, " and %zu more", nodes->count - SHOWN_MAX);
    }
}

static void say_time(struct words *words, int64_t ms) {
    bool short_one = ms % 1000 != 0 || ms == 0;
    int64_t s = ms / 1000;
    if (short_one) {
        say(words, "%" PRId64 "ms", ms);
    } else if (s % 3600 == 0) {
        say(words, "%" PRId64 "h", s / 3600);
    } else if (s % 60 == 0) {
        say(words, "%" PRId64 "m", s / 60);
    } else {
        say(words, "%" PRId64 "s", s);
    }
}

/* Where it happens; each kind of action has its own little words. */
static void say_where(struct words *words, const struct scenario_action *action) {
    enum scenario_action_type type = action->type;
    unsigned takes = scenario_action_takes(type);
    if (type == SCENARIO_REMOVE || type == SCENARIO_REMOVE_LIVE) {
        say(words, " ");
        say_nodes(words, &action->to, "nobody");
        say(words, " by way of ");
        say_nodes(words, &action->nodes, "all");
    } else if (scenario_action_is_operation(type)) {
        say(words, " at ");
        say_nodes(words, &action->nodes, "all");
        if (type == SCENARIO_DIFF || type == SCENARIO_RESOLVE) {
            say(words, type == SCENARIO_DIFF ? " with " : ", taking ");
            say_nodes(words, &action->to, "all");
        }
    } else if (type == SCENARIO_PARTITION || type == SCENARIO_FLAP || type == SCENARIO_RESET) {
        say(words, " ");
        say_nodes(words, &action->nodes, "all");
        say(words, " from ");
        say_nodes(words, &action->to, "all others");
    } else if ((takes & SCENARIO_TAKES_TO) != 0) {
        say(words, " from ");
        say_nodes(words, &action->nodes, "all");
        say(words, " to ");
        say_nodes(words, &action->to, type == SCENARIO_ONE_WAY ? "all others" : "all");
    } else {
        say(words, " ");
        say_nodes(words, &action->nodes, "all");
    }
}

void scenario_action_describe(const struct scenario_action *action, char *text, size_t size_bytes) {
    assert(size_bytes > 0);
    struct words words = {text, size_bytes, 0};
    unsigned takes = scenario_action_takes(action->type);
    say(&words, "%s", scenario_action_name(action->type));
    for (char *c = strchr(text, '_'); c != NULL; c = strchr(c, '_')) {
        *c = ' ';
    }
    if ((takes & SCENARIO_TAKES_KEY) != 0 && action->kind != 0) {
        say(&words, " %s/%s%s%s", catalog_kind_name(action->kind), action->entity,
            action->name == NULL ? "" : "/", action->name == NULL ? "" : action->name);
    }
    if ((takes & SCENARIO_TAKES_PERCENT) != 0) {
        say(&words, " of %u %%", action->percent);
    }
    say_where(&words, action);
    if ((takes & SCENARIO_TAKES_COUNT) != 0) {
        say(&words, ", count %" PRIu64 "%s", action->count,
            action->for_ms != SCENARIO_FOREVER ? "," : "");
    }
    if ((takes & SCENARIO_TAKES_SPAN) != 0) {
        say(&words, " by ");
        say_time(&words, action->span_ms);
    }
    if ((takes & SCENARIO_TAKES_FOR) != 0 && action->for_ms != SCENARIO_FOREVER) {
        say(&words, " for ");
        say_time(&words, (int64_t)action->for_ms);
    }
    if ((takes & SCENARIO_TAKES_WAIT) != 0 && action->waits) {
        say(&words, ", waiting for ");
        say_time(&words, (int64_t)action->wait_ms);
        say(&words, "%s", action->skip_dead ? ", skipping the dead" : "");
    }
}
