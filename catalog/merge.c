/* merge.c - the one function through which every change goes: what two copies of an entry know together (DESIGN 4.2).
 *
 * THE ALGEBRA. Look at an entry through one origin o at a time. All that it says about o is one of
 *
 *      nothing                    o never wrote here, as far as this copy knows
 *      (c, superseded)            the context holds o -> c, no version of o survives
 *      (c, survives, content)     the same, and the version (c, o) is there
 *
 * since at most one version of an origin survives, and that at its largest clock. Order these: nothing is lowest; a
 * larger clock is higher; at one clock `superseded` is above `survives`, because whoever lacks the version has seen it
 * replaced; and of two contents at one (clock, origin), which only a fault can make, the larger digest is higher. That is
 * a total order, and the merge takes the higher of both, for each origin on its own. A maximum is commutative,
 * associative and idempotent, and so is a merge made of maxima (G4); and nothing ever moves down (G3).
 *
 * It is DESIGN's rule in other words: a version survives if the other side holds it too, or has not seen it.
 *
 * That at least one version survives: the largest (clock, origin) of each side is a version (entry_decode.c). Let m be the
 * larger of the two; the other side has not seen it, or holds it too. So m survives, and is again the largest.
 *
 * THE HORIZON (DESIGN 4.7). Every member has on disk all that was written up to it. So pairs at or below it whose version
 * is superseded may be forgotten on all nodes alike, and an absent pair is read as (horizon, superseded). A message that
 * was under way for long can come from before that; so that even it cannot empty an entry, the largest version of both
 * sides always survives. With a horizon of 0 neither changes anything.
 *
 * THE STEPS, numbered again in the code:
 *   1. Take both entries apart into pairs (origin, clock, version or none), in order of origin.
 *   2. Walk both lists in step and keep the higher of each two.
 *   3. A dropped version at or below the horizon yields if a version that is set stands above the horizon.
 *   4. Forget superseded pairs at or below the horizon.
 *   5. Sort the surviving versions by (clock, origin) and write them as they were, byte for byte.
 *   6. If the result equals one of the sides, return that one.
 */
#include "catalog/entry.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One side taken apart: its pairs, or none if the entry is absent. */
struct side {
    struct catalog__pair *pairs;
    size_t count;
};

struct work {
    catalog_clock horizon;
    bool both_present;
    struct side a, b;
    struct catalog__pair largest;
    struct catalog__pair *merged;
    size_t merged_count;
    const struct catalog__pair **survivors;
    size_t survivor_count;
    bool forked;
};

static bool survives(const struct catalog__pair *pair) {
    return pair->version != NULL;
}

static struct catalog__pair *superseded_at(struct catalog__pair *pair, catalog_clock clock) {
    pair->clock = clock;
    pair->version = NULL;
    pair->version_size_bytes = 0;
    return pair;
}

/* Two contents of one (clock, origin): the larger digest, then (two digests equal) the larger bytes. */
static struct catalog__pair larger_content(const struct catalog__pair *a,
                                           const struct catalog__pair *b, bool *forked) {
    bool same_size = a->version_size_bytes == b->version_size_bytes;
    if (same_size && memcmp(a->version, b->version, a->version_size_bytes) == 0) {
        return *a;
    }
    PROBE("catalog.merge_forked");
    *forked = true;
    struct merkle_digest digest_a =
        merkle_digest_of(a->version, a->version_size_bytes, MERKLE_SEED_ENTRY);
    struct merkle_digest digest_b =
        merkle_digest_of(b->version, b->version_size_bytes, MERKLE_SEED_ENTRY);
    int order = merkle_digest_compare(&digest_a, &digest_b);
    if (order == 0) {
        struct catalog_text text_a = {(const char *)a->version, a->version_size_bytes};
        struct catalog_text text_b = {(const char *)b->version, b->version_size_bytes};
        order = catalog__text_compare(text_a, text_b);
    }
    if (PLANTED(ATTUNE_B28)) {
        return *a;
    }
    return order > 0 ? *a : *b;
}

/* Step 2, both sides know the origin. */
static struct catalog__pair higher(const struct catalog__pair *a, const struct catalog__pair *b,
                                   bool *forked) {
    if (a->clock != b->clock) {
        return a->clock > b->clock ? *a : *b;
    }
    if (survives(a) && survives(b)) {
        return larger_content(a, b, forked);
    }
    if (survives(a) != survives(b)) {
        PROBE("catalog.merge_superseded_wins");
    }
    return survives(a) ? *b : *a;
}

/* Step 2, one side does not: it may have forgotten the origin at the horizon. */
static struct catalog__pair unmatched(const struct work *work, const struct catalog__pair *pair) {
    struct catalog__pair kept = *pair;
    bool forgotten = work->both_present && pair->clock <= work->horizon;
    if (forgotten && catalog__pair_compare(pair, &work->largest) != 0) {
        superseded_at(&kept, pair->clock);
    }
    return kept;
}

static void merge_pairs(struct work *work) {
    size_t a = 0;
    size_t b = 0;
    while (a < work->a.count || b < work->b.count) {
        int order = a == work->a.count ? 1
                    : b == work->b.count
                        ? -1
                        : catalog_id_compare(&work->a.pairs[a].origin, &work->b.pairs[b].origin);
        struct catalog__pair *out = &work->merged[work->merged_count++];
        if (order < 0) {
            *out = unmatched(work, &work->a.pairs[a++]);
        } else if (order > 0) {
            *out = unmatched(work, &work->b.pairs[b++]);
        } else {
            *out = higher(&work->a.pairs[a++], &work->b.pairs[b++], &work->forked);
        }
    }
}

/* Steps 3 and 4. */
static void apply_horizon(struct work *work) {
    bool set_above = false;
    for (size_t i = 0; i < work->merged_count; i++) {
        const struct catalog__pair *pair = &work->merged[i];
        bool set = survives(pair) && pair->state != CATALOG_DROPPED;
        set_above = set_above || (set && pair->clock > work->horizon);
    }
    size_t kept = 0;
    for (size_t i = 0; i < work->merged_count; i++) {
        struct catalog__pair *pair = &work->merged[i];
        bool below = pair->clock <= work->horizon;
        if (below && set_above && survives(pair) && pair->state == CATALOG_DROPPED) {
            superseded_at(pair, pair->clock);
        }
        if (survives(pair) || !below) {
            work->merged[kept++] = *pair;
        }
    }
    work->merged_count = kept;
}

static int compare_survivors(const void *a, const void *b) {
    const struct catalog__pair *left = *(const struct catalog__pair *const *)a;
    const struct catalog__pair *right = *(const struct catalog__pair *const *)b;
    if (left->clock == right->clock) {
        PROBE("catalog.merge_equal_clocks");
    } else if (left->clock >> 16 == right->clock >> 16) {
        PROBE("catalog.merge_equal_milliseconds");
    }
    if (PLANTED(ATTUNE_B01) && left->clock >> 16 == right->clock >> 16) {
        return catalog_id_compare(&left->origin, &right->origin);
    }
    if (PLANTED(ATTUNE_B02) && left->clock == right->clock) {
        return catalog_id_compare(&right->origin, &left->origin);
    }
    return catalog__pair_compare(left, right);
}

/* Step 5. */
static void collect_survivors(struct work *work) {
    for (size_t i = 0; i < work->merged_count; i++) {
        if (survives(&work->merged[i])) {
            work->survivors[work->survivor_count++] = &work->merged[i];
        }
    }
    assert(work->survivor_count > 0);
    if (work->survivor_count > 1) {
        PROBE("catalog.merge_conflict");
        qsort(work->survivors, work->survivor_count, sizeof *work->survivors, compare_survivors);
    }
}

static const struct catalog__pair *largest_of(const struct side *side,
                                              const struct catalog__pair *largest) {
    for (size_t i = 0; i < side->count; i++) {
        if (largest == NULL || catalog__pair_compare(&side->pairs[i], largest) > 0) {
            largest = &side->pairs[i];
        }
    }
    return largest;
}

/* One block for all the lists: the pairs of both sides, as many merged, and pointers to the survivors. */
static void *work_allocate(const struct merkle_allocator *allocator, struct work *work) {
    size_t count = work->a.count + work->b.count;
    static_assert(sizeof(struct catalog__pair) % sizeof(void *) == 0, "pointers can follow pairs");
    struct catalog__pair *block = merkle_allocate(
        allocator, count, 2 * sizeof(struct catalog__pair) + sizeof(struct catalog__pair *));
    if (block != NULL) {
        work->a.pairs = block;
        work->b.pairs = block + work->a.count;
        work->merged = block + count;
        work->survivors = (const struct catalog__pair **)(void *)(work->merged + count);
    }
    return block;
}

int catalog_merge(const struct merkle_allocator *allocator, struct catalog_entry *a,
                  struct catalog_entry *b, catalog_clock horizon, struct catalog_entry **merged,
                  bool *forked) {
    assert(a != NULL || b != NULL);
    *merged = NULL;
    if (forked != NULL) {
        *forked = false;
    }
    if (horizon == 0 && (a == NULL || b == NULL || catalog__entry_same_bytes(a, b))) {
        *merged = catalog_entry_hold(a != NULL ? a : b);
        return 0;
    }
    struct work work = {
        .horizon = horizon,
        .both_present = a != NULL && b != NULL,
        .a.count = a != NULL ? catalog__entry_pair_count(a) : 0,
        .b.count = b != NULL ? catalog__entry_pair_count(b) : 0,
    };
    void *block = work_allocate(allocator, &work);
    if (block == NULL) {
        return CATALOG_ENOMEM;
    }
    struct catalog_key key = catalog_entry_key(a != NULL ? a : b);
    if (a != NULL) { /* step 1 */
        catalog__entry_pairs(a, work.a.pairs);
    }
    if (b != NULL) {
        struct catalog_key other = catalog_entry_key(b);
        assert(catalog_key_equal(&key, &other));
        catalog__entry_pairs(b, work.b.pairs);
    }
    work.largest = *largest_of(&work.b, largest_of(&work.a, NULL));
    merge_pairs(&work);       /* step 2 */
    apply_horizon(&work);     /* steps 3 and 4 */
    collect_survivors(&work); /* step 5 */
    int result = catalog__entry_build(allocator, &key, work.merged, work.merged_count,
                                      work.survivors, work.survivor_count, merged);
    merkle_release(allocator, block);
    if (result != 0) {
        return result;
    }
    struct catalog_entry *side = a != NULL && catalog__entry_same_bytes(*merged, a)   ? a
                                 : b != NULL && catalog__entry_same_bytes(*merged, b) ? b
                                                                                      : NULL;
    if (side != NULL) { /* step 6 */
        PROBE("catalog.merge_is_a_side");
        catalog_entry_release(*merged);
        *merged = catalog_entry_hold(side);
    }
    if (forked != NULL) {
        *forked = work.forked;
    }
    return 0;
}
