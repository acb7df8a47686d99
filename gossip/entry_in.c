/* entry_in.c - entries from peers: decoded, merged on top of what is in flight, handed to the store.
 *
 * Pushes, pulls and joins all come through here, and through the one merge (DESIGN 4.2). What does not decode or may not
 * be taken is refused entry by entry: the others of the same message are taken all the same (G9).
 */
#include "gossip/engine.h"

int gossip__entries_by_key(const void *a, const void *b) {
    struct catalog_key left = catalog_entry_key(*(struct catalog_entry *const *)a);
    struct catalog_key right = catalog_entry_key(*(struct catalog_entry *const *)b);
    return catalog_key_compare(&left, &right);
}

enum gossip_cause gossip__entries_cause(const struct gossip *engine) {
    if (!engine->state.ready) {
        return GOSSIP_CAUSE_LATE_JOIN;
    }
    if (engine->state.healing) {
        return GOSSIP_CAUSE_CORRUPTION;
    }
    return engine->walked_since_start ? GOSSIP_CAUSE_MISSED_PUSH : GOSSIP_CAUSE_RESTART;
}

static void reject(struct gossip *engine, int code) {
    if (code == CATALOG_ECLOCKRANGE) {
        engine->counters.rejected[GOSSIP_REJECT_CLOCK]++;
    } else if (code == CATALOG_ETOOBIG) {
        engine->counters.rejected[GOSSIP_REJECT_MERGE]++;
    } else if (code != CATALOG_ENOMEM) {
        engine->counters.rejected[GOSSIP_REJECT_ENTRY]++;
    }
}

/* What one entry is merged with and for. */
struct taking {
    struct gossip *engine;
    const struct gossip__member *member;
    struct gossip__arrival arrival;
    enum gossip_cause cause;
    struct merkle_buffer *settled;
    struct gossip__intake intake;
};

/* The entry is as new as ours or older: it adds nothing, but what we have may still be on its way to the disk. */
static void nothing_new(struct taking *taking, struct catalog_entry *own,
                        const struct catalog_key *key) {
    struct gossip *engine = taking->engine;
    if (catalog_find(engine->catalog, key) != own) {
        PROBE("gossip.entry_known_in_flight");
        taking->intake.ticket = gossip__flight_newest(engine);
    }
}

/* All its versions are drops that everybody has: it leaves, or does not come at all. */
static int take_passed(struct taking *taking, struct catalog_entry *own) {
    struct gossip *engine = taking->engine;
    if (own == NULL) {
        PROBE("gossip.entry_passed_by_horizon");
        return 0;
    }
    PROBE("gossip.entry_leaves_by_merge");
    int result = gossip__flight_remove(engine, own);
    if (result == 0) {
        taking->intake.ticket = gossip__flight_ticket(engine);
        taking->intake.changed++;
    }
    return result;
}

static int take_merged(struct taking *taking, struct catalog_entry *merged) {
    struct gossip *engine = taking->engine;
    int result = gossip__flight_put(engine, merged, &taking->arrival);
    if (result != 0) {
        PROBE("gossip.entry_left_for_later");
        return result;
    }
    taking->intake.ticket = gossip__flight_ticket(engine);
    taking->intake.changed++;
    taking->intake.size_bytes += merged->size_bytes;
    if (taking->cause != GOSSIP_CAUSE_COUNT) {
        engine->counters
            .entries_repaired[merged->conflict ? GOSSIP_CAUSE_CONFLICT : taking->cause]++;
    }
    return 0;
}

static int take_entry(struct taking *taking, struct catalog_entry *entry) {
    struct gossip *engine = taking->engine;
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_entry *own = catalog_pending_find(engine->catalog, &key);
    struct catalog_entry *merged;
    bool forked = false;
    if (gossip__healing_refuses(engine, taking->member, entry)) {
        PROBE("gossip.row_of_healing_refused");
        engine->counters.rejected[GOSSIP_REJECT_HORIZON]++;
        return GOSSIP_EHEALING;
    }
    int result =
        catalog_merge(engine->allocator, own, entry, engine->state.horizon, &merged, &forked);
    if (result != 0) {
        reject(engine, result);
        return result;
    }
    if (forked) {
        PROBE("gossip.entry_forked");
        engine->counters.rejected[GOSSIP_REJECT_FORKED]++;
    }
    if (merged->tombstone && merged->clock <= engine->state.horizon) {
        result = take_passed(taking, own);
    } else if (merged == own) {
        PROBE("gossip.entry_known");
        nothing_new(taking, own, &key);
    } else {
        result = take_merged(taking, merged);
    }
    if (result == 0 && taking->settled != NULL &&
        merkle_digest_equal(&merged->digest, &entry->digest) &&
        merkle_buffer_append(taking->settled, &entry->slot, sizeof entry->slot) != 0) {
        taking->settled->failed = false; /* it will be pushed without need */
    }
    catalog_entry_release(merged);
    return result;
}

struct gossip__intake gossip__entries_take(struct gossip *engine, struct gossip__member *member,
                                           const struct gossip__span *entries, size_t entry_count,
                                           catalog_clock horizon, enum gossip_cause cause,
                                           struct merkle_buffer *settled) {
    struct taking taking = {
        .engine = engine,
        .member = member,
        .arrival = {.local = false, .from = member->row.id},
        .cause = cause,
        .settled = settled,
    };
    engine->counters.entries_received += entry_count;
    enum gossip__horizon_verdict verdict = gossip__horizon_heard(engine, member, horizon);
    if (verdict == GOSSIP__HORIZON_EMPTY || verdict == GOSSIP__HORIZON_NEW_ID) {
        taking.intake.refused = entry_count;
        return taking.intake;
    }
    if (!gossip__horizon_takes(engine->state.horizon, horizon)) {
        PROBE("gossip.entries_from_below_horizon");
        engine->counters.rejected[GOSSIP_REJECT_HORIZON] += entry_count;
        taking.intake.refused = entry_count;
        return taking.intake;
    }
    for (size_t i = 0; i < entry_count; i++) {
        struct catalog_entry *entry;
        int result =
            catalog_entry_decode(engine->allocator, entries[i].data, entries[i].size_bytes, &entry);
        if (result != 0) {
            PROBE("gossip.entry_malformed");
            reject(engine, result);
            taking.intake.refused++;
            continue;
        }
        if (take_entry(&taking, entry) != 0) {
            taking.intake.refused++;
        }
        catalog_entry_release(entry);
    }
    return taking.intake;
}
