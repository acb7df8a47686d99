/* test_prune.c - what a horizon leaves of an entry, against the rules of DESIGN 4.7 applied to lists of lines. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

enum { ORIGINS = 4, CLOCK_MAX = 6, ENTRIES = 4000 };

static struct catalog_key key;
static uint64_t random_state;

static void set_up(void) {
    key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
    random_state = 11;
}

static uint32_t random_below(uint32_t bound) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % bound;
}

static int compare_lines(const void *a, const void *b) {
    const struct made_line *left = a, *right = b;
    if (left->clock != right->clock) {
        return left->clock < right->clock ? -1 : 1;
    }
    return (left->origin > right->origin) - (left->origin < right->origin);
}

/* Lines of a well-formed entry: the highest (clock, origin) is a version. */
static size_t draw_lines(struct made_line lines[ORIGINS]) {
    size_t count = 0;
    while (count == 0) {
        for (uint8_t origin = 1; origin <= ORIGINS; origin++) {
            if (random_below(4) > 0) {
                uint8_t states[] = {
                    0, 0, CATALOG_ACTIVE, CATALOG_PENDING_DROP, CATALOG_DROPPED, CATALOG_DROPPED};
                lines[count++] = (struct made_line){.origin = origin,
                                                    .clock = 1 + random_below(CLOCK_MAX),
                                                    .state = states[random_below(6)],
                                                    .field = (char)('a' + random_below(2))};
            }
        }
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    if (lines[count - 1].state == 0) {
        lines[count - 1].state = random_below(2) == 0 ? CATALOG_DROPPED : CATALOG_ACTIVE;
    }
    return count;
}

static bool is_set(const struct made_line *line) {
    return line->state != 0 && line->state != CATALOG_DROPPED;
}

/* The rules, one line after the other; returns how many lines are left, 0: the entry leaves. */
static size_t expect(const struct made_line *lines, size_t count, catalog_clock horizon,
                     struct made_line *left) {
    bool set = false, set_above = false;
    for (size_t i = 0; i < count; i++) {
        set = set || is_set(&lines[i]);
        set_above = set_above || (is_set(&lines[i]) && lines[i].clock > horizon);
    }
    if (!set && lines[count - 1].clock <= horizon) {
        return 0;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        bool yields = lines[i].state == CATALOG_DROPPED && set_above;
        if (lines[i].clock > horizon || (lines[i].state != 0 && !yields)) {
            left[kept++] = lines[i];
        }
    }
    return kept;
}

static bool prune_is_right(struct catalog_entry *entry, const struct made_line *lines, size_t count,
                           catalog_clock horizon, bool *changed) {
    struct made_line left[ORIGINS];
    size_t left_count = expect(lines, count, horizon, left);
    struct catalog_entry *pruned = NULL;
    int result = catalog_prune(&merkle_allocator_libc, entry, horizon, &pruned);
    struct catalog_entry *expected =
        left_count == 0 ? NULL : entry_maker_lines(&key, left, left_count);
    *changed = pruned != entry;
    bool right = result == 0 && (pruned == NULL) == (expected == NULL) &&
                 (pruned == NULL || catalog__entry_same_bytes(pruned, expected)) &&
                 *changed == (left_count != count);
    catalog_entry_release(expected);
    catalog_entry_release(pruned);
    return right;
}

/* For any entry and horizon: what is left is what the rules leave, byte for byte, the entry itself if they change nothing, and
 * prune_clock is the lowest horizon that changes anything, from any horizon on. */
START_TEST(prune_follows_the_rules) {
    size_t tombstones = 0, yields = 0, passed = 0;
    for (size_t n = 0; n < ENTRIES; n++) {
        struct made_line lines[ORIGINS];
        size_t count = draw_lines(lines);
        struct catalog_entry *entry = entry_maker_lines(&key, lines, count);
        bool changes[CLOCK_MAX + 2];
        for (catalog_clock horizon = 0; horizon <= CLOCK_MAX + 1; horizon++) {
            bool right = prune_is_right(entry, lines, count, horizon, &changes[horizon]);
            ck_assert_msg(right, "entry %zu at the horizon %lu", n, (unsigned long)horizon);
        }
        catalog_clock lowest = UINT64_MAX;
        for (catalog_clock horizon = CLOCK_MAX + 2; horizon-- > 0;) {
            lowest = changes[horizon] ? horizon : lowest;
            ck_assert_uint_eq(catalog__entry_prune_clock(entry, horizon), lowest);
            passed += horizon < CLOCK_MAX && changes[horizon] && !changes[CLOCK_MAX];
        }
        ck_assert_uint_eq(entry->prune_clock, lowest);
        tombstones += entry->tombstone;
        yields += entry->conflict && !entry->tombstone && lowest != UINT64_MAX;
        catalog_entry_release(entry);
    }
    ck_assert_uint_gt(tombstones, ENTRIES / 50);
    ck_assert_uint_gt(yields, ENTRIES / 50);
    ck_assert_uint_gt(passed, ENTRIES / 50); /* what a higher horizon no longer changes */
}
END_TEST

/* An entry that was built (by a write, by a merge) says the same about itself as one that was read. */
START_TEST(built_says_what_read_says) {
    struct catalog_entry *first = entry_maker_lines(
        &key, (const struct made_line[]){{1, 3, CATALOG_ACTIVE, 'a'}, {2, 4, CATALOG_DROPPED, 'a'}},
        2);
    struct catalog__stamp stamp = {.clock = 9,
                                   .origin = entry_maker_id(3),
                                   .node = entry_maker_text("n"),
                                   .number = 2,
                                   .state = CATALOG_DROPPED};
    struct catalog_entry *written = NULL, *merged = NULL;
    int result = catalog__entry_write(&merkle_allocator_libc, &key, first, &stamp, &written);
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(written->superseded_clock, 3);
    ck_assert_uint_eq(written->prune_clock, 3);
    result = catalog_merge(&merkle_allocator_libc, written, NULL, 4, &merged, NULL);
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(merged->superseded_clock, UINT64_MAX);
    ck_assert_uint_eq(merged->prune_clock, 9);
    struct catalog_entry *const all[] = {first, written, merged};
    for (size_t i = 0; i < 3; i++) {
        struct catalog_entry *read = NULL;
        result =
            catalog_entry_decode(&merkle_allocator_libc, all[i]->bytes, all[i]->size_bytes, &read);
        ck_assert_int_eq(result, 0);
        ck_assert_uint_eq(read->superseded_clock, all[i]->superseded_clock);
        ck_assert_uint_eq(read->prune_clock, all[i]->prune_clock);
        catalog_entry_release(read);
        catalog_entry_release(all[i]);
    }
}
END_TEST

/* Short memory leaves nothing behind and changes nothing. */
START_TEST(out_of_memory) {
    struct catalog_entry *entry = entry_maker_lines(
        &key, (const struct made_line[]){{1, 3, 0, 'a'}, {2, 4, CATALOG_ACTIVE, 'a'}}, 2);
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct catalog_entry *pruned = NULL;
        int result = catalog_prune(&allocator, entry, 3, &pruned);
        ck_assert(result == 0 ? pruned != entry : pruned == NULL);
        catalog_entry_release(pruned);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_ge(allowed, 2);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_ge(fault.fired, 1);
    }
    catalog_entry_release(entry);
}
END_TEST

Suite *prune_suite(void);
Suite *prune_suite(void) {
    Suite *suite = suite_create("prune");
    TCase *prune = tcase_create("catalog_prune");
    tcase_add_checked_fixture(prune, set_up, NULL);
    tcase_add_test(prune, prune_follows_the_rules);
    tcase_add_test(prune, built_says_what_read_says);
    tcase_add_test(prune, out_of_memory);
    suite_add_tcase(suite, prune);
    return suite;
}
