/* skew.c - how far the wall clocks of the members are from this node's (DESIGN 4.2).
 *
 * A member tells its wall clock now and then (in a digest). In between, this node's own clock may jump: what was known of
 * the others moves with it at once, since the monotonic clock shows how far it jumped. So a node whose clock has just been
 * set an hour ahead refuses its next write, and one whose clock was set right takes it; neither waits to be told.
 */
#include "gossip/engine.h"

#include <stdlib.h>

enum { JUMP_MS_MIN = 1000 }; /* clocks that are slewed, and steps that waited, drift by less */

static bool is_off(const struct gossip__member *member) {
    return member->skew_known && llabs(member->skew_ms) > GOSSIP__SKEW_ALARM_MS;
}

/* Whether the majority of the peers shows this node to be far ahead; the largest skew, for the metric. */
static void judge(struct gossip *engine) {
    size_t peers = 0;
    size_t behind = 0;
    uint64_t largest_ms = 0;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state == GOSSIP_MEMBER_REMOVED) {
            continue;
        }
        peers++;
        if (member->skew_known) {
            uint64_t absolute_ms = (uint64_t)llabs(member->skew_ms);
            largest_ms = absolute_ms > largest_ms ? absolute_ms : largest_ms;
            behind += member->skew_ms < -GOSSIP__SKEW_ALARM_MS;
        }
    }
    engine->counters.clock_skew_ms_max = largest_ms;
    engine->clock_ahead = behind * 2 > peers;
    if (engine->clock_ahead) {
        PROBE("gossip.clock_ahead");
    }
}

static void skew_set(struct gossip *engine, struct gossip__member *member, int64_t skew_ms) {
    bool was_off = is_off(member);
    member->skew_known = true;
    member->skew_ms = skew_ms;
    if (is_off(member) && !was_off) {
        PROBE("gossip.skew_alarm");
        engine->counters.skew_alarms++;
        gossip__notice(engine, GOSSIP_NOTICE_CLOCK, GOSSIP_WARNING, member->row.name,
                       "its wall clock is %lld s off ours", (long long)(skew_ms / 1000));
    }
}

void gossip__skew_told(struct gossip *engine, struct gossip__member *member, uint64_t wall_s) {
    skew_set(engine, member, (int64_t)(wall_s * 1000) - (int64_t)engine->wall_ms);
    judge(engine);
}

void gossip__skew_follow(struct gossip *engine) {
    int64_t offset_ms = (int64_t)(engine->wall_ms - engine->now_ms);
    int64_t jump_ms = engine->wall_offset_known ? offset_ms - engine->wall_offset_ms : 0;
    if (engine->wall_offset_known && llabs(jump_ms) < JUMP_MS_MIN) {
        return;
    }
    engine->wall_offset_known = true;
    engine->wall_offset_ms = offset_ms;
    if (jump_ms == 0) {
        return;
    }
    PROBE("gossip.wall_clock_jumped");
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        member->wall_told_ms = 0; /* it is told again with the next digest */
        if (member->exchange != NULL) {
            member->exchange->wall_sent =
                false; /* what an answer confirms now is the clock of before */
        }
        if (member->skew_known) {
            skew_set(engine, member, member->skew_ms - jump_ms);
        }
    }
    judge(engine);
}
