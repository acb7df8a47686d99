/* join.c - how a node comes to be in a cluster: it founds one, or members of one admit it.
 *
 *   newcomer                                     member (ready)
 *     HELLO {cluster none, ready no}  --------->
 *                                                stores the newcomer's row: joining   (from here on it is required)
 *               <---------  ADMIT {cluster, horizon, clock, the table}
 *     stores what it brought
 *     DIGEST, WALK ...                --------->  answered as any member's
 *     ready, after the same with a second member (with the only one, where there is one), each exchange begun after
 *     that member's ADMIT was stored here: then two disks know that this node must be asked (DESIGN 7.4, 7.5).
 *
 * An ADMIT may be lost, so it is sent again each interval until the newcomer says that it is ready. A member that is back
 * after a restart is ready at once.
 *
 * Who founds: a node without seeds and without known members, at once; of newcomers that reach only each other for
 * GOSSIP__JOIN_INTERVALS the one with the smallest id. If two found at the same time, their clusters are empty, and one
 * gives way (recv_hello.c).
 */
#include "gossip/engine.h"

#include <stdio.h>
#include <string.h>

enum { DIALS_AT_START = 4 };

static bool in_cluster(const struct gossip *engine) {
    return !catalog_id_is_none(&engine->state.cluster_id);
}

/* --- ready ---------------------------------------------------------------------------------- */

static void announce(struct gossip *engine) {
    gossip__lineage_ready(engine);
    engine->ready_announced = true;
    engine->own_updates_left = gossip__member_rides(engine);
    gossip__member_table_changed(engine);
    struct gossip__member_update own = gossip__member_own_update(engine);
    gossip__member_tell_all(engine, &own);
    gossip__notice(engine, GOSSIP_NOTICE_READY, GOSSIP_INFO, NULL, "this node is ready");
}

/* What this step changed of the state goes to disk, and gossip__join_admitted is called when it is there. */
static bool state_store(struct gossip *engine, uint32_t connection) {
    struct gossip__waiter waiter = {
        .ticket = gossip__flight_ticket(engine),
        .type = GOSSIP__WAIT_JOIN,
        .connection = connection,
    };
    gossip__flight_state_dirty(engine);
    return waiter.ticket != 0 && gossip__flight_wait(engine, &waiter);
}

static void ready_check(struct gossip *engine) {
    size_t members = 0;
    size_t through = 0;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state != GOSSIP_MEMBER_REMOVED && gossip__member_is_ready(member)) {
            members++;
            through += member->joined_through;
        }
    }
    size_t needed = members < 2 ? members : 2;
    if (engine->state.ready || !in_cluster(engine) || members == 0 || through < needed ||
        gossip__lineage_admitter_removed(engine) != NULL) {
        return;
    }
    PROBE("gossip.ready_through_members");
    engine->state.ready = true;
    engine->state.admitter_id = (struct catalog_id){0};
    engine->state.replaced_id = (struct catalog_id){0};
    (void)state_store(engine, 0); /* if it cannot wait, the next tick sees that it is stored */
}

void gossip__join_counted(struct gossip *engine, struct gossip__member *member,
                          gossip_time_ms begun_ms) {
    if (engine->state.ready || member->admitted_ms == 0 || begun_ms < member->admitted_ms) {
        return;
    }
    member->joined_through = true;
    ready_check(engine);
    for (size_t i = 0; i < engine->member_count && !engine->state.ready; i++) {
        struct gossip__member *other = engine->members[i];
        if (other->admitted_ms != 0 && !other->joined_through && other->session != NULL) {
            PROBE("gossip.join_goes_on");
            (void)gossip__exchange_start(engine, other, GOSSIP__PURPOSE_JOIN);
        }
    }
}

/* --- founding and giving way ---------------------------------------------------------------- */

void gossip__join_found(struct gossip *engine) {
    if (engine->store_error != 0) {
        PROBE("gossip.founding_waits_for_store");
        return; /* at the next interval */
    }
    while (engine->member_count > 0) { /* strangers, met while it was in no cluster */
        PROBE("gossip.founder_forgets_strangers");
        gossip__member_forget(engine, engine->members[engine->member_count - 1]);
    }
    PROBE("gossip.cluster_founded");
    engine->state.cluster_id = engine->config.fresh_cluster_id;
    engine->state.ready = true;
    (void)state_store(engine, 0);
    gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_INFO, NULL, "founded the cluster %s",
                   engine->cluster_name);
}

void gossip__join_give_way(struct gossip *engine, const char *address) {
    assert(!engine->state.had_entry);
    gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_WARNING, address,
                   "this node's cluster never had an entry: it joins the other one of its name");
    gossip__member_clear(engine);
    gossip__freshness_forget(engine);
    engine->state.cluster_id = (struct catalog_id){0};
    engine->state.ready = false;
    engine->state.seen = 0;
    engine->state.horizon = 0;
    engine->state.admitter_id = (struct catalog_id){0};
    engine->state.replaced_id = (struct catalog_id){0};
    gossip__flight_state_dirty(engine);
    engine->told_ready = false;
    engine->ready_announced = false;
    engine->newcomer_met = false;
    engine->join_started_ms = engine->now_ms;
    engine->join_next_ms = engine->now_ms;
    (void)snprintf(engine->join_address, sizeof engine->join_address, "%s", address);
}

void gossip__join_met(struct gossip *engine, const struct catalog_id *node_id, bool cluster_known) {
    if (cluster_known) {
        engine->cluster_met = true;
        return;
    }
    if (!engine->newcomer_met) {
        engine->join_started_ms = engine->now_ms; /* from here on they reach only each other */
    } else if (catalog_id_compare(node_id, &engine->newcomer_smallest) > 0) {
        return;
    }
    engine->newcomer_met = true;
    engine->newcomer_smallest = *node_id;
    engine->newcomer_met_ms = engine->now_ms;
}

static bool is_founder(struct gossip *engine) {
    gossip_duration_ms patience_ms = GOSSIP__JOIN_INTERVALS * gossip__swim_interval(engine);
    if (engine->newcomer_met && engine->now_ms - engine->newcomer_met_ms > patience_ms) {
        PROBE("gossip.smallest_newcomer_gone");
        engine->newcomer_met = false; /* the smallest is gone: whoever is met next counts */
    }
    /* Who has met a cluster once never founds another: two clusters with data cannot be united. */
    return engine->newcomer_met && !engine->cluster_met &&
           engine->now_ms - engine->join_started_ms >= patience_ms &&
           catalog_id_compare(&engine->state.node_id, &engine->newcomer_smallest) < 0;
}

/* --- whom to dial --------------------------------------------------------------------------- */

void gossip__join_seed_is_self(struct gossip *engine, const char *address) {
    size_t kept = 0;
    for (size_t i = 0; i < engine->seed_count; i++) {
        if (strcmp(engine->seeds[i], address) != 0) {
            memmove(engine->seeds[kept], engine->seeds[i], sizeof engine->seeds[kept]);
            kept++;
        }
    }
    engine->seed_count = kept;
}

static bool has_reachable_member(const struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        enum gossip_member_state state = engine->members[i]->state;
        if (state == GOSSIP_MEMBER_ALIVE || state == GOSSIP_MEMBER_SUSPECT ||
            state == GOSSIP_MEMBER_JOINING) {
            return true;
        }
    }
    return false;
}

static void seeds_dial(struct gossip *engine) {
    if (gossip__session_any(engine) || (engine->state.ready && has_reachable_member(engine))) {
        return;
    }
    if (engine->join_address[0] != '\0' && !engine->state.ready) {
        PROBE("gossip.join_address_dialled");
        gossip__session_dial_seed(engine, engine->join_address);
    }
    for (size_t i = 0; i < engine->seed_count && i < GOSSIP__SEEDS_PER_INTERVAL; i++) {
        gossip__session_dial_seed(engine, engine->seeds[engine->seed_next++ % engine->seed_count]);
    }
}

static bool founds_at_once(const struct gossip *engine) {
    return !in_cluster(engine) && engine->seed_count == 0 && engine->join_address[0] == '\0' &&
           engine->member_count == 0;
}

/* --- admitting ------------------------------------------------------------------------------ */

static void admit_send(struct gossip *engine, struct gossip__session *session) {
    struct merkle_buffer rows;
    merkle_buffer_init(&rows, engine->allocator);
    struct gossip__message message = {
        .type = GOSSIP__ADMIT,
        .admit = {.cluster_id = engine->stored.cluster_id,
                  .horizon = engine->stored.horizon,
                  .clock = engine->stored.high_water,
                  .had_entry = engine->stored.had_entry,
                  .updates = gossip__member_table(engine, &rows)},
    };
    if (message.admit.updates.count > 0) {
        gossip__send(engine, session, &message);
    }
    merkle_buffer_close(&rows);
}

/* Who says in its hello that it is not ready is admitted, whatever stands in the table: its disk may have been put back. */
static bool may_admit(const struct gossip *engine, const struct gossip__session *session) {
    return engine->state.ready && engine->stored.ready && !session->peer_ready && !engine->stopping;
}

void gossip__join_admit(struct gossip *engine, uint32_t connection) {
    struct gossip__session *session = gossip__session_find(engine, connection);
    if (session == NULL || session->state != GOSSIP__SESSION_ESTABLISHED ||
        !session->member->row_stored || session->member->state == GOSSIP_MEMBER_REMOVED) {
        return;
    }
    session->admitted = true;
    if (may_admit(engine, session)) {
        admit_send(engine, session);
    }
}

void gossip__join_admit_begin(struct gossip *engine, struct gossip__session *session) {
    struct gossip__member *member = session->member;
    assert(session->state == GOSSIP__SESSION_ESTABLISHED && !session->admitted);
    if (member->row_stored) {
        PROBE("gossip.admitted_at_once");
        gossip__join_admit(engine, session->connection);
        return;
    }
    struct gossip__waiter waiter = {
        .ticket =
            member->row_ticket != 0 ? member->row_ticket : gossip__member_store(engine, member),
        .type = GOSSIP__WAIT_ADMIT,
        .connection = session->connection,
    };
    if (waiter.ticket != 0) {
        PROBE("gossip.admission_waits_for_disk");
        (void)gossip__flight_wait(engine, &waiter); /* else at the next interval */
    }
}

void gossip__join_admitted(struct gossip *engine, uint32_t connection) {
    if (engine->stored.ready && engine->state.ready && !engine->ready_announced) {
        announce(engine);
    }
    struct gossip__session *session =
        connection == 0 ? NULL : gossip__session_find(engine, connection);
    if (session == NULL || session->state != GOSSIP__SESSION_ESTABLISHED || engine->state.ready) {
        return;
    }
    struct gossip__member *member = session->member;
    session->admitted = true;
    if (member->admitted_ms == 0) {
        member->admitted_ms = engine->now_ms == 0 ? 1 : engine->now_ms;
    }
    (void)gossip__exchange_start(engine, member, GOSSIP__PURPOSE_JOIN);
    /* The second one: whoever answers first. */
    size_t dials = 0;
    for (size_t i = 0; i < engine->member_count && dials < DIALS_AT_START; i++) {
        struct gossip__member *other = engine->members[i];
        if (gossip__member_is_ready(other) && other->session == NULL &&
            other->state == GOSSIP_MEMBER_ALIVE) {
            gossip__session_dial_member(engine, other);
            dials++;
        }
    }
}

/* Sessions whose peer waits: for its row to be stored, or for an ADMIT that was lost. */
static void admissions_repeat(struct gossip *engine) {
    for (struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        if (session->state != GOSSIP__SESSION_ESTABLISHED || session->closing ||
            !in_cluster(engine)) {
            continue;
        }
        if (!session->admitted && session->member->row_ticket == 0) {
            PROBE("gossip.admission_begins_again");
            gossip__join_admit_begin(engine, session);
        } else if (session->admitted && may_admit(engine, session) &&
                   session->member->state != GOSSIP_MEMBER_REMOVED) {
            PROBE("gossip.admit_repeated");
            admit_send(engine, session);
        }
    }
}

/* --- time ----------------------------------------------------------------------------------- */

void gossip__join_start(struct gossip *engine) {
    gossip__join_seed_is_self(engine, engine->address);
    engine->join_started_ms = engine->now_ms;
    engine->join_next_ms = engine->now_ms + gossip__swim_interval(engine);
    if (engine->state.ready) {
        announce(engine);
    } else if (founds_at_once(engine)) {
        gossip__join_found(engine);
        return;
    }
    for (size_t i = 0; i < engine->member_count && i < DIALS_AT_START; i++) {
        gossip__session_dial_member(engine, engine->members[i]);
    }
    seeds_dial(engine);
}

void gossip__join_tick(struct gossip *engine) {
    if (engine->removed || engine->stopping || engine->now_ms < engine->join_next_ms) {
        return;
    }
    engine->join_next_ms = engine->now_ms + gossip__swim_interval(engine);
    if (engine->state.ready && engine->stored.ready && !engine->ready_announced) {
        announce(engine);
    }
    if (founds_at_once(engine) || (!in_cluster(engine) && is_founder(engine))) {
        PROBE("gossip.founded_later");
        gossip__join_found(engine);
    }
    gossip__lineage_follow(engine);
    ready_check(engine);
    admissions_repeat(engine);
    seeds_dial(engine);
}

gossip_time_ms gossip__join_deadline(const struct gossip *engine) {
    bool waits = !engine->ready_announced || !gossip__session_any(engine);
    for (const struct gossip__session *session = engine->sessions; session != NULL;
         session = session->next) {
        waits = waits || (session->state == GOSSIP__SESSION_ESTABLISHED &&
                          (!session->admitted || !session->peer_ready));
    }
    return waits && !engine->removed && !engine->stopping ? engine->join_next_ms : GOSSIP_NEVER;
}
