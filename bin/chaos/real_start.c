/* real_start.c - from nothing to a cluster in which all are ready, know each other, and have one root. */
#include "bin/chaos/real_run.h"

#include <stdlib.h>
#include <string.h>

/* Nodes that an action starts are not there from the beginning. */
static void note_late(const struct scenario *scenario, bool late[REAL_NODES_MAX]) {
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->type != SCENARIO_JOIN && action->type != SCENARIO_OTHER_CLUSTER)
            continue;
        for (size_t j = 0; j < action->nodes.count; j++)
            late[action->nodes.indexes[j]] = true;
    }
}

/* Each joins the first node and the one before it, so that no single seed decides. */
static bool start_node(struct real_run *run, size_t index, size_t first, size_t last) {
    uint16_t indexes[2] = {(uint16_t)first, (uint16_t)last};
    struct scenario_nodes seeds = {.indexes = indexes,
                                   .count = index == first ? 0 : (first == last ? 1 : 2)};
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    if (real_node_start(run->ground, &run->nodes[index], &seeds, message))
        return true;
    run->usage_error = !real_interrupted();
    (void)snprintf(run->reason, sizeof run->reason, "%s", message);
    return false;
}

static bool start_nodes(struct real_run *run) {
    size_t first = SIZE_MAX, last = SIZE_MAX;
    bool late[REAL_NODES_MAX] = {false}, all = true;
    note_late(&run->scenario, late);
    for (size_t i = 0; i < run->scenario.node_count && all; i++) {
        if (late[i])
            continue;
        first = first == SIZE_MAX ? i : first;
        all = !real_interrupted() && start_node(run, i, first, last == SIZE_MAX ? first : last);
        last = i;
    }
    return all;
}

static size_t count_of(uint64_t nodes) {
    return (size_t)__builtin_popcountll(nodes);
}

bool real_equal(const struct real_run *run, uint64_t nodes, uint64_t since_ms) {
    const struct merkle_digest *root = NULL;
    uint64_t period_ms =
        run->all_count * 20 > REAL_PERIOD_MS ? run->all_count * 20 : REAL_PERIOD_MS;
    uint64_t now_ms = real_now(run);
    for (size_t i = 0; i < run->book.node_count; i++) {
        const struct real_watch *watch = &run->watches[i];
        if ((nodes >> i & 1) == 0)
            continue;
        /* Within a core nobody can be admitted that needs those who are gone: there only roots count. */
        bool ready =
            (watch->ready_known && watch->ready) || (run->running && run->scenario.core.count > 0);
        if (!real_watch_is_up(run, i) || !watch->digest_known || !ready ||
            watch->digest_asked_ms < since_ms ||
            (run->running && watch->digest_asked_ms + 5 * period_ms < now_ms))
            return false;
        if (root != NULL && !merkle_digest_equal(root, &watch->root))
            return false;
        root = &watch->root;
    }
    return true;
}

/* Those who must agree: all that are no clones, or (after the heal) the core; not who was removed, nor who founded another cluster. */
uint64_t real_required(const struct real_run *run) {
    const struct scenario *scenario = &run->scenario;
    uint64_t nodes = 0;
    for (size_t i = 0; i < scenario->node_count; i++) {
        bool counts =
            !run->running || scenario->core.count == 0 || scenario_nodes_hold(&scenario->core, i);
        bool apart = ((run->removed | run->foreign) >> i & 1) != 0;
        if (counts && !apart && run->watches[i].was_up)
            nodes |= UINT64_C(1) << i;
    }
    return nodes;
}

static bool all_know_each_other(const struct real_run *run) {
    for (size_t i = 0; i < run->book.node_count; i++) {
        const struct real_watch *watch = &run->watches[i];
        if ((run->required >> i & 1) != 0 &&
            (!watch->status_known || watch->members_alive < count_of(run->required)))
            return false;
    }
    return true;
}

static bool await_equal(struct real_run *run) {
    uint64_t deadline_ms = real_clock_ms() + REAL_READY_MS_MAX;
    while (!real_equal(run, run->required, 0) || !all_know_each_other(run)) {
        if (!real_pass(run, 0))
            return false;
        if (real_clock_ms() > deadline_ms) {
            run->failed = true;
            (void)snprintf(run->reason, sizeof run->reason,
                           "without any fault the nodes were not ready and equal within %d s",
                           REAL_READY_MS_MAX / 1000);
            return false;
        }
    }
    return true;
}

bool real_start(struct real_run *run) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    uint64_t began_ms = real_clock_ms();
    if (!real_ground_open(&run->arguments.options, run->scenario.node_count, &run->ground,
                          message)) {
        run->usage_error = true;
        (void)snprintf(run->reason, sizeof run->reason, "%s", message);
        return false;
    }
    run->nodes = real_ground_nodes(run->ground, &run->all_count);
    run->client = real_client_new();
    run->faults = real_faults_new(run->ground, &run->scenario);
    if (run->client == NULL || run->faults == NULL)
        abort();
    if (!start_nodes(run))
        return false;
    real_look(run);
    run->required = real_required(run);
    if (!await_equal(run))
        return false;
    run->start_took_ms = real_clock_ms() - began_ms;
    real_usage_baseline(run);
    return true;
}
