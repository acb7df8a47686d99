/* operation.c - what local callers ask for: writes and removals (SYNC and DIFF are in caller.c).
 *
 * A write is planned on top of what is in flight, put as a whole or not at all, and answered when it is on disk. A caller
 * gets exactly one reply; the room for it is made when the operation is taken.
 */
#include "gossip/engine.h"

#include <string.h>

int gossip__write_refusal(const struct gossip *engine) {
    if (engine->stopping) {
        return GOSSIP_ESTOPPING;
    }
    if (engine->removed) {
        return GOSSIP_EREMOVED;
    }
    if (engine->store_error != 0) {
        return engine->store_error;
    }
    if (!engine->state.ready) {
        return GOSSIP_EJOINING;
    }
    if (engine->duplicate_id) {
        return GOSSIP_EDUPLICATE;
    }
    if (engine->state.healing && gossip__member_required_count(engine) > 1) {
        return GOSSIP_EHEALING;
    }
    return engine->clock_ahead ? GOSSIP_ECLOCKAHEAD : 0;
}

void gossip__operation_reply(struct gossip *engine, const struct gossip_reply *reply) {
    assert(engine->operation_count > 0);
    engine->operation_count--;
    gossip__reply(engine, reply);
}

static void reply_code(struct gossip *engine, uint64_t token, int code) {
    gossip__operation_reply(engine, &(struct gossip_reply){.token = token, .code = code});
}

/* The plan is the reply's until the next step. */
static void reply_plan(struct gossip *engine, uint64_t token, int code, struct catalog_plan *plan) {
    gossip__operation_reply(engine,
                            &(struct gossip_reply){.token = token, .code = code, .plan = plan});
    if (merkle_buffer_append(&engine->plans_answered, &plan, sizeof plan) != 0) {
        engine->fatal = true; /* it could be neither freed now nor found later */
    }
}

/* --- writes --------------------------------------------------------------------------------------------------------- */

/* What was asked for is in force; but is all of it on disk, or does a part still fly? */
static bool all_stored(struct gossip *engine, const struct catalog_plan *plan) {
    for (size_t i = 0; i < plan->outcome_count; i++) {
        struct catalog_key key = catalog_entry_key(plan->outcomes[i].entry);
        if (catalog_find(engine->catalog, &key) != plan->outcomes[i].entry) {
            return false;
        }
    }
    return true;
}

static int plan_put(struct gossip *engine, const struct catalog_plan *plan) {
    const struct gossip__arrival local = {.local = true};
    for (size_t i = 0; i < plan->entry_count; i++) {
        int result = gossip__flight_put(engine, plan->entries[i], &local);
        if (result != 0) {
            return result;
        }
    }
    if (plan->high_water > engine->state.high_water) {
        engine->state.high_water = plan->high_water;
    }
    return 0;
}

/* Puts the plan into this step's batch, whole or not at all, and leaves the caller waiting for it. */
static int plan_store(struct gossip *engine, uint64_t token, struct catalog_plan *plan) {
    struct gossip__waiter waiter = {.type = GOSSIP__WAIT_WRITE, .token = token, .plan = plan};
    if (PLANTED(ATTUNE_B06)) {
        return plan_put(engine, plan);
    }
    if (plan->entry_count == 0) {
        PROBE("gossip.write_waits_for_same");
        waiter.ticket = gossip__flight_newest(engine);
        return gossip__flight_wait(engine, &waiter) ? 0 : GOSSIP_ENOMEM;
    }
    assert(!engine->batch_open);
    waiter.ticket = gossip__flight_ticket(engine);
    if (waiter.ticket == 0) {
        return GOSSIP_EBUSY;
    }
    int result = gossip__flight_wait(engine, &waiter) ? plan_put(engine, plan) : GOSSIP_ENOMEM;
    if (result != 0) {
        gossip__flight_take_back(engine);
    }
    return result;
}

/* Each reason for which the engine as a whole takes no write is to be met. */
static void refusal_probe(int code) {
    switch (code) {
    case GOSSIP_ESTOPPING:
        PROBE("gossip.write_while_stopping");
        break;
    case GOSSIP_EREMOVED:
        PROBE("gossip.write_on_removed");
        break;
    case GOSSIP_EJOINING:
        PROBE("gossip.write_while_joining");
        break;
    case GOSSIP_EDUPLICATE:
        PROBE("gossip.write_with_doubled_id");
        break;
    case GOSSIP_EHEALING:
        PROBE("gossip.write_while_healing");
        break;
    case GOSSIP_ECLOCKAHEAD:
        PROBE("gossip.write_with_clock_ahead");
        break;
    default:
        PROBE("gossip.write_without_store");
        break;
    }
}

int gossip__write_plan(struct gossip *engine, const struct catalog_write *writes, size_t count,
                       struct catalog_plan **plan) {
    const struct catalog_writer writer = {
        .origin = engine->config.origin,
        .node = {.data = engine->node_name, .size_bytes = strlen(engine->node_name)},
        .high_water = engine->state.high_water,
        .wall_ms = PLANTED(ATTUNE_B11) ? 0 : engine->wall_ms,
        .horizon = engine->state.horizon,
    };
    int code = gossip__write_refusal(engine);
    if (code != 0) {
        refusal_probe(code);
        return code;
    }
    return catalog_plan_new(engine->catalog, writes, count, &writer, plan);
}

int gossip__write_put(struct gossip *engine, const struct catalog_plan *plan) {
    assert(!engine->batch_open);
    if (gossip__flight_ticket(engine) == 0) {
        return GOSSIP_EBUSY;
    }
    int result = plan_put(engine, plan);
    if (result != 0) {
        gossip__flight_take_back(engine);
    }
    return result;
}

static void write_operation(struct gossip *engine, const struct gossip_operation *operation) {
    struct catalog_plan *plan;
    int code = gossip__write_plan(engine, operation->writes, operation->write_count, &plan);
    if (code != 0) {
        engine->counters.writes_refused++;
        reply_code(engine, operation->token, code);
        return;
    }
    if (plan->problem_count > 0) {
        PROBE("gossip.write_breaks_rule");
        engine->counters.writes_refused++;
        reply_plan(engine, operation->token, plan->problems[0].code, plan);
        return;
    }
    if (operation->dry_run || (plan->entry_count == 0 && all_stored(engine, plan))) {
        reply_plan(engine, operation->token, 0, plan);
        return;
    }
    code = plan_store(engine, operation->token, plan);
    if (code != 0) {
        engine->counters.writes_refused++;
        catalog_plan_free(plan);
        reply_code(engine, operation->token, code);
    } else if (PLANTED(ATTUNE_B06)) {
        reply_plan(engine, operation->token, 0, plan);
    }
}

/* --- removal -------------------------------------------------------------------------------------------------------- */

static bool is_gone(const struct gossip__member *member) {
    return member->state == GOSSIP_MEMBER_DEAD || member->state == GOSSIP_MEMBER_LEFT;
}

/* A node that lost its disk, or was told to take a new id, may be here twice, as it is and as it was. Meant is what is gone; also
 * by who asks again, whether its removal is stored by then or not. Else the one that lives, if it is the only one there was. */
static int by_name(struct gossip *engine, struct catalog_text name,
                   struct gossip__member **member) {
    struct gossip__member *alive = NULL, *gone = NULL, *removed = NULL;
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *each = engine->members[i];
        if (!catalog_text_is(name, each->row.name)) {
            continue;
        }
        if (each->state == GOSSIP_MEMBER_REMOVED) {
            removed = each;
        } else if (is_gone(each)) {
            gone = each;
        } else {
            alive = each;
        }
    }
    if (removed != NULL && !removed->row_stored) {
        return GOSSIP_ENOMEMBER;
    }
    if (gone == NULL && catalog_text_is(name, engine->node_name)) {
        return GOSSIP_ESELF;
    }
    if (gone == NULL && alive != NULL && removed != NULL) {
        PROBE("gossip.removal_of_a_namesake_by_name");
        return GOSSIP_ENAMESAKE;
    }
    *member = gone != NULL ? gone : alive;
    return *member == NULL ? GOSSIP_ENOMEMBER : 0;
}

static int member_to_remove(struct gossip *engine, struct catalog_text text,
                            struct gossip__member **member) {
    struct catalog_id id;
    bool is_id = catalog_id_parse(text.data, text.size_bytes, &id);
    if (is_id && catalog_id_equal(&id, &engine->state.node_id)) {
        return GOSSIP_ESELF;
    }
    *member = is_id ? gossip__member_find(engine, &id) : NULL;
    if (*member == NULL) {
        return by_name(engine, text, member);
    }
    return (*member)->state == GOSSIP_MEMBER_REMOVED ? GOSSIP_ENOMEMBER : 0;
}

/* Who is no member removes none. A newcomer may have met just one, the last that is ready, and be kept out by its own former
 * self in that one's table: removed on the newcomer's word it would leave nobody who admits. A removal does not need a store
 * that works, nor rows that are whole: it is refused where an agreement is. */
static void remove_operation(struct gossip *engine, const struct gossip_operation *operation) {
    struct gossip__member *member;
    int code = gossip__agreement_refusal(engine);
    code = code != 0 ? code : member_to_remove(engine, operation->member, &member);
    if (code != 0) {
        reply_code(engine, operation->token, code);
        return;
    }
    PROBE("gossip.removal_begins");
    gossip__member_set_state(engine, member, GOSSIP_MEMBER_REMOVED);
    struct gossip__waiter waiter = {
        .ticket = gossip__member_store(engine, member),
        .type = GOSSIP__WAIT_REMOVE,
        .token = operation->token,
    };
    if (waiter.ticket == 0 || !gossip__flight_wait(engine, &waiter)) {
        /* Removed here, told to the others, and stored as soon as the store takes it. */
        reply_code(engine, operation->token,
                   engine->store_error != 0 ? engine->store_error : GOSSIP_EBUSY);
    }
}

static void agreement_operation(struct gossip *engine, const struct gossip_operation *operation) {
    int code = operation->type == GOSSIP_STAGED ? gossip__staged_add(engine, operation)
                                                : gossip__agreement_add(engine, operation);
    if (code != 0) {
        PROBE("gossip.agreement_refused");
        const char *text = operation->type == GOSSIP_STAGED && code == CATALOG_ESTATE
                               ? "another staged change of it is under way here"
                               : NULL;
        gossip__operation_reply(
            engine, &(struct gossip_reply){.token = operation->token, .code = code, .text = text});
    }
}

/* --- taking and answering ------------------------------------------------------------------------------------------- */

void gossip__operation_stored(struct gossip *engine, struct gossip__waiter *waiter, int result) {
    if (waiter->type == GOSSIP__WAIT_REMOVE) {
        reply_code(engine, waiter->token, result);
        return;
    }
    if (result == 0) {
        engine->counters.writes++;
        reply_plan(engine, waiter->token, 0, waiter->plan);
    } else {
        engine->counters.writes_refused++;
        catalog_plan_free(waiter->plan);
        reply_code(engine, waiter->token, result);
    }
}

/* Room for the replies of all that wait, in one step, so that no reply is ever lost for want of memory. */
static bool replies_reserve(struct gossip *engine) {
    size_t most = engine->operation_count + 1;
    bool room =
        merkle_buffer_reserve(&engine->out.replies, most * sizeof(struct gossip_reply)) != NULL &&
        merkle_buffer_reserve(&engine->plans_answered, most * sizeof(struct catalog_plan *)) !=
            NULL;
    engine->out.replies.failed = false;
    engine->plans_answered.failed = false;
    return room;
}

void gossip__operation(struct gossip *engine, const struct gossip_operation *operation) {
    bool room = replies_reserve(engine);
    engine->operation_count++;
    if (!room || engine->operation_count > GOSSIP__OPERATIONS_MAX) {
        PROBE("gossip.operations_limit");
        reply_code(engine, operation->token, GOSSIP_EBUSY);
        return;
    }
    switch (operation->type) {
    case GOSSIP_WRITE:
        write_operation(engine, operation);
        break;
    case GOSSIP_MEMBER_REMOVE:
        remove_operation(engine, operation);
        break;
    case GOSSIP_SYNC:
    case GOSSIP_DIFF:
        gossip__caller_add(engine, operation);
        break;
    case GOSSIP_AGREEMENT:
    case GOSSIP_STAGED:
        agreement_operation(engine, operation);
        break;
    }
}

void gossip__operation_step_begin(struct gossip *engine) {
    struct catalog_plan **plans = (struct catalog_plan **)(void *)engine->plans_answered.data;
    for (size_t i = 0; i < engine->plans_answered.size_bytes / sizeof(struct catalog_plan *); i++) {
        catalog_plan_free(plans[i]);
    }
    merkle_buffer_clear(&engine->plans_answered);
    gossip__caller_step_begin(engine);
    gossip__agreements_step_begin(engine);
    gossip__staged_step_begin(engine);
}

void gossip__operation_free_all(struct gossip *engine) {
    gossip__operation_step_begin(engine);
    merkle_buffer_close(&engine->plans_answered);
    gossip__caller_free_all(engine);
    gossip__staged_free_all(engine);
    gossip__agreements_free_all(engine);
}
