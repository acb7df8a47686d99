/* test_merge_algebra.c - the merge over random entries: its algebra, and a dumb model beside it.
 *
 * Two kinds of random entries. Histories: replicas write and merge as nodes do; beside each entry its model is kept, the
 * set of all writes that it has seen and the set of those that survive, as bits. Arbitrary ones: per origin any clock,
 * any content, superseded or not, as a faulty or hostile member could send them; they only must decode.
 */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

enum {
    ORIGINS = 4,
#ifdef SANITIZED
    TRIPLES = 50000, /* of each kind; ten times slower there */
#else
    TRIPLES = 500000,
#endif
    HISTORIES = 200,
    WRITES_MAX = 60, /* of a history; bits of a model */
    POOL = 64,       /* entries kept of each history, or at random */
};

static uint64_t random_state;

static uint32_t random_below(uint32_t bound) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % bound;
}

/* Check writes to a pipe at each ck_assert; this is for what is asserted millions of times. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("%s", #condition);                                                        \
        }                                                                                          \
    } while (0)

static struct catalog_key key;

static void set_up(void) {
    random_state = 42;
    key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
}

static struct catalog_entry *merge(struct catalog_entry *a, struct catalog_entry *b,
                                   catalog_clock horizon) {
    struct catalog_entry *merged;
    int result = catalog_merge(&merkle_allocator_libc, a, b, horizon, &merged, NULL);
    EXPECT(result == 0);
    return merged;
}

static bool same(const struct catalog_entry *a, const struct catalog_entry *b) {
    return a->size_bytes == b->size_bytes && memcmp(a->bytes, b->bytes, a->size_bytes) == 0;
}

/* A member of a pool: an entry, and in a history what it stands for. */
struct member {
    struct catalog_entry *entry;
    uint64_t seen;  /* bit n: the n-th write of the history */
    uint64_t alive; /* those that survive */
};

static void release_pool(struct member *pool, size_t count) {
    for (size_t i = 0; i < count; i++) {
        catalog_entry_release(pool[i].entry);
    }
}

/* --- the algebra ------------------------------------------------------------------------------------------------- */

/* G4 in one place: order, grouping and repetition of merges make no difference to the bytes. */
static void assert_algebra(struct catalog_entry *a, struct catalog_entry *b,
                           struct catalog_entry *c) {
    struct catalog_entry *ab = merge(a, b, 0);
    struct catalog_entry *ba = merge(b, a, 0);
    struct catalog_entry *bc = merge(b, c, 0);
    struct catalog_entry *ab_c = merge(ab, c, 0);
    struct catalog_entry *a_bc = merge(a, bc, 0);
    struct catalog_entry *ab_a = merge(ab, a, 0);
    bool commutes = same(ab, ba);
    bool associates = same(ab_c, a_bc);
    bool absorbs = same(ab_a, ab);
    EXPECT(commutes);
    EXPECT(associates);
    EXPECT(absorbs);
    catalog_entry_release(ab);
    catalog_entry_release(ba);
    catalog_entry_release(bc);
    catalog_entry_release(ab_c);
    catalog_entry_release(a_bc);
    catalog_entry_release(ab_a);
}

/* Any well-formed entry: per origin a clock up to 5, one of two contents (so that forks happen), or superseded. */
static struct catalog_entry *arbitrary_entry(void) {
    struct made_version versions[ORIGINS];
    struct made_pair pairs[ORIGINS];
    size_t version_count = 0;
    size_t pair_count = 0;
    catalog_clock highest = 0;
    catalog_clock clocks[ORIGINS];
    size_t last = 0;
    for (size_t i = 0; i < ORIGINS; i++) {
        clocks[i] = random_below(6);
        if (clocks[i] > 0 && clocks[i] >= highest) {
            highest = clocks[i];
            last = i;
        }
    }
    if (highest == 0) {
        clocks[last] = highest = 1;
    }
    for (size_t i = 0; i < ORIGINS; i++) {
        if (clocks[i] > 0) {
            pairs[pair_count++] = (struct made_pair){(uint8_t)(i + 1), clocks[i]};
        }
    }
    /* In order of (clock, origin): clock outside, origin inside. */
    for (catalog_clock clock = 1; clock <= highest; clock++) {
        for (size_t i = 0; i < ORIGINS; i++) {
            if (clocks[i] != clock || (i != last && random_below(2) == 0)) {
                continue;
            }
            struct made_version *version = &versions[version_count++];
            *version = (struct made_version){
                clock, (uint8_t)(i + 1), "n", 1, CATALOG_DROPPED, NULL, 0, NULL, 0, 0};
            if (random_below(3) > 0) {
                version->state = CATALOG_ACTIVE;
                version->body =
                    entry_maker_body((char)('a' + random_below(2)), &version->body_size_bytes);
            }
        }
    }
    return entry_maker_entry(&key, versions, version_count, pairs, pair_count);
}

/* Merging is commutative, associative and idempotent for all entries that decode, also such as no history makes (G4). */
START_TEST(algebra_of_arbitrary_entries) {
    enum { COUNT = 4096 };
    static struct member pool[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        pool[i].entry = arbitrary_entry();
    }
    for (size_t i = 0; i < TRIPLES; i++) {
        assert_algebra(pool[random_below(COUNT)].entry, pool[random_below(COUNT)].entry,
                       pool[random_below(COUNT)].entry);
    }
    release_pool(pool, COUNT);
}
END_TEST

/* --- histories and their model ----------------------------------------------------------------------------------- */

struct history {
    struct member pool[POOL];
    size_t pool_count;
    struct member replicas[ORIGINS];
    struct catalog_id origins[WRITES_MAX]; /* of the n-th write; its clock is n + 1 */
    size_t write_count;
};

static void keep(struct history *history, const struct member *member) {
    size_t at = history->pool_count < POOL ? history->pool_count++ : random_below(POOL);
    catalog_entry_release(history->pool[at].entry);
    history->pool[at] = *member;
    catalog_entry_hold(member->entry);
}

static void write_at(struct history *history, size_t index) {
    struct member *replica = &history->replicas[index];
    struct catalog__stamp stamp = {
        .clock = history->write_count + 1,
        .origin = entry_maker_id((uint8_t)(index + 1)),
        .node = entry_maker_text("node"),
        .number = 1 + random_below(3),
        .state = CATALOG_DROPPED,
    };
    if (random_below(4) > 0) {
        stamp.state = CATALOG_ACTIVE;
        stamp.body = (const uint8_t *)entry_maker_body((char)('a' + random_below(3)),
                                                       &stamp.body_size_bytes);
    }
    struct catalog_entry *entry;
    ck_assert_int_eq(
        catalog__entry_write(&merkle_allocator_libc, &key, replica->entry, &stamp, &entry), 0);
    catalog_entry_release(replica->entry);
    uint64_t bit = UINT64_C(1) << history->write_count;
    history->origins[history->write_count++] = stamp.origin;
    *replica = (struct member){entry, replica->seen | bit, bit};
    keep(history, replica);
}

/* The merge as DESIGN 4.2 has it: a write survives if the other side has it too or has not seen it. */
static struct member model_merge(const struct member *a, const struct member *b) {
    return (struct member){
        .seen = a->seen | b->seen,
        .alive = (a->alive & b->alive) | (a->alive & ~b->seen) | (b->alive & ~a->seen),
    };
}

static void assert_model(const struct history *history, const struct member *member) {
    struct catalog_version versions[WRITES_MAX];
    size_t count = catalog_entry_versions(member->entry, versions, WRITES_MAX);
    uint64_t alive = 0;
    for (size_t i = 0; i < count; i++) {
        size_t write = versions[i].clock - 1;
        bool known = write < history->write_count &&
                     catalog_id_equal(&versions[i].origin, &history->origins[write]);
        EXPECT(known);
        alive |= UINT64_C(1) << write;
    }
    EXPECT(alive == member->alive);
}

static void merge_at(struct history *history, size_t from, size_t to) {
    struct member *a = &history->replicas[from];
    struct member *b = &history->replicas[to];
    if (a->entry == NULL && b->entry == NULL) {
        return;
    }
    struct member merged = model_merge(a, b);
    merged.entry = merge(a->entry, b->entry, 0);
    assert_model(history, &merged);
    catalog_entry_release(b->entry);
    *b = merged;
    keep(history, b);
}

static void make_history(struct history *history) {
    memset(history, 0, sizeof *history);
    while (history->write_count < WRITES_MAX) {
        if (random_below(3) == 0) {
            write_at(history, random_below(ORIGINS));
        } else {
            merge_at(history, random_below(ORIGINS), random_below(ORIGINS));
        }
    }
}

static void free_history(struct history *history) {
    release_pool(history->pool, history->pool_count);
    release_pool(history->replicas, ORIGINS);
}

/* In histories of writes and merges an entry holds exactly the versions that the set model says, whichever copies are
 * merged, early ones, late ones, repeated ones; and the algebra holds (G2, G3, G4, G7). */
START_TEST(histories_agree_with_the_model) {
    static struct history history;
    size_t conflicts = 0;
    for (size_t i = 0; i < HISTORIES; i++) {
        make_history(&history);
        for (size_t j = 0; j < TRIPLES / HISTORIES; j++) {
            const struct member *a = &history.pool[random_below(POOL)];
            const struct member *b = &history.pool[random_below(POOL)];
            const struct member *c = &history.pool[random_below(POOL)];
            assert_algebra(a->entry, b->entry, c->entry);
            struct member merged = model_merge(a, b);
            merged.entry = merge(a->entry, b->entry, 0);
            assert_model(&history, &merged);
            conflicts += merged.entry->conflict;
            catalog_entry_release(merged.entry);
        }
        free_history(&history);
    }
    ck_assert_uint_gt(conflicts, TRIPLES / 20);
}
END_TEST

/* --- the horizon --- */

/* No merge empties an entry, whatever the horizon: the largest version survives, and order makes no difference. */
START_TEST(horizon_leaves_the_largest_version) {
    enum { COUNT = 512 };
    static struct member pool[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        pool[i].entry = arbitrary_entry();
    }
    for (size_t i = 0; i < 50000; i++) {
        struct catalog_entry *a = pool[random_below(COUNT)].entry;
        struct catalog_entry *b = pool[random_below(COUNT)].entry;
        catalog_clock horizon = random_below(7);
        struct catalog_entry *ab = merge(a, b, horizon);
        struct catalog_entry *ba = merge(b, a, horizon);
        struct catalog_entry *again = merge(ab, ab, horizon);
        catalog_clock highest = a->clock > b->clock ? a->clock : b->clock;
        struct catalog_entry *decoded;
        EXPECT(same(ab, ba));
        EXPECT(same(ab, again));
        EXPECT(ab->clock == highest);
        int result =
            catalog_entry_decode(&merkle_allocator_libc, ab->bytes, ab->size_bytes, &decoded);
        EXPECT(result == 0);
        catalog_entry_release(decoded);
        catalog_entry_release(ab);
        catalog_entry_release(ba);
        catalog_entry_release(again);
    }
    release_pool(pool, COUNT);
}
END_TEST

Suite *merge_algebra_suite(void);

Suite *merge_algebra_suite(void) {
    Suite *suite = suite_create("merge_algebra");
    TCase *merging = tcase_create("catalog_merge_algebra");
    tcase_add_checked_fixture(merging, set_up, NULL);
    tcase_add_test(merging, algebra_of_arbitrary_entries);
    tcase_add_test(merging, histories_agree_with_the_model);
    tcase_add_test(merging, horizon_leaves_the_largest_version);
    suite_add_tcase(suite, merging);
    return suite;
}
