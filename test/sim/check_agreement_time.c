/* check_agreement_time.c - L4: who waits for agreement is answered in time.
 *
 *   deadline   the answer comes by it, success or not, and "not agreed" no earlier: checked at each interval, of nodes that are up and not frozen
 *   calm       an agreement that was asked for at least K + 2 intervals ago (a staged change, which waits for three: three
 *              times as long), while nothing was wrong, has been reached. Calm is the world if all nodes that are not removed
 *              are up, ready, on sound disks, with sound links between them, and the one that was asked takes all of its
 *              members for alive; any start or change of the table begins the waiting anew
 */
#include "test/sim/check_agreement.h"

struct l4 {
    uint64_t world, calm_since_ms;
};

static uint64_t mixed(uint64_t world, uint64_t value) {
    return (world ^ value) * UINT64_C(0x9e3779b97f4a7c15) + (world >> 29);
}

/* A number that changes with what would begin the waiting anew; 0: something is wrong. */
static uint64_t world_of(const struct sim *sim) {
    uint64_t world = 1 + sim->node_count;
    if (sim->link_fault_count > 0) {
        return 0;
    }
    for (size_t i = 0; i < sim->node_count; i++) {
        const struct sim_node *node = &sim->nodes[i];
        bool away = node->removed || !node->joined ||
                    (node->clone_of != SIZE_MAX && node->engine == NULL) || node->cluster != 0;
        if (away) {
            continue;
        }
        bool sound = sim_node_runs(sim, node) && node->disk_failure == 0 && !node->disk_broken &&
                     !node->catching_up && node->disk.quarantined == 0 && !node->disk_lies &&
                     node->disk_slow_until_ms <= sim->now_ms && node->memory.fail_count == 0 &&
                     !node->stopping && !node->abandoned && node->engine->state.ready &&
                     !node->engine->duplicate_id;
        if (!sound) {
            return 0;
        }
        world = mixed(mixed(world, node->starts), node->engine->members_changes);
    }
    return world == 0 ? 1 : world;
}

static bool takes_all_for_alive(const struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        enum gossip_member_state state = engine->members[i]->state;
        if (state != GOSSIP_MEMBER_ALIVE && state != GOSSIP_MEMBER_REMOVED) {
            return false;
        }
    }
    return true;
}

static uint64_t patience_ms(const struct sim *sim, const struct sim_asked *asked) {
    uint64_t intervals = sim_settle_bound(sim->node_count) + 2;
    return (asked->staged ? 3 : 1) * intervals * sim->scenario->interval_ms * 6 / 5;
}

/* Since when this question has been in a calm world. */
static uint64_t calm_ms(struct sim *sim, const struct sim_asked *asked) {
    const struct l4 *l4 = sim_checker_state(sim, &sim_check_l4);
    const struct sim_node *node = &sim->nodes[asked->node];
    if (l4->world == 0 || world_of(sim) != l4->world || !sim_required(sim, node) ||
        !takes_all_for_alive(node->engine)) {
        return 0;
    }
    uint64_t since_ms = asked->asked_ms > l4->calm_since_ms ? asked->asked_ms : l4->calm_since_ms;
    return sim->now_ms - since_ms;
}

static void late_look(struct sim *sim, const struct sim_asked *asked) {
    const struct sim_node *node = &sim->nodes[asked->node];
    uint64_t due_ms = asked->asked_ms + asked->timeout_ms;
    due_ms = due_ms > node->frozen_until_ms ? due_ms : node->frozen_until_ms;
    /* As any write, a staged change is answered once it is on its own disk, however slow that is. */
    bool writes = asked->staged && node->batches != NULL;
    if (!sim_node_runs(sim, node) || node->stopping || writes) {
        return;
    }
    sim_checker_looked(sim, &sim_check_l4);
    if (sim->now_ms > due_ms + sim->scenario->interval_ms) {
        sim_violated(sim, &sim_check_l4, node,
                     "does not answer an agreement that was asked for at %llu ms, for %llu ms",
                     (unsigned long long)asked->asked_ms, (unsigned long long)asked->timeout_ms);
    } else if (calm_ms(sim, asked) > patience_ms(sim, asked)) {
        sim_violated(sim, &sim_check_l4, node,
                     "waits for agreement since %llu ms, though all members are well",
                     (unsigned long long)asked->asked_ms);
    }
}

static void l4_interval(struct sim *sim) {
    struct l4 *l4 = sim_checker_state(sim, &sim_check_l4);
    uint64_t world = world_of(sim);
    if (world == 0 || world != l4->world) {
        l4->world = world;
        l4->calm_since_ms = sim->now_ms;
    }
    size_t at = 0;
    for (struct sim_asked *asked = sim__asked_next(sim, &at); asked != NULL && !sim->failed;
         asked = sim__asked_next(sim, &at)) {
        late_look(sim, asked);
    }
}

/* Called before S4 forgets the question: it stands before it in the table of checkers. */
static void l4_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                       const struct gossip_update *update) {
    for (size_t i = 0; i < update->reply_count && !sim->failed; i++) {
        const struct sim_asked *asked = sim__asked_find(sim, update->replies[i].token);
        if (asked == NULL) {
            continue;
        }
        if (!asked->staged || event->type != GOSSIP_STORED) {
            late_look(sim, asked);
        }
        if (sim->failed || update->replies[i].code != GOSSIP_ENOTAGREED) {
            continue;
        }
        if (calm_ms(sim, asked) > patience_ms(sim, asked)) {
            sim_violated(sim, &sim_check_l4, node,
                         "no agreement in %llu ms, though all members were well",
                         (unsigned long long)asked->timeout_ms);
        } else if (sim->now_ms < asked->asked_ms + asked->timeout_ms / (asked->staged ? 2 : 1)) {
            /* (The owner of a staged change is given less, so that its answer comes in time.) */
            sim_violated(sim, &sim_check_l4, node, "gives up on an agreement before its deadline");
        }
    }
}

const struct sim_checker sim_check_l4 = {
    .id = "L4",
    .statement = "agreement comes in time where all are well, and an answer by the deadline",
    .liveness = true,
    .state_size_bytes = sizeof(struct l4),
    .stepped = l4_stepped,
    .interval = l4_interval,
};
