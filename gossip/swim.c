/* swim.c - the interval: whom to exchange with next, and what it means when nobody answers.
 *
 *   tick                 half an interval       next tick              suspicion
 *    | timer exchange      | no word from it:     | still none:          | not refuted:
 *    | with the next of    | ask 3 others to      | suspect              | dead
 *    | the permutation     | try (PROBE)          |                      |
 *    +---------------------+----------------------+---- ... -------------+
 *
 * The timer exchange is the probe, so probing costs nothing extra. A permutation that is shuffled anew when it is used up
 * bounds the time until a given member has its turn (Das et al., "SWIM", 4.3). Any message from the member answers a
 * probe, for itself and for those who asked us for one. One dead (or left) member is dialled each interval, in turn and
 * for ever, so that a healed partition needs no operator.
 */
#include "gossip/engine.h"

enum { MEMBERS_PER_INTERVAL = 128 }; /* above this the interval grows with the cluster */

gossip_duration_ms gossip__swim_interval(const struct gossip *engine) {
    size_t factor = gossip__member_required_count(engine) / MEMBERS_PER_INTERVAL;
    return engine->config.interval_ms * (factor == 0 ? 1 : factor);
}

gossip_duration_ms gossip__swim_suspicion(const struct gossip *engine) {
    return gossip__swim_interval(engine) * 4 * (gossip__member_rides(engine) / 3);
}

/* The interval, 20 % more or less, so that nodes that were started together do not stay in step. */
static gossip_duration_ms interval_draw(struct gossip *engine) {
    gossip_duration_ms interval_ms = gossip__swim_interval(engine);
    gossip_duration_ms spread_ms = interval_ms * 2 / 5;
    return interval_ms - interval_ms / 5 + gossip__random_below(engine, spread_ms + 1);
}

void gossip__swim_start(struct gossip *engine) {
    engine->tick_ms = engine->now_ms + interval_draw(engine);
    engine->own_updates_left = gossip__member_rides(engine);
}

void gossip__swim_refute(struct gossip *engine, uint64_t incarnation_heard) {
    assert(incarnation_heard >= engine->state.incarnation);
    PROBE("gossip.incarnation_raised");
    engine->state.incarnation = incarnation_heard + 1;
    engine->own_updates_left = gossip__member_rides(engine);
    gossip__flight_state_dirty(engine);
}

/* --- the permutation ------------------------------------------------------------------------ */

static bool permutation_reserve(struct gossip *engine) {
    if (engine->permutation_capacity >= engine->member_capacity) {
        return true;
    }
    uint32_t *permutation = merkle_reallocate(engine->allocator, engine->permutation,
                                              engine->member_capacity, sizeof *permutation);
    if (permutation == NULL) {
        return false;
    }
    engine->permutation = permutation;
    engine->permutation_capacity = engine->member_capacity;
    return true;
}

void gossip__swim_member_added(struct gossip *engine, size_t index) {
    for (size_t i = 0; i < engine->permutation_count; i++) {
        engine->permutation[i] += engine->permutation[i] >= index;
    }
    if (engine->permutation_next >= engine->permutation_count || !permutation_reserve(engine)) {
        return; /* used up: it has its place in the next one */
    }
    PROBE("gossip.member_in_this_round");
    /* At a random place among those whose turn is still to come. */
    size_t rest = engine->permutation_count - engine->permutation_next;
    size_t place = engine->permutation_next + (size_t)gossip__random_below(engine, rest + 1);
    engine->permutation[engine->permutation_count] = engine->permutation[place];
    for (size_t i = engine->permutation_count; i > place; i--) {
        engine->permutation[i] = engine->permutation[i - 1];
    }
    engine->permutation[place] = (uint32_t)index;
    engine->permutation_count++;
}

void gossip__swim_members_forgotten(struct gossip *engine) {
    engine->permutation_count = 0;
    engine->permutation_next = 0;
}

static void permutation_shuffle(struct gossip *engine) {
    engine->permutation_next = 0;
    engine->permutation_count = 0;
    if (!permutation_reserve(engine)) {
        return;
    }
    for (size_t i = 0; i < engine->member_count; i++) {
        size_t place = (size_t)gossip__random_below(engine, i + 1);
        engine->permutation[i] = engine->permutation[place];
        engine->permutation[place] = (uint32_t)i;
    }
    engine->permutation_count = engine->member_count;
}

/* Whether the member has its turn: a newcomer asks only those who can admit it. */
static bool is_target(const struct gossip *engine, const struct gossip__member *member) {
    if (!engine->state.ready && !gossip__member_is_ready(member)) {
        return false;
    }
    return member->state == GOSSIP_MEMBER_ALIVE || member->state == GOSSIP_MEMBER_JOINING ||
           member->state == GOSSIP_MEMBER_SUSPECT;
}

static struct gossip__member *target_next(struct gossip *engine) {
    for (unsigned round = 0; round < 2; round++) {
        while (engine->permutation_next < engine->permutation_count) {
            struct gossip__member *member =
                engine->members[engine->permutation[engine->permutation_next++]];
            bool skipped =
                PLANTED(ATTUNE_B16) && member == engine->members[engine->member_count - 1];
            if (!skipped && is_target(engine, member)) {
                return member;
            }
        }
        permutation_shuffle(engine);
    }
    return NULL;
}

/* --- probing -------------------------------------------------------------------------------- */

static bool is_answered(const struct gossip *engine) {
    const struct gossip__member *target = engine->probe_target;
    return engine->probe_answered || (target->heard && target->heard_ms >= target->probe_sent_ms);
}

/* Asks up to GOSSIP__PROBE_HELPERS others, drawn at random. */
static void helpers_ask(struct gossip *engine) {
    PROBE("gossip.helpers_asked");
    engine->probe_indirect = true;
    struct gossip__message message = {
        .type = GOSSIP__PROBE,
        .probe = {.sequence = engine->probe_sequence, .target = engine->probe_target->row.id},
    };
    size_t left = 0;
    for (size_t i = 0; i < engine->member_count; i++) {
        left += engine->members[i]->session != NULL && engine->members[i] != engine->probe_target;
    }
    size_t wanted = GOSSIP__PROBE_HELPERS;
    for (size_t i = 0; i < engine->member_count && wanted > 0; i++) {
        struct gossip__member *helper = engine->members[i];
        if (helper->session == NULL || helper == engine->probe_target) {
            continue;
        }
        /* Each subset is as likely as another (Knuth, algorithm S). */
        if (gossip__random_below(engine, left) < wanted) {
            (void)gossip__send_member(engine, helper, &message);
            wanted--;
        }
        left--;
    }
}

void gossip__swim_no_answer(struct gossip *engine, struct gossip__member *member) {
    if (member == engine->probe_target && !engine->probe_indirect && !is_answered(engine)) {
        PROBE("gossip.helpers_asked_early");
        helpers_ask(engine);
    }
}

/* What the probe of the interval that ends now has shown. */
static void probe_judge(struct gossip *engine) {
    struct gossip__member *target = engine->probe_target;
    engine->probe_target = NULL;
    if (target->state == GOSSIP_MEMBER_ALIVE || target->state == GOSSIP_MEMBER_JOINING) {
        PROBE("gossip.member_suspected");
        gossip__member_set_state(engine, target, GOSSIP_MEMBER_SUSPECT);
    }
}

static void probe_begin(struct gossip *engine) {
    struct gossip__member *target = target_next(engine);
    engine->probe_target = target;
    engine->probe_answered = false;
    engine->probe_indirect = false;
    engine->probe_sequence++;
    engine->probe_half_ms = engine->now_ms + gossip__swim_interval(engine) / 2;
    if (target == NULL) {
        return;
    }
    target->probe_sent_ms = engine->now_ms;
    /* A turn is one dial an interval, whatever has failed before: as with the dead, backoff is for all other dials. Else a
     * member that the others reach would be asked by nobody for up to a minute after its link has healed. */
    target->dial_after_ms = 0;
    bool joining = !engine->state.ready;
    enum gossip__exchange_purpose purpose = joining ? GOSSIP__PURPOSE_JOIN : GOSSIP__PURPOSE_TIMER;
    bool wait_admission = joining && target->admitted_ms == 0;
    if (!wait_admission && gossip__exchange_start(engine, target, purpose) != NULL) {
        return;
    }
    PROBE("gossip.probe_by_ping");
    /* An exchange is under way, or there is no room for one: ask for a sign of life only. */
    struct gossip__message ping = {.type = GOSSIP__PING,
                                   .ping = {.sequence = engine->probe_sequence}};
    if (!gossip__send_member(engine, target, &ping)) {
        gossip__session_dial_member(engine, target);
    }
}

static void suspects_judge(struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        if (member->state == GOSSIP_MEMBER_SUSPECT && member->suspect_until_ms <= engine->now_ms) {
            PROBE("gossip.suspicion_expires");
            gossip__member_set_state(engine, member, GOSSIP_MEMBER_DEAD);
        }
    }
}

/* One of those that are dead or have left, in turn; its backoff does not count. */
static void dead_dial(struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[engine->dead_next++ % engine->member_count];
        if (member->state == GOSSIP_MEMBER_DEAD || member->state == GOSSIP_MEMBER_LEFT) {
            PROBE("gossip.dead_dialled");
            member->dial_after_ms = 0;
            gossip__session_dial_member(engine, member);
            return;
        }
    }
}

/* Rows that the store did not take when they changed. */
static void rows_store(struct gossip *engine) {
    bool in_cluster = !catalog_id_is_none(&engine->state.cluster_id);
    for (size_t i = 0; i < engine->member_count && in_cluster && engine->store_error == 0; i++) {
        struct gossip__member *member = engine->members[i];
        if (!member->row_stored && member->row_ticket == 0) {
            PROBE("gossip.row_stored_later");
            (void)gossip__member_store(engine, member);
        }
    }
}

void gossip__swim_tick(struct gossip *engine) {
    suspects_judge(engine);
    if (engine->removed || engine->stopping) {
        engine->tick_ms = engine->now_ms < engine->tick_ms ? engine->tick_ms
                                                           : engine->now_ms + interval_draw(engine);
        return;
    }
    if (engine->probe_target != NULL && !engine->probe_indirect &&
        engine->probe_half_ms <= engine->now_ms && !is_answered(engine)) {
        helpers_ask(engine);
    }
    if (engine->now_ms < engine->tick_ms) {
        return;
    }
    engine->tick_ms = engine->now_ms + interval_draw(engine);
    if (engine->probe_target != NULL && !is_answered(engine)) {
        probe_judge(engine);
    }
    rows_store(engine);
    gossip__horizon_follow(engine);
    probe_begin(engine);
    dead_dial(engine);
}

gossip_time_ms gossip__swim_deadline(const struct gossip *engine) {
    gossip_time_ms deadline_ms = engine->tick_ms;
    bool probing = engine->probe_target != NULL && !engine->probe_indirect && !engine->removed &&
                   !engine->stopping;
    if (probing && engine->probe_half_ms < deadline_ms && !is_answered(engine)) {
        deadline_ms = engine->probe_half_ms;
    }
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state == GOSSIP_MEMBER_SUSPECT && member->suspect_until_ms < deadline_ms) {
            deadline_ms = member->suspect_until_ms;
        }
    }
    return deadline_ms;
}

/* --- for others ----------------------------------------------------------------------------- */

void gossip__swim_heard(struct gossip *engine, const struct gossip__member *member) {
    for (size_t i = 0; i < GOSSIP__PROBE_RELAYS_MAX; i++) {
        struct gossip__relay *relay = &engine->relays[i];
        if (relay->until_ms <= engine->now_ms ||
            !catalog_id_equal(&relay->target, &member->row.id)) {
            continue;
        }
        struct gossip__session *asker = gossip__session_find(engine, relay->connection);
        if (asker != NULL) {
            PROBE("gossip.probe_answer_passed_on");
            struct gossip__message answer = {
                .type = GOSSIP__PROBE_ANSWER,
                .probe = {.sequence = relay->sequence, .target = relay->target},
            };
            gossip__send(engine, asker, &answer);
        }
        *relay = (struct gossip__relay){0};
    }
}
