/* test_reopen.c - the store works again: memory and disk become one (G5, G11). */
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/solo.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static void reopen(struct solo *solo, struct catalog_load load) {
    load.entries = solo->disk.entries;
    load.entry_count = solo->disk.entry_count;
    load.kept = solo->disk.kept;
    load.kept_count = solo->disk.kept_count;
    load.state = solo->disk.state;
    solo_step(solo, (struct gossip_event){.type = GOSSIP_REOPENED, .reopened = &load});
    ck_assert_int_eq(solo->result, 0);
}

/* Whether the disk holds exactly what memory holds as stored, and says so in its state. */
static void assert_same(struct solo *solo) {
    struct catalog_sum sum = {0};
    ck_assert_uint_eq(catalog_count(solo->engine->catalog).all, solo->disk.entry_count);
    for (size_t i = 0; i < solo->disk.entry_count; i++) {
        struct catalog_key key = catalog_entry_key(solo->disk.entries[i]);
        struct catalog_entry *entry = catalog_find(solo->engine->catalog, &key);
        ck_assert_ptr_nonnull(entry);
        ck_assert(merkle_digest_equal(&entry->digest, &solo->disk.entries[i]->digest));
        catalog_sum_add(&sum, &entry->digest);
    }
    ck_assert_uint_eq(sum.entry_count, solo->disk.state.sum.entry_count);
    ck_assert(merkle_digest_equal(&sum.digest_sum, &solo->disk.state.sum.digest_sum));
}

static void write_stored(struct solo *solo, const char *entity, const char *field) {
    (void)solo_write(solo, 77, entity, field);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 77), 0);
    solo_clear(solo);
}

START_TEST(failed_commit_is_on_disk) {
    /* A commit that failed may be on disk all the same: what it bore is taken into memory then, and given to the others. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    write_stored(solo, "old", "f");
    (void)solo_write(solo, 1, "new", "f");
    pair_disk_store(&solo->disk, &solo->update->batches[0]);
    solo_store(solo, CATALOG_EIO);
    ck_assert_int_eq(solo_reply(solo, 1), CATALOG_EIO);
    ck_assert_ptr_null(solo_find(solo, "new"));
    reopen(solo, (struct catalog_load){0});
    ck_assert_ptr_null(solo_find(solo, "new")); /* not before the disk has said so again */
    solo_store_all(solo);
    ck_assert_ptr_nonnull(solo_find(solo, "new"));
    ck_assert_uint_gt(solo_sent(solo, 1, GOSSIP__PUSH), 0);
    assert_same(solo);
    ck_assert_int_eq(solo_write(solo, 2, "more", "f"), 1);
    solo_store_all(solo);
    ck_assert_int_eq(solo_reply(solo, 2), 0);
    solo_free(solo);
}
END_TEST

START_TEST(lost_commit_stays_lost) {
    /* A failed write that is not on disk is nowhere, and only what is stored is written again: nothing. */
    struct solo *solo = solo_new();
    write_stored(solo, "old", "f");
    (void)solo_write(solo, 1, "new", "f");
    solo_store(solo, CATALOG_EIO);
    reopen(solo, (struct catalog_load){0});
    ck_assert_uint_eq(solo->update->batch_count, 1);
    ck_assert_uint_eq(solo->update->batches[0].entry_count, 0);
    ck_assert_uint_eq(solo->notices[GOSSIP_NOTICE_STORE], 2);
    solo_store_all(solo);
    ck_assert_ptr_null(solo_find(solo, "new"));
    assert_same(solo);
    solo_free(solo);
}
END_TEST

START_TEST(rows_of_a_lost_admission_leave) {
    /* An ADMIT that could not be stored may be on disk with its rows: in no cluster again, this node knows none of them. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_write(solo, 1, "new", "f");
    solo_store(solo, CATALOG_EIO);
    reopen(solo, (struct catalog_load){0});
    ck_assert(!solo->update->batches[0].members_cleared);
    ck_assert_uint_eq(solo->update->batches[0].member_count, 1);
    solo_store(solo, CATALOG_EIO);
    solo->engine->state.cluster_id = (struct catalog_id){0}; /* as it was before the admission */
    reopen(solo, (struct catalog_load){0});
    ck_assert(solo->update->batches[0].members_cleared);
    ck_assert_uint_eq(solo->update->batches[0].member_count, 0);
    solo_free(solo);
}
END_TEST

START_TEST(fresh_file_is_filled_again) {
    /* P4: a file that was set aside for a new one gets all entries and all members again, and the node keeps its id. */
    struct solo *solo = solo_new();
    (void)solo_peer(solo, 1);
    (void)solo_peer(solo, 2);
    write_stored(solo, "a", "f");
    write_stored(solo, "b", "f");
    struct catalog_id id = solo->engine->state.node_id;
    (void)solo_write(solo, 1, "lost", "f");
    solo_store(solo, CATALOG_EIO);
    pair_disk_close(&solo->disk);
    const struct catalog_load load = {.fresh = true, .damaged = true, .damage = "what was wrong"};
    solo_clear(solo);
    solo_step(solo, (struct gossip_event){.type = GOSSIP_REOPENED, .reopened = &load});
    ck_assert_uint_eq(solo->notices[GOSSIP_NOTICE_STORE], 2);
    ck_assert_int_eq(solo->update->notices[0].severity, GOSSIP_ERROR);
    ck_assert_ptr_nonnull(strstr(solo->update->notices[0].text, "what was wrong"));
    ck_assert_uint_eq(solo->update->batches[0].entry_count, 2);
    ck_assert_uint_eq(solo->update->batches[0].member_count, 2);
    ck_assert(catalog_id_equal(&solo->update->batches[0].state.node_id, &id));
    ck_assert(solo->update->batches[0].state.ready);
    solo_store_all(solo);
    assert_same(solo);
    ck_assert(solo->engine->state.ready);
    solo_free(solo);
}
END_TEST

START_TEST(missing_rows_are_written_again) {
    /* Rows that were set aside, or are older on disk, are written from memory; those that are right are left alone. */
    struct solo *solo = solo_new();
    write_stored(solo, "gone", "f");
    write_stored(solo, "right", "f");
    write_stored(solo, "older", "f");
    struct catalog_entry *old = catalog_entry_hold(solo_find(solo, "older"));
    write_stored(solo, "older", "g");
    (void)solo_write(solo, 1, "x", "f");
    solo_store(solo, CATALOG_EIO);
    for (size_t i = 0; i < solo->disk.entry_count; i++) {
        struct catalog_entry **place = &solo->disk.entries[i];
        struct catalog_key key = catalog_entry_key(*place);
        if (key.entity.size_bytes == 5 && memcmp(key.entity.data, "older", 5) == 0) {
            catalog_entry_release(*place);
            *place = old;
        } else if (memcmp(key.entity.data, "gone", 4) == 0) {
            catalog_entry_release(*place);
            *place = solo->disk.entries[--solo->disk.entry_count];
            i--;
        }
    }
    reopen(solo, (struct catalog_load){.quarantined_count = 1, .rows_missing = true});
    ck_assert_uint_eq(solo->update->batches[0].entry_count, 2);
    ck_assert_uint_eq(gossip_status(solo->engine, solo->now_ms, 0).quarantined_count, 0);
    solo_store_all(solo);
    ck_assert_uint_eq(solo_find(solo, "older")->number, 2);
    assert_same(solo);
    solo_free(solo);
}
END_TEST

START_TEST(marks_never_fall) {
    /* `seen` and the high-water mark are the larger of memory and disk: a failed commit may have raised those on disk. */
    struct solo *solo = solo_new();
    write_stored(solo, "a", "f");
    catalog_clock own = solo->engine->state.high_water;
    (void)solo_write(solo, 1, "x", "f");
    solo_store(solo, CATALOG_EIO);
    solo->disk.state.high_water = own + 1000000;
    solo->disk.state.seen = own;
    reopen(solo, (struct catalog_load){0});
    ck_assert_uint_eq(solo->engine->state.high_water, own + 1000000);
    ck_assert_uint_eq(solo->engine->state.seen, own);
    solo_store_all(solo);
    (void)solo_write(solo, 2, "y", "f");
    solo_store(solo, CATALOG_EIO);
    solo->disk.state.high_water = 0;
    solo->disk.state.seen = 0;
    reopen(solo, (struct catalog_load){0});
    ck_assert_uint_gt(solo->engine->state.high_water, own + 1000000);
    ck_assert_uint_eq(solo->engine->state.seen, own);
    solo_free(solo);
}
END_TEST

START_TEST(fails_again) {
    /* A store that fails again right after it was opened loses nothing: the next opening writes it all once more. */
    struct solo *solo = solo_new();
    write_stored(solo, "a", "f");
    (void)solo_write(solo, 1, "x", "f");
    solo_store(solo, CATALOG_EIO);
    pair_disk_close(&solo->disk);
    for (int i = 0; i < 3; i++) {
        reopen(solo, (struct catalog_load){.fresh = true});
        ck_assert_uint_eq(solo->update->batches[0].entry_count, 1);
        solo_store(solo, CATALOG_EFULL);
    }
    reopen(solo, (struct catalog_load){.fresh = true});
    solo_store_all(solo);
    assert_same(solo);
    solo_free(solo);
}
END_TEST

/* Fails the commit of a write, so that the store must be opened again. */
static void fail_store(struct solo *solo) {
    (void)solo_write(solo, 76, "failed", "f");
    solo_store(solo, CATALOG_EIO);
}

/* A tombstone of this clock. */
static struct catalog_entry *tombstone_of(const char *entity, catalog_clock clock) {
    const struct catalog_key key = entry_maker_key(CATALOG_SCHEMA, entity, "");
    const struct made_line line = {4, clock, CATALOG_DROPPED, 'f'};
    return entry_maker_lines(&key, &line, 1);
}

static void to_disk(struct solo *solo, struct catalog_entry *entry) {
    pair_disk_store(
        &solo->disk,
        &(struct catalog_batch){.entries = &entry, .entry_count = 1, .state = solo->disk.state});
    catalog_entry_release(entry);
}

START_TEST(forgotten_rows_do_not_come_back) {
    /* DESIGN 4.7: a dropped entry at or below the horizon that memory has forgotten, and that is on the disk again, leaves it with
     * the next commit, and is never seen; one above the horizon is taken, and so is what stands. */
    struct solo *solo = solo_new();
    write_stored(solo, "old", "f");
    catalog_clock horizon = solo->engine->state.high_water;
    solo->engine->state.horizon = horizon;
    solo->engine->state.seen = horizon;
    write_stored(solo, "newer", "f");
    fail_store(solo);
    to_disk(solo, tombstone_of("forgotten", horizon));
    to_disk(solo, tombstone_of("above", horizon + 1));
    ck_assert_uint_eq(solo->disk.entry_count, 4);
    uint64_t changes = catalog_count(solo->engine->catalog).changes;
    reopen(solo, (struct catalog_load){0});
    ck_assert_uint_eq(solo->update->batches[0].removed_count, 1);
    solo_store_all(solo);
    ck_assert_uint_eq(catalog_count(solo->engine->catalog).changes, changes + 1);
    ck_assert_ptr_null(solo_find(solo, "forgotten"));
    ck_assert(solo_find(solo, "above")->tombstone);
    ck_assert_uint_eq(solo->disk.entry_count, 3);
    assert_same(solo);
    solo_free(solo);
}
END_TEST

START_TEST(raise_that_failed_may_be_on_disk) {
    /* A raise of the horizon whose commit failed is on the disk all the same: the horizon does not fall, memory follows, and what
     * the raise has removed is not written again. */
    struct solo *solo = solo_new();
    write_stored(solo, "stands", "f");
    struct catalog_entry *dropped = tombstone_of("dropped", solo->engine->state.high_water);
    ck_assert_int_eq(catalog_load(solo->engine->catalog, dropped), 0);
    catalog_clock horizon = solo->engine->state.high_water;
    fail_store(solo);
    solo->disk.state.horizon = horizon;
    solo->disk.state.seen = horizon;
    reopen(solo, (struct catalog_load){0});
    ck_assert_uint_eq(solo->engine->state.horizon, horizon);
    solo_store_all(solo);
    ck_assert_uint_eq(solo->disk.state.horizon, horizon);
    ck_assert_ptr_null(solo_find(solo, "dropped"));
    ck_assert_ptr_nonnull(solo_find(solo, "stands"));
    assert_same(solo);
    catalog_entry_release(dropped);
    solo_free(solo);
}
END_TEST

START_TEST(new_id_that_failed_may_be_on_disk) {
    /* A start from empty whose commit failed is on the disk: the node has its id and its entries still, writes them again, takes
     * no mark of the other id, and what was kept is no longer. */
    struct solo *solo = solo_new();
    write_stored(solo, "a", "f");
    write_stored(solo, "b", "f");
    struct catalog_id id = solo->engine->state.node_id;
    fail_store(solo);
    struct catalog_batch batch = {.reset = true,
                                  .kept = solo->disk.entries,
                                  .kept_count = solo->disk.entry_count,
                                  .state = solo->disk.state};
    struct catalog_entry *kept[] = {catalog_entry_hold(batch.kept[0]),
                                    catalog_entry_hold(batch.kept[1])};
    batch.kept = kept;
    batch.state.node_id.bytes[0] ^= 1;
    batch.state.horizon = batch.state.seen = solo->engine->state.high_water + 9;
    batch.state.ready = false;
    pair_disk_store(&solo->disk, &batch);
    ck_assert_uint_eq(solo->disk.kept_count, 2);
    reopen(solo, (struct catalog_load){0});
    solo_store_all(solo);
    ck_assert(catalog_id_equal(&solo->disk.state.node_id, &id));
    ck_assert(solo->disk.state.ready);
    ck_assert_uint_lt(solo->engine->state.horizon, batch.state.horizon);
    ck_assert_uint_eq(solo->disk.kept_count, 0);
    ck_assert_uint_eq(solo->disk.entry_count, 2);
    assert_same(solo);
    catalog_entry_release(kept[0]);
    catalog_entry_release(kept[1]);
    solo_free(solo);
}
END_TEST

START_TEST(what_is_kept_is_written_again) {
    /* G2: a file that was set aside takes what was kept with it; it is written to the new one, and still handed to the driver. */
    struct solo *solo = solo_new();
    write_stored(solo, "a", "f");
    struct gossip *engine = solo->engine;
    engine->kept = merkle_allocate(engine->allocator, 1, sizeof *engine->kept);
    ck_assert_ptr_nonnull(engine->kept);
    engine->kept[0] = tombstone_of("kept", 5);
    engine->kept_count = 1;
    engine->kept_ready = true;
    fail_store(solo);
    pair_disk_close(&solo->disk);
    reopen(solo, (struct catalog_load){.fresh = true});
    solo_store_all(solo);
    ck_assert_uint_eq(solo->disk.kept_count, 1);
    ck_assert_uint_eq(engine->kept_count, 1);
    ck_assert(engine->kept_ready);
    assert_same(solo);
    solo_free(solo);
}
END_TEST

Suite *reopen_suite(void);
Suite *reopen_suite(void) {
    Suite *suite = suite_create("reopen");
    TCase *reopened = tcase_create("reopened");
    tcase_add_test(reopened, failed_commit_is_on_disk);
    tcase_add_test(reopened, lost_commit_stays_lost);
    tcase_add_test(reopened, rows_of_a_lost_admission_leave);
    tcase_add_test(reopened, fresh_file_is_filled_again);
    tcase_add_test(reopened, missing_rows_are_written_again);
    tcase_add_test(reopened, marks_never_fall);
    tcase_add_test(reopened, fails_again);
    tcase_add_test(reopened, forgotten_rows_do_not_come_back);
    tcase_add_test(reopened, raise_that_failed_may_be_on_disk);
    tcase_add_test(reopened, new_id_that_failed_may_be_on_disk);
    tcase_add_test(reopened, what_is_kept_is_written_again);
    suite_add_tcase(suite, reopened);
    return suite;
}
