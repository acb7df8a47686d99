/* recv_confirm.c - a member asks whether an entry is on our disk (DESIGN 7.5).
 *
 * Answered from what is stored, with the member table of the same instant. What is still on its way to the disk is answered
 * when it has got there: what is asked for is then stored, whatever was merged with it meanwhile. Where it is to be exact that
 * is looked at then.
 */
#include "gossip/engine.h"

static void answer(struct gossip *engine, struct gossip__session *session, uint64_t sequence,
                   uint32_t salt, enum gossip__confirmation_result result) {
    struct gossip__message message = {
        .type = GOSSIP__CONFIRMATION,
        .confirmation = {.sequence = sequence,
                         .salt = salt,
                         .result = result,
                         .table = gossip__member_table_fingerprint(engine, salt),
                         .horizon = engine->stored.horizon},
    };
    gossip__send(engine, session, &message);
}

static bool may_confirm(const struct gossip *engine) {
    return engine->state.ready && engine->stored.ready && !engine->removed;
}

/* It, if it is here, but not on disk yet: then the answer waits for the newest batch. Else NULL. */
static const struct catalog_entry *in_flight(struct gossip *engine,
                                             const struct gossip__session *session,
                                             const struct gossip__confirmer *self,
                                             const struct gossip__confirm *confirm) {
    const struct catalog_entry *entry = catalog_pending_find(engine->catalog, &confirm->key);
    bool waits =
        entry != NULL && gossip__flight_newest(engine) != 0 &&
        (session->confirms_unstored < GOSSIP__CONFIRMS_UNSTORED_MAX || PLANTED(ATTUNE_B38));
    bool has = waits && gossip__agreement_confirm(self, entry, confirm->pairs, confirm->pair_count,
                                                  confirm->exact) == GOSSIP__CONFIRMATION_HAS;
    return has ? entry : NULL;
}

/* Whether just that is stored, and nothing was merged with it on the way. */
static bool stands(struct gossip *engine, const struct gossip__waiter *waiter) {
    struct merkle_item item;
    for (size_t skip = 0; merkle_tree_range(catalog_tree(engine->catalog), waiter->slot,
                                            waiter->slot, skip, &item, 1) == 1;
         skip++) {
        const struct catalog_entry *entry = catalog_entry_of_handle(engine->catalog, item.handle);
        if (merkle_digest_equal(&entry->digest, &waiter->digest)) {
            return true;
        }
    }
    return false;
}

void gossip__recv_confirm(struct gossip *engine, struct gossip__session *session,
                          const struct gossip__message *message) {
    const struct gossip__confirm *confirm = &message->confirm;
    const struct gossip__confirmer self = {.ready = may_confirm(engine),
                                           .healing = engine->state.healing,
                                           .horizon = engine->stored.horizon};
    enum gossip__confirmation_result result =
        gossip__agreement_confirm(&self, catalog_find(engine->catalog, &confirm->key),
                                  confirm->pairs, confirm->pair_count, confirm->exact);
    const struct catalog_entry *entry =
        result == GOSSIP__CONFIRMATION_LACKS ? in_flight(engine, session, &self, confirm) : NULL;
    if (entry != NULL) {
        const struct gossip__waiter waiter = {
            .ticket = gossip__flight_newest(engine),
            .type = GOSSIP__WAIT_CONFIRM,
            .connection = session->connection,
            .sequence = confirm->sequence,
            .exchange = confirm->salt,
            .exact = confirm->exact,
            .slot = entry->slot,
            .digest = entry->digest,
        };
        if (PLANTED(ATTUNE_B38)) {
            result = GOSSIP__CONFIRMATION_HAS;
        } else if (gossip__flight_wait(engine, &waiter)) {
            PROBE("gossip.confirmation_waits_for_disk");
            session->confirms_unstored++;
            return;
        }
    }
    answer(engine, session, confirm->sequence, confirm->salt, result);
}

void gossip__confirm_stored(struct gossip *engine, const struct gossip__waiter *waiter,
                            int result) {
    struct gossip__session *session = gossip__session_find(engine, waiter->connection);
    if (session == NULL || session->state != GOSSIP__SESSION_ESTABLISHED) {
        PROBE("gossip.confirm_asker_gone");
        return;
    }
    session->confirms_unstored -= session->confirms_unstored > 0;
    bool has = result == 0 && (!waiter->exact || stands(engine, waiter));
    enum gossip__confirmation_result said =
        has ? GOSSIP__CONFIRMATION_HAS : GOSSIP__CONFIRMATION_LACKS;
    answer(engine, session, waiter->sequence, waiter->exchange,
           may_confirm(engine) ? said : GOSSIP__CONFIRMATION_NOT_READY);
}
