/* check_reply.c - S15, second half: each operation that an engine took gets exactly one reply, whatever happens to its disk.
 *
 * Those that a crash takes with it get none. (The first half, that a step never fails without a fault of memory, is asserted
 * where steps are made: node.c.)
 */
#include "test/sim/checker.h"

#include "gossip/engine.h"

#include <stdlib.h>

/* Tokens that wait for their reply, in no order. */
struct asked {
    uint64_t *tokens;
    size_t count, capacity;
};
struct s15 {
    struct asked *asked; /* of node_capacity */
};

static struct asked *asked_of(struct sim *sim, const struct sim_node *node) {
    struct s15 *s15 = sim_checker_state(sim, &sim_check_s15);
    if (s15->asked == NULL) {
        s15->asked = sim_allocate(sim->node_capacity, sizeof *s15->asked);
    }
    return &s15->asked[node->index];
}

static bool take(struct asked *asked, uint64_t token) {
    for (size_t i = 0; i < asked->count; i++) {
        if (asked->tokens[i] == token) {
            asked->tokens[i] = asked->tokens[--asked->count];
            return true;
        }
    }
    return false;
}

static void s15_stepped(struct sim *sim, struct sim_node *node, const struct gossip_event *event,
                        const struct gossip_update *update) {
    struct asked *asked = asked_of(sim, node);
    if (event->type == GOSSIP_OPERATION) {
        asked->tokens =
            sim_grow(asked->tokens, asked->count, &asked->capacity, sizeof *asked->tokens);
        asked->tokens[asked->count++] = event->operation->token;
    }
    for (size_t i = 0; i < update->reply_count; i++) {
        sim_checker_looked(sim, &sim_check_s15);
        if (!take(asked, update->replies[i].token)) {
            sim_violated(sim, &sim_check_s15, node, "a reply to nobody, or a second one");
            return;
        }
    }
    if (asked->count != node->engine->operation_count) {
        sim_violated(sim, &sim_check_s15, node, "%zu operations wait, and it counts %zu",
                     asked->count, node->engine->operation_count);
    }
}

static void s15_ended(struct sim *sim, struct sim_node *node) {
    asked_of(sim, node)->count = 0;
}

/* The longest wait of all is that of a SYNC, and has passed. */
static void s15_finished(struct sim *sim) {
    for (size_t i = 0; i < sim->node_count && !sim->failed; i++) {
        struct sim_node *node = &sim->nodes[i];
        if (sim_node_runs(sim, node) && !node->abandoned) {
            sim_checker_looked(sim, &sim_check_s15);
            if (asked_of(sim, node)->count > 0) {
                sim_violated(sim, &sim_check_s15, node, "%zu operations never got a reply",
                             asked_of(sim, node)->count);
            }
        }
    }
}

static void s15_close(struct sim *sim) {
    struct s15 *s15 = sim_checker_state(sim, &sim_check_s15);
    for (size_t i = 0; s15->asked != NULL && i < sim->node_capacity; i++) {
        free(s15->asked[i].tokens);
    }
    free(s15->asked);
}

const struct sim_checker sim_check_s15 = {
    .id = "S15",
    .statement = "an engine never ends or fails without a fault, and answers each operation once",
    .state_size_bytes = sizeof(struct s15),
    .stepped = s15_stepped,
    .ended = s15_ended,
    .finished = s15_finished,
    .close = s15_close,
};
