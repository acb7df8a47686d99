/* check_claims.c - what a node says of all of them (G6): "we agree" only if each member has had this root on its disk. */
#include "test/sim/checker.h"

#include <stdlib.h>
#include <string.h>

enum { MEMBERS_MAX = SIM_SQUARE_CHECKS_MAX };

/* Sums of all that each disk ever held; root and sum of a disk say the same, and the sum costs nothing. */
struct held {
    struct merkle_digest *sums;
    size_t count, capacity;
};
struct g6 {
    struct held *held; /* of node_capacity */
};

static struct held *held_of(struct sim *sim, const struct sim_node *node) {
    struct g6 *g6 = sim_checker_state(sim, &sim_check_g6);
    if (g6->held == NULL) {
        g6->held = sim_allocate(sim->node_capacity, sizeof *g6->held);
    }
    return &g6->held[node->index];
}

static void note(struct sim *sim, struct sim_node *node) {
    struct held *held = held_of(sim, node);
    held->sums = sim_grow(held->sums, held->count, &held->capacity, sizeof *held->sums);
    held->sums[held->count++] = node->disk.sum.digest_sum;
}

static void g6_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                      const struct catalog_node_state *before) {
    (void)batch;
    (void)before;
    note(sim, node);
}

/* A disk that was put back or damaged holds what no batch has made. */
static void g6_started(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    (void)load;
    note(sim, node);
}

static bool has_held(struct sim *sim, const struct sim_node *node,
                     const struct merkle_digest *sum) {
    const struct held *held = held_of(sim, node);
    for (size_t i = held->count; i > 0; i--) {
        if (merkle_digest_equal(&held->sums[i - 1], sum)) {
            return true;
        }
    }
    return false;
}

/* A member is its id: what a clone of its disk has held counts for it, since nobody can tell the two apart. */
static bool member_has_held(struct sim *sim, const struct sim_node *node,
                            const struct merkle_digest *sum) {
    bool held = has_held(sim, node, sum);
    for (size_t i = sim->scenario->node_count; i < sim->node_count && !held; i++) {
        held = sim->nodes[i].clone_of == node->index && has_held(sim, &sim->nodes[i], sum);
    }
    return held;
}

static void look(struct sim *sim, struct sim_node *node) {
    struct gossip_member_status members[MEMBERS_MAX];
    struct gossip_status status = gossip_status(node->engine, sim->now_ms, 0);
    if (status.agreed != GOSSIP_YES || node->disk_broken || node->catching_up) {
        return;
    }
    size_t count = gossip_members(node->engine, sim->now_ms, members, MEMBERS_MAX);
    sim_checker_looked(sim, &sim_check_g6);
    for (size_t i = 0; i < sim->node_count && count <= MEMBERS_MAX; i++) {
        const struct sim_node *other = &sim->nodes[i];
        for (size_t j = 0; j < count; j++) {
            if (!members[j].self && members[j].state != GOSSIP_MEMBER_REMOVED &&
                strcmp(members[j].name, other->name) == 0 && other->cluster == node->cluster &&
                !member_has_held(sim, other, &node->disk.sum.digest_sum)) {
                sim_violated(sim, &sim_check_g6, node, "says that all agree, and %s never had this",
                             other->name);
            }
        }
    }
}

static void g6_interval(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count && sim->node_count <= MEMBERS_MAX && !sim->failed; i++) {
        if (sim->nodes[i].engine != NULL) {
            look(sim, &sim->nodes[i]);
        }
    }
}

/* At rest it must know better than "no": each is asked within 2(n-1)/5 intervals, which is less than the rest is long only in
 * clusters that are not large. */
static void g6_finished(struct sim *sim) {
    if (sim->core_only || sim->node_count > MEMBERS_MAX) {
        return;
    }
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (sim_required(sim, node) &&
            gossip_status(node->engine, sim->now_ms, 0).agreed == GOSSIP_NO) {
            sim_violated(sim, &sim_check_g6, node, "says that the nodes disagree, and they agree");
        }
    }
}

static void g6_close(struct sim *sim) {
    struct g6 *g6 = sim_checker_state(sim, &sim_check_g6);
    for (size_t i = 0; g6->held != NULL && i < sim->node_capacity; i++) {
        free(g6->held[i].sums);
    }
    free(g6->held);
}

const struct sim_checker sim_check_g6 = {
    .id = "G6",
    .statement = "a node says that all agree only if each member has had its root on disk",
    .state_size_bytes = sizeof(struct g6),
    .started = g6_started,
    .landed = g6_landed,
    .interval = g6_interval,
    .finished = g6_finished,
    .close = g6_close,
};
