/* recv_hello.c - who the peer is, and whether this node deals with it. The checks come in the order in which they stand:
 *
 *   1. protocol and digest format in common; the same cluster name
 *   2. it is this node itself (a --join to itself), or another process with this node's id
 *   3. a live process with its id has a session here under another origin
 *   4. its id was removed
 *   5. the cluster: the same, none (a newcomer), or another of the same name
 *   6. a newcomer that had another id before: that one is removed, unless it lives here
 *   7. its name is another member's
 *
 * Both sides of a connection check, each for itself. Who refuses says so in a REFUSE, except where the other side comes to
 * the same result without being told.
 *
 * On 3: an origin is drawn at every start, so another origin is a restart, or two processes with one id (a copied disk).
 * The old session decides: it is asked by a PING whether its process still lives. If it answers, there are two. If it does
 * not, it is closed, and the next hello finds no one there. Until that is known the new connection is closed, and dialled
 * again by its owner.
 */
#include "gossip/engine.h"

#include <string.h>

static void text_copy(char to[CATALOG_NAME_SIZE_MAX + 1], struct catalog_text text) {
    assert(text.size_bytes <= CATALOG_NAME_SIZE_MAX);
    memcpy(to, text.data, text.size_bytes);
    to[text.size_bytes] = '\0';
}

static bool text_is(struct catalog_text text, const char *other) {
    return strlen(other) == text.size_bytes && memcmp(text.data, other, text.size_bytes) == 0;
}

static void refuse(struct gossip *engine, struct gossip__session *session,
                   enum gossip_close_reason reason, const struct gossip__hello *hello) {
    char name[CATALOG_NAME_SIZE_MAX + 1];
    text_copy(name, hello->name);
    gossip__session_refuse(engine, session, reason, &hello->node_id, name);
}

/* Whom we dialled is not who answered: that dial has failed. */
static void target_check(struct gossip *engine, struct gossip__session *session,
                         const struct gossip__hello *hello) {
    struct gossip__member *target = session->member;
    if (target == NULL || catalog_id_equal(&target->row.id, &hello->node_id)) {
        return;
    }
    PROBE("gossip.dial_reached_another");
    session->member = NULL;
    if (target->session == NULL) {
        gossip__session_dial_failed(engine, target);
        gossip__exchange_session_down(engine, target);
    }
}

/* 1. */
static enum gossip_close_reason common_check(const struct gossip *engine,
                                             const struct gossip__hello *hello) {
    if (hello->protocol_min > hello->protocol_max || hello->protocol_min > GOSSIP__PROTOCOL_MAX ||
        hello->protocol_max < GOSSIP__PROTOCOL_MIN || hello->format != CATALOG_FORMAT) {
        PROBE("gossip.hello_protocol");
        return GOSSIP_CLOSE_PROTOCOL;
    }
    if (!text_is(hello->cluster_name, engine->cluster_name)) {
        PROBE("gossip.hello_cluster_name");
        return GOSSIP_CLOSE_CLUSTER_NAME;
    }
    if (catalog_id_is_none(&hello->node_id) || catalog_id_is_none(&hello->origin) ||
        hello->incarnation > GOSSIP__INCARNATION_MAX ||
        (hello->ready && catalog_id_is_none(&hello->cluster_id))) {
        PROBE("gossip.hello_malformed");
        return GOSSIP_CLOSE_MALFORMED;
    }
    return GOSSIP_CLOSE_NONE;
}

/* 2. True if it is over. */
static bool is_self(struct gossip *engine, struct gossip__session *session,
                    const struct gossip__hello *hello) {
    if (!catalog_id_equal(&hello->node_id, &engine->state.node_id)) {
        return false;
    }
    if (catalog_id_equal(&hello->origin, &engine->config.origin)) {
        PROBE("gossip.hello_from_self");
        if (session->address[0] != '\0') {
            gossip__join_seed_is_self(engine, session->address);
        }
        gossip__session_close(engine, session, GOSSIP_CLOSE_SELF, false);
        return true;
    }
    PROBE("gossip.hello_with_own_id");
    engine->duplicate_id = true;
    engine->duplicate_id_until_ms =
        engine->now_ms + GOSSIP__DUPLICATE_ALARM_INTERVALS * gossip__swim_interval(engine);
    refuse(engine, session, GOSSIP_CLOSE_DUPLICATE_ID, hello);
    return true;
}

/* 3. True if it is over. */
static bool is_doubled(struct gossip *engine, struct gossip__session *session,
                       struct gossip__member *member, const struct gossip__hello *hello) {
    struct gossip__session *old = member == NULL ? NULL : member->session;
    if (old == NULL || catalog_id_equal(&old->peer_origin, &hello->origin)) {
        return false;
    }
    gossip_duration_ms interval_ms = gossip__swim_interval(engine);
    if (old->proved_ms != 0 &&
        engine->now_ms - old->proved_ms <= GOSSIP__DUPLICATE_ALARM_INTERVALS * interval_ms) {
        PROBE("gossip.hello_doubled_id");
        member->doubled_ms = engine->now_ms == 0 ? 1 : engine->now_ms;
        refuse(engine, session, GOSSIP_CLOSE_DUPLICATE_ID, hello);
        return true;
    }
    if (old->doubt_sequence == 0) {
        PROBE("gossip.doubt_begins");
        old->doubt_sequence = gossip__random(engine) | 1;
        struct gossip__message ping = {.type = GOSSIP__PING,
                                       .ping = {.sequence = old->doubt_sequence}};
        gossip__send(engine, old, &ping);
        old->deadline_ms = engine->now_ms + interval_ms / 2 + 1;
    }
    gossip__session_close(engine, session, GOSSIP_CLOSE_DUPLICATE, false);
    return true;
}

/* 4. True if it is over. */
static bool is_removed(struct gossip *engine, struct gossip__session *session,
                       struct gossip__member *member, const struct gossip__hello *hello) {
    if (engine->removed) {
        gossip__session_close(engine, session, GOSSIP_CLOSE_REMOVED, false);
        return true;
    }
    if (hello->removed && member != NULL && member->state != GOSSIP_MEMBER_REMOVED &&
        catalog_id_equal(&hello->cluster_id, &engine->state.cluster_id)) {
        PROBE("gossip.hello_says_removed");
        gossip__member_set_state(engine, member,
                                 GOSSIP_MEMBER_REMOVED); /* it was told before we were */
    }
    if (hello->removed) {
        gossip__session_close(engine, session, GOSSIP_CLOSE_REMOVED, false);
        return true;
    }
    if (member == NULL || member->state != GOSSIP_MEMBER_REMOVED) {
        return false;
    }
    if (member->row_stored) {
        PROBE("gossip.hello_of_removed");
        refuse(engine, session, GOSSIP_CLOSE_REMOVED, hello);
    } else {
        gossip__session_close(engine, session, GOSSIP_CLOSE_REMOVED, false);
    }
    return true;
}

/* 5. Two clusters of one name: one that never had an entry gives way; of two such the one with the larger id. */
static void other_cluster(struct gossip *engine, struct gossip__session *session,
                          const struct gossip__hello *hello) {
    bool own_is_empty = !engine->state.had_entry;
    bool other_is_empty = !hello->had_entry;
    bool own_is_larger = catalog_id_compare(&engine->state.cluster_id, &hello->cluster_id) > 0;
    if (own_is_empty && (!other_is_empty || own_is_larger)) {
        PROBE("gossip.cluster_gives_way");
        char address[CATALOG_NAME_SIZE_MAX + 1];
        text_copy(address, hello->address);
        gossip__session_close(engine, session, GOSSIP_CLOSE_CLUSTER_ID, false);
        gossip__join_give_way(engine, address);
    } else if (other_is_empty) {
        PROBE("gossip.cluster_waits_for_other");
        gossip__session_close(engine, session, GOSSIP_CLOSE_CLUSTER_ID, false);
    } else {
        PROBE("gossip.cluster_refused");
        refuse(engine, session, GOSSIP_CLOSE_CLUSTER_ID, hello);
    }
}

/* 5. True if it is over. */
static bool is_elsewhere(struct gossip *engine, struct gossip__session *session,
                         const struct gossip__hello *hello) {
    bool own_none = catalog_id_is_none(&engine->state.cluster_id);
    bool other_none = catalog_id_is_none(&hello->cluster_id);
    gossip__join_met(engine, &hello->node_id, !other_none || hello->had_entry);
    if (own_none && other_none && text_is(hello->name, engine->node_name) &&
        catalog_id_compare(&engine->state.node_id, &hello->node_id) < 0) {
        refuse(engine, session, GOSSIP_CLOSE_DUPLICATE_NAME, hello);
        return true;
    }
    /* Who is not ready cannot admit; both try elsewhere, and here again. */
    if ((own_none && !hello->ready) || (other_none && !engine->stored.ready)) {
        PROBE("gossip.hello_nobody_admits");
        gossip__session_close(engine, session, GOSSIP_CLOSE_IDLE, false);
        return true;
    }
    if (own_none || other_none || catalog_id_equal(&engine->state.cluster_id, &hello->cluster_id) ||
        (PLANTED(ATTUNE_B24) && session->address[0] == '\0')) {
        return false;
    }
    other_cluster(engine, session, hello);
    return true;
}

/* 6. Its disk bore another id, which it gave up: that one will not come back (DESIGN 4.7). */
static void former_id_remove(struct gossip *engine, const struct gossip__hello *hello) {
    struct gossip__member *former = gossip__member_find(engine, &hello->replaces);
    if (former == NULL || former->state == GOSSIP_MEMBER_REMOVED || former->session != NULL ||
        hello->ready || !engine->stored.ready ||
        !catalog_id_equal(&hello->cluster_id, &engine->state.cluster_id)) {
        return;
    }
    PROBE("gossip.former_id_removed");
    gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_WARNING, former->row.name,
                   "its disk was older than what it had confirmed: it joins under a new id, the "
                   "former one is removed");
    gossip__member_set_state(engine, former, GOSSIP_MEMBER_REMOVED);
}

/* 7. Whether the peer has to give way to this node, whose name it bears. */
static bool own_name_taken(const struct gossip *engine, const struct gossip__member *member,
                           const struct gossip__hello *hello) {
    if (!text_is(hello->name, engine->node_name)) {
        return false;
    }
    if (!hello->ready) {
        return engine->stored.ready ||
               catalog_id_compare(&engine->state.node_id, &hello->node_id) < 0;
    }
    /* Two members: who comes with a name that it did not have. */
    return engine->stored.ready && (member == NULL || !text_is(hello->name, member->row.name));
}

static void remove_namesake(struct gossip *engine, struct gossip__member *other, const char *why) {
    gossip__notice(engine, GOSSIP_NOTICE_CLUSTER, GOSSIP_WARNING, other->row.name, "%s", why);
    gossip__member_set_state(engine, other, GOSSIP_MEMBER_REMOVED);
}

/* 7. Whether the peer has to give way to another member of its name. May take that one out of its way. */
static bool name_taken(struct gossip *engine, const struct gossip__member *member,
                       const struct gossip__hello *hello, struct gossip__member *other) {
    bool gone = other->state == GOSSIP_MEMBER_DEAD || other->state == GOSSIP_MEMBER_LEFT;
    bool removable = gone && other->dial_failures > 0 && engine->stored.ready;
    bool is_its_name = member != NULL && text_is(hello->name, member->row.name);
    if (removable && !hello->ready) {
        /* An empty disk under its old name: the id that was on the old disk will not come back. */
        PROBE("gossip.name_taken_over");
        remove_namesake(
            engine, other,
            "a newcomer takes over the name of a member that is gone; that one is removed");
        return false;
    }
    if (removable && is_its_name && !other->row.ready) {
        /* Of two newcomers on one machine, one after the other, the first never got in: it would be missed for ever. */
        PROBE("gossip.ghost_of_name_removed");
        remove_namesake(
            engine, other,
            "a newcomer that never got in is gone, and its name is a member's; it is removed");
        return false;
    }
    if (hello->ready) {
        return other->row.ready && !gone && !is_its_name;
    }
    if (gone && engine->stored.ready) {
        /* Whether it is really gone. Who is not ready takes nobody out of the way, so it need not know: it would dial again at
         * each hello that its dial brings, for the address is the newcomer's now. */
        PROBE("gossip.name_of_gone_checked");
        other->dial_after_ms = 0;
        gossip__session_dial_member(engine, other);
    }
    if (other->row.ready || catalog_id_compare(&other->row.id, &hello->node_id) < 0) {
        return true;
    }
    if (other->session != NULL) { /* two newcomers: the larger id gives way */
        PROBE("gossip.newcomer_displaced");
        gossip__session_refuse(engine, other->session, GOSSIP_CLOSE_DUPLICATE_NAME, &other->row.id,
                               other->row.name);
    }
    return false;
}

static bool is_name_taken(struct gossip *engine, const struct gossip__member *member,
                          const struct gossip__hello *hello) {
    if (own_name_taken(engine, member, hello)) {
        PROBE("gossip.name_is_ours");
        return true;
    }
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *other = engine->members[i];
        if (other != member && other->state != GOSSIP_MEMBER_REMOVED &&
            text_is(hello->name, other->row.name) && name_taken(engine, member, hello, other)) {
            PROBE("gossip.name_is_taken");
            return true;
        }
    }
    return false;
}

/* The member whose hello this is, with what it says of itself; a new one if it is not known. */
static struct gossip__member *member_take(struct gossip *engine, struct gossip__member *member,
                                          const struct gossip__hello *hello) {
    struct gossip__member_update update = {
        .id = hello->node_id,
        .name = hello->name,
        .address = hello->address,
        .incarnation = hello->incarnation,
        .state = hello->ready ? GOSSIP_MEMBER_ALIVE : GOSSIP_MEMBER_JOINING,
        .ready = hello->ready,
    };
    gossip__member_update(engine, &update, member);
    return gossip__member_find(engine, &hello->node_id);
}

void gossip__recv_hello(struct gossip *engine, struct gossip__session *session,
                        const struct gossip__message *message) {
    const struct gossip__hello *hello = &message->hello;
    assert(session->state == GOSSIP__SESSION_HELLO);
    enum gossip_close_reason reason = common_check(engine, hello);
    target_check(engine, session, hello);
    if (reason != GOSSIP_CLOSE_NONE) {
        refuse(engine, session, reason, hello);
        return;
    }
    struct gossip__member *member = gossip__member_find(engine, &hello->node_id);
    if (is_self(engine, session, hello) || is_doubled(engine, session, member, hello) ||
        is_removed(engine, session, member, hello) || is_elsewhere(engine, session, hello)) {
        return;
    }
    former_id_remove(engine, hello);
    if (is_name_taken(engine, member, hello)) {
        refuse(engine, session, GOSSIP_CLOSE_DUPLICATE_NAME, hello);
        return;
    }
    member = member_take(engine, member, hello);
    if (member == NULL) {
        refuse(engine, session, GOSSIP_CLOSE_LIMIT, hello);
        return;
    }
    if (!catalog_id_equal(&member->origin, &hello->origin)) {
        gossip__seen_restarted(engine, member);
        member->origin = hello->origin;
    }
    session->peer_id = hello->node_id;
    session->peer_origin = hello->origin;
    session->peer_cluster = hello->cluster_id;
    session->peer_ready = hello->ready;
    gossip__session_establish(engine, session, member);
    if (session->closing) {
        PROBE("gossip.hello_on_spare_connection");
        return; /* another connection to it stays */
    }
    gossip__member_heard(engine, member);
    if (member->state == GOSSIP_MEMBER_LEFT || member->row.incarnation > hello->incarnation) {
        PROBE("gossip.hello_of_accused");
        gossip__member_tell_accused(engine, member);
    }
    if (!session->closing && !session->admitted && !catalog_id_is_none(&engine->state.cluster_id)) {
        gossip__join_admit_begin(engine, session);
    }
}
