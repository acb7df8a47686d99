/* horizon.c - the horizon (DESIGN 4.7): tombstones and superseded pairs that every member has seen, forgotten by all alike.
 *
 *   each interval: the smallest `seen` of all members -----> own raise, at most once in GOSSIP__HORIZON_INTERVALS
 *   any message: a higher horizon is heard ----------------> raise at once (or, if this disk is too old for it, lineage.c)
 *
 *   raise:  state.horizon rises     | what it changes is pruned, some of it in each step's batch | all of that is on disk
 *           (merges count with it)  |   unsettled: roots are compared with nobody                | settled
 *
 * The root covers contexts and tombstones, so it changes with a raise. That is why roots are compared only at one horizon,
 * and only if both sides are settled: a node that is about to forget differs from one that has forgotten, and neither
 * lacks anything. And it is why a node raises by itself so seldom: hearing of it takes the others an exchange more.
 *
 * A crash in the middle of a raise leaves a disk with the new horizon and some of the old tombstones. Such entries are
 * pruned at the start, before anything is compared, so nothing has to be remembered.
 */
#include "gossip/engine.h"

void gossip__horizon_raise(struct gossip *engine, catalog_clock horizon) {
    assert(horizon > engine->state.horizon);
    PROBE("gossip.horizon_raised");
    engine->state.horizon = horizon;
    engine->horizon_unsettled = true;
    engine->horizon_rose_ms = engine->now_ms;
    gossip__flight_state_dirty(engine);
}

/* It makes this node forget everything, so one message is not enough: the same member must say it an interval later again.
 * Until then nothing is taken from it. A newcomer's word never is: from whom is not ready nobody can fetch anew, and if there
 * is nobody else this node is the last that has anything. */
static void new_id_heard(struct gossip *engine, struct gossip__member *member) {
    if (!gossip__member_is_ready(member)) {
        PROBE("gossip.horizon_of_newcomer_is_higher");
    } else if (member->doubted_ms == 0) {
        PROBE("gossip.horizon_doubted");
        member->doubted_ms = engine->now_ms == 0 ? 1 : engine->now_ms;
    } else if (engine->now_ms - member->doubted_ms >= gossip__swim_interval(engine)) {
        gossip__lineage_replace(engine, member->row.name,
                                "this disk is older than what its id has confirmed");
    }
}

enum gossip__horizon_verdict
gossip__horizon_heard(struct gossip *engine, struct gossip__member *member, catalog_clock heard) {
    enum gossip__horizon_verdict verdict = gossip__horizon_judge(
        engine->state.ready, engine->state.horizon, engine->state.seen, heard);
    switch (verdict) {
    case GOSSIP__HORIZON_SAME:
        break;
    case GOSSIP__HORIZON_RAISE:
        gossip__horizon_raise(engine, heard);
        break;
    case GOSSIP__HORIZON_BEHIND:
        PROBE("gossip.horizon_of_peer_is_lower");
        break;
    case GOSSIP__HORIZON_EMPTY:
        gossip__lineage_start_again(engine, member->row.name,
                                    "all members have forgotten what this newcomer began with");
        break;
    case GOSSIP__HORIZON_NEW_ID:
        new_id_heard(engine, member);
        return verdict;
    }
    member->doubted_ms = 0;
    return verdict;
}

bool gossip__horizon_settled(const struct gossip *engine) {
    return !engine->horizon_unsettled && engine->ticket_stored >= engine->horizon_ticket &&
           engine->stored.horizon == engine->state.horizon;
}

/* One entry that the horizon has passed, wholly or in part. */
static int prune(struct gossip *engine, struct catalog_entry *entry) {
    struct catalog_entry *rest;
    int result = catalog_prune(engine->allocator, entry, engine->state.horizon, &rest);
    if (result != 0) {
        return result;
    }
    if (rest == NULL) {
        PROBE("gossip.tombstone_removed");
        return gossip__flight_remove(engine, entry);
    }
    assert(rest != entry);
    PROBE("gossip.context_pruned");
    /* Versions only leave: as many are the same. */
    const struct gossip__arrival pruned = {.pruned = true,
                                           .same = rest->version_count == entry->version_count};
    result = gossip__flight_put(engine, rest, &pruned);
    catalog_entry_release(rest);
    return result;
}

void gossip__horizon_prune(struct gossip *engine) {
    struct catalog_entry *entries[GOSSIP__PRUNED_PER_BATCH];
    if (!engine->horizon_unsettled || engine->store_error != 0) {
        return;
    }
    size_t count =
        catalog_prunable(engine->catalog, engine->state.horizon, entries, GOSSIP__PRUNED_PER_BATCH);
    for (size_t i = 0; i < count; i++) {
        if (prune(engine, entries[i]) != 0) {
            PROBE("gossip.prune_left_for_later");
            return; /* with the next step: it stays unsettled until then */
        }
    }
    if (count < GOSSIP__PRUNED_PER_BATCH) {
        engine->horizon_unsettled = false;
        if (engine->state_dirty) {
            (void)gossip__flight_ticket(engine); /* of the batch that the state will be in */
        }
        engine->horizon_ticket = gossip__flight_newest(engine);
    } else {
        PROBE("gossip.prune_goes_on");
    }
}

/* The smallest `seen` of all members that are required, this node included. 0 if that of one is not known. Who is alone has
 * seen all there is. */
static catalog_clock smallest_seen(const struct gossip *engine) {
    bool alone = gossip__member_required_count(engine) == 1;
    catalog_clock smallest = alone ? engine->stored.high_water : engine->stored.seen;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state != GOSSIP_MEMBER_REMOVED && member->seen < smallest) {
            smallest = member->seen;
        }
    }
    return smallest;
}

void gossip__horizon_follow(struct gossip *engine) {
    if (!engine->state.ready || !engine->stored.ready || engine->state.healing ||
        engine->store_error != 0) {
        return;
    }
    if (engine->state.horizon >= engine->stored.high_water) {
        engine->horizon_rose_ms = engine->now_ms; /* there is nothing to wait for */
    }
    catalog_clock candidate = smallest_seen(engine);
    if (PLANTED(ATTUNE_B05)) {
        candidate = (engine->wall_ms - GOSSIP__PLANTED_AGE_MS) << 16;
    }
    if (candidate > engine->state.horizon && engine->now_ms >= engine->horizon_own_ms) {
        PROBE("gossip.horizon_raised_by_seen");
        engine->horizon_own_ms =
            engine->now_ms + GOSSIP__HORIZON_INTERVALS * gossip__swim_interval(engine);
        engine->state.seen =
            candidate > engine->state.seen ? candidate : engine->state.seen; /* alone */
        gossip__horizon_raise(engine, candidate);
        engine->recheck_wanted = true; /* the others hear of it at once */
    }
}

/* What this node lacks of a member keeps its own `seen` down; where it lacks nothing, what the member lacks does. */
const struct gossip__member *gossip__horizon_holder(const struct gossip *engine) {
    const struct gossip__member *counted = NULL;
    const struct gossip__member *seen = NULL;
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state == GOSSIP_MEMBER_REMOVED) {
            continue;
        }
        counted = counted == NULL || member->counted < counted->counted ? member : counted;
        seen = seen == NULL || member->seen < seen->seen ? member : seen;
    }
    if (counted != NULL && counted->counted < engine->stored.high_water) {
        return counted;
    }
    return seen != NULL && seen->seen < engine->stored.high_water ? seen : NULL;
}
