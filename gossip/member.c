/* member.c - what is said of members, merged so that all nodes come to the same, in whatever order they hear it.
 *
 * Of each id a row is kept: incarnation, state, name, address, ready, removed. The merge takes of each part the larger:
 *
 *   removed, ready               once true, always true
 *   incarnation, and with it     the larger; at equal ones left > dead > suspect > alive (which a member that is not
 *   state, name, address         ready calls joining), then the larger name and address (they differ only by a fault:
 *                                a member does not change them within one start)
 *
 * So it is commutative, associative and idempotent, as the merge of entries is. The incarnation belongs to the member:
 * only itself raises it, by a restart, or to refute what is wrongly said of it.
 *
 * One thing is not merged but judged here: whether a member is suspect or dead. Who hears it within this process at this
 * moment takes it as alive whatever is said; but what was said stands elsewhere, so the accused is told, refutes under a
 * higher incarnation, and that spreads. (Were it spread as alive under its old incarnation, it would lose against the
 * accusation everywhere.) It left on purpose: that only a higher incarnation takes back, for late messages of a process
 * that has ended may still arrive.
 */
#include "gossip/engine.h"

#include <string.h>

unsigned gossip__member_rides(const struct gossip *engine) {
    unsigned log2 = 0;
    while ((UINT64_C(1) << log2) < gossip__member_required_count(engine) + 1) {
        log2++;
    }
    return 3 * (log2 == 0 ? 1 : log2);
}

static bool is_lasting(enum gossip_member_state state) {
    return state == GOSSIP_MEMBER_LEFT || state == GOSSIP_MEMBER_REMOVED;
}

static enum gossip_severity severity_of(enum gossip_member_state state) {
    bool alarm = state == GOSSIP_MEMBER_DEAD || state == GOSSIP_MEMBER_REMOVED;
    return alarm ? GOSSIP_WARNING : GOSSIP_INFO;
}

void gossip__member_set_state(struct gossip *engine, struct gossip__member *member,
                              enum gossip_member_state state) {
    enum gossip_member_state before = member->state;
    if (before == state) {
        return;
    }
    assert(before != GOSSIP_MEMBER_REMOVED || PLANTED(ATTUNE_B29)); /* for good */
    member->state = state;
    member->updates_left = gossip__member_rides(engine);
    if (state == GOSSIP_MEMBER_SUSPECT) {
        member->suspect_until_ms = engine->now_ms + gossip__swim_suspicion(engine);
    }
    if (state == GOSSIP_MEMBER_LEFT) {
        PROBE("gossip.member_left");
    }
    gossip__notice(engine, GOSSIP_NOTICE_MEMBER, severity_of(state), member->row.name, "%s, was %s",
                   gossip_member_state_name(state), gossip_member_state_name(before));
    gossip__member_table_changed(engine);
    if (is_lasting(before) || is_lasting(state)) {
        (void)gossip__member_store(engine, member);
    }
    if (state == GOSSIP_MEMBER_REMOVED) {
        PROBE("gossip.member_removed");
        gossip__push_drop_all(engine, member);
        if (member->exchange != NULL) {
            gossip__exchange_end(engine, member->exchange, GOSSIP_EXCHANGE_LOST);
        }
        gossip__seen_reset(engine);
        gossip__agreements_removed(engine);
        gossip__lineage_follow(engine);
    }
    if (state == GOSSIP_MEMBER_DEAD && member->session != NULL) {
        PROBE("gossip.dead_session_closed");
        /* Nothing came over it for as long as a suspicion lasts: a new one may do better. */
        gossip__session_close(engine, member->session, GOSSIP_CLOSE_DEADLINE, false);
    }
}

/* --- what is said --------------------------------------------------------------------------- */

static void text_copy(char to[CATALOG_NAME_SIZE_MAX + 1], struct catalog_text text) {
    assert(text.size_bytes <= CATALOG_NAME_SIZE_MAX);
    memcpy(to, text.data, text.size_bytes);
    to[text.size_bytes] = '\0';
}

static int text_compare(const char *own, struct catalog_text told) {
    size_t own_size_bytes = strlen(own);
    size_t common = own_size_bytes < told.size_bytes ? own_size_bytes : told.size_bytes;
    int order = memcmp(own, told.data, common);
    if (order != 0 || own_size_bytes == told.size_bytes) {
        return order;
    }
    return own_size_bytes < told.size_bytes ? -1 : 1;
}

/* Of states under one incarnation the one with the higher rank stands. */
static unsigned rank(enum gossip_member_state state) {
    switch (state) {
    case GOSSIP_MEMBER_REMOVED:
    case GOSSIP_MEMBER_STATE_COUNT:
        break;
    case GOSSIP_MEMBER_LEFT:
        return 3;
    case GOSSIP_MEMBER_DEAD:
        return 2;
    case GOSSIP_MEMBER_SUSPECT:
        return 1;
    case GOSSIP_MEMBER_JOINING:
    case GOSSIP_MEMBER_ALIVE:
        return 0;
    }
    return 0;
}

/* Whether this node judges by its own ears: it has a session and heard the member within the last two intervals. */
static bool is_heard_now(const struct gossip *engine, const struct gossip__member *member) {
    return member->session != NULL && member->heard &&
           engine->now_ms - member->heard_ms <= 2 * gossip__swim_interval(engine);
}

/* Something is said of this node itself. */
static void told_of_us(struct gossip *engine, const struct gossip__member_update *update,
                       const struct gossip__member *from) {
    if (update->state == GOSSIP_MEMBER_REMOVED) {
        if (!engine->removed) {
            gossip__lineage_removed(engine, from == NULL ? NULL : from->row.name);
        }
        return;
    }
    if (update->ready && !engine->told_ready) {
        PROBE("gossip.told_ready");
        engine->told_ready =
            true; /* that stands in every table, so it must in the digest of ours */
        gossip__member_table_changed(engine);
    }
    bool accused = rank(update->state) > 0 || text_compare(engine->node_name, update->name) != 0 ||
                   text_compare(engine->address, update->address) != 0;
    if (update->incarnation > engine->state.incarnation ||
        (accused && !engine->stopping && update->incarnation == engine->state.incarnation)) {
        PROBE("gossip.refuted");
        gossip__swim_refute(engine, update->incarnation);
    }
}

static void add_unknown(struct gossip *engine, const struct gossip__member_update *update) {
    struct catalog_member_row row = {
        .id = update->id,
        .incarnation = update->incarnation,
        .ready = update->ready,
    };
    text_copy(row.name, update->name);
    text_copy(row.address, update->address);
    enum gossip_member_state state = update->state;
    if (rank(state) == 0 && state != GOSSIP_MEMBER_REMOVED) {
        state = row.ready ? GOSSIP_MEMBER_ALIVE : GOSSIP_MEMBER_JOINING;
    }
    struct gossip__member *member = gossip__member_add(engine, &row, state);
    if (member == NULL) {
        PROBE("gossip.members_limit");
        return; /* it is told again */
    }
    if (state == GOSSIP_MEMBER_SUSPECT) {
        member->suspect_until_ms = engine->now_ms + gossip__swim_suspicion(engine);
    }
    if (state == GOSSIP_MEMBER_REMOVED) {
        gossip__agreements_removed(engine);
    }
    PROBE("gossip.member_added_by_hearsay");
    member->updates_left = gossip__member_rides(engine);
    (void)gossip__member_store(engine, member);
    gossip__notice(engine, GOSSIP_NOTICE_MEMBER, GOSSIP_INFO, member->row.name, "%s, was unknown",
                   gossip_member_state_name(state));
}

/* Name and address: those of the larger incarnation; at equal ones the larger. True if something changed. */
static bool merge_row(struct gossip__member *member, const struct gossip__member_update *update) {
    bool newer = update->incarnation > member->row.incarnation;
    bool equal = update->incarnation == member->row.incarnation;
    int name_order = text_compare(member->row.name, update->name);
    int address_order = text_compare(member->row.address, update->address);
    bool larger = name_order < 0 || (name_order == 0 && address_order < 0);
    bool changed = newer;
    if ((newer && (name_order != 0 || address_order != 0)) || (equal && larger)) {
        if (address_order != 0) {
            PROBE("gossip.member_moved");
            member->dial_after_ms = 0; /* somewhere else now */
            member->dial_failures = 0;
        }
        text_copy(member->row.name, update->name);
        text_copy(member->row.address, update->address);
        changed = true;
    }
    if (newer) {
        member->row.incarnation = update->incarnation;
    }
    if (update->ready && !member->row.ready) {
        member->row.ready = true;
        changed = true;
    }
    return changed;
}

/* The state that the member has after the merge, if `newer` says whether the incarnation is. */
static enum gossip_member_state merge_state(struct gossip *engine, struct gossip__member *member,
                                            const struct gossip__member_update *update,
                                            bool newer) {
    enum gossip_member_state state = update->state;
    bool accusation = state == GOSSIP_MEMBER_SUSPECT || state == GOSSIP_MEMBER_DEAD;
    if (!newer && rank(state) <= rank(member->state)) {
        state = member->state;
    } else if (accusation && is_heard_now(engine, member)) {
        PROBE("gossip.accusation_overruled");
        state = newer ? GOSSIP_MEMBER_ALIVE : member->state;
    }
    return rank(state) == 0 ? gossip__member_reached_state(member) : state;
}

static void merge(struct gossip *engine, struct gossip__member *member,
                  const struct gossip__member_update *update) {
    bool newer = update->incarnation > member->row.incarnation;
    bool older = update->incarnation < member->row.incarnation;
    bool changed = merge_row(member, update);
    bool accused = update->state == GOSSIP_MEMBER_SUSPECT || update->state == GOSSIP_MEMBER_DEAD;
    if (accused && !older && member->session != NULL) {
        PROBE("gossip.accused_is_told");
        /* It may still be there, to refute. */
        struct gossip__message message = {
            .type = GOSSIP__MEMBERS,
            .members = {.updates = {.rows = update, .count = 1}},
        };
        (void)gossip__send_member(engine, member, &message);
    }
    enum gossip_member_state before = member->state;
    enum gossip_member_state state =
        older ? (rank(before) == 0 ? gossip__member_reached_state(member) : before)
              : merge_state(engine, member, update, newer);
    if (changed) {
        member->updates_left = gossip__member_rides(engine);
        gossip__member_table_changed(engine);
        (void)gossip__member_store(engine, member);
    }
    gossip__member_set_state(engine, member, state);
}

void gossip__member_update(struct gossip *engine, const struct gossip__member_update *update,
                           struct gossip__member *from) {
    /* Whoever is a member is trusted for what it says of others (DESIGN 2). */
    if (update->incarnation > GOSSIP__INCARNATION_MAX || catalog_id_is_none(&update->id)) {
        PROBE("gossip.update_malformed");
        return;
    }
    if (catalog_id_equal(&update->id, &engine->state.node_id)) {
        told_of_us(engine, update, from);
        return;
    }
    struct gossip__member *member = gossip__member_find(engine, &update->id);
    if (member != NULL && member == from && member->session != NULL &&
        update->state == GOSSIP_MEMBER_ALIVE) {
        member->session->peer_ready = true; /* it needs no ADMIT any more */
    }
    if (member == NULL) {
        add_unknown(engine, update);
    } else if (member->state == GOSSIP_MEMBER_REMOVED && !PLANTED(ATTUNE_B29)) {
        PROBE("gossip.removed_stays_removed");
        return;
    } else if (update->state == GOSSIP_MEMBER_REMOVED) {
        gossip__member_set_state(engine, member, GOSSIP_MEMBER_REMOVED);
    } else {
        merge(engine, member, update);
    }
}

void gossip__member_updates(struct gossip *engine, const struct gossip__member_updates *updates,
                            struct gossip__member *from) {
    if (catalog_id_is_none(&engine->state.cluster_id)) {
        PROBE("gossip.updates_without_cluster");
        return; /* in no cluster: only ADMIT says who is in it */
    }
    for (size_t i = 0; i < updates->count; i++) {
        gossip__member_update(engine, &updates->rows[i], from);
    }
}

void gossip__member_heard(struct gossip *engine, struct gossip__member *member) {
    member->heard = true;
    member->heard_ms = engine->now_ms;
    gossip__swim_heard(engine, member);
    if (member->state == GOSSIP_MEMBER_SUSPECT || member->state == GOSSIP_MEMBER_DEAD) {
        PROBE("gossip.accused_is_heard");
        gossip__member_tell_accused(engine, member);
        gossip__member_set_state(engine, member, gossip__member_reached_state(member));
        member->updates_left =
            0; /* under its old incarnation it says nothing that counts elsewhere */
    }
}
