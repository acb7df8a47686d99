/* test_merge.c - the merge: its algebra over random entries, a dumb model beside it, the horizon, how entries relate.
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

/* --- single rules ------------------------------------------------------------------------------------------------ */

/* Pairs "origin clock" with a state (0: superseded), in order of (clock, origin). */
struct line {
    uint8_t origin;
    catalog_clock clock;
    uint8_t state;
    char field;
};

static struct catalog_entry *entry_of(const struct line *lines, size_t count) {
    struct made_version versions[8];
    struct made_pair pairs[8];
    size_t version_count = 0;
    size_t pair_count = 0;
    for (unsigned origin = 1; origin < 10; origin++) {
        for (size_t i = 0; i < count; i++) {
            if (lines[i].origin == origin) {
                pairs[pair_count++] = (struct made_pair){lines[i].origin, lines[i].clock};
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (lines[i].state == 0) {
            continue;
        }
        struct made_version *version = &versions[version_count++];
        *version = (struct made_version){
            lines[i].clock, lines[i].origin, "n", 1, lines[i].state, NULL, 0, NULL, 0, 0};
        if (lines[i].state != CATALOG_DROPPED) {
            version->body = entry_maker_body(lines[i].field, &version->body_size_bytes);
        }
    }
    return entry_maker_entry(&key, versions, version_count, pairs, pair_count);
}
#define ENTRY(...)                                                                                 \
    entry_of((const struct line[]){__VA_ARGS__},                                                   \
             sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line))

/* Asserts what a merge of two gives, in either order, and releases all three. */
static void assert_merge(struct catalog_entry *a, struct catalog_entry *b, catalog_clock horizon,
                         struct catalog_entry *expected) {
    struct catalog_entry *merged = merge(a, b, horizon);
    struct catalog_entry *turned = merge(b, a, horizon);
    ck_assert(same(merged, expected));
    ck_assert(same(turned, expected));
    catalog_entry_release(merged);
    catalog_entry_release(turned);
    catalog_entry_release(a);
    catalog_entry_release(b);
    catalog_entry_release(expected);
}

/* Two writes that did not know of each other are both kept; one that has seen both replaces both (G7). */
START_TEST(concurrent_writes_are_kept_until_resolved) {
    struct catalog_entry *a = ENTRY({1, 5, 1, 'a'});
    struct catalog_entry *b = ENTRY({2, 6, 1, 'b'});
    struct catalog_entry *both = merge(a, b, 0);
    ck_assert(both->conflict);
    ck_assert_uint_eq(both->version_count, 2);
    ck_assert_uint_eq(both->clock, 6);
    struct catalog__stamp stamp = {.clock = 7,
                                   .origin = entry_maker_id(3),
                                   .node = entry_maker_text("n"),
                                   .number = 2,
                                   .state = CATALOG_ACTIVE};
    stamp.body = (const uint8_t *)entry_maker_body('b', &stamp.body_size_bytes);
    struct catalog_entry *resolved;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, both, &stamp, &resolved),
                     0);
    struct catalog_entry *again = merge(a, resolved, 0);
    ck_assert_ptr_eq(again, resolved); /* the old one changes nothing (G3) */
    catalog_entry_release(again);
    catalog_entry_release(resolved);
    catalog_entry_release(both);
    catalog_entry_release(a);
    catalog_entry_release(b);
}
END_TEST

/* A drop is a version like others: what it has seen does not come back from an old copy (G3). */
START_TEST(dropped_entries_do_not_return) {
    assert_merge(ENTRY({1, 5, 1, 'a'}), ENTRY({1, 5, 0, 0}, {2, 6, CATALOG_DROPPED, 0}), 0,
                 ENTRY({1, 5, 0, 0}, {2, 6, CATALOG_DROPPED, 0}));
}
END_TEST

/* A result that equals a side is that side itself, held; with an absent side and no horizon nothing is even read. */
START_TEST(result_is_a_side_if_it_equals_one) {
    struct catalog_entry *a = ENTRY({1, 5, 0, 0}, {2, 6, 1, 'a'});
    struct catalog_entry *b = ENTRY({1, 5, 1, 'b'});
    struct catalog_entry *merged = merge(a, b, 0);
    ck_assert_ptr_eq(merged, a);
    catalog_entry_release(merged);
    merged = merge(b, a, 0);
    ck_assert_ptr_eq(merged, a);
    catalog_entry_release(merged);
    merged = merge(NULL, b, 0);
    ck_assert_ptr_eq(merged, b);
    catalog_entry_release(merged);
    merged = merge(b, NULL, 3);
    ck_assert_ptr_eq(merged, b);
    catalog_entry_release(merged);
    ck_assert_uint_eq(atomic_load(&a->references), 1);
    ck_assert_uint_eq(atomic_load(&b->references), 1);
    catalog_entry_release(a);
    catalog_entry_release(b);
}
END_TEST

/* Two contents under one (clock, origin): the larger digest stays, on every node, and it is told. */
START_TEST(fork_keeps_the_larger_digest) {
    struct catalog_entry *a = ENTRY({1, 5, 1, 'a'});
    struct catalog_entry *b = ENTRY({1, 5, 1, 'b'});
    struct catalog_version version_a = catalog_entry_in_force(a);
    struct catalog_version version_b = catalog_entry_in_force(b);
    struct merkle_digest digest_a =
        merkle_digest_of(version_a.bytes, version_a.size_bytes, MERKLE_SEED_ENTRY);
    struct merkle_digest digest_b =
        merkle_digest_of(version_b.bytes, version_b.size_bytes, MERKLE_SEED_ENTRY);
    struct catalog_entry *larger = merkle_digest_compare(&digest_a, &digest_b) > 0 ? a : b;
    struct catalog_entry *merged;
    bool forked = false;
    ck_assert_int_eq(catalog_merge(&merkle_allocator_libc, a, b, 0, &merged, &forked), 0);
    ck_assert(forked);
    ck_assert_ptr_eq(merged, larger);
    catalog_entry_release(merged);
    ck_assert_int_eq(catalog_merge(&merkle_allocator_libc, b, a, 0, &merged, &forked), 0);
    ck_assert(forked);
    ck_assert_ptr_eq(merged, larger);
    catalog_entry_release(merged);
    ck_assert_int_eq(catalog_merge(&merkle_allocator_libc, a, a, 0, &merged, &forked), 0);
    ck_assert(!forked);
    catalog_entry_release(merged);
    catalog_entry_release(a);
    catalog_entry_release(b);
}
END_TEST

/* What a newer format appended to a version goes through a merge byte for byte (G10). */
START_TEST(tails_survive) {
    struct made_version version = {
        5, 1, "n", 1, CATALOG_ACTIVE, NULL, 0, "\xc0\x81\xa1k\xcb\x3f\xe0\0\0\0\0\0\0", 13, 2};
    version.body = entry_maker_body('a', &version.body_size_bytes);
    struct made_pair pair = {1, 5};
    struct catalog_entry *a = entry_maker_entry(&key, &version, 1, &pair, 1);
    struct catalog_entry *b = ENTRY({2, 4, 1, 'b'});
    struct catalog_entry *merged = merge(a, b, 0);
    struct catalog_version before = catalog_entry_in_force(a);
    struct catalog_version after = catalog_entry_in_force(merged);
    ck_assert_uint_eq(merged->version_count, 2);
    ck_assert_uint_eq(after.size_bytes, before.size_bytes);
    ck_assert_mem_eq(after.bytes, before.bytes, before.size_bytes);
    catalog_entry_release(merged);
    catalog_entry_release(a);
    catalog_entry_release(b);
}
END_TEST

/* --- the horizon (DESIGN 4.7) ------------------------------------------------------------------------------------ */

/* Superseded pairs at or below the horizon are forgotten; those above it and those of versions stay. */
START_TEST(horizon_prunes_contexts) {
    struct catalog_entry *entry =
        ENTRY({1, 4, 0, 0}, {2, 5, 0, 0}, {3, 5, 1, 'a'}, {4, 6, 0, 0}, {5, 9, 1, 'b'});
    struct catalog_entry *expected = ENTRY({3, 5, 1, 'a'}, {4, 6, 0, 0}, {5, 9, 1, 'b'});
    struct catalog_entry *pruned = merge(entry, NULL, 5);
    ck_assert(same(pruned, expected));
    catalog_entry_release(pruned);
    pruned = merge(entry, entry, 5);
    ck_assert(same(pruned, expected));
    catalog_entry_release(pruned);
    catalog_entry_release(expected);
    catalog_entry_release(entry);
}
END_TEST

/* An absent pair of a present entry counts as seen up to the horizon: what was forgotten does not return (G3). */
START_TEST(horizon_stands_for_absent_pairs) {
    assert_merge(ENTRY({1, 4, 1, 'a'}), ENTRY({2, 6, 1, 'b'}), 5, ENTRY({2, 6, 1, 'b'}));
    assert_merge(ENTRY({1, 6, 1, 'a'}), ENTRY({2, 7, 1, 'b'}), 5,
                 ENTRY({1, 6, 1, 'a'}, {2, 7, 1, 'b'}));
}
END_TEST

/* A drop at or below the horizon yields to a set above it; one above it stays a conflict. */
START_TEST(horizon_ends_conflicts_with_old_drops) {
    assert_merge(ENTRY({1, 4, CATALOG_DROPPED, 0}, {2, 6, 1, 'b'}),
                 ENTRY({1, 4, CATALOG_DROPPED, 0}), 5, ENTRY({2, 6, 1, 'b'}));
    assert_merge(ENTRY({1, 6, CATALOG_DROPPED, 0}), ENTRY({2, 7, 1, 'b'}), 5,
                 ENTRY({1, 6, CATALOG_DROPPED, 0}, {2, 7, 1, 'b'}));
    /* Two sets, or two drops, stay as they are. */
    assert_merge(ENTRY({1, 4, 1, 'a'}, {2, 6, 1, 'b'}), ENTRY({1, 4, 1, 'a'}, {2, 6, 1, 'b'}), 5,
                 ENTRY({1, 4, 1, 'a'}, {2, 6, 1, 'b'}));
}
END_TEST

/* No merge empties an entry, whatever the horizon: the largest version survives, and order makes no difference. */
START_TEST(horizon_leaves_the_largest_version) {
    assert_merge(ENTRY({1, 4, 1, 'a'}), ENTRY({2, 5, 1, 'b'}), 100, ENTRY({2, 5, 1, 'b'}));
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

/* --- failures ---------------------------------------------------------------------------------------------------- */

/* Out of memory anywhere leaves both sides as they were and nothing behind. */
START_TEST(merge_out_of_memory) {
    struct catalog_entry *a = ENTRY({1, 5, 1, 'a'});
    struct catalog_entry *b = ENTRY({2, 6, 1, 'b'});
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct catalog_entry *merged;
        int result = catalog_merge(&allocator, a, b, 0, &merged, NULL);
        catalog_entry_release(merged);
        ck_assert_uint_eq(fault.live_blocks, 0);
        ck_assert_uint_eq(atomic_load(&a->references), 1);
        if (result == 0) {
            ck_assert_uint_eq(allowed, 2);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
    }
    catalog_entry_release(a);
    catalog_entry_release(b);
}
END_TEST

/* A result over the size of an entry is refused, not cut. */
START_TEST(merge_too_big) {
    enum { COUNT = 70, BODY = 32000 };
    struct catalog_key other = entry_maker_key(9, "e", "n");
    char *body = calloc(1, BODY);
    ck_assert_ptr_nonnull(body);
    memcpy(body, "\xc5\x7c\xfd", 3);
    struct catalog_entry *sides[2];
    for (size_t side = 0; side < 2; side++) {
        struct made_version versions[COUNT];
        struct made_pair pairs[COUNT];
        for (size_t i = 0; i < COUNT; i++) {
            uint8_t origin = (uint8_t)(1 + side * COUNT + i);
            versions[i] = (struct made_version){origin, origin, "n",  1, CATALOG_ACTIVE,
                                                body,   BODY,   NULL, 0, 0};
            pairs[i] = (struct made_pair){origin, origin};
        }
        sides[side] = entry_maker_entry(&other, versions, COUNT, pairs, COUNT);
    }
    struct catalog_entry *merged;
    ck_assert_int_eq(catalog_merge(&merkle_allocator_libc, sides[0], sides[1], 0, &merged, NULL),
                     CATALOG_ETOOBIG);
    ck_assert_ptr_null(merged);
    catalog_entry_release(sides[0]);
    catalog_entry_release(sides[1]);
    free(body);
}
END_TEST

/* --- catalog_relate ---------------------------------------------------------------------------------------------- */

static enum catalog_relation relate(struct catalog_entry *a, struct catalog_entry *b) {
    enum catalog_relation relation;
    enum catalog_relation turned;
    static const enum catalog_relation opposite[] = {CATALOG_SAME,    CATALOG_ONLY_B,
                                                     CATALOG_ONLY_A,  CATALOG_NEWER_B,
                                                     CATALOG_NEWER_A, CATALOG_CONFLICTING};
    ck_assert_int_eq(catalog_relate(&merkle_allocator_libc, a, b, &relation), 0);
    ck_assert_int_eq(catalog_relate(&merkle_allocator_libc, b, a, &turned), 0);
    ck_assert_int_eq(turned, opposite[relation]);
    catalog_entry_release(a);
    catalog_entry_release(b);
    return relation;
}

/* Newer is who has seen the other; what neither has seen of the other is a conflict, if the contents differ. */
START_TEST(relate_says_who_is_newer) {
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), NULL), CATALOG_ONLY_A);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({1, 5, 1, 'a'})), CATALOG_SAME);
    ck_assert_int_eq(relate(ENTRY({1, 6, 1, 'b'}), ENTRY({1, 5, 1, 'a'})), CATALOG_NEWER_A);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({1, 5, 0, 0}, {2, 6, CATALOG_DROPPED, 0})),
                     CATALOG_NEWER_B);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}, {2, 6, 1, 'b'}), ENTRY({1, 5, 1, 'a'})),
                     CATALOG_NEWER_A);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({2, 6, 1, 'b'})), CATALOG_CONFLICTING);
    ck_assert_int_eq(relate(ENTRY({1, 5, 1, 'a'}), ENTRY({2, 6, 1, 'a'})), CATALOG_NEWER_B);
    ck_assert_int_eq(relate(ENTRY({1, 4, 0, 0}, {2, 6, 1, 'b'}), ENTRY({2, 6, 1, 'b'})),
                     CATALOG_NEWER_A);
    ck_assert_int_eq(
        relate(ENTRY({1, 4, 0, 0}, {2, 6, 1, 'b'}), ENTRY({2, 6, 1, 'b'}, {3, 5, 0, 0})),
        CATALOG_SAME);
}
END_TEST

Suite *merge_suite(void);

Suite *merge_suite(void) {
    Suite *suite = suite_create("merge");
    TCase *merging = tcase_create("catalog_merge");
    tcase_add_checked_fixture(merging, set_up, NULL);
    tcase_add_test(merging, algebra_of_arbitrary_entries);
    tcase_add_test(merging, histories_agree_with_the_model);
    tcase_add_test(merging, concurrent_writes_are_kept_until_resolved);
    tcase_add_test(merging, dropped_entries_do_not_return);
    tcase_add_test(merging, result_is_a_side_if_it_equals_one);
    tcase_add_test(merging, fork_keeps_the_larger_digest);
    tcase_add_test(merging, tails_survive);
    tcase_add_test(merging, horizon_prunes_contexts);
    tcase_add_test(merging, horizon_stands_for_absent_pairs);
    tcase_add_test(merging, horizon_ends_conflicts_with_old_drops);
    tcase_add_test(merging, horizon_leaves_the_largest_version);
    tcase_add_test(merging, merge_out_of_memory);
    tcase_add_test(merging, merge_too_big);
    suite_add_tcase(suite, merging);
    TCase *relating = tcase_create("catalog_relate");
    tcase_add_checked_fixture(relating, set_up, NULL);
    tcase_add_test(relating, relate_says_who_is_newer);
    suite_add_tcase(suite, relating);
    return suite;
}
