/* real_fault.c - the faults that are in force: begun by an action, ended when their time is over, and healed.
 *
 *   perform --> at once (reset, stranger, damage, ...)
 *          `--> list: until_ms -- tick --> undone: links by making the rules anew, processes started, disks given back
 *                                heal --> all of them, or those within the core; the rest is kept for ever
 *
 * Processes that are down because of several faults are started when the last of these is over.
 */
#include "bin/chaos/real_fault.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FLAP_MS = 1000, ENDING_POLL_MS = 50 };

/* --- new --------------------------------------------------------------------------------------------------------- */

/* Some faults ask for a node that is started for them. */
static void prepare(struct real_faults *faults, const struct scenario_action *action) {
    struct real_ground *ground = faults->ground;
    for (size_t i = 0; i < ground->node_count; i++) {
        if (!real_fault_holds(&action->nodes, i))
            continue;
        if (action->type == SCENARIO_CLOCK && ground->faketime[0] != '\0')
            ground->processes[i].clocked = true;
        if (action->type == SCENARIO_DISK_FULL && ground->why_not[SCENARIO_DISK_FULL][0] == '\0')
            ground->processes[i].own_disk = true;
    }
}

struct real_faults *real_faults_new(struct real_ground *ground, const struct scenario *scenario) {
    struct real_faults *faults = real_allocate(sizeof *faults);
    *faults = (struct real_faults){.ground = ground,
                                   .scenario = scenario,
                                   .retry_ms = UINT64_MAX,
                                   .random = {.state = scenario->seed}};
    faults->rules =
        real_allocate(sizeof *faults->rules * REAL_PROXY_NODES_MAX * REAL_PROXY_NODES_MAX);
    for (size_t i = 0; i < sizeof faults->silent / sizeof *faults->silent; i++)
        faults->silent[i] = -1;
    ground->interval_ms = scenario->interval_ms;
    real_proxy_seed(ground->proxy, scenario->seed);
    for (size_t i = 0; i < scenario->action_count; i++)
        prepare(faults, &scenario->actions[i]);
    return faults;
}

void real_faults_free(struct real_faults *faults) {
    if (faults == NULL)
        return;
    real_fault_hang_up(faults);
    free(faults->list);
    free(faults->rules);
    free(faults);
}

/* --- beginning --------------------------------------------------------------------------------------------------- */

/* What is done to each node that is named. `lasts`: something ends when the time is over. */
static const struct {
    real_fault_on_node *on_node;
    bool lasts;
} kinds[SCENARIO_ACTION_COUNT] = {
    [SCENARIO_CRASH] = {real_fault_crash, true},
    [SCENARIO_STOP] = {real_fault_stop, true},
    [SCENARIO_FREEZE] = {real_fault_freeze, true},
    [SCENARIO_WIPE] = {real_fault_wipe, true},
    [SCENARIO_BACKUP] = {real_fault_backup, false},
    [SCENARIO_RESTORE] = {real_fault_restore, true},
    [SCENARIO_CLONE] = {real_fault_clone, true},
    [SCENARIO_CLOCK] = {real_fault_clock, true},
    [SCENARIO_MASS_RESTART] = {real_fault_crash, true},
    [SCENARIO_DISK_FULL] = {real_fault_full, true},
    [SCENARIO_DISK_ERROR] = {real_fault_error, true},
    [SCENARIO_DISK_SLOW] = {real_fault_slow, true},
    [SCENARIO_DISK_LIE] = {real_fault_lie, true},
    [SCENARIO_DAMAGE] = {real_fault_damage, false},
    [SCENARIO_OTHER_CLUSTER] = {real_fault_other_cluster, true},
};

static bool takes_down(enum scenario_action_type type) {
    return type == SCENARIO_CRASH || type == SCENARIO_STOP || type == SCENARIO_WIPE ||
           type == SCENARIO_RESTORE || type == SCENARIO_MASS_RESTART;
}

/* Whether another fault that is in force keeps the node down. */
static bool is_kept_down(const struct real_faults *faults, size_t index) {
    for (size_t i = 0; i < faults->count; i++)
        if (takes_down(faults->list[i].action.type) &&
            real_fault_holds(&faults->list[i].action.nodes, index))
            return true;
    return false;
}

static struct real_fault *append(struct real_faults *faults, const struct scenario_action *action,
                                 uint64_t now_ms) {
    faults->list = real_grow(faults->list, faults->count, &faults->capacity, sizeof *faults->list);
    struct real_fault *fault = &faults->list[faults->count++];
    *fault = (struct real_fault){
        .action = *action,
        .until_ms = action->for_ms == SCENARIO_FOREVER ? UINT64_MAX : now_ms + action->for_ms,
        .next_ms = UINT64_MAX};
    if (action->type == SCENARIO_FLAP)
        fault->next_ms = now_ms + (uint64_t)(action->span_ms > 0 ? action->span_ms : FLAP_MS);
    if (action->type == SCENARIO_OTHER_CLUSTER)
        fault->until_ms = now_ms + (uint64_t)(action->span_ms > 0 ? action->span_ms : 0);
    return fault;
}

/* Without a fault that lasts the nodes are started again at once. */
static bool on_nodes(struct real_faults *faults, const struct scenario_action *action,
                     uint64_t now_ms, char why_not[120]) {
    enum scenario_class class = scenario_action_class(action->type);
    struct real_ground *ground = faults->ground;
    struct real_fault *fault = append(faults, action, now_ms);
    bool touched[REAL_PROXY_NODES_MAX] = {false}, any = false;
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    for (size_t i = 0; i < ground->node_count; i++) {
        if (!real_fault_holds(&action->nodes, i))
            continue;
        touched[i] = kinds[action->type].on_node(faults, fault, &ground->nodes[i], why_not);
        any = any || touched[i];
        faults->done[class] += touched[i] && class != SCENARIO_CLASS_NONE &&
                               !real_fault_is_counted_by_disk(action->type);
    }
    if (!any || !kinds[action->type].lasts)
        faults->count--;
    for (size_t i = 0; i < ground->node_count; i++)
        touched[i] = touched[i] && !is_kept_down(faults, i);
    if (any && !kinds[action->type].lasts && !real_fault_start(faults, touched, message))
        fprintf(stderr, "attune-chaos: %s\n", message);
    return any;
}

static bool on_each(struct real_faults *faults, const struct scenario_action *action,
                    char why_not[120]) {
    struct real_ground *ground = faults->ground;
    uint64_t count = action->count > 0 ? action->count : 1;
    bool any = false;
    for (size_t i = 0; i < ground->node_count; i++) {
        struct real_node *node = &ground->nodes[i];
        if (!real_fault_holds(&action->nodes, i))
            continue;
        if (action->type == SCENARIO_STRANGER)
            any = real_fault_stranger(faults, node, count, why_not) || any;
        else
            any = real_fault_join(faults, node, why_not) || any;
    }
    return any;
}

/* Who is to come back is killed first, but for those that are removed alive, and started again when its time is over. */
static bool remove_member(struct real_faults *faults, const struct scenario_action *action,
                          uint64_t now_ms, char why_not[120]) {
    bool returns = action->for_ms != SCENARIO_FOREVER && action->to.count > 0;
    if (returns && action->type == SCENARIO_REMOVE)
        (void)real_node_kill(faults->ground, real_fault_node(faults, action->to.indexes[0]));
    if (!real_fault_remove(faults, action, why_not))
        return false;
    if (returns)
        (void)append(faults, action, now_ms);
    return true;
}

bool real_faults_perform(struct real_faults *faults, const struct scenario_action *action,
                         uint64_t now_ms, char why_not[120]) {
    snprintf(why_not, 120, "it had no effect");
    if (!real_ground_can(faults->ground, action->type, why_not))
        return false;
    snprintf(why_not, 120, "it had no effect");
    faults->now_ms = now_ms;
    real_ground_reap(faults->ground);
    real_say(faults->ground, "%" PRIu64 " ms: %s", now_ms, scenario_action_name(action->type));
    bool done;
    if (real_fault_is_link(action->type)) {
        (void)append(faults, action, now_ms);
        real_fault_links(faults);
        done = true;
    } else if (kinds[action->type].on_node != NULL) {
        done = on_nodes(faults, action, now_ms, why_not);
    } else if (action->type == SCENARIO_RESET) {
        done = real_fault_reset(faults, action, why_not);
    } else if (action->type == SCENARIO_LIAR) {
        done = real_fault_liar(faults, append(faults, action, now_ms), why_not);
        faults->count -= !done;
    } else if (action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE) {
        done = remove_member(faults, action, now_ms, why_not);
    } else {
        assert(action->type == SCENARIO_STRANGER || action->type == SCENARIO_JOIN);
        done = on_each(faults, action, why_not);
    }
    if (done)
        why_not[0] = '\0';
    return done;
}

/* --- ending ------------------------------------------------------------------------------------------------------ */

/* Its part in one node is over; true if the node is to be started. */
static bool end_on_node(struct real_faults *faults, struct real_fault *fault,
                        struct real_node *node) {
    char message[REAL_MESSAGE_SIZE_MAX];
    switch (fault->action.type) {
    case SCENARIO_FREEZE:
        real_node_thaw(faults->ground, node);
        return false;
    case SCENARIO_CLOCK:
        (void)real_fault_set_clock(faults, node, 0);
        return false;
    case SCENARIO_CLONE:
        real_fault_end_clones(faults, node);
        return false;
    case SCENARIO_DISK_FULL:
    case SCENARIO_DISK_ERROR:
    case SCENARIO_DISK_SLOW:
        real_fault_disk_end(faults, fault, node);
        return false;
    case SCENARIO_DISK_LIE:
        real_fault_disk_end(faults, fault, node);
        return true;
    case SCENARIO_OTHER_CLUSTER:
        if (!real_fault_dial_others(faults, node, message))
            fprintf(stderr, "attune-chaos: %s\n", message);
        return false;
    default:
        return takes_down(fault->action.type);
    }
}

/* Ends those for which `over` is true (by their index), and starts what they kept down. */
static bool end_faults(struct real_faults *faults, const bool *over,
                       char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_ground *ground = faults->ground;
    bool starting[REAL_PROXY_NODES_MAX] = {false}, links = false;
    for (size_t i = 0; i < faults->count; i++) {
        struct real_fault *fault = &faults->list[i];
        links = links || (over[i] && real_fault_is_link(fault->action.type));
        bool removal =
            fault->action.type == SCENARIO_REMOVE || fault->action.type == SCENARIO_REMOVE_LIVE;
        if (over[i] && removal) {
            size_t back = fault->action.to.indexes[0];
            (void)real_node_kill(ground, &ground->nodes[back]);
            starting[back] = true;
            continue;
        }
        for (size_t node = 0; over[i] && node < ground->node_count; node++)
            if (real_fault_holds(&fault->action.nodes, node) &&
                end_on_node(faults, fault, &ground->nodes[node]))
                starting[node] = true;
    }
    size_t kept = 0;
    for (size_t i = 0; i < faults->count; i++)
        if (!over[i])
            faults->list[kept++] = faults->list[i];
    faults->count = kept;
    if (links)
        real_fault_links(faults);
    for (size_t i = 0; i < ground->node_count; i++)
        starting[i] = starting[i] && !is_kept_down(faults, i);
    return real_fault_start(faults, starting, message);
}

/* A node that was told to stop has to end before it is started. */
static bool waits(struct real_faults *faults, const struct real_fault *fault) {
    for (size_t i = 0; takes_down(fault->action.type) && i < faults->ground->node_count; i++)
        if (real_fault_holds(&fault->action.nodes, i) &&
            real_node_is_ending(faults->ground, real_fault_node(faults, i)))
            return true;
    return false;
}

/* What goes on by itself while it lasts. */
static void go_on(struct real_faults *faults, uint64_t now_ms) {
    bool turned = false;
    for (size_t i = 0; i < faults->count; i++) {
        struct real_fault *fault = &faults->list[i];
        if (fault->action.type == SCENARIO_LIAR && fault->next_ms <= now_ms && !fault->kept)
            real_fault_liar_go_on(faults, fault);
        while (fault->action.type == SCENARIO_FLAP && fault->next_ms <= now_ms) {
            fault->idle = !fault->idle;
            fault->next_ms +=
                (uint64_t)(fault->action.span_ms > 0 ? fault->action.span_ms : FLAP_MS);
            turned = true;
        }
    }
    if (turned)
        real_fault_links(faults);
}

uint64_t real_faults_tick(struct real_faults *faults, uint64_t now_ms) {
    char message[REAL_MESSAGE_SIZE_MAX];
    bool *over = real_allocate(faults->count + 1);
    uint64_t next_ms;
    bool any = false;
    faults->now_ms = now_ms;
    real_ground_reap(faults->ground);
    for (size_t i = 0; i < faults->count; i++) {
        struct real_fault *fault = &faults->list[i];
        if (fault->until_ms <= now_ms && waits(faults, fault))
            fault->until_ms = now_ms + ENDING_POLL_MS;
        over[i] = fault->until_ms <= now_ms && !fault->kept;
        any = any || over[i];
    }
    if (any && !end_faults(faults, over, message))
        fprintf(stderr, "attune-chaos: %s\n", message);
    free(over);
    if (faults->retry_ms <= now_ms && !real_fault_retry(faults, message))
        fprintf(stderr, "attune-chaos: %s\n", message);
    go_on(faults, now_ms);
    next_ms = faults->retry_ms;
    for (size_t i = 0; i < faults->count; i++) {
        const struct real_fault *fault = &faults->list[i];
        if (!fault->kept && fault->until_ms < next_ms)
            next_ms = fault->until_ms;
        bool goes_on = fault->action.type == SCENARIO_FLAP || !fault->kept;
        next_ms = goes_on && fault->next_ms < next_ms ? fault->next_ms : next_ms;
    }
    return next_ms;
}

/* --- healing ----------------------------------------------------------------------------------------------------- */

static bool await_ends(struct real_faults *faults) {
    bool waiting = true;
    for (unsigned waited = 0; waiting && waited <= REAL_STOP_MS_MAX; waited += ENDING_POLL_MS) {
        real_ground_reap(faults->ground);
        waiting = false;
        for (size_t i = 0; i < faults->ground->node_count; i++)
            waiting = waiting || real_node_is_ending(faults->ground, real_fault_node(faults, i));
        real_sleep_ms(waiting ? ENDING_POLL_MS : 0);
    }
    return !waiting;
}

/* Ends its part in the nodes that are inside. True if that was all of it. */
static bool heal_one(struct real_faults *faults, struct real_fault *fault, const bool *inside) {
    bool all = true;
    for (size_t node = 0; node < faults->ground->node_count; node++) {
        if (!real_fault_holds(&fault->action.nodes, node))
            continue;
        if (inside[node])
            (void)end_on_node(faults, fault, real_fault_node(faults, node));
        all = all && inside[node];
    }
    return all;
}

bool real_faults_heal(struct real_faults *faults, const struct scenario_nodes *core,
                      char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_ground *ground = faults->ground;
    bool inside[REAL_PROXY_NODES_MAX] = {false}, starting[REAL_PROXY_NODES_MAX] = {false};
    size_t kept = 0;
    faults->core = core == NULL || core->count == 0 ? NULL : core;
    for (size_t i = 0; i < ground->node_count; i++)
        inside[i] = faults->core == NULL || real_fault_holds(core, i);
    for (size_t i = 0; i < faults->count; i++) {
        struct real_fault fault = faults->list[i];
        bool is_link = real_fault_is_link(fault.action.type);
        fault.kept = is_link ? faults->core != NULL : !heal_one(faults, &fault, inside);
        if (fault.kept)
            faults->list[kept++] = fault;
    }
    faults->count = kept;
    real_fault_links(faults);
    real_fault_hang_up(faults);
    if (!await_ends(faults)) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "a node did not end after SIGTERM");
        return false;
    }
    for (size_t i = 0; i < ground->node_count; i++)
        starting[i] = inside[i] && ground->nodes[i].starts > 0;
    return real_fault_start(faults, starting, message);
}

const uint64_t *real_faults_fired(const struct real_faults *given) {
    struct real_faults *faults =
        (struct real_faults *)(uintptr_t)given; /* only what is counted changes */
    const struct real_traffic traffic = real_ground_traffic(faults->ground);
    const struct {
        enum scenario_class class;
        uint64_t count;
    } passed[] = {
        {SCENARIO_CLASS_LOSS, traffic.lost},          {SCENARIO_CLASS_DELAY, traffic.delayed},
        {SCENARIO_CLASS_REPEAT, traffic.repeated},    {SCENARIO_CLASS_REORDER, traffic.reordered},
        {SCENARIO_CLASS_FRAGMENT, traffic.fragments}, {SCENARIO_CLASS_RESET, traffic.resets},
        {SCENARIO_CLASS_CORRUPT, traffic.corrupted}};
    memcpy(faults->fired, faults->done, sizeof faults->fired);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
        faults->fired[passed[i].class] += passed[i].count;
    for (size_t class = 0; class < SCENARIO_CLASS_COUNT; class ++)
        faults->fired[class] +=
            real_proxy_stalled(faults->ground->proxy, (enum scenario_class) class) +
            real_network_dropped(faults->ground, (enum scenario_class) class) +
            real_fault_injected(faults, (enum scenario_class) class);
    return faults->fired;
}
