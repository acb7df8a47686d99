/* agreement_tell.c - what the caller of an agreement is told of each member: agreed, lagging, unreachable, or not known.
 *
 * Names point into the member table: the lines are made at the end of a step, and nothing changes the table behind it.
 */
#include "gossip/agreement.h"

#include <stdlib.h>
#include <string.h>

static gossip_duration_ms heard_age(const struct gossip *engine,
                                    const struct gossip__member *member) {
    return member->heard ? engine->now_ms - member->heard_ms : GOSSIP_NEVER;
}

/* A member of whom there is no confirmation. */
static void state_tell(const struct gossip *engine, const struct gossip__agreement *agreement,
                       const struct gossip__member *member,
                       const struct gossip__agreement_target *target,
                       struct gossip_agreement_member *line) {
    bool there = member->state == GOSSIP_MEMBER_ALIVE || member->state == GOSSIP_MEMBER_JOINING;
    bool gone = member->state == GOSSIP_MEMBER_DEAD || member->state == GOSSIP_MEMBER_LEFT;
    line->state = GOSSIP_UNREACHABLE;
    line->since_ms = heard_age(engine, member);
    if (agreement->from_known || target == NULL || target->tries == 0) {
        line->state = there ? GOSSIP_NOT_ASKED : GOSSIP_UNREACHABLE;
        return;
    }
    bool heard_since = member->heard && member->heard_ms >= target->asked_ms;
    bool fresh = line->since_ms <= 2 * gossip__swim_interval(engine);
    gossip_duration_ms asked_ms = engine->now_ms - target->asked_ms;
    if (!gone && heard_since && fresh) {
        line->state = GOSSIP_LAGGING;
        line->since_ms = asked_ms;
    } else if (there && !heard_since && asked_ms < gossip__exchange_timeout(member, 1)) {
        line->state = GOSSIP_NOT_ASKED; /* it has had no time to answer */
    }
}

static struct gossip_agreement_member line_of(struct gossip *engine,
                                              const struct gossip__agreement *agreement,
                                              const struct gossip__member *member) {
    const struct gossip__agreement_target *target =
        gossip__agreement_target_find(agreement, &member->row.id);
    struct gossip_agreement_member line = {.name = member->row.name};
    if (target != NULL && target->confirmed) {
        line.state = GOSSIP_AGREED;
        line.since_ms = engine->now_ms - target->confirmed_ms;
    } else if (agreement->from_known && gossip__agreement_known(engine, member)) {
        PROBE("gossip.agreement_from_what_is_known");
        line.state = GOSSIP_AGREED;
        line.since_ms = engine->now_ms - member->told.told_ms;
    } else {
        state_tell(engine, agreement, member, target, &line);
    }
    return line;
}

static int by_name(const void *a, const void *b) {
    const struct gossip_agreement_member *left = a;
    const struct gossip_agreement_member *right = b;
    return strcmp(left->name, right->name);
}

void gossip__agreement_lines_sort(struct gossip_agreement_member *lines, size_t count) {
    assert(count > 0);
    qsort(lines + 1, count - 1, sizeof *lines, by_name);
}

void gossip__agreement_tell(struct gossip *engine, struct gossip__agreement *agreement) {
    assert(agreement->line_capacity > 0);
    gossip_time_ms own_since_ms =
        agreement->own_stored ? agreement->own_stored_ms : agreement->begun_ms;
    agreement->lines[0] = (struct gossip_agreement_member){
        .name = engine->node_name,
        .state = agreement->own_stored ? GOSSIP_AGREED : GOSSIP_LAGGING,
        .since_ms = engine->now_ms - own_since_ms,
    };
    agreement->line_count = 1;
    /* Where memory was short for a target there is no room for its line either; it has not confirmed. */
    for (size_t i = 0; i < engine->member_count && agreement->line_count < agreement->line_capacity;
         i++) {
        if (engine->members[i]->state != GOSSIP_MEMBER_REMOVED) {
            agreement->lines[agreement->line_count++] =
                line_of(engine, agreement, engine->members[i]);
        }
    }
    gossip__agreement_lines_sort(agreement->lines, agreement->line_count);
}
