/* caller.c - local callers that wait for exchanges: SYNC with one member or all, DIFF with one.
 *
 *   waiting --an exchange began after the call--> running --it ended--> done;  all done, or the deadline: reply
 *
 * A caller's exchange is one that began after it asked; a running one of another purpose is waited for. What of the
 * GOSSIP__EXCHANGES_MAX is not free is waited for as well.
 */
#include "gossip/engine.h"

#include <string.h>

enum { DEFAULT_TIMEOUT_MS = 5000, RETRY_MS = 20 };

enum target_state { TARGET_WAITING = 1, TARGET_RUNNING = 2, TARGET_DONE = 3 };

struct target {
    struct catalog_id id;
    char name[CATALOG_NAME_SIZE_MAX + 1];
    enum target_state state;
    enum gossip_sync_result result;
};

struct gossip__caller {
    uint64_t token;
    bool diff;
    gossip_time_ms reply_by_ms;
    gossip_time_ms retry_ms;
    struct gossip__caller *next;
    struct gossip__diff *found;        /* of a finished diff, until the reply is gone */
    struct gossip_sync_member *synced; /* of the reply, in the same block */
    size_t target_count;
    struct target targets[];
};

static void caller_free(struct gossip *engine, struct gossip__caller *caller) {
    gossip__diff_release(engine, caller->found);
    merkle_release(engine->allocator, caller->synced);
    merkle_release(engine->allocator, caller);
}

static void list_free(struct gossip *engine, struct gossip__caller *list) {
    while (list != NULL) {
        struct gossip__caller *next = list->next;
        caller_free(engine, list);
        list = next;
    }
}

void gossip__caller_step_begin(struct gossip *engine) {
    list_free(engine, engine->answered);
    engine->answered = NULL;
}

void gossip__caller_free_all(struct gossip *engine) {
    list_free(engine, engine->callers);
    engine->callers = NULL;
}

/* Takes the caller off the list; its memory is the reply's until the next step. */
static void caller_answer(struct gossip *engine, struct gossip__caller *caller,
                          const struct gossip_reply *reply) {
    struct gossip__caller **place = &engine->callers;
    while (*place != caller) {
        place = &(*place)->next;
    }
    *place = caller->next;
    caller->next = engine->answered;
    engine->answered = caller;
    gossip__operation_reply(engine, reply);
}

static void sync_answer(struct gossip *engine, struct gossip__caller *caller) {
    bool failed = caller->target_count == 1;
    for (size_t i = 0; i < caller->target_count; i++) {
        struct target *target = &caller->targets[i];
        enum gossip_sync_result result =
            target->state == TARGET_DONE ? target->result : GOSSIP_SYNC_FAILED;
        caller->synced[i] = (struct gossip_sync_member){.name = target->name, .result = result};
        failed = failed && result == GOSSIP_SYNC_FAILED;
    }
    caller_answer(engine, caller,
                  &(struct gossip_reply){.token = caller->token,
                                         .code = failed ? GOSSIP_EUNREACHABLE : 0,
                                         .synced = caller->synced,
                                         .synced_count = caller->target_count});
}

static void caller_expire(struct gossip *engine, struct gossip__caller *caller) {
    if (caller->diff) {
        caller_answer(engine, caller,
                      &(struct gossip_reply){.token = caller->token, .code = GOSSIP_EUNREACHABLE});
    } else {
        sync_answer(engine, caller);
    }
}

/* --- asking --------------------------------------------------------------------------------------------------------- */

static void target_start(struct gossip *engine, struct gossip__caller *caller,
                         struct target *target) {
    struct gossip__member *member = gossip__member_find(engine, &target->id);
    if (member == NULL || member->state == GOSSIP_MEMBER_REMOVED) {
        target->state = TARGET_DONE;
        target->result = GOSSIP_SYNC_FAILED;
        return;
    }
    enum gossip__exchange_purpose purpose =
        caller->diff ? GOSSIP__PURPOSE_DIFF : GOSSIP__PURPOSE_SYNC;
    struct gossip__exchange *exchange = gossip__exchange_start(engine, member, purpose);
    /* A dial that failed at once has ended the exchange again; then the target is done. */
    if (exchange != NULL && target->state == TARGET_WAITING && member->exchange == exchange) {
        exchange->token = caller->token;
        target->state = TARGET_RUNNING;
    }
}

static bool all_done(const struct gossip__caller *caller) {
    for (size_t i = 0; i < caller->target_count; i++) {
        if (caller->targets[i].state != TARGET_DONE) {
            return false;
        }
    }
    return true;
}

static void caller_advance(struct gossip *engine, struct gossip__caller *caller) {
    for (size_t i = 0; i < caller->target_count; i++) {
        if (caller->targets[i].state == TARGET_WAITING) {
            target_start(engine, caller, &caller->targets[i]);
        }
    }
    caller->retry_ms = engine->now_ms + RETRY_MS;
}

static void target_add(struct gossip__caller *caller, const struct gossip__member *member) {
    struct target *target = &caller->targets[caller->target_count++];
    *target = (struct target){.id = member->row.id, .state = TARGET_WAITING};
    memcpy(target->name, member->row.name, sizeof target->name);
}

static bool is_reachable(const struct gossip__member *member) {
    return member->state != GOSSIP_MEMBER_REMOVED && member->state != GOSSIP_MEMBER_LEFT &&
           member->state != GOSSIP_MEMBER_DEAD;
}

static int caller_new(struct gossip *engine, const struct gossip_operation *operation,
                      struct gossip__caller **caller) {
    struct gossip__member *only = NULL;
    if (operation->member.size_bytes > 0) {
        only = gossip__member_by_name(engine, operation->member);
        if (only == NULL || only->state == GOSSIP_MEMBER_REMOVED) {
            return catalog_text_is(operation->member, engine->node_name) ? GOSSIP_ESELF
                                                                         : GOSSIP_ENOMEMBER;
        }
    }
    size_t most = only != NULL ? 1 : engine->member_count;
    struct gossip__caller *made =
        merkle_allocate_zeroed(engine->allocator, 1, sizeof *made + most * sizeof made->targets[0]);
    struct gossip_sync_member *synced =
        merkle_allocate_zeroed(engine->allocator, most + 1, sizeof *synced);
    if (made == NULL || synced == NULL) {
        merkle_release(engine->allocator, made);
        merkle_release(engine->allocator, synced);
        return GOSSIP_ENOMEM;
    }
    gossip_duration_ms timeout_ms =
        operation->timeout_ms == 0 ? DEFAULT_TIMEOUT_MS : operation->timeout_ms;
    made->token = operation->token;
    made->diff = operation->type == GOSSIP_DIFF;
    made->reply_by_ms = engine->now_ms + timeout_ms;
    made->synced = synced;
    for (size_t i = 0; i < engine->member_count && only == NULL; i++) {
        if (is_reachable(engine->members[i])) {
            target_add(made, engine->members[i]);
        }
    }
    if (only != NULL) {
        target_add(made, only);
    }
    *caller = made;
    return 0;
}

void gossip__caller_add(struct gossip *engine, const struct gossip_operation *operation) {
    struct gossip__caller *caller = NULL;
    int result = engine->stopping ? GOSSIP_ESTOPPING : caller_new(engine, operation, &caller);
    if (result == 0 && operation->type == GOSSIP_DIFF && operation->member.size_bytes == 0) {
        caller_free(engine, caller);
        result = GOSSIP_ENOMEMBER; /* a diff is with somebody */
    }
    if (result != 0) {
        gossip__operation_reply(engine,
                                &(struct gossip_reply){.token = operation->token, .code = result});
        return;
    }
    caller->next = engine->callers;
    engine->callers = caller;
    caller_advance(engine, caller);
    if (!caller->diff && all_done(caller)) {
        sync_answer(engine, caller);
    }
}

/* --- the end of exchanges ------------------------------------------------------------------------------------------- */

static struct gossip__caller *caller_find(struct gossip *engine, uint64_t token) {
    struct gossip__caller *caller = engine->callers;
    while (caller != NULL && caller->token != token) {
        caller = caller->next;
    }
    return caller;
}

static struct target *target_find(struct gossip__caller *caller, const struct catalog_id *id) {
    for (size_t i = 0; i < caller->target_count; i++) {
        if (catalog_id_equal(&caller->targets[i].id, id)) {
            return &caller->targets[i];
        }
    }
    return NULL;
}

static enum gossip_sync_result result_of(enum gossip_exchange_result result) {
    switch (result) {
    case GOSSIP_EXCHANGE_EQUAL:
        return GOSSIP_SYNC_EQUAL;
    case GOSSIP_EXCHANGE_REPAIRED:
        return GOSSIP_SYNC_REPAIRED;
    default:
        return GOSSIP_SYNC_FAILED;
    }
}

void gossip__operation_exchange_ended(struct gossip *engine, struct gossip__exchange *exchange,
                                      enum gossip_exchange_result result) {
    struct gossip__caller *caller =
        exchange->token == 0 ? NULL : caller_find(engine, exchange->token);
    struct target *target = caller == NULL ? NULL : target_find(caller, &exchange->member->row.id);
    if (target == NULL) {
        return;
    }
    target->state = TARGET_DONE;
    target->result = result_of(result);
    if (!caller->diff) {
        PROBE("gossip.sync_target_done");
        if (all_done(caller)) {
            sync_answer(engine, caller);
        }
        return;
    }
    struct gossip_reply reply = {.token = caller->token, .code = GOSSIP_EUNREACHABLE};
    if (result == GOSSIP_EXCHANGE_EQUAL) {
        reply.code = 0;
        PROBE("gossip.diff_answered");
        caller->found = exchange->diff; /* NULL if the roots were equal at once */
        exchange->diff = NULL;
        gossip__diff_reply(caller->found, &reply);
    }
    caller_answer(engine, caller, &reply);
}

void gossip__operation_tick(struct gossip *engine) {
    struct gossip__caller *next;
    for (struct gossip__caller *caller = engine->callers; caller != NULL; caller = next) {
        next = caller->next;
        if (caller->reply_by_ms <= engine->now_ms) {
            PROBE("gossip.caller_expires");
            caller_expire(engine, caller);
        } else if (caller->retry_ms <= engine->now_ms) {
            PROBE("gossip.caller_asks_again");
            caller_advance(engine, caller);
            if (!caller->diff && all_done(caller)) {
                sync_answer(engine, caller);
            }
        }
    }
}

static bool any_waiting(const struct gossip__caller *caller) {
    for (size_t i = 0; i < caller->target_count; i++) {
        if (caller->targets[i].state == TARGET_WAITING) {
            return true;
        }
    }
    return false;
}

gossip_time_ms gossip__operation_deadline(const struct gossip *engine) {
    gossip_time_ms deadline_ms = GOSSIP_NEVER;
    for (const struct gossip__caller *caller = engine->callers; caller != NULL;
         caller = caller->next) {
        gossip_time_ms due_ms = any_waiting(caller) && caller->retry_ms < caller->reply_by_ms
                                    ? caller->retry_ms
                                    : caller->reply_by_ms;
        deadline_ms = due_ms < deadline_ms ? due_ms : deadline_ms;
    }
    return deadline_ms;
}
