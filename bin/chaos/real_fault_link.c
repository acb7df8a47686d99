/* real_fault_link.c - faults of links: whatever is in force makes, together, one rule for each directed link.
 *
 * The rules are made anew whenever a fault begins or ends, so nothing has to be undone. Of two faults of the same kind on
 * one link the worse counts.
 */
#include "bin/chaos/real_fault.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { RULES_COUNT = REAL_PROXY_NODES_MAX * REAL_PROXY_NODES_MAX, REPEAT_MS = 2000 };

bool real_fault_is_link(enum scenario_action_type type) {
    return type >= SCENARIO_LOSS && type <= SCENARIO_CORRUPT && type != SCENARIO_RESET;
}

bool real_fault_holds(const struct scenario_nodes *nodes, size_t index) {
    for (size_t i = 0; i < nodes->count; i++)
        if (nodes->indexes[i] == index)
            return true;
    return nodes->count == 0;
}

/* From `nodes` to `to`; without `to`: all others, or for what is no cut all. */
static bool leads(const struct scenario_action *action, size_t from, size_t to) {
    bool is_cut = scenario_action_takes(action->type) & SCENARIO_NODES_NEEDED;
    if (!real_fault_holds(&action->nodes, from))
        return false;
    return action->to.count > 0 || !is_cut ? real_fault_holds(&action->to, to)
                                           : !real_fault_holds(&action->nodes, to);
}

static bool concerns(const struct scenario_action *action, size_t from, size_t to) {
    if (action->type == SCENARIO_HANG) /* also between two of them */
        return real_fault_holds(&action->nodes, from) || real_fault_holds(&action->nodes, to);
    bool both_ways = action->type == SCENARIO_PARTITION || action->type == SCENARIO_FLAP;
    return leads(action, from, to) || (both_ways && leads(action, to, from));
}

static unsigned worse(unsigned a, unsigned b) {
    return a > b ? a : b;
}
static uint64_t longer(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}
/* 0: no limit */
static uint64_t tighter(uint64_t a, uint64_t b) {
    return a == 0 || b < a ? b : a;
}

static void apply(struct real_rule *rule, const struct scenario_action *action) {
    uint64_t span_ms = action->span_ms > 0 ? (uint64_t)action->span_ms : 0;
    uint64_t count = action->count > 0 ? action->count : 1;
    switch (action->type) {
    case SCENARIO_LOSS:
        rule->loss_percent = worse(rule->loss_percent, action->percent);
        break;
    case SCENARIO_DELAY:
        rule->delay_ms = longer(rule->delay_ms, span_ms);
        break;
    case SCENARIO_REPEAT:
        rule->repeat_percent = worse(rule->repeat_percent, action->percent);
        rule->repeat_ms = longer(rule->repeat_ms, span_ms > 0 ? span_ms : REPEAT_MS);
        break;
    case SCENARIO_REORDER:
        rule->reorder_percent = worse(rule->reorder_percent, action->percent);
        break;
    case SCENARIO_CORRUPT:
        rule->corrupt_percent = worse(rule->corrupt_percent, action->percent);
        break;
    case SCENARIO_SLOW_LINK:
        rule->rate = tighter(rule->rate, count);
        break;
    case SCENARIO_FRAGMENT:
        rule->fragment = tighter(rule->fragment, count);
        break;
    default:
        rule->blocked = scenario_action_class(action->type);
        break;
    }
}

void real_fault_links(struct real_faults *faults) {
    size_t nodes = faults->ground->count;
    memset(faults->rules, 0, RULES_COUNT * sizeof *faults->rules);
    for (size_t i = 0; i < faults->count; i++) {
        const struct real_fault *fault = &faults->list[i];
        if (!real_fault_is_link(fault->action.type) || fault->idle)
            continue;
        for (size_t from = 0; from < nodes; from++)
            for (size_t to = 0; to < nodes; to++)
                if (from != to && concerns(&fault->action, from, to))
                    apply(&faults->rules[from * REAL_PROXY_NODES_MAX + to], &fault->action);
    }
    for (size_t i = 0; faults->core != NULL && i < nodes * nodes; i++)
        if (real_fault_holds(faults->core, i / nodes) && real_fault_holds(faults->core, i % nodes))
            faults->rules[i / nodes * REAL_PROXY_NODES_MAX + i % nodes] = (struct real_rule){0};
    real_proxy_rules(faults->ground->proxy, faults->rules);
    real_network_drop(faults->ground, faults->rules);
}

bool real_fault_reset(struct real_faults *faults, const struct scenario_action *action,
                      char why_not[120]) {
    static bool pairs[RULES_COUNT];
    size_t nodes = faults->ground->count;
    uint64_t before = real_proxy_traffic(faults->ground->proxy).resets;
    memset(pairs, 0, sizeof pairs);
    for (size_t i = 0; i < nodes * nodes; i++)
        pairs[i / nodes * REAL_PROXY_NODES_MAX + i % nodes] = leads(action, i / nodes, i % nodes);
    real_proxy_reset(faults->ground->proxy, pairs);
    if (real_proxy_traffic(faults->ground->proxy).resets > before)
        return true;
    snprintf(why_not, 120, "no connection was open between them");
    return false;
}
