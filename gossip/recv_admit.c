/* recv_admit.c - a member admits this newcomer: what it brought is stored before the first request for entries.
 *
 * The first ADMIT says which cluster this is; further ones come from its other members, and repeats of both.
 */
#include "gossip/engine.h"

/* While it was in no cluster it may have met members of another, that may have come to this one since: what they said then,
 * that they are ready above all, does not hold here. Only those stay whose hello named this cluster; of all others the
 * ADMIT says what is known. */
static void strangers_forget(struct gossip *engine, const struct catalog_id *cluster_id) {
    size_t i = 0;
    while (i < engine->member_count) {
        struct gossip__member *member = engine->members[i];
        if (member->session != NULL &&
            catalog_id_equal(&member->session->peer_cluster, cluster_id)) {
            i++;
        } else {
            PROBE("gossip.admit_forgets_stranger");
            gossip__member_forget(engine, member);
        }
    }
}

/* DESIGN 4.7: a newcomer starts with the horizon of the member that admits it, as its horizon and as its `seen`. If that
 * of a further one is above what it began with, it has missed what all members have forgotten since: it begins anew. */
static void horizon_take(struct gossip *engine, const struct gossip__member *member,
                         catalog_clock horizon) {
    struct catalog_node_state *state = &engine->state;
    bool begun = !catalog_id_is_none(&state->admitter_id);
    if (begun && horizon <= state->seen) {
        return;
    }
    if (begun) {
        PROBE("gossip.admit_above_seen");
        gossip__lineage_start_again(engine, member->row.name,
                                    "it was admitted under a higher horizon");
    }
    if (!catalog_id_is_none(&state->admitter_id)) {
        return; /* it could not start again now: with the next ADMIT */
    }
    state->admitter_id = member->row.id;
    state->horizon = horizon;
    state->seen = horizon;
}

static bool is_valid(const struct gossip__session *session, const struct gossip__admit *admit) {
    return !catalog_id_is_none(&admit->cluster_id) &&
           catalog_id_equal(&admit->cluster_id, &session->peer_cluster) &&
           admit->clock <= CATALOG_CLOCK_MAX && admit->horizon <= admit->clock;
}

void gossip__recv_admit(struct gossip *engine, struct gossip__session *session,
                        const struct gossip__message *message) {
    const struct gossip__admit *admit = &message->admit;
    struct gossip__member *member = session->member;
    if (engine->state.ready || !session->peer_ready || engine->store_error != 0) {
        PROBE("gossip.admit_ignored");
        return; /* a repeat; or who cannot admit; or it is sent again when the store works */
    }
    if (!is_valid(session, admit)) {
        PROBE("gossip.admit_malformed");
        gossip__session_close(engine, session, GOSSIP_CLOSE_MALFORMED, true);
        return;
    }
    if (catalog_id_is_none(&engine->state.cluster_id)) {
        PROBE("gossip.admit_first");
        strangers_forget(engine, &admit->cluster_id);
        engine->state.cluster_id = admit->cluster_id;
        gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_INFO, member->row.name,
                       "admitted to the cluster %s", engine->cluster_name);
    } else if (!catalog_id_equal(&engine->state.cluster_id, &admit->cluster_id)) {
        PROBE("gossip.admit_of_other_cluster");
        gossip__session_refuse(engine, session, GOSSIP_CLOSE_CLUSTER_ID, &member->row.id,
                               member->row.name);
        return;
    }
    gossip__flight_state_dirty(engine);
    /* Before its horizon is taken: the member that admitted this node at first may be removed. */
    gossip__member_updates(engine, &admit->updates, member);
    if (session->closing || member->state == GOSSIP_MEMBER_REMOVED) {
        return; /* this node starts over; or that one was removed itself */
    }
    horizon_take(engine, member, admit->horizon);
    if (admit->clock > engine->state.high_water) {
        PROBE("gossip.admit_raises_clock");
        engine->state.high_water = admit->clock;
    }
    engine->state.had_entry = engine->state.had_entry || admit->had_entry;
    if (!member->row_stored && member->row_ticket == 0) {
        (void)gossip__member_store(engine, member);
    }
    struct gossip__waiter waiter = {
        .ticket = gossip__flight_ticket(engine),
        .type = GOSSIP__WAIT_JOIN,
        .connection = session->connection,
    };
    if (waiter.ticket != 0) {
        (void)gossip__flight_wait(engine, &waiter); /* else with the next ADMIT */
    }
}
