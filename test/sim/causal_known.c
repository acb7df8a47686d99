/* causal_known.c - to which versions of a key one of them is known: those that had seen it, those that had seen one of these,
 * and so on. Contexts that the horizon has shortened do not say it any more; the table of all pasts does.
 *
 * Versions are noted in the order in which they land, so that none had seen a later one: one pass over those of a key, in
 * that order, finds all. Most questions are answered by the entry itself, before that.
 */
#include "test/sim/causal_parts.h"

#include "test/sim/world.h"

enum { VERSIONS_MAX = 4096 };

/* A version, and those to whom it is known so far, in the order of their notes. */
struct known {
    const struct sim_past *pasts[VERSIONS_MAX];
    size_t count;
};

static bool had_seen(const struct sim_past *past, const struct catalog_id *origin,
                     catalog_clock clock) {
    size_t at = 0;
    return past->seen != NULL &&
           sim__pairs_seen(past->seen, past->seen_count, &at, origin) >= clock;
}

static bool had_seen_any(const struct sim_past *past, const struct known *known) {
    for (size_t i = known->count; i > 0; i--) {
        if (had_seen(past, &known->pasts[i - 1]->origin, known->pasts[i - 1]->clock)) {
            return true;
        }
    }
    return false;
}

/* Whether this one answers the question. */
static bool is_answer(const struct sim_past *past, const struct catalog__pair *pairs, size_t count,
                      catalog_clock horizon) {
    if (past->passed && past->clock <= horizon) {
        return true;
    }
    size_t at = 0;
    return sim__pairs_seen(pairs, count, &at, &past->origin) >= past->clock;
}

/* All of the slot that were noted after `first`, in that order; how many. */
static size_t later_ones(const struct sim_causal *causal, const struct sim_past *first,
                         const struct sim_past **later) {
    size_t count = 0;
    uint32_t at = sim__past_newest(causal, first->slot);
    while (at != 0 && &causal->pasts[at - 1] != first && count < VERSIONS_MAX) {
        later[count++] = &causal->pasts[at - 1];
        at = causal->pasts[at - 1].before;
    }
    for (size_t i = 0; i < count / 2; i++) {
        const struct sim_past *swapped = later[i];
        later[i] = later[count - 1 - i];
        later[count - 1 - i] = swapped;
    }
    return count;
}

/* Whether the version is one of these pairs, or known to one, or gone by this horizon. */
static bool version_is_known(const struct sim_causal *causal, uint64_t slot,
                             const struct catalog_id *origin, catalog_clock clock,
                             const struct catalog__pair *pairs, size_t count,
                             catalog_clock horizon) {
    static struct known known;
    static const struct sim_past *later[VERSIONS_MAX];
    size_t at = 0;
    if (sim__pairs_seen(pairs, count, &at, origin) >= clock) {
        return true;
    }
    const struct sim_past *first = sim__past_find(causal, origin, clock, slot);
    if (first == NULL || horizon == 0) {
        return false; /* without a horizon the pairs say all */
    }
    if (is_answer(first, pairs, count, horizon)) {
        return true;
    }
    known.count = 0;
    known.pasts[known.count++] = first;
    size_t later_count = later_ones(causal, first, later);
    for (size_t i = 0; i < later_count; i++) {
        if (!had_seen_any(later[i], &known)) {
            continue;
        }
        if (is_answer(later[i], pairs, count, horizon)) {
            return true;
        }
        if (known.count < VERSIONS_MAX) {
            known.pasts[known.count++] = later[i];
        }
    }
    return false;
}

static size_t bit_of(uint64_t slot) {
    return (size_t)(slot % (8 * sizeof((struct sim_causal *)0)->passed));
}

bool sim_causal_any_passed(const struct sim_causal *causal, uint64_t slot) {
    return (causal->passed[bit_of(slot) / 8] & 1 << bit_of(slot) % 8) != 0;
}

void sim_causal_pass(struct sim_causal *causal, const struct catalog_entry *before,
                     const struct catalog_entry *after, catalog_clock horizon) {
    static struct catalog__pair pairs[SIM__PAIRS_MAX], left[SIM__PAIRS_MAX];
    size_t count = catalog__entry_pair_count(before);
    size_t left_count = after == NULL ? 0 : catalog__entry_pair_count(after);
    if (horizon == 0 || count > SIM__PAIRS_MAX || left_count > SIM__PAIRS_MAX) {
        return;
    }
    catalog__entry_pairs(before, pairs);
    if (after != NULL) {
        catalog__entry_pairs(after, left);
    }
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        bool drop = pairs[i].version != NULL && pairs[i].state == CATALOG_DROPPED;
        bool stays = sim__pairs_seen(left, left_count, &at, &pairs[i].origin) >= pairs[i].clock;
        if (drop && !stays && pairs[i].clock <= horizon) {
            /* It is const to all who ask; here it is the table's own. */
            struct sim_past *past = (struct sim_past *)sim__past_find(causal, &pairs[i].origin,
                                                                      pairs[i].clock, before->slot);
            if (past != NULL) {
                past->passed = true;
                causal->passed[bit_of(before->slot) / 8] |=
                    (uint8_t)(1 << bit_of(before->slot) % 8);
            }
        }
    }
}

bool sim_causal_is_gone(const struct sim_causal *causal, uint64_t slot,
                        const struct catalog_id *origin, catalog_clock clock,
                        catalog_clock horizon) {
    return version_is_known(causal, slot, origin, clock, NULL, 0, horizon);
}

bool sim_causal_accounts(const struct sim_causal *causal, const struct catalog_entry *stored,
                         const struct catalog_entry *entry, catalog_clock horizon) {
    static struct catalog__pair pairs[SIM__PAIRS_MAX], asked[SIM__PAIRS_MAX];
    size_t count = stored == NULL ? 0 : catalog__entry_pair_count(stored);
    size_t asked_count = catalog__entry_pair_count(entry);
    if (count > SIM__PAIRS_MAX || asked_count > SIM__PAIRS_MAX) {
        return false;
    }
    if (stored != NULL) {
        catalog__entry_pairs(stored, pairs);
    }
    catalog__entry_pairs(entry, asked);
    for (size_t i = 0; i < asked_count; i++) {
        size_t at = 0;
        bool shown = stored == NULL || asked[i].clock <= horizon ||
                     sim__pairs_seen(pairs, count, &at, &asked[i].origin) >= asked[i].clock;
        if (!shown) {
            return false; /* what it had seen, above the horizon */
        }
        if (asked[i].version != NULL && !version_is_known(causal, entry->slot, &asked[i].origin,
                                                          asked[i].clock, pairs, count, horizon)) {
            return false;
        }
    }
    return true;
}

static void pairs_print(const struct catalog__pair *pairs, size_t count, FILE *file) {
    for (size_t i = 0; i < count; i++) {
        fprintf(file, " %02x%02x@%llx%s", pairs[i].origin.bytes[0], pairs[i].origin.bytes[1],
                (unsigned long long)pairs[i].clock, pairs[i].version == NULL ? "" : "*");
    }
    fputc('\n', file);
}

void sim_causal_print(const struct sim_causal *causal, const struct catalog_entry *stored,
                      uint64_t slot, FILE *file) {
    static struct catalog__pair pairs[SIM__PAIRS_MAX];
    for (uint32_t at = sim__past_newest(causal, slot); at != 0; at = causal->pasts[at - 1].before) {
        const struct sim_past *past = &causal->pasts[at - 1];
        fprintf(file, "  %02x%02x@%llx%s%s saw", past->origin.bytes[0], past->origin.bytes[1],
                (unsigned long long)past->clock, past->dropped ? " dropped" : "",
                past->passed ? " passed" : "");
        pairs_print(past->seen, past->seen == NULL ? 0 : past->seen_count, file);
    }
    size_t count = stored == NULL ? 0 : catalog__entry_pair_count(stored);
    if (count <= SIM__PAIRS_MAX && count > 0) {
        catalog__entry_pairs(stored, pairs);
    }
    fputs("  stands:", file);
    pairs_print(pairs, count <= SIM__PAIRS_MAX ? count : 0, file);
}
