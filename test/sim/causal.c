/* causal.c - the model of causal.h: pasts of versions in a hash table, lists of pairs compared in their order of origins. */
#include "test/sim/causal.h"

#include "test/sim/world.h"

#include <stdlib.h>
#include <string.h>

enum { PAIRS_MAX = 2048 };

struct sim_past {
    struct catalog_id origin;
    catalog_clock clock; /* 0: the place is free */
    uint64_t slot;
    struct catalog__pair *seen; /* in order of origins, itself included; NULL: unknown */
    size_t seen_count;
};

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

static struct sim_past *place(struct sim_causal *causal, const struct catalog_id *origin,
                              catalog_clock clock, uint64_t slot) {
    uint64_t mix;
    memcpy(&mix, origin->bytes, sizeof mix);
    size_t at = (size_t)((mix ^ clock ^ slot) * UINT64_C(0x9e3779b97f4a7c15)) % causal->capacity;
    while (causal->pasts[at].clock != 0 &&
           (causal->pasts[at].clock != clock || causal->pasts[at].slot != slot ||
            !catalog_id_equal(&causal->pasts[at].origin, origin))) {
        at = (at + 1) % causal->capacity;
    }
    return &causal->pasts[at];
}

static void grow(struct sim_causal *causal) {
    struct sim_causal old = *causal;
    causal->capacity = old.capacity == 0 ? 1024 : old.capacity * 2;
    causal->pasts = sim_allocate(causal->capacity, sizeof *causal->pasts);
    for (size_t i = 0; i < old.capacity; i++) {
        const struct sim_past *past = &old.pasts[i];
        if (past->clock != 0) {
            *place(causal, &past->origin, past->clock, past->slot) = *past;
        }
    }
    free(old.pasts);
}

void sim_causal_close(struct sim_causal *causal) {
    for (size_t i = 0; i < causal->capacity; i++) {
        free(causal->pasts[i].seen);
    }
    free(causal->pasts);
}

/* The past of this version of the entry with these pairs; notes it if it is new. */
static const struct sim_past *past_of(struct sim_causal *causal, const struct catalog_entry *entry,
                                      const struct catalog__pair *version,
                                      const struct catalog__pair *pairs, size_t pair_count) {
    if (causal->count * 2 >= causal->capacity) {
        grow(causal);
    }
    struct sim_past *past = place(causal, &version->origin, version->clock, entry->slot);
    if (past->clock != 0) {
        return past;
    }
    *past =
        (struct sim_past){.origin = version->origin, .clock = version->clock, .slot = entry->slot};
    causal->count++;
    if (entry->version_count == 1) {
        past->seen = sim_allocate(pair_count, sizeof *pairs);
        memcpy(past->seen, pairs, pair_count * sizeof *pairs);
        past->seen_count = pair_count;
    }
    return past;
}

/* --- lists of pairs -------------------------------------------------------------------------------------------------- */

/* What a list has seen of this origin; `at` moves on, so that a walk in order of origins is linear. */
static catalog_clock seen_of(const struct catalog__pair *pairs, size_t count, size_t *at,
                             const struct catalog_id *origin) {
    while (*at < count && catalog_id_compare(&pairs[*at].origin, origin) < 0) {
        (*at)++;
    }
    bool found = *at < count && catalog_id_equal(&pairs[*at].origin, origin);
    return found ? pairs[*at].clock : 0;
}

/* Whether `whole` has seen all that `part` has. */
static bool covers(const struct catalog__pair *whole, size_t whole_count,
                   const struct catalog__pair *part, size_t part_count) {
    size_t at = 0;
    for (size_t i = 0; i < part_count; i++) {
        if (seen_of(whole, whole_count, &at, &part[i].origin) < part[i].clock) {
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

/* One survivor against the entry and the others; `at` is a place in the entry's list for each of its pairs. */
static enum sim_causal_verdict survivor_look(const struct sim_past *past,
                                             const struct catalog__pair *pairs, size_t count,
                                             catalog_clock *joined) {
    if (past->seen == NULL) {
        return SIM_CAUSAL_UNKNOWN;
    }
    if (!covers(pairs, count, past->seen, past->seen_count)) {
        return SIM_CAUSAL_FORGOT;
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        catalog_clock seen = seen_of(past->seen, past->seen_count, &at, &pairs[i].origin);
        bool own = catalog_id_equal(&past->origin, &pairs[i].origin);
        if (!own && pairs[i].version != NULL && seen >= pairs[i].clock) {
            return SIM_CAUSAL_KEPT;
        }
        joined[i] = seen > joined[i] ? seen : joined[i];
    }
    return SIM_CAUSAL_RIGHT;
}

enum sim_causal_verdict sim_causal_look(struct sim_causal *causal,
                                        const struct catalog_entry *entry) {
    static struct catalog__pair pairs[PAIRS_MAX];
    static catalog_clock joined[PAIRS_MAX];
    size_t count = catalog__entry_pair_count(entry);
    if (count > PAIRS_MAX) {
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
            enum sim_causal_verdict one = survivor_look(past, pairs, count, joined);
            verdict = one != SIM_CAUSAL_RIGHT ? one : verdict;
        }
    }
    for (size_t i = 0; i < count && verdict == SIM_CAUSAL_RIGHT; i++) {
        verdict = joined[i] < pairs[i].clock ? SIM_CAUSAL_LOST : verdict;
    }
    return verdict;
}

enum sim_causal_verdict sim_causal_compare(const struct catalog_entry *before,
                                           const struct catalog_entry *after) {
    static struct catalog__pair pairs[PAIRS_MAX], old[PAIRS_MAX];
    size_t count = catalog__entry_pair_count(after);
    size_t old_count = catalog__entry_pair_count(before);
    if (count > PAIRS_MAX || old_count > PAIRS_MAX) {
        return SIM_CAUSAL_UNKNOWN;
    }
    catalog__entry_pairs(after, pairs);
    catalog__entry_pairs(before, old);
    return covers(pairs, count, old, old_count) ? SIM_CAUSAL_RIGHT : SIM_CAUSAL_BACK;
}
