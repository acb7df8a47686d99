/* session.c - connections: dialling, the hello that opens each, closing, deadlines (the states are drawn in engine.h).
 *
 * Between one pair one connection is enough. Two come up when both sides dial at once, or when one side has lost the
 * old one and the other does not know it yet. Which one stays is decided by each side for itself, so that both come to
 * the same result without a further message:
 *   1. A peer that has a session does not dial. So a new connection beside one that is older than an interval says that
 *      the old one is dead over there: the new one stays.
 *   2. Of two that one side dialled the newer stays, for the same reason.
 *   3. Else both dialled at once: the one that the smaller id dialled stays.
 */
#include "gossip/engine.h"

#include <stdio.h>
#include <string.h>

/* --- finding -------------------------------------------------------------------------------- */

struct gossip__session *gossip__session_find(struct gossip *engine, uint32_t connection) {
    struct gossip__session *session = engine->sessions;
    while (session != NULL && (session->connection != connection || session->closing)) {
        session = session->next;
    }
    return session;
}

bool gossip__session_any(const struct gossip *engine) {
    for (const struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (session->state == GOSSIP__SESSION_ESTABLISHED && !session->closing) {
            return true;
        }
    }
    return false;
}

static bool we_dialled(const struct gossip__session *session) {
    return (session->connection & GOSSIP_CONNECTION_DIALED) != 0;
}

/* --- opening -------------------------------------------------------------------------------- */

static struct gossip__session *session_new(struct gossip *engine, uint32_t connection) {
    if (engine->session_count >= GOSSIP__SESSIONS_MAX) {
        PROBE("gossip.sessions_limit");
        return NULL;
    }
    struct gossip__session *session = merkle_allocate(engine->allocator, 1, sizeof *session);
    if (session == NULL) {
        return NULL;
    }
    *session = (struct gossip__session){
        .connection = connection,
        .state = GOSSIP__SESSION_DIALING,
        .deadline_ms = engine->now_ms + GOSSIP__CONNECT_TIMEOUT_MS,
        .used_ms = engine->now_ms,
        .next = engine->sessions,
    };
    engine->sessions = session;
    engine->session_count++;
    return session;
}

static uint32_t connection_draw(struct gossip *engine) {
    do {
        engine->connection_last = (engine->connection_last + 1) & ~GOSSIP_CONNECTION_DIALED;
    } while (engine->connection_last == 0 ||
             gossip__session_find(engine, engine->connection_last | GOSSIP_CONNECTION_DIALED) !=
                 NULL);
    return engine->connection_last | GOSSIP_CONNECTION_DIALED;
}

static void dial(struct gossip *engine, struct gossip__member *member, const char *address) {
    struct gossip__session *session = session_new(engine, connection_draw(engine));
    if (session == NULL) {
        return; /* as if nobody had answered */
    }
    session->member = member;
    (void)snprintf(session->address, sizeof session->address, "%s", address);
    gossip__connection_dial(engine, session->connection, session->address);
}

void gossip__session_dial_member(struct gossip *engine, struct gossip__member *member) {
    if (engine->now_ms < member->dial_after_ms) {
        PROBE("gossip.dial_backs_off");
    }
    if (member->session != NULL || engine->now_ms < member->dial_after_ms || engine->removed ||
        engine->lineage_replacing || engine->stopping || member->state == GOSSIP_MEMBER_REMOVED) {
        return;
    }
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (session->member == member && !session->closing) {
            PROBE("gossip.dial_under_way");
            return;
        }
    }
    dial(engine, member, member->row.address);
}

void gossip__session_dial_seed(struct gossip *engine, const char *address) {
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (!session->closing && strcmp(session->address, address) == 0) {
            return;
        }
    }
    if (engine->lineage_replacing) {
        return;
    }
    dial(engine, NULL, address);
}

void gossip__session_dial_failed(struct gossip *engine, struct gossip__member *member) {
    gossip_duration_ms wait_ms = gossip__swim_interval(engine);
    for (unsigned i = 0; i < member->dial_failures && wait_ms < GOSSIP__DIAL_BACKOFF_MS_MAX; i++) {
        wait_ms *= 2;
    }
    if (wait_ms > GOSSIP__DIAL_BACKOFF_MS_MAX) {
        PROBE("gossip.dial_backoff_longest");
        wait_ms = GOSSIP__DIAL_BACKOFF_MS_MAX;
    }
    member->dial_failures++;
    member->dial_after_ms = engine->now_ms + wait_ms;
    if (PLANTED(ATTUNE_B17)) {
        engine->tick_ms = GOSSIP_NEVER;
    }
}

void gossip__session_send_hello(struct gossip *engine, struct gossip__session *session) {
    struct gossip__message message = {
        .type = GOSSIP__HELLO,
        .hello = {.protocol_min = GOSSIP__PROTOCOL_MIN,
                  .protocol_max = GOSSIP__PROTOCOL_MAX,
                  .format = CATALOG_FORMAT,
                  .cluster_name = {engine->cluster_name, strlen(engine->cluster_name)},
                  .cluster_id = engine->state.cluster_id,
                  .node_id = engine->state.node_id,
                  .origin = engine->config.origin,
                  .name = {engine->node_name, strlen(engine->node_name)},
                  .address = {engine->address, strlen(engine->address)},
                  .incarnation = engine->state.incarnation,
                  .ready = engine->state.ready && engine->stored.ready,
                  .had_entry = catalog_id_is_none(&engine->state.cluster_id)
                                   ? engine->cluster_met
                                   : engine->state.had_entry,
                  .removed = engine->removed,
                  .replaces = engine->state.replaced_id}, /* none once it is ready */
    };
    gossip__send(engine, session, &message);
}

void gossip__session_connected(struct gossip *engine, uint32_t connection) {
    struct gossip__session *session = gossip__session_find(engine, connection);
    if (session == NULL && (connection & GOSSIP_CONNECTION_DIALED) != 0) {
        PROBE("gossip.dial_given_up_before");
        return; /* a dial that was given up */
    }
    if (session == NULL) {
        session = session_new(engine, connection);
        if (session == NULL) {
            gossip__connection_close(engine, connection, GOSSIP_CLOSE_LIMIT);
            return;
        }
    }
    if (session->state != GOSSIP__SESSION_DIALING) {
        return;
    }
    session->state = GOSSIP__SESSION_HELLO;
    session->deadline_ms =
        PLANTED(ATTUNE_B18) ? 0 : engine->now_ms + GOSSIP__HELLO_TIMEOUT_MS; /* 0: never */
    if (engine->lineage_replacing) {
        PROBE("gossip.connected_between_ids");
        gossip__session_close(engine, session, GOSSIP_CLOSE_IDLE, false);
        return;
    }
    gossip__session_send_hello(engine, session);
    if (engine->stopping) {
        gossip__session_close(engine, session, GOSSIP_CLOSE_STOPPING, true);
    }
}

/* --- closing -------------------------------------------------------------------------------- */

/* The session leaves the member; an exchange that was on it, or waited for it, has lost it. */
static void session_detach(struct gossip *engine, struct gossip__session *session) {
    struct gossip__member *member = session->member;
    bool established = session->state == GOSSIP__SESSION_ESTABLISHED;
    session->closing = true;
    engine->sessions_closing = true;
    session->member = NULL;
    if (member == NULL) {
        return;
    }
    if (!established) {
        if (member->session == NULL) {
            PROBE("gossip.dial_failed");
            gossip__session_dial_failed(engine, member);
            gossip__exchange_session_down(engine, member);
        }
    } else if (member->session == session) {
        PROBE("gossip.session_lost");
        member->session = NULL;
        engine->agreement_dirty = true;
        gossip__exchange_session_down(engine, member);
    }
}

void gossip__session_disconnected(struct gossip *engine, uint32_t connection) {
    struct gossip__session *session = gossip__session_find(engine, connection);
    if (session != NULL) {
        session_detach(engine, session);
    }
}

void gossip__session_close(struct gossip *engine, struct gossip__session *session,
                           enum gossip_close_reason reason, bool tell) {
    if (session->closing) {
        return;
    }
    if (tell) {
        const char *text = gossip_close_reason_name(reason);
        struct gossip__message message = {
            .type = GOSSIP__REFUSE,
            .refuse = {.reason = reason, .text = {text, strlen(text)}},
        };
        gossip__send(engine, session, &message);
    }
    gossip__connection_close(engine, session->connection, reason);
    session_detach(engine, session);
}

void gossip__session_notice_refusal(struct gossip *engine, enum gossip_close_reason reason,
                                    uint64_t peer, const char *peer_name, const char *text) {
    for (size_t i = 0; i < GOSSIP__REFUSALS_MAX; i++) {
        const struct gossip__refusal *old = &engine->refusals[i];
        if (old->peer == peer && old->reason == reason && old->until_ms > engine->now_ms) {
            PROBE("gossip.refusal_known");
            return;
        }
    }
    engine->refusals[engine->refusal_next] = (struct gossip__refusal){
        .peer = peer,
        .reason = reason,
        .until_ms = engine->now_ms + GOSSIP__REFUSAL_NOTICE_MS,
    };
    engine->refusal_next = (engine->refusal_next + 1) % GOSSIP__REFUSALS_MAX;
    gossip__notice_refused(engine, reason, peer_name, text);
}

void gossip__session_refuse(struct gossip *engine, struct gossip__session *session,
                            enum gossip_close_reason reason, const struct catalog_id *peer_id,
                            const char *peer_name) {
    char text[96];
    (void)snprintf(text, sizeof text, "refused the peer: %s", gossip_close_reason_name(reason));
    gossip__session_notice_refusal(engine, reason, merkle_slot_of(peer_id, sizeof *peer_id),
                                   peer_name, text);
    gossip__session_close(engine, session, reason, true);
}

void gossip__session_sweep(struct gossip *engine) {
    if (!engine->sessions_closing) {
        return; /* in almost every step */
    }
    engine->sessions_closing = false;
    struct gossip__session **link = &engine->sessions;
    while (*link != NULL) {
        struct gossip__session *session = *link;
        if (!session->closing) {
            link = &session->next;
            continue;
        }
        *link = session->next;
        merkle_release(engine->allocator, session);
        engine->session_count--;
    }
}

void gossip__session_free_all(struct gossip *engine) {
    while (engine->sessions != NULL) {
        struct gossip__session *session = engine->sessions;
        engine->sessions = session->next;
        merkle_release(engine->allocator, session);
    }
    engine->session_count = 0;
}

/* --- establishing --------------------------------------------------------------------------- */

/* The rules above. */
static bool replaces(const struct gossip *engine, const struct gossip__session *session,
                     const struct gossip__session *old, const struct catalog_id *peer_id) {
    if (engine->now_ms - old->established_ms > gossip__swim_interval(engine)) {
        PROBE("gossip.session_newer_counts");
        return true;
    }
    if (we_dialled(session) == we_dialled(old)) {
        PROBE("gossip.session_same_side");
        return true;
    }
    bool own_is_smaller = catalog_id_compare(&engine->state.node_id, peer_id) < 0;
    return we_dialled(session) == own_is_smaller;
}

void gossip__session_establish(struct gossip *engine, struct gossip__session *session,
                               struct gossip__member *member) {
    struct gossip__session *old = member->session;
    assert(session->state == GOSSIP__SESSION_HELLO && !session->closing && old != session);
    if (old != NULL) {
        bool same_start = catalog_id_equal(&old->peer_origin, &session->peer_origin);
        if (same_start && !replaces(engine, session, old, &member->row.id)) {
            PROBE("gossip.session_crossed_given_up");
            gossip__session_close(engine, session, GOSSIP_CLOSE_DUPLICATE, false);
            return;
        }
        PROBE("gossip.session_replaced");
        /* The exchange goes on over the new one: what was lost with the old one is asked again. */
        member->session = session;
        gossip__session_close(engine, old, GOSSIP_CLOSE_DUPLICATE, false);
    }
    session->state = GOSSIP__SESSION_ESTABLISHED;
    session->member = member;
    session->deadline_ms = 0;
    session->established_ms = engine->now_ms;
    member->session = session;
    member->dial_failures = 0;
    member->dial_after_ms = 0;
    member->wall_told_ms =
        0; /* a clock that was told over another connection may have been lost with it */
    gossip__connection_established(engine, session->connection);
    gossip__exchange_session_up(engine, member);
    gossip__push_session_up(engine, member);
    gossip__agreements_session_up(engine, member);
}

/* --- time ----------------------------------------------------------------------------------- */

static void session_expire(struct gossip *engine, struct gossip__session *session) {
    switch (session->state) {
    case GOSSIP__SESSION_DIALING:
        PROBE("gossip.dial_timeout");
        gossip__session_close(engine, session, GOSSIP_CLOSE_DEADLINE, false);
        break;
    case GOSSIP__SESSION_HELLO:
        PROBE("gossip.hello_timeout");
        gossip__session_close(engine, session, GOSSIP_CLOSE_HELLO_TIMEOUT, false);
        break;
    case GOSSIP__SESSION_ESTABLISHED: /* a doubt that was not answered */
        PROBE("gossip.doubt_unanswered");
        gossip__session_close(engine, session, GOSSIP_CLOSE_DEADLINE, false);
        break;
    }
}

/* A removal is told only once it is on disk here. */
static bool removal_due(const struct gossip__session *session) {
    return session->state == GOSSIP__SESSION_ESTABLISHED && !session->closing &&
           session->member->state == GOSSIP_MEMBER_REMOVED && session->member->row_stored;
}

/* A member that has left ends its connection with its process; if that goes unnoticed, silence tells. */
static bool left_long_ago(const struct gossip *engine, const struct gossip__session *session) {
    return session->state == GOSSIP__SESSION_ESTABLISHED && !session->closing &&
           session->member->state == GOSSIP_MEMBER_LEFT && !PLANTED(ATTUNE_B18) &&
           engine->now_ms - session->used_ms > gossip__swim_suspicion(engine);
}

static void idlest_close(struct gossip *engine) {
    size_t established_count = 0;
    struct gossip__session *idlest = NULL;
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (session->state != GOSSIP__SESSION_ESTABLISHED || session->closing) {
            continue;
        }
        established_count++;
        bool busy = session->member->exchange != NULL || session->member->push.count > 0;
        if (!busy && (idlest == NULL || session->used_ms < idlest->used_ms)) {
            idlest = session;
        }
    }
    if (established_count > GOSSIP__SESSIONS_ESTABLISHED_MAX && idlest != NULL) {
        PROBE("gossip.session_idlest_closed");
        gossip__session_close(engine, idlest, GOSSIP_CLOSE_IDLE, false);
    }
}

void gossip__session_tick(struct gossip *engine) {
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (removal_due(session)) {
            struct gossip__member *member = session->member;
            PROBE("gossip.removal_told");
            gossip__session_refuse(engine, session, GOSSIP_CLOSE_REMOVED, &member->row.id,
                                   member->row.name);
        } else if (left_long_ago(engine, session)) {
            PROBE("gossip.session_left_behind");
            gossip__session_close(engine, session, GOSSIP_CLOSE_IDLE, false);
        } else if (!session->closing && session->deadline_ms != 0 &&
                   session->deadline_ms <= engine->now_ms) {
            session_expire(engine, session);
        }
    }
    idlest_close(engine);
    if (engine->duplicate_id && engine->duplicate_id_until_ms <= engine->now_ms) {
        PROBE("gossip.duplicate_alarm_ends");
        engine->duplicate_id = false;
    }
}

gossip_time_ms gossip__session_deadline(const struct gossip *engine) {
    gossip_time_ms deadline_ms =
        engine->duplicate_id ? engine->duplicate_id_until_ms : GOSSIP_NEVER;
    for (const struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (removal_due(session)) {
            return engine->now_ms;
        }
        if (!session->closing && session->deadline_ms != 0 && session->deadline_ms < deadline_ms) {
            deadline_ms = session->deadline_ms;
        }
    }
    return deadline_ms;
}
