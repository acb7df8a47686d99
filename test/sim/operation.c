/* operation.c - the clients: what the scenario's operations ask of a node, as JSON, and what they are answered.
 *
 * What is acknowledged must be on that node's disk in the same instant (G2), and is remembered by god. A write that waits for
 * agreement is acknowledged first; what it stored is asked for right after that (operation_wait.c).
 */
#include "test/sim/operation.h"

#include <stdlib.h>
#include <string.h>

enum { ASKED_MAX = 4 };

const char *sim_operation_name(enum sim_operation operation) {
    static const char *const names[SIM_OPERATION_COUNT] = {
        "set",        "drop",        "import",       "sync",    "diff", "agree",
        "staged_set", "staged_drop", "staged_abort", "resolve", "check"};
    return names[operation];
}

static enum sim_operation kind_of(enum scenario_action_type type) {
    return (enum sim_operation)(type - SCENARIO_SET);
}

uint64_t sim__token_make(struct sim *sim, unsigned kind) {
    return ++sim->tokens * SIM__TOKEN_KINDS + kind;
}

void sim__submit(struct sim *sim, struct sim_node *node, struct gossip_operation *operation) {
    sim_node_step(sim, node,
                  &(struct gossip_event){.type = GOSSIP_OPERATION, .operation = operation});
}

struct catalog_text sim__text_of(const char *text) {
    return (struct catalog_text){.data = text == NULL ? "" : text,
                                 .size_bytes = text == NULL ? 0 : strlen(text)};
}

/* --- asking ----------------------------------------------------------------------------------------------------------- */

static void write_submit(struct sim *sim, struct sim_node *node,
                         const struct scenario_action *action, const struct catalog_write *writes,
                         size_t count) {
    struct gossip_operation operation = {.type = GOSSIP_WRITE,
                                         .token = sim__token_make(sim, kind_of(action->type)),
                                         .writes = writes,
                                         .write_count = count};
    if (action->waits) {
        sim__wait_note(sim, node, action, operation.token);
    }
    sim__submit(sim, node, &operation);
}

static void staged_submit(struct sim *sim, struct sim_node *node,
                          const struct scenario_action *action, const struct catalog_write *write) {
    static const enum gossip_staged staged[] = {GOSSIP_STAGED_SET, GOSSIP_STAGED_DROP,
                                                GOSSIP_STAGED_ABORT};
    struct gossip_operation operation = {.type = GOSSIP_STAGED,
                                         .token = sim__token_make(sim, kind_of(action->type)),
                                         .writes = write,
                                         .write_count = 1,
                                         .staged = staged[action->type - SCENARIO_STAGED_SET],
                                         .skip_dead = action->skip_dead,
                                         .timeout_ms = action->wait_ms};
    sim__submit(sim, node, &operation);
}

static struct catalog_key key_of(const struct scenario_action *action) {
    return (struct catalog_key){action->kind, sim__text_of(action->entity),
                                sim__text_of(action->name)};
}

/* A write of one entry, staged or not. */
static void write_one(struct sim *sim, struct sim_node *node,
                      const struct scenario_action *action) {
    struct merkle_buffer body;
    struct catalog_problem problem;
    merkle_buffer_init(&body, &merkle_allocator_libc);
    bool set = action->type == SCENARIO_SET || action->type == SCENARIO_STAGED_SET;
    bool resolve = action->type == SCENARIO_RESOLVE;
    struct catalog_write write = {
        .operation = set       ? CATALOG_SET
                     : resolve ? CATALOG_RESOLVE
                               : CATALOG_DROP,
        .key = key_of(action),
        .cascade = action->type == SCENARIO_DROP,
        .take = sim__text_of(
            resolve && action->to.count > 0 ? sim->nodes[action->to.indexes[0]].name : NULL),
    };
    if (!set || catalog_body_parse(action->kind, action->body, strlen(action->body), false, &body,
                                   &problem) == 0) {
        write.body = set ? body.data : NULL;
        write.body_size_bytes = set ? body.size_bytes : 0;
        if (action->type >= SCENARIO_STAGED_SET && action->type <= SCENARIO_STAGED_ABORT) {
            staged_submit(sim, node, action, &write);
        } else {
            write_submit(sim, node, action, &write, 1);
        }
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
        write_submit(sim, node, action, parsed->writes, parsed->write_count);
    }
    catalog_import_free(parsed);
}

static void agree(struct sim *sim, struct sim_node *node, const struct scenario_action *action) {
    struct catalog_key key = key_of(action);
    sim__agree(sim, node, action->kind == 0 ? NULL : &key, action->wait_ms, action->skip_dead);
}

static void ask(struct sim *sim, struct sim_node *node, enum sim_operation kind,
                struct sim_node *other) {
    struct gossip_operation operation = {
        .type = kind == SIM_OPERATION_SYNC ? GOSSIP_SYNC : GOSSIP_DIFF,
        .token = sim__token_make(sim, kind),
        .member = sim__text_of(other == NULL ? NULL : other->name),
    };
    sim__submit(sim, node, &operation);
}

void sim_operation_perform(struct sim *sim, const struct scenario_action *action) {
    struct sim_node *node = &sim->nodes[action->nodes.indexes[0]];
    enum sim_operation kind = kind_of(action->type);
    sim->stats.tried[kind]++;
    if (!sim_node_runs(sim, node) || node->stopping) {
        return;
    }
    char text[200];
    scenario_action_describe(action, text, sizeof text);
    sim_trace(sim, node, "%s", text);
    switch (kind) {
    case SIM_OPERATION_IMPORT:
        import(sim, node, action);
        break;
    case SIM_OPERATION_SYNC:
        ask(sim, node, kind, NULL);
        break;
    case SIM_OPERATION_DIFF:
        ask(sim, node, kind, action->to.count == 0 ? NULL : &sim->nodes[action->to.indexes[0]]);
        break;
    case SIM_OPERATION_AGREE:
        agree(sim, node, action);
        break;
    case SIM_OPERATION_CHECK:
        sim__check(sim, node, action->kind == 0 ? "e0" : action->entity, (uint64_t)action->span_ms);
        break;
    default:
        write_one(sim, node, action);
        break;
    }
}

/* Under faults an exchange with all may never succeed: now all are healed, it must, though not with the first who is asked
 * (who has heard just now that a member was replaced). The same of agreement, where L4 looks at each; and of freshness. */
void sim_operation_ask(struct sim *sim) {
    size_t asked = 0;
    uint64_t wait_ms = (sim_settle_bound(sim->node_count) + 2) * sim->scenario->interval_ms * 3 / 2;
    for (size_t i = 0; i < sim->scenario->node_count && asked < ASKED_MAX; i++) {
        struct sim_node *node = &sim->nodes[i];
        struct sim_node *other = &sim->nodes[(i + 1) % sim->scenario->node_count];
        if (!sim_required(sim, node) || !sim_required(sim, other) || node == other) {
            continue;
        }
        for (unsigned kind = SIM_OPERATION_SYNC;
             kind <= SIM_OPERATION_DIFF && !sim->core_only && sim_node_runs(sim, node); kind++) {
            sim->stats.tried[kind]++;
            ask(sim, node, (enum sim_operation)kind, other);
        }
        if (sim_node_runs(sim, node)) {
            sim->stats.tried[SIM_OPERATION_AGREE]++;
            sim__agree(sim, node, NULL, wait_ms, sim->core_only);
        }
        asked++;
    }
}

void sim_operation_remove(struct sim *sim, struct sim_node *by, struct sim_node *gone) {
    struct gossip_operation operation = {
        .type = GOSSIP_MEMBER_REMOVE,
        .token = (gone->index + 1) * SIM__TOKEN_KINDS + SIM__TOKEN_REMOVE,
        .member = sim__text_of(gone->name),
    };
    gone->removals_asked++;
    sim__submit(sim, by, &operation);
}

void sim_operation_remove_ghost(struct sim *sim, struct sim_node *by, const char *name) {
    struct gossip_operation operation = {
        .type = GOSSIP_MEMBER_REMOVE,
        .token = sim__token_make(sim, SIM__TOKEN_GHOST),
        .member = sim__text_of(name),
    };
    sim__submit(sim, by, &operation);
}

/* --- answers ---------------------------------------------------------------------------------------------------------- */

static void acknowledged(struct sim *sim, struct sim_node *node,
                         const struct catalog_outcome *outcome) {
    if (!sim_disk_holds(sim, &node->disk, outcome->entry)) {
        sim_fail(sim, "S2", CHAOS_VIOLATED, node, "acknowledges a write that is not on its disk");
        return;
    }
    sim_god_acknowledged(sim, node, outcome->entry);
    SIM_CHECK(sim, acknowledged, sim, node, outcome);
}

static void removed(struct sim *sim, size_t index) {
    struct sim_node *gone = &sim->nodes[index];
    gone->removed = true;
    if (gone->engine == NULL) {
        gone->starts++; /* no planned start comes */
    }
    sim_fired(sim, SCENARIO_CLASS_REMOVE);
    sim_trace(sim, gone, "is removed");
}

/* Of a removal an error of the disk says that it is not stored yet (gossip.h): it stands all the same. */
static void remove_replied(struct sim *sim, const struct gossip_reply *reply) {
    size_t index = (size_t)(reply->token / SIM__TOKEN_KINDS) - 1;
    bool unstored =
        reply->code == GOSSIP_EBUSY || reply->code == CATALOG_EFULL || reply->code == CATALOG_EIO;
    if (reply->code == 0 || unstored) {
        removed(sim, index);
    } else {
        sim->nodes[index].removals_asked--;
    }
}

/* All members have it: it is as durable as a write can be. */
static void staged_replied(struct sim *sim, struct sim_node *node,
                           const struct gossip_reply *reply) {
    if (reply->staged_entry == NULL) {
        return;
    }
    if (!sim_disk_holds(sim, &node->disk, reply->staged_entry)) {
        sim_fail(sim, "S2", CHAOS_VIOLATED, node,
                 "shows a staged change as it stands on its disk, where it is not");
        return;
    }
    if (reply->code == 0) {
        sim_god_acknowledged(sim, node, reply->staged_entry);
    }
}

static void trace_reply(struct sim *sim, const struct sim_node *node,
                        const struct gossip_reply *reply) {
    sim_trace(sim, node, "reply %s%s%s", reply->code == 0 ? "ok" : gossip_error_name(reply->code),
              reply->text == NULL ? "" : ": ", reply->text == NULL ? "" : reply->text);
    for (size_t i = 0; i < reply->agreement_count; i++) {
        sim_trace(sim, node, "  %s %s", reply->agreement[i].name,
                  gossip_agreement_state_name(reply->agreement[i].state));
    }
}

void sim_operation_reply(struct sim *sim, struct sim_node *node, const struct gossip_reply *reply) {
    unsigned kind = (unsigned)(reply->token % SIM__TOKEN_KINDS);
    trace_reply(sim, node, reply);
    if (kind == SIM__TOKEN_GHOST) {
        return; /* asked for again as long as it is seen */
    }
    if (kind == SIM__TOKEN_REMOVE) {
        remove_replied(sim, reply);
        return;
    }
    bool staged = kind >= SIM_OPERATION_STAGED_SET && kind <= SIM_OPERATION_STAGED_ABORT;
    if (staged) {
        staged_replied(sim, node, reply);
    }
    if (reply->code != 0) {
        sim__wait_forget(sim, reply->token);
        return;
    }
    sim->stats.succeeded[kind]++;
    if (staged || reply->plan == NULL) {
        return;
    }
    for (size_t i = 0; i < reply->plan->outcome_count && !sim->failed; i++) {
        acknowledged(sim, node, &reply->plan->outcomes[i]);
    }
    sim__wait_begin(sim, node, reply);
}
