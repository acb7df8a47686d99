/* healing.c - a node whose store has lost rows, until the others have given them back (DESIGN 4.8).
 *
 * The store finds at an opening that its rows are not those that its sum is of. Which are missing is not known, and what is
 * there may be old: of a page that was written the write may be lost, and the page before is good in itself. An old version
 * above the horizon does no harm: the others still know what superseded it. At or below it they may have forgotten that, and
 * a key that they lack looks like one that only this node has. So while this node heals
 *
 *   withheld   what lies at or below its horizon is given to nobody who does not heal as well: every member had it
 *   refused    the same, by who does not heal: it may have healed while the other still gave it all
 *   removed    of that, what a member lacks that is ready and does not heal, at the same horizon: all have seen it dropped
 *   healed     once it has all that such a member has; or, where every member heals, all that they have together
 *
 * Where every member heals all that is there is given to all, so that each finds its one good copy. What was dropped may
 * come back then. (Found by simulation: seed 364.) A newcomer that fetches from a node that heals, which may be the only one
 * there is, heals along with it: it gives nothing away either before it has met one that is whole.
 */
#include "gossip/engine.h"

/* Where every node is damaged nobody can confirm, or all would wait for ever: what all of them hold is all there is. */
static bool healed_through_all(const struct gossip *engine) {
    for (size_t i = 0; i < engine->member_count; i++) {
        const struct gossip__member *member = engine->members[i];
        if (member->state != GOSSIP_MEMBER_REMOVED && !member->healed_through) {
            return false;
        }
    }
    return true;
}

static void heal(struct gossip *engine, const struct gossip__member *member) {
    engine->state.healing = false;
    engine->quarantined_count = 0; /* the store forgets them with the commit that says so */
    gossip__flight_state_dirty(engine);
    if (engine->state.ready) {
        gossip__notice(engine, GOSSIP_NOTICE_STORE, GOSSIP_WARNING, member->row.name,
                       "all entries that were lost have been fetched again");
    }
}

void gossip__healing_answered(struct gossip *engine) {
    if (!engine->state.ready && !engine->state.healing) {
        PROBE("gossip.newcomer_heals_along");
        engine->state.healing = true;
        for (size_t i = 0; i < engine->member_count; i++) {
            engine->members[i]->healed_through = false; /* what it had before it is not of that */
        }
        gossip__flight_state_dirty(engine);
    }
}

void gossip__healing_concluded(struct gossip *engine, const struct gossip__exchange *exchange) {
    struct gossip__member *member = exchange->member;
    member->healed_through = true;
    /* A newcomer has only what it has fetched so far. */
    bool whole = !exchange->answer_healing && gossip__member_is_ready(member);
    if (engine->state.healing && (whole || healed_through_all(engine))) {
        PROBE("gossip.healed");
        heal(engine, member);
    }
}

bool gossip__healing_withholds(const struct gossip *engine, const struct gossip__member *member,
                               const struct catalog_entry *entry) {
    return engine->state.healing && !member->peer_healing &&
           entry->clock_highest <= engine->stored.horizon && !PLANTED(ATTUNE_B39);
}

bool gossip__healing_refuses(const struct gossip *engine, const struct gossip__member *member,
                             const struct catalog_entry *entry) {
    return member->peer_healing && !engine->state.healing &&
           entry->clock_highest <= engine->state.horizon && !PLANTED(ATTUNE_B39);
}

void gossip__healing_lacked(struct gossip *engine, const struct gossip__exchange *exchange,
                            struct catalog_entry *entry) {
    const struct gossip__member *member = exchange->member;
    struct catalog_key key = catalog_entry_key(entry);
    bool heals = exchange->answer_healing || exchange->first_healing;
    bool stands = catalog_pending_find(engine->catalog, &key) == entry;
    if (!heals && gossip__member_is_ready(member) && !member->settling && !exchange->incomplete &&
        member->horizon == engine->stored.horizon && gossip__horizon_settled(engine) && stands &&
        gossip__flight_remove(engine, entry) == 0) {
        PROBE("gossip.stale_row_removed");
    }
}
