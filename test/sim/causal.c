/* causal.c - the model of causal.h: pasts of versions in the order in which they were made, found by a hash table; lists of
 * pairs compared in their order of origins. (causal_known.c: what a chain of versions knows of one.) */
#include "test/sim/causal_parts.h"

#include "test/sim/world.h"

#include <stdlib.h>
#include <string.h>

const char *sim_causal_text(enum sim_causal_verdict verdict) {
    static const char *const texts[] = {
        "right",
        "unknown",
        "the version in force is not the one with the largest (clock, origin)",
        "an entry keeps a version that another one of it has replaced",
        "an entry has seen a version that neither survives in it nor was replaced by one that does",
        "an entry has forgotten what one of its versions had seen",
        "an entry knows less than the one in whose place it stands",
    };
    return texts[verdict];
}

/* --- the table ------------------------------------------------------------------------------------------------------- */

/* The place of the version in the hash table; what stands there is 1 + its index, or 0. */
static size_t place_of(const struct sim_causal *causal, const struct catalog_id *origin,
                       catalog_clock clock, uint64_t slot) {
    uint64_t mix;
    memcpy(&mix, origin->bytes, sizeof mix);
    size_t at = (size_t)((mix ^ clock ^ slot) * UINT64_C(0x9e3779b97f4a7c15)) % causal->place_count;
    for (; causal->places[at] != 0; at = (at + 1) % causal->place_count) {
        const struct sim_past *past = &causal->pasts[causal->places[at] - 1];
        if (past->clock == clock && past->slot == slot && catalog_id_equal(&past->origin, origin)) {
            break;
        }
    }
    return at;
}

/* The same in the table of slots. */
static size_t slot_place_of(const struct sim_causal *causal, uint64_t slot) {
    size_t at = (size_t)(slot * UINT64_C(0x9e3779b97f4a7c15)) % causal->place_count;
    while (causal->newest[at] != 0 && causal->pasts[causal->newest[at] - 1].slot != slot) {
        at = (at + 1) % causal->place_count;
    }
    return at;
}

static void tables_grow(struct sim_causal *causal) {
    free(causal->places);
    free(causal->newest);
    causal->place_count = causal->place_count == 0 ? 2048 : causal->place_count * 2;
    causal->places = sim_allocate(causal->place_count, sizeof *causal->places);
    causal->newest = sim_allocate(causal->place_count, sizeof *causal->newest);
    for (size_t i = 0; i < causal->count; i++) {
        const struct sim_past *past = &causal->pasts[i];
        causal->places[place_of(causal, &past->origin, past->clock, past->slot)] = (uint32_t)i + 1;
        causal->newest[slot_place_of(causal, past->slot)] = (uint32_t)i + 1;
    }
}

const struct sim_past *sim__past_find(const struct sim_causal *causal,
                                      const struct catalog_id *origin, catalog_clock clock,
                                      uint64_t slot) {
    uint32_t found = causal->count == 0 ? 0 : causal->places[place_of(causal, origin, clock, slot)];
    return found == 0 ? NULL : &causal->pasts[found - 1];
}

uint32_t sim__past_newest(const struct sim_causal *causal, uint64_t slot) {
    return causal->count == 0 ? 0 : causal->newest[slot_place_of(causal, slot)];
}

bool sim_causal_knows(const struct sim_causal *causal, const struct catalog_entry *entry) {
    struct catalog_version version = catalog_entry_in_force(entry);
    return sim__past_find(causal, &version.origin, version.clock, entry->slot) != NULL;
}

void sim_causal_close(struct sim_causal *causal) {
    for (size_t i = 0; i < causal->count; i++) {
        free(causal->pasts[i].seen);
    }
    free(causal->pasts);
    free(causal->places);
    free(causal->newest);
}

/* The past of this version of the entry with these pairs; notes it if it is new. */
static const struct sim_past *past_of(struct sim_causal *causal, const struct catalog_entry *entry,
                                      const struct catalog__pair *version,
                                      const struct catalog__pair *pairs, size_t pair_count) {
    if (causal->count * 2 >= causal->place_count) {
        tables_grow(causal);
    }
    size_t place = place_of(causal, &version->origin, version->clock, entry->slot);
    if (causal->places[place] != 0) {
        return &causal->pasts[causal->places[place] - 1];
    }
    causal->pasts =
        sim_grow(causal->pasts, causal->count, &causal->capacity, sizeof *causal->pasts);
    struct sim_past *past = &causal->pasts[causal->count++];
    size_t slot_place = slot_place_of(causal, entry->slot);
    *past = (struct sim_past){.origin = version->origin,
                              .clock = version->clock,
                              .slot = entry->slot,
                              .dropped = version->state == CATALOG_DROPPED,
                              .before = causal->newest[slot_place]};
    causal->places[place] = causal->newest[slot_place] = (uint32_t)causal->count;
    if (entry->version_count == 1) {
        past->seen = sim_allocate(pair_count, sizeof *pairs);
        memcpy(past->seen, pairs, pair_count * sizeof *pairs);
        past->seen_count = pair_count;
    }
    return past;
}

/* --- lists of pairs -------------------------------------------------------------------------------------------------- */

catalog_clock sim__pairs_seen(const struct catalog__pair *pairs, size_t count, size_t *at,
                              const struct catalog_id *origin) {
    while (*at < count && catalog_id_compare(&pairs[*at].origin, origin) < 0) {
        (*at)++;
    }
    bool found = *at < count && catalog_id_equal(&pairs[*at].origin, origin);
    return found ? pairs[*at].clock : 0;
}

/* Whether `whole` has seen all above the horizon that `part` has. */
static bool covers(const struct catalog__pair *whole, size_t whole_count,
                   const struct catalog__pair *part, size_t part_count, catalog_clock horizon) {
    size_t at = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (part[i].clock > horizon &&
            sim__pairs_seen(whole, whole_count, &at, &part[i].origin) < part[i].clock) {
            return false;
        }
    }
    return true;
}

static bool in_force_is_largest(const struct catalog_entry *entry,
                                const struct catalog__pair *pairs, size_t count) {
    const struct catalog__pair *largest = NULL;
    for (size_t i = 0; i < count; i++) {
        bool larger =
            pairs[i].version != NULL &&
            (largest == NULL || pairs[i].clock > largest->clock ||
             (pairs[i].clock == largest->clock &&
              memcmp(pairs[i].origin.bytes, largest->origin.bytes, sizeof largest->origin) > 0));
        largest = larger ? &pairs[i] : largest;
    }
    struct catalog_version version = catalog_entry_in_force(entry);
    return largest != NULL && entry->clock == largest->clock && version.clock == largest->clock &&
           catalog_id_equal(&version.origin, &largest->origin);
}

/* --- looking --------------------------------------------------------------------------------------------------------- */

/* One survivor against the entry and the others. */
static enum sim_causal_verdict survivor_look(const struct sim_past *past,
                                             const struct catalog__pair *pairs, size_t count,
                                             catalog_clock horizon, catalog_clock *joined) {
    if (past->seen == NULL) {
        return SIM_CAUSAL_UNKNOWN;
    }
    if (!covers(pairs, count, past->seen, past->seen_count, horizon)) {
        return SIM_CAUSAL_FORGOT;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        catalog_clock seen = sim__pairs_seen(past->seen, past->seen_count, &at, &pairs[i].origin);
        bool own = catalog_id_equal(&past->origin, &pairs[i].origin);
        if (!own && pairs[i].version != NULL && seen >= pairs[i].clock) {
            return SIM_CAUSAL_KEPT;
        }
        joined[i] = seen > joined[i] ? seen : joined[i];
    }
    return SIM_CAUSAL_RIGHT;
}

/* Both lists in one, of each origin the larger clock. */
static size_t pairs_join(const struct catalog__pair *a, size_t a_count,
                         const struct catalog__pair *b, size_t b_count,
                         struct catalog__pair *joined) {
    size_t count = 0;
    for (size_t i = 0, j = 0; i < a_count || j < b_count; count++) {
        int order = i == a_count   ? 1
                    : j == b_count ? -1
                                   : catalog_id_compare(&a[i].origin, &b[j].origin);
        joined[count] = order <= 0 ? a[i] : b[j];
        if (order == 0 && b[j].clock > a[i].clock) {
            joined[count] = b[j];
        }
        i += order <= 0;
        j += order >= 0;
    }
    return count;
}

/* The past of a write is what it bears, and what it replaced. */
static void past_widen(struct sim_past *past, const struct catalog_entry *before) {
    static struct catalog__pair old[SIM__PAIRS_MAX], joined[2 * SIM__PAIRS_MAX];
    size_t count = catalog__entry_pair_count(before);
    if (past->seen == NULL || count > SIM__PAIRS_MAX || past->seen_count > SIM__PAIRS_MAX) {
        return;
    }
    catalog__entry_pairs(before, old);
    count = pairs_join(past->seen, past->seen_count, old, count, joined);
    free(past->seen);
    past->seen = sim_allocate(count, sizeof *joined);
    memcpy(past->seen, joined, count * sizeof *joined);
    past->seen_count = count;
}

void sim_causal_note(struct sim_causal *causal, const struct catalog_entry *before,
                     const struct catalog_entry *entry) {
    static struct catalog__pair pairs[SIM__PAIRS_MAX];
    size_t count = catalog__entry_pair_count(entry);
    size_t known = causal->count;
    if (count > SIM__PAIRS_MAX) {
        return;
    }
    catalog__entry_pairs(entry, pairs);
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].version != NULL) {
            (void)past_of(causal, entry, &pairs[i], pairs, count);
        }
    }
    if (before != NULL && causal->count == known + 1 && entry->version_count == 1) {
        past_widen(&causal->pasts[known], before);
    }
}

enum sim_causal_verdict sim_causal_look(struct sim_causal *causal,
                                        const struct catalog_entry *entry, catalog_clock horizon) {
    static struct catalog__pair pairs[SIM__PAIRS_MAX];
    static catalog_clock joined[SIM__PAIRS_MAX];
    size_t count = catalog__entry_pair_count(entry);
    if (count > SIM__PAIRS_MAX) {
        return SIM_CAUSAL_UNKNOWN;
    }
    catalog__entry_pairs(entry, pairs);
    memset(joined, 0, count * sizeof *joined);
    if (!in_force_is_largest(entry, pairs, count)) {
        return SIM_CAUSAL_NOT_IN_FORCE;
    }
    enum sim_causal_verdict verdict = SIM_CAUSAL_RIGHT;
    for (size_t i = 0; i < count && verdict <= SIM_CAUSAL_UNKNOWN; i++) {
        if (pairs[i].version != NULL) {
            const struct sim_past *past = past_of(causal, entry, &pairs[i], pairs, count);
            enum sim_causal_verdict one = survivor_look(past, pairs, count, horizon, joined);
            verdict = one != SIM_CAUSAL_RIGHT ? one : verdict;
        }
    }
    for (size_t i = 0; i < count && verdict == SIM_CAUSAL_RIGHT; i++) {
        bool lost = joined[i] < pairs[i].clock && pairs[i].clock > horizon;
        verdict = lost ? SIM_CAUSAL_LOST : verdict;
    }
    return verdict;
}

enum sim_causal_verdict sim_causal_compare(const struct sim_causal *causal,
                                           const struct catalog_entry *before,
                                           const struct catalog_entry *after,
                                           catalog_clock horizon) {
    static struct catalog__pair pairs[SIM__PAIRS_MAX], old[SIM__PAIRS_MAX];
    size_t count = catalog__entry_pair_count(after);
    size_t old_count = catalog__entry_pair_count(before);
    if (count > SIM__PAIRS_MAX || old_count > SIM__PAIRS_MAX) {
        return SIM_CAUSAL_UNKNOWN;
    }
    catalog__entry_pairs(after, pairs);
    catalog__entry_pairs(before, old);
    if (!covers(pairs, count, old, old_count, horizon)) {
        return SIM_CAUSAL_BACK;
    }
    return sim_causal_accounts(causal, after, before, horizon) ? SIM_CAUSAL_RIGHT : SIM_CAUSAL_BACK;
}
