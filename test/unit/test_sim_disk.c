/* test_sim_disk.c - the virtual disk: batches as a whole, keys in order, copies that stay what they were, damaged rows. */
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum { ENTRIES = 40 };

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static struct sim_disk *disk;

static void setup(void) {
    sim_kit_open(&kit, 2);
    disk = &sim->nodes[0].disk;
}

static void teardown(void) {
    sim_kit_close(&kit);
}

static bool same_sum(const struct catalog_sum *a, const struct catalog_sum *b) {
    return a->entry_count == b->entry_count && merkle_digest_equal(&a->digest_sum, &b->digest_sum);
}

/* Puts constraint/eN/c with this clock. */
static void put(struct sim_disk *to, unsigned number, catalog_clock clock) {
    char entity[16];
    (void)snprintf(entity, sizeof entity, "e%u", number);
    struct catalog_entry *entry = sim_kit_entry(entity, clock);
    sim_kit_put(to, entry);
    catalog_entry_release(entry);
}

static bool holds(const struct sim_disk *at, unsigned number, catalog_clock clock) {
    char entity[16];
    (void)snprintf(entity, sizeof entity, "e%u", number);
    struct catalog_entry *entry = sim_kit_entry(entity, clock);
    bool found = sim_disk_holds(sim, at, entry);
    catalog_entry_release(entry);
    return found;
}

/* Put in a mixed order. */
static void fill(void) {
    for (unsigned i = 0; i < ENTRIES; i++) {
        put(disk, i * 7 % ENTRIES, 100);
    }
}

START_TEST(keys_in_order) {
    /* Entries stand in the order of their keys however they came, each once, and their sum is that of all. */
    fill();
    put(disk, 3, 200);
    ck_assert(disk->exists);
    ck_assert_uint_eq(disk->entry_count, ENTRIES);
    struct catalog_sum sum = {.entry_count = 0};
    for (size_t i = 0; i < disk->entry_count; i++) {
        struct catalog_key key = catalog_entry_key(disk->entries[i]);
        ck_assert_ptr_eq(sim_disk_find(disk, &key), disk->entries[i]);
        catalog_sum_add(&sum, &disk->entries[i]->digest);
        if (i > 0) {
            struct catalog_key before = catalog_entry_key(disk->entries[i - 1]);
            ck_assert_int_lt(catalog_key_compare(&before, &key), 0);
        }
    }
    ck_assert(same_sum(&sum, &disk->sum));
}
END_TEST

START_TEST(what_it_holds) {
    /* It holds what stands on it and what that superseded, and nothing newer or other. */
    put(disk, 1, 100);
    ck_assert(holds(disk, 1, 100));
    ck_assert(holds(disk, 1, 50));
    ck_assert(!holds(disk, 1, 101));
    ck_assert(!holds(disk, 2, 100));
}
END_TEST

START_TEST(batches_as_a_whole) {
    /* What lands in one batch is there together: entries and the state. */
    struct catalog_entry *entries[] = {sim_kit_entry("a", 1), sim_kit_entry("b", 2)};
    struct sim_batch batch = {
        .entries = entries, .entry_count = 2, .state = {.high_water = 77, .ready = true}};
    sim_disk_apply(sim, &sim->nodes[0], &batch);
    ck_assert_uint_eq(disk->entry_count, 2);
    ck_assert_uint_eq(disk->state.high_water, 77);
    ck_assert(disk->state.ready);
    catalog_entry_release(entries[0]);
    catalog_entry_release(entries[1]);
}
END_TEST

START_TEST(batch_takes_away_first) {
    /* The order of a batch's fields is the order in which they are done: reset, kept, kept_cleared, removed, entries. */
    fill();
    struct catalog_entry *a = sim_kit_entry("e1", 300), *b = sim_kit_entry("none", 301);
    struct sim_batch batch = {.removed = (struct catalog_entry *[]){a, b}, .removed_count = 2};
    sim_disk_take(disk, &batch);
    ck_assert_uint_eq(disk->entry_count, ENTRIES - 1);
    ck_assert(!holds(disk, 1, 100) && holds(disk, 2, 100));
    batch = (struct sim_batch){.reset = true,
                               .kept = (struct catalog_entry *[]){a},
                               .kept_count = 1,
                               .removed = (struct catalog_entry *[]){b},
                               .removed_count = 1,
                               .entries = (struct catalog_entry *[]){b},
                               .entry_count = 1};
    sim_disk_take(disk, &batch);
    struct catalog_sum sum = {.entry_count = 0};
    catalog_sum_add(&sum, &b->digest);
    ck_assert(same_sum(&sum, &disk->sum));
    ck_assert_uint_eq(disk->entry_count, 1);
    struct sim_disk copy;
    sim_disk_copy(&copy, disk);
    ck_assert_uint_eq(disk->kept_count, 1);
    batch = (struct sim_batch){.kept = batch.kept, .kept_count = 1, .kept_cleared = true};
    sim_disk_take(disk, &batch);
    ck_assert_uint_eq(disk->kept_count, 0);
    struct catalog_load load;
    sim_disk_load(&copy, &load);
    ck_assert_uint_eq(load.kept_count, 1);
    ck_assert_ptr_eq(load.kept[0], a);
    sim_disk_from_load(disk, &load);
    ck_assert_ptr_eq(disk->kept[0], a);
    free(load.entries);
    free(load.kept);
    free(load.members);
    sim_disk_close(&copy);
    catalog_entry_release(a);
    catalog_entry_release(b);
}
END_TEST

START_TEST(members_one_row_each) {
    /* A member's row is replaced by its id, and all go where the batch says so. */
    struct catalog_member_row rows[] = {{.id = {{1}}}, {.id = {{2}}}, {.id = {{1}}, .ready = true}};
    struct sim_batch batch = {.members = rows, .member_count = 3};
    sim_disk_take(disk, &batch);
    ck_assert_uint_eq(disk->member_count, 2);
    ck_assert(disk->members[0].ready);
    batch = (struct sim_batch){.members = rows, .member_count = 1, .members_cleared = true};
    sim_disk_take(disk, &batch);
    ck_assert_uint_eq(disk->member_count, 1);
}
END_TEST

START_TEST(copies_stay_what_they_were) {
    /* A copy has the same entries and sum, and does not change with its original. */
    struct sim_disk copy;
    fill();
    sim_disk_copy(&copy, disk);
    ck_assert(same_sum(&copy.sum, &disk->sum));
    put(disk, 5, 300);
    put(disk, 99, 1);
    ck_assert_uint_eq(copy.entry_count, ENTRIES);
    ck_assert(!holds(&copy, 5, 300) && holds(disk, 5, 300));
    put(&copy, 98, 1);
    ck_assert_uint_eq(copy.entry_count, ENTRIES + 1);
    sim_disk_close(&copy);
    ck_assert(!copy.exists);
    ck_assert(holds(disk, 99, 1));
}
END_TEST

START_TEST(loads_what_is_there) {
    /* What an engine gets is what stands there, and a disk made of it is the same. */
    struct catalog_load load;
    struct sim_disk again = {.exists = false};
    sim_disk_load(disk, &load);
    ck_assert(load.fresh);
    free(load.entries);
    free(load.kept);
    free(load.members);
    fill();
    disk->state.high_water = 12;
    sim_disk_load(disk, &load);
    ck_assert(!load.fresh && !load.rows_missing);
    ck_assert_uint_eq(load.entry_count, ENTRIES);
    ck_assert_uint_eq(load.state.high_water, 12);
    sim_disk_from_load(&again, &load);
    ck_assert(same_sum(&again.sum, &disk->sum));
    ck_assert_uint_eq(again.entry_count, ENTRIES);
    free(load.entries);
    free(load.kept);
    free(load.members);
    sim_disk_close(&again);
}
END_TEST

START_TEST(damaged_rows_are_set_aside) {
    /* So many rows are gone, the node has to heal, and what it claimed to have seen falls to the horizon. */
    struct catalog_load load;
    fill();
    disk->state.seen = 90;
    disk->state.horizon = 40;
    sim_disk_damage(sim, &sim->nodes[0], 3);
    ck_assert_uint_eq(disk->entry_count, ENTRIES - 3);
    ck_assert_uint_eq(disk->quarantined, 3);
    ck_assert(disk->state.healing);
    ck_assert_uint_eq(disk->state.seen, 40);
    ck_assert(same_sum(&disk->state.sum, &disk->sum));
    sim_disk_load(disk, &load);
    ck_assert(load.rows_missing);
    ck_assert_uint_eq(load.quarantined_count, 3);
    free(load.entries);
    free(load.kept);
    free(load.members);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

START_TEST(rows_leave_and_all_begins_anew) {
    /* In one batch: a reset forgets all, what is kept is put beside, rows are taken away by their key, and entries come last. */
    fill();
    struct catalog_entry *gone = sim_kit_entry("e3", 7); /* by its key, whatever its version */
    struct catalog_entry *come = sim_kit_entry("e4", 300);
    struct sim_batch batch = {
        .removed = &gone, .removed_count = 1, .entries = &come, .entry_count = 1};
    sim_disk_take(disk, &batch);
    ck_assert_uint_eq(disk->entry_count, ENTRIES - 1);
    ck_assert(!holds(disk, 3, 100) && holds(disk, 4, 300));
    batch = (struct sim_batch){
        .reset = true, .kept = &come, .kept_count = 1, .entries = &gone, .entry_count = 1};
    sim_disk_take(disk, &batch);
    ck_assert(disk->entry_count == 1 && disk->kept_count == 1 && disk->sum.entry_count == 1);
    struct sim_disk copy;
    struct catalog_load load;
    sim_disk_copy(&copy, disk);
    sim_disk_load(&copy, &load);
    ck_assert(load.kept_count == 1 && load.kept[0] == come && load.entry_count == 1);
    free(load.entries);
    free(load.kept);
    free(load.members);
    sim_disk_close(&copy);
    batch = (struct sim_batch){.kept_cleared = true};
    sim_disk_take(disk, &batch);
    ck_assert(disk->kept_count == 0 && disk->entry_count == 1);
    catalog_entry_release(gone);
    catalog_entry_release(come);
}
END_TEST

Suite *sim_disk_suite(void);
Suite *sim_disk_suite(void) {
    Suite *suite = suite_create("sim_disk");
    add(suite, "sim_disk_take", keys_in_order);
    add(suite, "sim_disk_holds", what_it_holds);
    add(suite, "sim_disk_apply", batches_as_a_whole);
    add(suite, "sim_disk_take", batch_takes_away_first);
    add(suite, "sim_disk_take", rows_leave_and_all_begins_anew);
    add(suite, "sim_disk_take", members_one_row_each);
    add(suite, "sim_disk_copy", copies_stay_what_they_were);
    add(suite, "sim_disk_load", loads_what_is_there);
    add(suite, "sim_disk_damage", damaged_rows_are_set_aside);
    return suite;
}
