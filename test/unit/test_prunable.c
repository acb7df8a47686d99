/* test_prunable.c - the index of what a horizon changes, against a plain scan over the newest entries.
 *
 * Random puts, removals, stores, failures, loads and unloads; a horizon that rises, and is asked for any number of entries.
 * Now and then what was told is put pruned, or removed, as the engine does it.
 */
#include "catalog/internal.h"
#include "test/unit/support/catalog_kit.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS = 80, STEPS = 6000, TOLD_MAX = KEYS };

static uint64_t random_state;

static uint32_t random_below(uint32_t bound) {
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % bound;
}

struct world {
    struct catalog *catalog;
    char names[KEYS][8];
    struct catalog_key keys[KEYS];
    catalog_clock clock, horizon;
    uint64_t ticket, oldest;
    size_t told, passed;
};

static void world_open(struct world *world) {
    *world = (struct world){.clock = 1, .ticket = 1, .oldest = 1};
    ck_assert_int_eq(catalog_new(&merkle_allocator_libc, &world->catalog), 0);
    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(world->names[i], sizeof world->names[i], "n%u", i);
        world->keys[i] = catalog_kit_key(CATALOG_CONSTRAINT, "users", world->names[i]);
    }
}

/* Up to five origins, each with a version that is set, dropped or superseded. */
static struct catalog_entry *draw_entry(struct world *world, size_t key) {
    struct made_line lines[5];
    size_t count = 1 + random_below(5);
    static const uint8_t states[] = {CATALOG_ACTIVE, CATALOG_ACTIVE, CATALOG_DROPPED, 0};
    for (size_t i = 0; i < count; i++) {
        uint8_t state = states[random_below(i + 1 == count ? 3 : 4)];
        world->clock += 1 + random_below(3);
        lines[i] = (struct made_line){
            .origin = (uint8_t)(i + 1), .clock = world->clock, .state = state, .field = 'f'};
    }
    return entry_maker_lines(&world->keys[key], lines, count);
}

/* --- the scan ------------------------------------------------------------------------------------------------------- */

static bool changes(struct catalog_entry *entry, catalog_clock horizon) {
    struct catalog_entry *pruned = NULL;
    ck_assert_int_eq(catalog_prune(&merkle_allocator_libc, entry, horizon, &pruned), 0);
    bool changed = pruned != entry;
    catalog_entry_release(pruned);
    return changed;
}

static int compare_clocks(const void *a, const void *b) {
    catalog_clock left = *(const catalog_clock *)a, right = *(const catalog_clock *)b;
    return (left > right) - (left < right);
}

/* Asks, and compares with the scan: as many as there are, none twice, each one changed, none with a lower clock left out. An
 * entry that a lower horizon would have changed for another reason may come later than its prune_clock says. */
static size_t ask(struct world *world, size_t max, struct catalog_entry **told) {
    size_t count = catalog_prunable(world->catalog, world->horizon, told, max);
    catalog_clock expected[KEYS];
    size_t expected_count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        struct catalog_entry *newest = catalog_pending_find(world->catalog, &world->keys[i]);
        if (newest != NULL && changes(newest, world->horizon)) {
            expected[expected_count++] = newest->prune_clock;
        } else if (newest != NULL && newest->prune_clock <= world->horizon) {
            world->passed += 1;
        }
    }
    qsort(expected, expected_count, sizeof *expected, compare_clocks);
    ck_assert_uint_eq(count, expected_count < max ? expected_count : max);
    for (size_t i = 0; i < count; i++) {
        struct catalog_key key = catalog_entry_key(told[i]);
        ck_assert_ptr_eq(catalog_pending_find(world->catalog, &key), told[i]);
        ck_assert(changes(told[i], world->horizon));
        for (size_t k = 0; k < i; k++) {
            ck_assert_ptr_ne(told[k], told[i]);
        }
    }
    world->told += count;
    return count;
}

/* What the engine does with what it was told. */
static void prune(struct world *world) {
    struct catalog_entry *told[TOLD_MAX];
    size_t count = ask(world, 1 + random_below(TOLD_MAX), told);
    for (size_t i = 0; i < count; i++) {
        struct catalog_entry *pruned = NULL;
        struct catalog_key key = catalog_entry_key(told[i]);
        ck_assert_int_eq(catalog_prune(&merkle_allocator_libc, told[i], world->horizon, &pruned),
                         0);
        int result = pruned == NULL ? catalog_pending_remove(world->catalog, &key, world->ticket)
                                    : catalog_pending_put(world->catalog, pruned, world->ticket);
        ck_assert_int_eq(result, 0);
        catalog_entry_release(pruned);
    }
}

static void store_some(struct world *world, bool fails) {
    uint64_t ticket = world->oldest + random_below((uint32_t)(world->ticket - world->oldest) + 2);
    if (fails) {
        catalog_pending_abandon(world->catalog, ticket);
    } else {
        ck_assert_int_eq(catalog_pending_stored(world->catalog, ticket), 0);
        world->oldest = ticket < world->ticket ? ticket : world->ticket;
    }
}

static void change(struct world *world) {
    size_t key = random_below(KEYS);
    uint32_t what = random_below(20);
    if (what < 12) {
        struct catalog_entry *entry = draw_entry(world, key);
        int result = what == 0 ? catalog_load(world->catalog, entry)
                               : catalog_pending_put(world->catalog, entry, world->ticket);
        ck_assert_int_eq(result, 0);
        catalog_entry_release(entry);
    } else if (what < 14) {
        bool there = catalog_pending_find(world->catalog, &world->keys[key]) != NULL;
        int result = catalog_pending_remove(world->catalog, &world->keys[key], world->ticket);
        ck_assert_int_eq(result, there ? 0 : CATALOG_ENOTFOUND);
    } else if (what < 15) {
        (void)catalog_unload(world->catalog, &world->keys[key]);
    } else if (what < 18) {
        store_some(world, what == 15);
    } else if (what < 19) {
        world->ticket += 1;
    } else {
        prune(world);
    }
}

/* --- tests ------------------------------------------------------------------------------------------------------------ */

/* Whatever is put, removed, stored, abandoned, loaded or unloaded: the index tells exactly the newest entries that the
 * horizon changes, and the same ones when asked again. */
START_TEST(index_tells_what_a_scan_finds) {
    random_state = 1 + (uint64_t)_i;
    struct world world;
    world_open(&world);
    for (size_t step = 0; step < STEPS; step++) {
        change(&world);
        if (random_below(8) == 0 && world.horizon < world.clock) {
            world.horizon += random_below((uint32_t)(world.clock - world.horizon) + 1) / 4;
        }
        struct catalog_entry *told[TOLD_MAX], *again[TOLD_MAX];
        size_t max = random_below(3) == 0 ? 1 + random_below(6) : TOLD_MAX;
        size_t count = ask(&world, max, told);
        ck_assert_uint_eq(catalog_prunable(world.catalog, world.horizon, again, max), count);
        for (size_t i = 0; i < count; i++) {
            ck_assert_ptr_eq(told[i], again[i]);
        }
    }
    ck_assert_uint_gt(world.told, STEPS);
    ck_assert_uint_gt(world.passed, 100);
    catalog_free(world.catalog);
}
END_TEST

/* Of many the lowest clocks come first, each at the clock from which on it is changed. */
START_TEST(lowest_first) {
    struct world world;
    random_state = 5;
    world_open(&world);
    for (size_t i = 0; i < KEYS; i++) {
        size_t key = i * 37 % KEYS;
        struct made_line line = {1, 1000 - i, CATALOG_DROPPED, 'f'};
        struct catalog_entry *entry = entry_maker_lines(&world.keys[key], &line, 1);
        ck_assert_int_eq(catalog_pending_put(world.catalog, entry, 1), 0);
        catalog_entry_release(entry);
    }
    struct catalog_entry *told[TOLD_MAX];
    ck_assert_uint_eq(catalog_prunable(world.catalog, 1000 - KEYS, told, TOLD_MAX), 0);
    for (size_t max = 0; max <= KEYS; max++) {
        ck_assert_uint_eq(catalog_prunable(world.catalog, 1000, told, max), max);
        for (size_t i = 0; i < max; i++) {
            ck_assert_uint_eq(told[i]->clock, 1000 - KEYS + 1 + i);
        }
    }
    ck_assert_uint_eq(catalog_prunable(world.catalog, 1000 - KEYS + 5, told, TOLD_MAX), 5);
    catalog_free(world.catalog);
}
END_TEST

Suite *prunable_suite(void);
Suite *prunable_suite(void) {
    Suite *suite = suite_create("prunable");
    TCase *prunable = tcase_create("catalog_prunable");
    tcase_add_loop_test(prunable, index_tells_what_a_scan_finds, 0, 4);
    tcase_add_test(prunable, lowest_first);
    suite_add_tcase(suite, prunable);
    return suite;
}
