/* shrink.c - see shrink.h. Every step makes a smaller candidate and keeps it if it still fails. */
#include "test/sim/shrink.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 64, TIME_STEPS = 12 };

struct shrinking {
    struct scenario *scenario; /* the smallest so far */
    const struct shrink_options *options;
    unsigned runs;
    uint64_t choices; /* that it makes */
    bool changed;
};

/* Takes the candidate if it fails; closes what is not kept. */
static bool keep_if_fails(struct shrinking *shrinking, struct scenario *candidate,
                          const char *step) {
    uint64_t choices = shrinking->choices;
    bool fails = false;
    if (shrinking->runs < shrinking->options->runs_max) {
        shrinking->runs++;
        fails = shrinking->options->fails(candidate, &choices, shrinking->options->context);
    }
    if (!fails) {
        scenario_close(candidate);
        return false;
    }
    scenario_close(shrinking->scenario);
    *shrinking->scenario = *candidate;
    shrinking->choices = choices;
    shrinking->changed = true;
    if (shrinking->options->progress != NULL) {
        shrinking->options->progress(step, shrinking->scenario, shrinking->options->context);
    }
    return true;
}

static bool *flags_new(size_t count) {
    bool *flags = calloc(count + 1, sizeof *flags);
    assert(flags != NULL);
    return flags;
}

/* --- 1: classes ------------------------------------------------------------------------------------------------------------------ */

static void classes_leave_out(struct shrinking *shrinking) {
    for (unsigned class = 1; class < SCENARIO_CLASS_COUNT; class ++) {
        const struct scenario *now = shrinking->scenario;
        bool *left_out = flags_new(now->action_count);
        size_t count = 0;
        for (size_t i = 0; i < now->action_count; i++) {
            left_out[i] = scenario_action_class(now->actions[i].type) == class;
            count += left_out[i];
        }
        if (count > 0) {
            struct scenario candidate;
            scenario_copy(&candidate, now, left_out);
            candidate.classes[class] = false;
            (void)keep_if_fails(shrinking, &candidate, "class");
        }
        free(left_out);
    }
}

/* --- 2: nodes -------------------------------------------------------------------------------------------------------------------- */

/* The list without this node, those above it renumbered. */
static void nodes_without(struct scenario_nodes *nodes, size_t node) {
    size_t kept = 0;
    for (size_t i = 0; i < nodes->count; i++) {
        uint16_t index = nodes->indexes[i];
        if (index != node) {
            nodes->indexes[kept++] = (uint16_t)(index > node ? index - 1 : index);
        }
    }
    nodes->count = kept;
}

/* False: there would be too few. */
static bool node_leave_out(const struct scenario *from, size_t node, struct scenario *to) {
    if (from->node_count <= 2) {
        return false;
    }
    bool *left_out = flags_new(from->action_count);
    for (size_t i = 0; i < from->action_count; i++) {
        const struct scenario_action *action = &from->actions[i];
        bool only = action->nodes.count == 1 && action->nodes.indexes[0] == node;
        bool only_to = action->to.count == 1 && action->to.indexes[0] == node;
        left_out[i] = only || only_to;
    }
    scenario_copy(to, from, left_out);
    free(left_out);
    to->node_count--;
    for (size_t i = 0; i < to->action_count; i++) {
        nodes_without(&to->actions[i].nodes, node);
        nodes_without(&to->actions[i].to, node);
    }
    bool had_core = to->core.count > 0;
    nodes_without(&to->core, node);
    if (had_core && to->core.count < 2) {
        scenario_close(to);
        return false;
    }
    return true;
}

static void nodes_leave_out(struct shrinking *shrinking) {
    for (size_t node = shrinking->scenario->node_count; node > 1; node--) {
        struct scenario candidate;
        if (node <= shrinking->scenario->node_count &&
            node_leave_out(shrinking->scenario, node - 1, &candidate)) {
            (void)keep_if_fails(shrinking, &candidate, "node");
        }
    }
}

/* --- 3: time --------------------------------------------------------------------------------------------------------------------- */

static void end_earlier(struct shrinking *shrinking) {
    uint64_t low = 0; /* held */
    for (unsigned i = 0; i < TIME_STEPS; i++) {
        const struct scenario *now = shrinking->scenario;
        uint64_t middle = low + (now->load_ms - low) / 2;
        if (middle == low || middle + 10 >= now->load_ms) {
            return;
        }
        bool *left_out = flags_new(now->action_count);
        for (size_t j = 0; j < now->action_count; j++) {
            left_out[j] = now->actions[j].at_ms >= middle;
        }
        struct scenario candidate;
        scenario_copy(&candidate, now, left_out);
        candidate.load_ms = middle;
        free(left_out);
        if (!keep_if_fails(shrinking, &candidate, "time")) {
            low = middle;
        }
    }
}

/* --- 4, 5: actions ----------------------------------------------------------------------------------------------------------------- */

static bool belongs(const struct scenario_action *action, bool operations) {
    return scenario_action_is_operation(action->type) == operations;
}

/* Tries to leave out the chunk-th of `chunks` parts of the actions of this sort. */
static bool chunk_leave_out(struct shrinking *shrinking, bool operations, size_t chunk,
                            size_t chunks, size_t count) {
    const struct scenario *now = shrinking->scenario;
    bool *left_out = flags_new(now->action_count);
    size_t first = chunk * count / chunks;
    size_t end = (chunk + 1) * count / chunks;
    size_t number = 0;
    for (size_t i = 0; i < now->action_count; i++) {
        if (belongs(&now->actions[i], operations)) {
            left_out[i] = number >= first && number < end;
            number++;
        }
    }
    struct scenario candidate;
    scenario_copy(&candidate, now, left_out);
    free(left_out);
    return keep_if_fails(shrinking, &candidate, operations ? "operations" : "faults");
}

/* ddmin, by complements only: halves, quarters, ... single ones. */
static void actions_minimise(struct shrinking *shrinking, bool operations) {
    for (size_t chunks = 2;; chunks *= 2) {
        size_t count = 0;
        for (size_t i = 0; i < shrinking->scenario->action_count; i++) {
            count += belongs(&shrinking->scenario->actions[i], operations);
        }
        if (count == 0) {
            return;
        }
        bool single = chunks >= count;
        chunks = single ? count : chunks;
        for (size_t chunk = chunks; chunk > 0; chunk--) {
            if (chunk_leave_out(shrinking, operations, chunk - 1, chunks, count)) {
                size_t gone = chunk * count / chunks - (chunk - 1) * count / chunks;
                count -= gone;
                chunks--;
                if (count == 0 || chunks == 0) {
                    return;
                }
            }
        }
        if (single) {
            return;
        }
    }
}

/* --- 6: choices ---------------------------------------------------------------------------------------------------------------------- */

static void kept_set(struct scenario *scenario, const struct scenario_kept *kept, size_t count) {
    free(scenario->kept);
    scenario->kept = calloc(count > 0 ? count : 1, sizeof *scenario->kept);
    assert(scenario->kept != NULL);
    /* No range would mean all: the first choice alone stands for none. */
    scenario->kept[0] = (struct scenario_kept){0, 1};
    scenario->kept_count = count > 0 ? count : 1;
    if (count > 0) {
        memcpy(scenario->kept, kept, count * sizeof *kept);
    }
}

static bool keeps_none(const struct scenario *scenario) {
    return scenario->kept_count == 1 && scenario->kept[0].first == 0 && scenario->kept[0].end == 1;
}

/* Without the range-th range, or with it cut to one of its halves. */
static bool range_drop(struct shrinking *shrinking, size_t range, int half) {
    struct scenario candidate;
    struct scenario_kept kept[SCENARIO_KEPT_MAX];
    size_t count = 0;
    for (size_t i = 0; i < shrinking->scenario->kept_count; i++) {
        struct scenario_kept each = shrinking->scenario->kept[i];
        uint64_t middle = each.first + (each.end - each.first) / 2;
        if (i == range && half == 0) {
            continue;
        }
        if (i == range) {
            each.first = half == 1 ? each.first : middle;
            each.end = half == 1 ? middle : each.end;
        }
        if (each.first < each.end) {
            kept[count++] = each;
        }
    }
    scenario_copy(&candidate, shrinking->scenario, NULL);
    kept_set(&candidate, kept, count);
    return keep_if_fails(shrinking, &candidate, "choices");
}

static void choices_minimise(struct shrinking *shrinking) {
    struct scenario candidate;
    if (shrinking->scenario->kept_count == 0) {
        struct scenario_kept parts[CHUNKS];
        uint64_t choices = shrinking->choices + 1;
        for (uint64_t i = 0; i < CHUNKS; i++) {
            parts[i] = (struct scenario_kept){i * choices / (CHUNKS), (i + 1) * choices / (CHUNKS)};
        }
        scenario_copy(&candidate, shrinking->scenario, NULL);
        kept_set(&candidate, parts, CHUNKS);
        if (!keep_if_fails(shrinking, &candidate, "choices")) {
            return;
        }
    }
    if (keeps_none(shrinking->scenario)) {
        return;
    }
    scenario_copy(&candidate, shrinking->scenario, NULL);
    kept_set(&candidate, NULL, 0);
    if (keep_if_fails(shrinking, &candidate, "no choices")) {
        return;
    }
    for (size_t range = shrinking->scenario->kept_count; range > 0; range--) {
        if (range_drop(shrinking, range - 1, 0)) {
            continue;
        }
        while (shrinking->scenario->kept[range - 1].end -
                       shrinking->scenario->kept[range - 1].first >
                   1 &&
               (range_drop(shrinking, range - 1, 1) || range_drop(shrinking, range - 1, 2))) {
        }
    }
}

unsigned shrink(struct scenario *scenario, const struct shrink_options *options) {
    struct shrinking shrinking = {.scenario = scenario, .options = options};
    assert(scenario->load_count == 0);
    if (!options->fails(scenario, &shrinking.choices, options->context)) {
        return 1; /* it does not: nothing to do */
    }
    shrinking.runs = 1;
    do {
        shrinking.changed = false;
        end_earlier(&shrinking);
        classes_leave_out(&shrinking);
        nodes_leave_out(&shrinking);
        actions_minimise(&shrinking, false);
        actions_minimise(&shrinking, true);
        choices_minimise(&shrinking);
    } while (shrinking.changed && shrinking.runs < options->runs_max);
    return shrinking.runs;
}
