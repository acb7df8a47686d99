/* seen.c - what may be concluded from an exchange: `seen` (DESIGN 4.7), and whether all agree.
 *
 * Three different things, which are easily taken for one another:
 *   counted, seen   up to which clock this node has on disk all that any member has made; stored, never falls
 *   agreed_ms       when this node last knew to have all that one member had; how fresh this copy is (freshness.c)
 *   agrees          whether a member has the root that we have now; what the operator is shown
 *
 * Who has just started may have an older disk than it once had (a copy was put back) and still not be below the horizon: of
 * its own former writes it may lack what another member has. So its clock says nothing, to others and to itself, before it
 * is whole: before an exchange of its own has ended well with every member, in this life of its process (found by exploring
 * small models: decision 0032). What is taken over from another's `seen` is true all the same.
 *
 * A push tells its sender who has it, and nobody else. So once our root has been calm for a moment, members of whom we do
 * not know that they agree are asked, a few an interval; where all agree nobody is.
 */
#include "gossip/engine.h"

#include <stdlib.h>

static bool required(const struct gossip__member *member) {
    return member->state != GOSSIP_MEMBER_REMOVED;
}

void gossip__seen_count(struct gossip *engine, struct gossip__member *member, catalog_clock clock,
                        catalog_clock seen) {
    if (clock > member->counted) {
        member->counted = clock;
    }
    catalog_clock smallest = engine->stored.high_water;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *other = engine->members[i];
        if (required(other) && other->counted < smallest) {
            smallest = other->counted;
        }
    }
    if (seen > smallest) {
        PROBE("gossip.seen_of_peer_is_higher");
    }
    catalog_clock risen =
        gossip__seen_rule(engine->state.seen, gossip__seen_whole(engine), smallest, seen);
    if (risen > engine->state.seen) {
        PROBE("gossip.seen_rises");
        engine->state.seen = risen;
        gossip__flight_state_dirty(engine);
    }
}

/* A walk that is under way began under another table: it would count for a set of members that is no more. So would the word
 * of another that a majority was met. */
void gossip__seen_reset(struct gossip *engine) {
    gossip__freshness_forget(engine);
    for (size_t i = 0; i < engine->member_count; i++) {
        engine->members[i]->counted = engine->stored.seen;
    }
    for (size_t i = 0; i < GOSSIP__EXCHANGES_MAX; i++) {
        if (engine->exchanges[i] != NULL) {
            engine->exchanges[i]->tables_equal = false;
            engine->exchanges[i]->first_tables_equal = false;
        }
    }
}

void gossip__seen_restarted(struct gossip *engine, struct gossip__member *member) {
    PROBE("gossip.restarted_counts_anew");
    member->counted = member->counted < engine->stored.seen ? member->counted : engine->stored.seen;
}

bool gossip__seen_whole(const struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        if (required(engine->members[i]) && !engine->members[i]->met) {
            return false;
        }
    }
    return true;
}

enum gossip_truth gossip__member_agrees(struct gossip *engine,
                                        const struct gossip__member *member) {
    if (!member->root_known) {
        return GOSSIP_UNKNOWN;
    }
    struct merkle_digest own = merkle_tree_root(catalog_tree(engine->catalog));
    bool equal = merkle_digest_equal(&own, &member->root);
    if (!equal && gossip__digest_compare(engine, member) == GOSSIP__INCOMPARABLE) {
        PROBE("gossip.agreement_between_horizons");
        return GOSSIP_UNKNOWN;
    }
    if (!equal) {
        /* What it said before we changed says nothing about now. */
        return member->root_ms < engine->root_changed_ms ? GOSSIP_UNKNOWN : GOSSIP_NO;
    }
    bool reachable = member->state == GOSSIP_MEMBER_ALIVE || member->state == GOSSIP_MEMBER_JOINING;
    return reachable ? GOSSIP_YES : GOSSIP_UNKNOWN;
}

enum gossip_truth gossip__all_agree(struct gossip *engine, size_t *disagreeing_count) {
    /* Who is in no cluster, or has not fetched all, cannot speak for the others. */
    bool whole = engine->state.ready && !engine->state.healing && !engine->removed;
    enum gossip_truth result = whole ? GOSSIP_YES : GOSSIP_UNKNOWN;
    *disagreeing_count = 0;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        enum gossip_truth agrees =
            required(member) ? gossip__member_agrees(engine, member) : GOSSIP_YES;
        if (agrees == GOSSIP_NO) {
            ++*disagreeing_count;
            result = GOSSIP_NO;
        } else if (agrees == GOSSIP_UNKNOWN && result == GOSSIP_YES) {
            result = GOSSIP_UNKNOWN;
        }
    }
    return result;
}

void gossip__agreement_follow(struct gossip *engine) {
    if (!engine->agreement_dirty) {
        return;
    }
    engine->agreement_dirty = false;
    size_t disagreeing_count;
    if (gossip__all_agree(engine, &disagreeing_count) != GOSSIP_YES) {
        engine->recheck_wanted = true;
        engine->agreed_since_wall_ms = 0;
        return;
    }
    if (engine->agreed_since_wall_ms == 0) {
        PROBE("gossip.all_agree");
        engine->agreed_since_wall_ms = engine->wall_ms;
    }
    engine->agreed_last_wall_ms = engine->wall_ms;
}

/* --- asking again ------------------------------------------------------------------------------ */

static gossip_duration_ms recheck_pause(const struct gossip *engine) {
    return gossip__swim_interval(engine) / GOSSIP__RECHECKS_PER_INTERVAL;
}

/* Whether asking this member would tell something: it is there, and was last heard to differ, or to have what we had. */
static bool worth_asking(struct gossip *engine, const struct gossip__member *member) {
    return member->state == GOSSIP_MEMBER_ALIVE && member->exchange == NULL &&
           gossip__member_agrees(engine, member) != GOSSIP_YES;
}

static struct gossip__member *longest_unheard(struct gossip *engine) {
    struct gossip__member *oldest = NULL;
    for (size_t i = 0; i < engine->member_count; i++) {
        struct gossip__member *member = engine->members[i];
        if (worth_asking(engine, member) && (oldest == NULL || member->root_ms < oldest->root_ms)) {
            oldest = member;
        }
    }
    return oldest;
}

void gossip__agreement_recheck(struct gossip *engine) {
    gossip_time_ms calm_ms = engine->root_changed_ms + recheck_pause(engine);
    if (!engine->recheck_wanted || engine->now_ms < engine->recheck_ms ||
        engine->now_ms < calm_ms || !engine->state.ready) {
        return;
    }
    engine->recheck_ms = engine->now_ms + recheck_pause(engine);
    struct gossip__member *member = longest_unheard(engine);
    if (member != NULL) {
        PROBE("gossip.agreement_asked_again");
    }
    engine->recheck_wanted = member != NULL;
    if (member != NULL) {
        (void)gossip__exchange_start(engine, member, GOSSIP__PURPOSE_TIMER);
    }
}

gossip_time_ms gossip__agreement_deadline(const struct gossip *engine) {
    gossip_time_ms calm_ms = engine->root_changed_ms + recheck_pause(engine);
    if (!engine->recheck_wanted || !engine->state.ready) {
        return GOSSIP_NEVER;
    }
    return engine->recheck_ms > calm_ms ? engine->recheck_ms : calm_ms;
}
