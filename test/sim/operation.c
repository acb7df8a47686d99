/* operation.c - the clients: what the scenario's operations ask of a node, as JSON, and what they are answered.
 *
 * What is acknowledged must be on that node's disk in the same instant (G2), and is remembered by god.
 */
#include "test/sim/checker.h"

#include <stdlib.h>
#include <string.h>

/* The token says what was asked, so that no table is needed. */
enum { TOKEN_KINDS = 8, TOKEN_REMOVE = 7, ASKED_MAX = 4 };

const char *sim_operation_name(enum sim_operation operation) {
    static const char *const names[SIM_OPERATION_COUNT] = {"set", "drop", "import", "sync", "diff"};
    return names[operation];
}

static enum sim_operation kind_of(enum scenario_action_type type) {
    switch (type) {
    case SCENARIO_SET:
        return SIM_OPERATION_SET;
    case SCENARIO_DROP:
        return SIM_OPERATION_DROP;
    case SCENARIO_IMPORT:
        return SIM_OPERATION_IMPORT;
    case SCENARIO_SYNC:
        return SIM_OPERATION_SYNC;
    default:
        return SIM_OPERATION_DIFF;
    }
}

static uint64_t token_make(struct sim *sim, unsigned kind) {
    return ++sim->tokens * TOKEN_KINDS + kind;
}

static void submit(struct sim *sim, struct sim_node *node, struct gossip_operation *operation) {
    sim_node_step(sim, node,
                  &(struct gossip_event){.type = GOSSIP_OPERATION, .operation = operation});
}

static struct catalog_text text_of(const char *text) {
    return (struct catalog_text){.data = text == NULL ? "" : text,
                                 .size_bytes = text == NULL ? 0 : strlen(text)};
}

static void write_one(struct sim *sim, struct sim_node *node,
                      const struct scenario_action *action) {
    struct merkle_buffer body;
    struct catalog_problem problem;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    bool set = action->type == SCENARIO_SET;
    struct catalog_write write = {
        .operation = set ? CATALOG_SET : CATALOG_DROP,
        .key = {action->kind, text_of(action->entity), text_of(action->name)},
        .cascade = !set,
    };
    if (!set || catalog_body_parse(action->kind, action->body, strlen(action->body), false, &body,
                                   &problem) == 0) {
        write.body = set ? body.data : NULL;
        write.body_size_bytes = set ? body.size_bytes : 0;
        struct gossip_operation operation = {.type = GOSSIP_WRITE,
                                             .token = token_make(sim, kind_of(action->type)),
                                             .writes = &write,
                                             .write_count = 1};
        submit(sim, node, &operation);
    }
    merkle_buffer_close(&body);
}

static void import(struct sim *sim, struct sim_node *node, const struct scenario_action *action) {
    struct catalog_import *parsed;
    if (catalog_import_parse(&merkle_allocator_libc, action->body, strlen(action->body), &parsed) !=
        0) {
        return;
    }
    if (parsed->problem_count == 0) {
        struct gossip_operation operation = {.type = GOSSIP_WRITE,
                                             .token = token_make(sim, SIM_OPERATION_IMPORT),
                                             .writes = parsed->writes,
                                             .write_count = parsed->write_count};
        submit(sim, node, &operation);
    }
    catalog_import_free(parsed);
}

void sim_operation_perform(struct sim *sim, const struct scenario_action *action) {
    struct sim_node *node = &sim->nodes[action->nodes.indexes[0]];
    enum sim_operation kind = kind_of(action->type);
    sim->stats.tried[kind]++;
    if (!sim_node_runs(sim, node) || node->stopping || node->removed) {
        return;
    }
    char text[160];
    scenario_action_describe(action, text, sizeof text);
    sim_trace(sim, node, "%s", text);
    if (kind == SIM_OPERATION_SET || kind == SIM_OPERATION_DROP) {
        write_one(sim, node, action);
    } else if (kind == SIM_OPERATION_IMPORT) {
        import(sim, node, action);
    } else {
        struct gossip_operation operation = {
            .type = kind == SIM_OPERATION_SYNC ? GOSSIP_SYNC : GOSSIP_DIFF,
            .token = token_make(sim, kind),
            .member = text_of(kind == SIM_OPERATION_SYNC || action->to.count == 0
                                  ? NULL
                                  : sim->nodes[action->to.indexes[0]].name),
        };
        submit(sim, node, &operation);
    }
}

/* Under faults an exchange with all may never succeed: now all are healed, it must, though not with the first who is asked
 * (who has heard just now that a member was replaced). */
void sim_operation_ask(struct sim *sim) {
    size_t asked = 0;
    size_t count = !sim->core_only ? sim->scenario->node_count : 0;
    for (size_t i = 0; i < count && asked < ASKED_MAX; i++) {
        struct sim_node *node = &sim->nodes[i];
        struct sim_node *other = &sim->nodes[(i + 1) % sim->scenario->node_count];
        if (!sim_required(sim, node) || !sim_required(sim, other) || node == other) {
            continue;
        }
        for (unsigned kind = SIM_OPERATION_SYNC;
             kind <= SIM_OPERATION_DIFF && sim_node_runs(sim, node); kind++) {
            sim->stats.tried[kind]++;
            struct gossip_operation operation = {
                .type = kind == SIM_OPERATION_SYNC ? GOSSIP_SYNC : GOSSIP_DIFF,
                .token = token_make(sim, kind),
                .member = text_of(other->name),
            };
            submit(sim, node, &operation);
        }
        asked++;
    }
}

void sim_operation_remove(struct sim *sim, struct sim_node *by, struct sim_node *gone) {
    struct gossip_operation operation = {
        .type = GOSSIP_MEMBER_REMOVE,
        .token = (gone->index + 1) * TOKEN_KINDS + TOKEN_REMOVE,
        .member = text_of(gone->name),
    };
    submit(sim, by, &operation);
}

static void acknowledged(struct sim *sim, struct sim_node *node,
                         const struct catalog_outcome *outcome) {
    if (!sim_disk_holds(&node->disk, outcome->entry)) {
        sim_fail(sim, "S2", CHAOS_VIOLATED, node, "acknowledges a write that is not on its disk");
        return;
    }
    sim_god_acknowledged(sim, node, outcome->entry);
    SIM_CHECK(sim, acknowledged, sim, node, outcome);
}

static void removed(struct sim *sim, size_t index) {
    sim->nodes[index].removed = true;
    sim->nodes[index].starts++; /* no planned start comes */
    sim_fired(sim, SCENARIO_CLASS_REMOVE);
    sim_trace(sim, &sim->nodes[index], "is removed");
}

void sim_operation_reply(struct sim *sim, struct sim_node *node, const struct gossip_reply *reply) {
    unsigned kind = (unsigned)(reply->token % TOKEN_KINDS);
    sim_trace(sim, node, "reply %s", reply->code == 0 ? "ok" : gossip_error_name(reply->code));
    /* Of a removal an error of the disk says that it is not stored yet (gossip.h): it stands all the same. */
    bool unstored =
        reply->code == GOSSIP_EBUSY || reply->code == CATALOG_EFULL || reply->code == CATALOG_EIO;
    if (reply->code != 0 && !(kind == TOKEN_REMOVE && unstored)) {
        return;
    }
    if (kind == TOKEN_REMOVE) {
        removed(sim, (size_t)(reply->token / TOKEN_KINDS) - 1);
        return;
    }
    sim->stats.succeeded[kind]++;
    if (kind > SIM_OPERATION_IMPORT) {
        return;
    }
    for (size_t i = 0; i < reply->plan->outcome_count && !sim->failed; i++) {
        acknowledged(sim, node, &reply->plan->outcomes[i]);
    }
}
