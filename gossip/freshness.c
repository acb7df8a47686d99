/* freshness.c - staying in touch with a majority (DESIGN 7.7).
 *
 * The interval's turn meets one member after the other; in a large cluster a majority takes longer than the freshness limit.
 * So once the agreement age has passed half of it, further members are sent a digest, the one longest out of touch first, a
 * few an interval, until the age is below again. Where nothing has to be said this costs a digest and its answer for each.
 */
#include "gossip/engine.h"

static gossip_duration_ms pause_of(const struct gossip *engine) {
    /* Within the other half a majority is to be met. */
    gossip_duration_ms half_ms = engine->config.freshness_limit_ms / 2;
    size_t needed = gossip__member_required_count(engine) / 2 + 1;
    gossip_duration_ms pause_ms = half_ms / (2 * needed);
    return pause_ms == 0 ? 1 : pause_ms;
}

static bool is_due(const struct gossip *engine) {
    int64_t age_ms = gossip__agreement_age(engine, engine->now_ms);
    return engine->state.ready && !engine->stopping &&
           (age_ms < 0 || (gossip_duration_ms)age_ms > engine->config.freshness_limit_ms / 2);
}

static struct gossip__member *longest_out_of_touch(struct gossip *engine) {
    struct gossip__member *oldest = NULL;
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        if (member->state != GOSSIP_MEMBER_ALIVE || member->exchange != NULL) {
            continue;
        }
        bool older = oldest == NULL || (oldest->agreed_known && !member->agreed_known) ||
                     (oldest->agreed_known == member->agreed_known &&
                      member->agreed_ms < oldest->agreed_ms);
        oldest = older ? member : oldest;
    }
    return oldest;
}

void gossip__freshness_keep(struct gossip *engine) {
    if (engine->now_ms < engine->freshness_ms) {
        return;
    }
    engine->freshness_ms = engine->now_ms + pause_of(engine);
    struct gossip__member *member = is_due(engine) ? longest_out_of_touch(engine) : NULL;
    if (member != NULL) {
        PROBE("gossip.freshness_asks_further");
        (void)gossip__exchange_start(engine, member, GOSSIP__PURPOSE_TIMER);
    }
}

gossip_time_ms gossip__freshness_deadline(const struct gossip *engine) {
    int64_t age_ms = gossip__agreement_age(engine, engine->now_ms);
    gossip_duration_ms half_ms = engine->config.freshness_limit_ms / 2;
    if (!engine->state.ready || engine->stopping) {
        return GOSSIP_NEVER;
    }
    gossip_time_ms due_ms = age_ms < 0 || (gossip_duration_ms)age_ms > half_ms
                                ? engine->now_ms
                                : engine->now_ms + half_ms + 1 - (gossip_duration_ms)age_ms;
    return due_ms > engine->freshness_ms ? due_ms : engine->freshness_ms;
}
