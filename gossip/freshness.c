/* freshness.c - how old this node's copy may be (DESIGN 7.7): the agreement age.
 *
 *   equal roots, or a finished walk, with a member, asked at t --> all that it had at t is here: its moment is t
 *   its answer says that its own age was a                     --> all that a majority had at t - a is here: a majority
 *                                                                  of its table of members, so that word counts while
 *                                                                  ours is equal to it
 *
 *   age = now - the later of: the needed-th latest moment of the members (with this node a majority); the latest t - a
 *
 * In a small cluster the exchanges of the timer are enough. In a large one nobody meets a majority within the limit, so a
 * node whose age passes half of it asks further members until it has; those that ask it afterwards are fresh by its word,
 * and need not. All instants are of this node's own monotonic clock, and spans of the others'.
 */
#include "gossip/engine.h"
#include "gossip/freshness_rule.h"

void gossip__freshness_agreed(struct gossip *engine, struct gossip__member *member,
                              gossip_time_ms sent_ms) {
    if (!member->agreed_known || sent_ms > member->agreed_ms) {
        member->agreed_known = true;
        member->agreed_ms = sent_ms;
        engine->freshness_dirty = true;
    }
    engine->agreement_dirty = true;
}

void gossip__freshness_told(struct gossip *engine, gossip_time_ms sent_ms, int64_t age_ms) {
    gossip_time_ms moment_ms;
    if (age_ms < 0 || !gossip__freshness_lifted(sent_ms, (gossip_duration_ms)age_ms, &moment_ms)) {
        return;
    }
    if (!engine->freshness_told_known || moment_ms > engine->freshness_told_ms) {
        PROBE("gossip.fresh_by_word");
        engine->freshness_told_known = true;
        engine->freshness_told_ms = moment_ms;
    }
}

void gossip__freshness_forget(struct gossip *engine) {
    engine->freshness_told_known = false;
    engine->freshness_dirty = true;
}

/* With this node a majority. */
static size_t others_needed(const struct gossip *engine) {
    return gossip__member_required_count(engine) / 2;
}

/* Of the members as they are now. Without memory the last one stands: it is older. */
void gossip__freshness_follow(struct gossip *engine) {
    bool moved = engine->freshness_members_changes != engine->members_changes;
    if (!engine->freshness_dirty && !moved) {
        return;
    }
    struct merkle_buffer *moments = &engine->freshness_moments;
    merkle_buffer_clear(moments);
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state != GOSSIP_MEMBER_REMOVED && member->agreed_known) {
            (void)merkle_buffer_append(moments, &member->agreed_ms, sizeof member->agreed_ms);
        }
    }
    if (moments->failed) {
        moments->failed = false;
        return;
    }
    size_t needed = others_needed(engine);
    engine->freshness_known =
        needed > 0 && gossip__freshness_majority((gossip_time_ms *)(void *)moments->data,
                                                 moments->size_bytes / sizeof(gossip_time_ms),
                                                 needed, &engine->freshness_ms);
    engine->freshness_dirty = false;
    engine->freshness_members_changes = engine->members_changes;
}

/* False: not known. */
static bool moment_find(const struct gossip *engine, gossip_time_ms now_ms,
                        gossip_time_ms *moment_ms) {
    if (!engine->state.ready || engine->state.healing || engine->removed) {
        return false;
    }
    if (others_needed(engine) == 0) {
        *moment_ms = now_ms;
        return true;
    }
    bool told = engine->freshness_told_known;
    bool later =
        told && engine->freshness_known && engine->freshness_told_ms > engine->freshness_ms;
    *moment_ms =
        engine->freshness_known && !later ? engine->freshness_ms : engine->freshness_told_ms;
    return engine->freshness_known || told;
}

int64_t gossip__agreement_age(struct gossip *engine, gossip_time_ms now_ms) {
    gossip_time_ms moment_ms;
    gossip__freshness_follow(engine); /* the table may have changed in this step */
    return moment_find(engine, now_ms, &moment_ms) ? (int64_t)(now_ms - moment_ms) : -1;
}

/* --- asking further members ------------------------------------------------------------------------------------------ */

static gossip_duration_ms half_limit(const struct gossip *engine) {
    return engine->config.freshness_limit_ms / 2;
}

/* Whom it is longest ago that we had all of; not twice within half of the limit. */
static struct gossip__member *stalest(const struct gossip *engine) {
    struct gossip__member *stalest = NULL;
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        bool asked =
            member->freshened_ms != 0 && engine->now_ms - member->freshened_ms < half_limit(engine);
        if (member->state != GOSSIP_MEMBER_ALIVE || member->exchange != NULL || asked) {
            continue;
        }
        bool staler = stalest == NULL || !member->agreed_known ||
                      (stalest->agreed_known && member->agreed_ms < stalest->agreed_ms);
        stalest = staler ? member : stalest;
    }
    return stalest;
}

/* When the age will have passed half of the limit; at once if it is not known. */
static gossip_time_ms due(const struct gossip *engine) {
    gossip_time_ms moment_ms;
    bool known = moment_find(engine, engine->now_ms, &moment_ms);
    if (!engine->state.ready || engine->state.healing || engine->removed || engine->stopping ||
        others_needed(engine) == 0) {
        return GOSSIP_NEVER;
    }
    gossip_time_ms due_ms = known ? moment_ms + half_limit(engine) : engine->now_ms;
    return due_ms > engine->freshen_ms ? due_ms : engine->freshen_ms;
}

void gossip__freshness_tick(struct gossip *engine) {
    if (due(engine) > engine->now_ms) {
        return;
    }
    engine->freshen_ms =
        engine->now_ms + gossip__swim_interval(engine) / GOSSIP__FRESHENED_PER_INTERVAL;
    struct gossip__member *member = stalest(engine);
    if (member == NULL) {
        /* All that are there were asked: it does not depend on this node. */
        engine->freshen_ms = engine->now_ms + gossip__swim_interval(engine);
        return;
    }
    PROBE("gossip.asked_to_be_fresh");
    member->freshened_ms = engine->now_ms == 0 ? 1 : engine->now_ms;
    (void)gossip__exchange_start(engine, member, GOSSIP__PURPOSE_TIMER);
}

gossip_time_ms gossip__freshness_deadline(const struct gossip *engine) {
    return due(engine);
}
