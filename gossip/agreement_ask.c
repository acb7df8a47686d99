/* agreement_ask.c - asking the members for their confirmations, and what makes an answer void again.
 *
 * An entry is asked for by CONFIRM; the whole catalog by an exchange, which tells the same once it has ended in equal roots.
 *   who has no session       is dialled (dials that fail back off), and asked when it says hello
 *   who does not answer      is asked again after 4 RTT, at least 50 ms, doubling up to the interval
 *   who lacks it             after an RTT, at least 5 ms, doubling; and at once when it has acknowledged a push. Who lacks it
 *                            still when it is asked for the second time is given it: its push was lost, or never sent
 *   whose table is another   gets ours, gives us its own, and is asked again right behind it
 * Nobody is asked before it is on our own disk: only then is it pushed, and so what is asked for goes before the question.
 * Asking is done at the end of a step; what happens before only says who is due.
 */
#include "gossip/agreement.h"

#include <string.h>

/* --- targets ----------------------------------------------------------------------------------- */

/* Where the id stands, or would stand. */
static size_t target_position(const struct gossip__agreement *agreement,
                              const struct catalog_id *id) {
    size_t first = 0;
    size_t last = agreement->target_count;
    while (first < last) {
        size_t middle = first + (last - first) / 2;
        if (catalog_id_compare(&agreement->targets[middle].id, id) < 0) {
            first = middle + 1;
        } else {
            last = middle;
        }
    }
    return first;
}

struct gossip__agreement_target *
gossip__agreement_target_find(const struct gossip__agreement *agreement,
                              const struct catalog_id *id) {
    size_t position = target_position(agreement, id);
    if (position == agreement->target_count ||
        !catalog_id_equal(&agreement->targets[position].id, id)) {
        return NULL;
    }
    return &agreement->targets[position];
}

static bool targets_reserve(struct gossip *engine, struct gossip__agreement *agreement) {
    size_t needed = agreement->target_count + 1;
    if (needed > agreement->target_capacity) {
        size_t capacity = agreement->target_capacity == 0 ? 8 : agreement->target_capacity * 2;
        void *targets = merkle_reallocate(engine->allocator, agreement->targets, capacity,
                                          sizeof *agreement->targets);
        if (targets == NULL) {
            return false;
        }
        agreement->targets = targets;
        agreement->target_capacity = capacity;
    }
    if (needed + 1 > agreement->line_capacity) { /* and one for this node */
        void *lines = merkle_reallocate(engine->allocator, agreement->lines,
                                        agreement->target_capacity + 1, sizeof *agreement->lines);
        if (lines == NULL) {
            return false;
        }
        agreement->lines = lines;
        agreement->line_capacity = agreement->target_capacity + 1;
    }
    return true;
}

/* Whoever is in the table is a target; who is not, for want of memory, counts as one that has not confirmed. */
static void targets_sync(struct gossip *engine, struct gossip__agreement *agreement) {
    if (PLANTED(ATTUNE_B10) && agreement->targets_made) {
        return;
    }
    agreement->targets_missing = false;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        size_t position = target_position(agreement, &member->row.id);
        bool known = position < agreement->target_count &&
                     catalog_id_equal(&agreement->targets[position].id, &member->row.id);
        if (known || member->state == GOSSIP_MEMBER_REMOVED) {
            continue;
        }
        if (!targets_reserve(engine, agreement)) {
            PROBE("gossip.agreement_target_without_memory");
            agreement->targets_missing = true;
            return;
        }
        if (agreement->targets_made) {
            PROBE("gossip.agreement_requires_newcomer");
        }
        struct gossip__agreement_target *target = &agreement->targets[position];
        memmove(target + 1, target, (agreement->target_count - position) * sizeof *target);
        *target = (struct gossip__agreement_target){.id = member->row.id, .due_ms = engine->now_ms};
        agreement->target_count++;
    }
    agreement->targets_made = true;
}

/* --- asking ------------------------------------------------------------------------------------ */

/* From `least_ms`, doubling with each try up to the interval. */
static gossip_duration_ms pause_of(const struct gossip *engine, gossip_duration_ms pause_ms,
                                   gossip_duration_ms least_ms, unsigned tries) {
    gossip_duration_ms most_ms = gossip__swim_interval(engine);
    pause_ms = pause_ms < least_ms ? least_ms : pause_ms;
    for (unsigned i = 1; i < tries && pause_ms < most_ms; i++) {
        pause_ms *= 2;
    }
    most_ms = most_ms < least_ms ? least_ms : most_ms;
    return pause_ms < most_ms ? pause_ms : most_ms;
}

static void confirm_send(struct gossip *engine, const struct gossip__agreement *agreement,
                         struct gossip__member *member) {
    struct gossip__message message = {
        .type = GOSSIP__CONFIRM,
        .confirm = {.sequence = agreement->number,
                    .salt = (uint32_t)gossip__random_below(engine, UINT32_MAX) + 1,
                    .exact = agreement->exact,
                    .key = agreement->key,
                    .pairs = agreement->pairs,
                    .pair_count = agreement->pair_count},
    };
    (void)gossip__send_member(engine, member, &message);
}

static void target_ask(struct gossip *engine, struct gossip__agreement *agreement,
                       struct gossip__agreement_target *target) {
    struct gossip__member *member = gossip__member_find(engine, &target->id);
    if (member == NULL || member->state == GOSSIP_MEMBER_REMOVED) {
        target->due_ms = GOSSIP_NEVER;
        return;
    }
    if (target->tries == 0) {
        target->asked_ms = engine->now_ms;
    }
    target->tries++;
    target->waits_for_exchange = false;
    target->due_ms = engine->now_ms +
                     pause_of(engine, 4 * member->rtt_ms, GOSSIP__ASK_AGAIN_MS_MIN, target->tries);
    if (member->session == NULL) {
        PROBE("gossip.agreement_dials");
        gossip__session_dial_member(engine, member);
    } else if (!agreement->whole) {
        confirm_send(engine, agreement, member);
    } else if (member->exchange == NULL &&
               gossip__exchange_start(engine, member, GOSSIP__PURPOSE_SYNC) == NULL) {
        PROBE("gossip.agreement_waits_for_exchange");
        target->tries--;
        target->waits_for_exchange =
            true; /* for the end of another, or, if memory was short, until then */
        target->due_ms = engine->now_ms + GOSSIP__ASK_AGAIN_MS_MIN;
    }
}

void gossip__agreement_ask(struct gossip *engine, struct gossip__agreement *agreement) {
    if (agreement->members_changes != engine->members_changes || agreement->targets_missing) {
        targets_sync(engine, agreement);
        agreement->members_changes = engine->members_changes;
    }
    agreement->due_ms = GOSSIP_NEVER;
    if (agreement->from_known || !agreement->own_stored) {
        return;
    }
    if (agreement->targets_missing) {
        agreement->due_ms = engine->now_ms + GOSSIP__ASK_AGAIN_MS_MIN;
    }
    for (size_t i = 0; i < agreement->target_count; i++) {
        struct gossip__agreement_target *target = &agreement->targets[i];
        if (target->confirmed) {
            continue;
        }
        if (target->due_ms <= engine->now_ms) {
            target_ask(engine, agreement, target);
        }
        if (target->due_ms < agreement->due_ms) {
            agreement->due_ms = target->due_ms;
        }
    }
}

/* --- what happens ------------------------------------------------------------------------------ */

/* At the latest then. */
static void target_due_in(struct gossip *engine, struct gossip__agreement *agreement,
                          struct gossip__agreement_target *target, gossip_duration_ms pause_ms) {
    gossip_time_ms due_ms = engine->now_ms + pause_ms;
    target->due_ms = due_ms < target->due_ms ? due_ms : target->due_ms;
    agreement->due_ms = due_ms < agreement->due_ms ? due_ms : agreement->due_ms;
}

static void target_due(struct gossip *engine, struct gossip__agreement *agreement,
                       struct gossip__agreement_target *target) {
    target_due_in(engine, agreement, target, 0);
}

static void target_forget(struct gossip *engine, struct gossip__agreement *agreement,
                          struct gossip__agreement_target *target) {
    target->confirmed = false;
    target->tries = target->tries > 0 ? 1 : 0; /* patience begins anew */
    target_due(engine, agreement, target);
}

static void target_confirm(struct gossip *engine, struct gossip__agreement *agreement,
                           struct gossip__agreement_target *target,
                           const struct gossip__member *member) {
    target->confirmed = true;
    target->lagging = false;
    target->origin = member->session->peer_origin;
    target->confirmed_ms = engine->now_ms;
    agreement->touched = true;
}

/* A confirmation is of one process: a new one is asked anew, whatever the old one had. */
void gossip__agreements_session_up(struct gossip *engine, const struct gossip__member *member) {
    gossip__staged_session_up(engine, member);
    for (struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        struct gossip__agreement_target *target =
            gossip__agreement_target_find(agreement, &member->row.id);
        if (target == NULL) {
            continue;
        }
        bool restarted =
            target->confirmed && !catalog_id_equal(&target->origin, &member->session->peer_origin);
        if (restarted && !PLANTED(ATTUNE_B09)) {
            PROBE("gossip.confirmation_of_former_process");
            target_forget(engine, agreement, target);
        } else if (!target->confirmed) {
            target_due(engine, agreement, target);
        }
    }
}

void gossip__agreements_not_ready(struct gossip *engine, const struct gossip__member *member) {
    for (struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        struct gossip__agreement_target *target =
            gossip__agreement_target_find(agreement, &member->row.id);
        if (target != NULL && target->confirmed && !PLANTED(ATTUNE_B09)) {
            PROBE("gossip.confirmation_of_not_ready");
            target_forget(engine, agreement, target);
        }
    }
}

/* Who confirmed before it heard of the removal may still take what the removed one writes: a step must not count on it. */
void gossip__agreements_removed(struct gossip *engine) {
    gossip__staged_removed(engine);
    for (struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        for (size_t i = 0; agreement->exact && i < agreement->target_count; i++) {
            if (agreement->targets[i].confirmed) {
                PROBE("gossip.confirmation_before_a_removal");
                target_forget(engine, agreement, &agreement->targets[i]);
            }
        }
    }
}

/* It has stored something of ours: perhaps what it lacked. */
void gossip__agreements_pushed(struct gossip *engine, const struct gossip__member *member) {
    for (struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        struct gossip__agreement_target *target =
            agreement->whole ? NULL : gossip__agreement_target_find(agreement, &member->row.id);
        if (target != NULL && target->lagging && !target->confirmed) {
            PROBE("gossip.agreement_asks_after_push");
            target->lagging = false;
            target_due(engine, agreement, target);
        }
    }
}

/* An answer that was no, or was given under another table (which is asked again behind ours, the first time). */
static void target_denied(struct gossip *engine, struct gossip__agreement *agreement,
                          struct gossip__agreement_target *target, struct gossip__member *member,
                          bool table_differs) {
    const struct catalog_entry *stored = catalog_find(engine->catalog, &agreement->key);
    target->lagging = true;
    if (!table_differs) {
        target_due_in(engine, agreement, target,
                      pause_of(engine, member->rtt_ms, GOSSIP__ASK_LAGGING_MS_MIN, target->tries));
    }
    if (!table_differs && target->tries > 1 && stored != NULL) {
        gossip__push_entry(engine, member, stored);
    }
    if (table_differs) {
        PROBE("gossip.confirmation_under_another_table");
        gossip__member_send_table(engine, member, true);
        if (!target->tables_sent) {
            target_due(engine, agreement, target);
        }
        target->tables_sent = true;
    }
}

void gossip__agreements_confirmation(struct gossip *engine, struct gossip__member *member,
                                     const struct gossip__confirmation *confirmation) {
    struct gossip__agreement *agreement = engine->agreements;
    while (agreement != NULL && agreement->number != confirmation->sequence) {
        agreement = agreement->next;
    }
    struct gossip__agreement_target *target =
        agreement == NULL || agreement->whole
            ? NULL
            : gossip__agreement_target_find(agreement, &member->row.id);
    if (confirmation->result == GOSSIP__CONFIRMATION_NOT_READY) {
        gossip__agreements_not_ready(engine, member);
    }
    if (target == NULL || agreement->done || target->confirmed) {
        PROBE("gossip.confirmation_late");
        return;
    }
    struct merkle_fingerprint table = gossip__member_table_fingerprint(engine, confirmation->salt);
    bool table_differs = memcmp(&table, &confirmation->table, sizeof table) != 0;
    if (confirmation->result == GOSSIP__CONFIRMATION_HAS && !table_differs) {
        target_confirm(engine, agreement, target, member);
    } else {
        PROBE("gossip.confirmation_denied");
        target_denied(engine, agreement, target, member,
                      table_differs && confirmation->result == GOSSIP__CONFIRMATION_HAS);
    }
}

/* --- the whole catalog ------------------------------------------------------------------------- */

/* Equal roots: it had, when it answered, all that is stored here now. A second walk: what stood here when the first began. */
void gossip__agreements_concluded(struct gossip *engine, const struct gossip__exchange *exchange,
                                  gossip_time_ms sent_ms) {
    const struct gossip__member *member = exchange->member;
    struct merkle_digest own = merkle_tree_root(catalog_tree(engine->catalog));
    bool equal = member->root_known && merkle_digest_equal(&own, &member->root);
    for (struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        struct gossip__agreement_target *target =
            agreement->whole ? gossip__agreement_target_find(agreement, &member->row.id) : NULL;
        bool covers = equal || sent_ms > agreement->begun_ms;
        if (target == NULL || target->confirmed || !exchange->tables_equal || !covers ||
            !gossip__member_is_ready(member) || member->session == NULL) {
            continue;
        }
        PROBE("gossip.exchange_confirms");
        target_confirm(engine, agreement, target, member);
    }
}

/* There is room for another. */
void gossip__agreements_exchange_ended(struct gossip *engine) {
    for (struct gossip__agreement *agreement = engine->agreements; agreement != NULL;
         agreement = agreement->next) {
        for (size_t i = 0; agreement->whole && i < agreement->target_count; i++) {
            if (agreement->targets[i].waits_for_exchange) {
                agreement->targets[i].waits_for_exchange = false;
                target_due(engine, agreement, &agreement->targets[i]);
            }
        }
    }
}

/* --- what is known ----------------------------------------------------------------------------- */

void gossip__agreements_told(struct gossip *engine, struct gossip__member *member,
                             const struct gossip__digest *digest, bool tables_equal) {
    if (member->session == NULL) {
        return; /* it ended under what the digest told of members */
    }
    member->told = (struct gossip__told){
        .known = tables_equal && digest->ready && !digest->healing,
        .root = digest->root,
        .table = engine->table_digest, /* of the fingerprint that was compared just now */
        .origin = member->session->peer_origin,
        .told_ms = engine->now_ms,
    };
    if (!digest->ready) {
        gossip__agreements_not_ready(engine, member);
    }
}

bool gossip__agreement_known(struct gossip *engine, const struct gossip__member *member) {
    const struct gossip__told *told = &member->told;
    if (!told->known || member->session == NULL ||
        !catalog_id_equal(&told->origin, &member->session->peer_origin)) {
        return false;
    }
    struct merkle_digest own = merkle_tree_root(catalog_tree(engine->catalog));
    (void)gossip__member_table_fingerprint(engine, 0); /* computes the table's digest if it moved */
    return merkle_digest_equal(&own, &told->root) &&
           merkle_digest_equal(&engine->table_digest, &told->table);
}
