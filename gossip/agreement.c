/* agreement.c - waiting until all members have something on disk (DESIGN 7.5): the life of an agreement, and its verdict.
 *
 * Whoever is required, and what counts, is in agreement_rule.c; asking is in agreement_ask.c. Nothing is concluded while a
 * step is under way: what a message, a commit or a change of the table means for an agreement is noted, and judged at the
 * end of the step with the table of that moment. So a member that was learnt of in the same step is required, too.
 */
#include "gossip/agreement.h"

#include <string.h>

/* --- making and freeing ------------------------------------------------------------------------ */

void gossip__agreement_free(struct gossip *engine, struct gossip__agreement *agreement) {
    if (agreement == NULL) {
        return;
    }
    merkle_release(engine->allocator, agreement->pairs);
    merkle_release(engine->allocator, agreement->targets);
    merkle_release(engine->allocator, agreement->lines);
    merkle_release(engine->allocator, agreement);
}

static void list_free(struct gossip *engine, struct gossip__agreement *list) {
    while (list != NULL) {
        struct gossip__agreement *next = list->next;
        gossip__agreement_free(engine, list);
        list = next;
    }
}

void gossip__agreements_step_begin(struct gossip *engine) {
    list_free(engine, engine->agreements_answered);
    engine->agreements_answered = NULL;
}

void gossip__agreements_free_all(struct gossip *engine) {
    gossip__agreements_step_begin(engine);
    list_free(engine, engine->agreements);
    engine->agreements = NULL;
    engine->agreement_count = 0;
}

void gossip__agreement_detach(struct gossip *engine, struct gossip__agreement *agreement) {
    struct gossip__agreement **place = &engine->agreements;
    while (*place != agreement) {
        place = &(*place)->next;
    }
    *place = agreement->next;
    agreement->next = NULL;
    engine->agreement_count--;
}

gossip_time_ms gossip__agreement_reply_by(const struct gossip *engine,
                                          gossip_duration_ms timeout_ms) {
    gossip_time_ms longest_ms = GOSSIP_NEVER - 1 - engine->now_ms;
    return engine->now_ms + (timeout_ms < longest_ms ? timeout_ms : longest_ms);
}

static int subject_set(struct gossip *engine, struct gossip__agreement *agreement,
                       struct catalog_entry *entry) {
    struct catalog_version *versions =
        merkle_allocate(engine->allocator, entry->version_count, sizeof *versions);
    agreement->pairs =
        merkle_allocate(engine->allocator, entry->version_count, sizeof *agreement->pairs);
    if (versions == NULL || agreement->pairs == NULL) {
        merkle_release(engine->allocator, versions);
        return GOSSIP_ENOMEM;
    }
    agreement->pair_count = catalog_entry_versions(entry, versions, entry->version_count);
    for (size_t i = 0; i < agreement->pair_count; i++) {
        agreement->pairs[i] = (struct gossip__agreement_pair){.origin = versions[i].origin,
                                                              .clock = versions[i].clock};
    }
    merkle_release(engine->allocator, versions);
    struct catalog_key key = catalog_entry_key(entry);
    assert(key.entity.size_bytes + key.name.size_bytes <= sizeof agreement->texts);
    char *name = agreement->texts + key.entity.size_bytes;
    memcpy(agreement->texts, key.entity.data, key.entity.size_bytes);
    memcpy(name, key.name.data, key.name.size_bytes);
    agreement->key = (struct catalog_key){
        .kind = key.kind,
        .entity = {agreement->texts, key.entity.size_bytes},
        .name = {name, key.name.size_bytes},
    };
    return 0;
}

int gossip__agreement_begin(struct gossip *engine, const struct gossip__agreement_request *request,
                            struct gossip__agreement **agreement) {
    struct catalog_entry *entry = request->entry;
    size_t most = GOSSIP__AGREEMENTS_MAX + (request->internal ? GOSSIP__STAGED_MAX : 0);
    if (engine->agreement_count >= most) {
        PROBE("gossip.agreements_limit");
        return GOSSIP_EBUSY;
    }
    if (entry != NULL && entry->version_count > GOSSIP__CONFIRM_PAIRS_MAX) {
        return CATALOG_ETOOMANYVERSIONS;
    }
    struct gossip__agreement *made = merkle_allocate(engine->allocator, 1, sizeof *made);
    if (made == NULL) {
        return GOSSIP_ENOMEM;
    }
    *made = (struct gossip__agreement){
        .number = ++engine->agreement_number_last,
        .token = request->token,
        .internal = request->internal,
        .exact = request->exact,
        .terms = request->terms,
        .from_known = request->from_known,
        .begun_ms = engine->now_ms,
        .reply_by_ms = request->reply_by_ms,
        .whole = entry == NULL,
        .members_changes = engine->members_changes - 1, /* no targets yet */
        .touched = true,
        /* Room for this node's line: a reply says at least how this node itself stands. */
        .lines = merkle_allocate(engine->allocator, 1, sizeof *made->lines),
        .line_capacity = 1,
    };
    int result = made->lines == NULL ? GOSSIP_ENOMEM : 0;
    if (result == 0 && entry != NULL) {
        result = subject_set(engine, made, entry);
    }
    if (result != 0) {
        gossip__agreement_free(engine, made);
        return result;
    }
    made->next = engine->agreements;
    engine->agreements = made;
    engine->agreement_count++;
    *agreement = made;
    return 0;
}

/* 0, or why this node cannot wait for an agreement, at first or any more. */
int gossip__agreement_refusal(const struct gossip *engine) {
    if (engine->stopping) {
        return GOSSIP_ESTOPPING;
    }
    if (engine->removed) {
        return GOSSIP_EREMOVED;
    }
    return engine->state.ready ? 0 : GOSSIP_EJOINING;
}

int gossip__agreement_add(struct gossip *engine, const struct gossip_operation *operation) {
    struct gossip__agreement *agreement;
    struct catalog_entry *entry = NULL;
    int code = gossip__agreement_refusal(engine);
    if (code == 0 && operation->key.kind != 0) {
        entry = catalog_find(engine->catalog, &operation->key);
        /* A first version that is still on its way to our own disk. */
        entry = entry != NULL ? entry : catalog_pending_find(engine->catalog, &operation->key);
        code = entry == NULL ? CATALOG_ENOTFOUND : 0;
    }
    if (code == 0) {
        const struct gossip__agreement_request request = {
            .entry = entry,
            .terms = {.skip_dead = operation->skip_dead},
            .reply_by_ms = gossip__agreement_reply_by(engine, operation->timeout_ms),
            .from_known = operation->timeout_ms == 0,
            .token = operation->token,
        };
        PROBE("gossip.agreement_begins");
        code = gossip__agreement_begin(engine, &request, &agreement);
    }
    return code;
}

/* --- the verdict ------------------------------------------------------------------------------- */

static void own_judge(struct gossip *engine, struct gossip__agreement *agreement) {
    if (agreement->own_stored) {
        return;
    }
    const struct gossip__confirmer self = {
        .ready = true, .healing = engine->state.healing, .horizon = engine->stored.horizon};
    const struct catalog_entry *stored =
        agreement->whole ? NULL : catalog_find(engine->catalog, &agreement->key);
    agreement->own_stored =
        agreement->whole ||
        gossip__agreement_confirm(&self, stored, agreement->pairs, agreement->pair_count, false) ==
            GOSSIP__CONFIRMATION_HAS;
    agreement->own_stored_ms = engine->now_ms;
}

static struct gossip__agreement_standing standing_of(struct gossip *engine,
                                                     const struct gossip__agreement *agreement,
                                                     const struct gossip__member *member) {
    const struct gossip__agreement_target *target =
        gossip__agreement_target_find(agreement, &member->row.id);
    bool confirmed = target != NULL && target->confirmed;
    return (struct gossip__agreement_standing){
        .removed =
            member->state == GOSSIP_MEMBER_REMOVED || (PLANTED(ATTUNE_B10) && target == NULL),
        .gone = member->state == GOSSIP_MEMBER_DEAD || member->state == GOSSIP_MEMBER_LEFT,
        .confirmed =
            confirmed || (agreement->from_known && gossip__agreement_known(engine, member)),
        .silent_ms = engine->now_ms - (member->heard ? member->heard_ms : engine->started_ms),
    };
}

static bool is_agreed(struct gossip *engine, struct gossip__agreement *agreement) {
    struct gossip__agreement_tally tally = {0};
    const struct gossip__agreement_standing own = {.confirmed = agreement->own_stored};
    gossip__agreement_count(&tally, &own, &agreement->terms);
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__agreement_standing standing =
            standing_of(engine, agreement, engine->members[i]);
        gossip__agreement_count(&tally, &standing, &agreement->terms);
    }
    return gossip__agreement_succeeds(&tally);
}

static void judge(struct gossip *engine, struct gossip__agreement *agreement) {
    int refusal = gossip__agreement_refusal(engine);
    bool agreed = refusal == 0 && is_agreed(engine, agreement);
    /* What is known is told at once; but a staged change has its own write on disk first. */
    bool over = agreement->from_known ? agreement->own_stored || !agreement->internal
                                      : agreement->reply_by_ms <= engine->now_ms;
    agreement->touched = false;
    agreement->done = true;
    if (refusal != 0) {
        PROBE("gossip.agreement_ends_with_node");
        agreement->code = refusal;
    } else if (agreed) {
        PROBE("gossip.agreed");
        agreement->code = 0;
    } else if (over) {
        PROBE("gossip.not_agreed_in_time");
        agreement->code = GOSSIP_ENOTAGREED;
    } else {
        agreement->done = false;
        return;
    }
    gossip__agreement_tell(engine, agreement);
}

static void answer(struct gossip *engine, struct gossip__agreement *agreement) {
    gossip__agreement_detach(engine, agreement);
    agreement->next = engine->agreements_answered;
    engine->agreements_answered = agreement;
    gossip__operation_reply(engine,
                            &(struct gossip_reply){.token = agreement->token,
                                                   .code = agreement->code,
                                                   .agreement = agreement->lines,
                                                   .agreement_count = agreement->line_count});
}

/* True if an internal one is done: whoever it belongs to is to look at it. */
static bool settle(struct gossip *engine, struct gossip__agreement *agreement) {
    bool touched = agreement->touched || engine->agreements_touched;
    bool ask = touched || agreement->members_changes != engine->members_changes ||
               agreement->due_ms <= engine->now_ms;
    assert(!agreement->done);
    if (touched) {
        own_judge(engine, agreement);
    }
    if (ask) {
        gossip__agreement_ask(engine, agreement);
    }
    if (ask || agreement->reply_by_ms <= engine->now_ms) {
        judge(engine, agreement);
    }
    if (agreement->done && !agreement->internal) {
        answer(engine, agreement);
        return false;
    }
    return agreement->done;
}

void gossip__agreements_settle(struct gossip *engine) {
    bool internal_done = true;
    while (internal_done) { /* a staged change goes on, and may begin its next one */
        struct gossip__agreement *next;
        gossip__staged_settle(engine);
        internal_done = false;
        for (struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
             agreement = next) {
            next = agreement->next;
            internal_done = settle(engine, agreement) || internal_done;
        }
        engine->agreements_touched = false;
    }
}

/* --- what happens to them ---------------------------------------------------------------------- */

void gossip__agreements_touch(struct gossip *engine) {
    engine->agreements_touched = true;
}

gossip_time_ms gossip__agreements_deadline(const struct gossip *engine) {
    gossip_time_ms deadline_ms = GOSSIP_NEVER;
    for (const struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        gossip_time_ms due_ms =
            agreement->due_ms < agreement->reply_by_ms ? agreement->due_ms : agreement->reply_by_ms;
        deadline_ms = due_ms < deadline_ms ? due_ms : deadline_ms;
    }
    return deadline_ms;
}

void gossip__agreements_verify(const struct gossip *engine) {
    size_t count = 0;
    for (const struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        count++;
        assert(!agreement->done && !agreement->touched);
        assert(agreement->target_count <= agreement->target_capacity);
        assert(agreement->whole || agreement->pair_count > 0);
    }
    assert(count == engine->agreement_count);
    assert(count <= GOSSIP__AGREEMENTS_MAX + GOSSIP__STAGED_MAX);
}
