/* test_merge.c - the merge rule by rule; test_merge_algebra.c has it over random entries. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct catalog_key key;

static void set_up(void) {
    key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
}

#define ENTRY(...)                                                                                 \
    entry_maker_lines(&key, (const struct made_line[]){__VA_ARGS__},                               \
                      sizeof((const struct made_line[]){__VA_ARGS__}) / sizeof(struct made_line))

static struct catalog_entry *merge(struct catalog_entry *a, struct catalog_entry *b,
                                   catalog_clock horizon) {
    struct catalog_entry *merged;
    ck_assert_int_eq(catalog_merge(&merkle_allocator_libc, a, b, horizon, &merged, NULL), 0);
    return merged;
}

static bool same(const struct catalog_entry *a, const struct catalog_entry *b) {
    return catalog__entry_same_bytes(a, b);
}

/* --- single rules ------------------------------------------------------------------------------------------------ */

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

/* Of one origin the later write stays, whether it stands alone or beside others. */
START_TEST(later_write_of_an_origin_stays) {
    assert_merge(ENTRY({1, 5, 1, 'a'}), ENTRY({1, 7, 1, 'b'}), 0, ENTRY({1, 7, 1, 'b'}));
    assert_merge(ENTRY({1, 5, 1, 'a'}, {2, 6, 1, 'c'}), ENTRY({1, 7, 1, 'b'}), 0,
                 ENTRY({2, 6, 1, 'c'}, {1, 7, 1, 'b'}));
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

/* No merge empties an entry, whatever the horizon: the largest version survives. test_merge_algebra.c has it for random
 * ones. */
START_TEST(horizon_leaves_the_largest_version) {
    assert_merge(ENTRY({1, 4, 1, 'a'}), ENTRY({2, 5, 1, 'b'}), 100, ENTRY({2, 5, 1, 'b'}));
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

Suite *merge_suite(void);

Suite *merge_suite(void) {
    Suite *suite = suite_create("merge");
    TCase *merging = tcase_create("catalog_merge");
    tcase_add_checked_fixture(merging, set_up, NULL);
    tcase_add_test(merging, concurrent_writes_are_kept_until_resolved);
    tcase_add_test(merging, dropped_entries_do_not_return);
    tcase_add_test(merging, later_write_of_an_origin_stays);
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
    return suite;
}
