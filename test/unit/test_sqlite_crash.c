/* test_sqlite_crash.c - what a power cut leaves of catalog.db is always one of the states that were committed.
 *
 * A store works on a recording file system (test/sim/vfs.h) while a history is kept of what each commit should leave. Then
 * the log is replayed, and at many of its steps files are drawn as a crash there could have left them. Each is opened:
 *
 *      started  1 ... 2 ... 3 .......... 4 (fails) . reopened: has 3 . 5 ...
 *      acked        1 ... 2 ...... 3 ................................... 5
 *                              ^               ^                     ^
 *      may be found:          2, 3         3, 4                     3, 5
 *
 * ATTUNE_CRASH_IMAGES=100000 draws that many images instead of the few thousand of every day.
 */
#include "catalog/sqlite_store.h"
#include "test/sim/vfs.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COMMITS = 60, MARK_STARTED = 1, MARK_ACKED = 2, MARK_DEAD = 3 };

struct history {
    struct vfs vfs;
    struct store_kit_place place;
    struct store_kit_model models[COMMITS + 1]; /* what a commit of this number left; 0: fresh */
    uint64_t random;
    size_t faults_fired;
};

/* What the replay has come to. */
struct bounds {
    uint64_t acked;
    uint64_t started;
    bool dead[COMMITS + 1]; /* failed, and a reopen has shown that it is not there */
};

struct tally {
    size_t images, unacked_found, unacked_lost;
};

static uint64_t draw(struct history *history) {
    uint64_t x = history->random;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return history->random = x;
}

static void mark(struct history *history, uint64_t kind, uint64_t number) {
    vfs_mark(&history->vfs, kind << 56 | number);
}

/* --- the work ------------------------------------------------------------------------------------------------------ */

/* One commit of one to three batches; the incarnation bears its number. A member comes or changes now and then; rows are removed,
 * put again behind it; and now and then the node starts empty, and keeps what it had for a while. */
static int commit_some(struct history *history, struct catalog_store *store,
                       struct store_kit_model *model, uint64_t number) {
    struct catalog_batch batches[3];
    struct catalog_batch *order[3];
    struct catalog_entry *entries[3][8], *removed[3][4];
    size_t count = 1 + draw(history) % 3;
    unsigned key = (unsigned)(draw(history) % STORE_KIT_KEYS);
    model->state.incarnation = number;
    for (size_t i = 0; i < count; i++) {
        batches[i] =
            (struct catalog_batch){.ticket = number, .entries = entries[i], .removed = removed[i]};
        order[i] = &batches[i];
        if (number % 15 == 0 && i + 1 == count) {
            model->state.replaced_id = model->state.node_id;
            model->state.node_id.bytes[0]++;
            store_kit_model_reset(model, &batches[i]);
        } else if (number % 15 == 4 && i == 0) {
            store_kit_model_clear_kept(model, &batches[i]);
        }
        for (size_t left = draw(history) % 4; left > 0; left--) {
            /* of those that are put next, too */
            unsigned away = (unsigned)((key + draw(history) % 12) % STORE_KIT_KEYS);
            store_kit_model_remove(model, away, &batches[i]);
        }
        for (size_t left = draw(history) % 8; left > 0; left--) {
            size_t size_bytes = draw(history) % 16 == 0 ? 9000 : 32 + draw(history) % 700;
            store_kit_model_put(model, key++ % STORE_KIT_KEYS, size_bytes, &batches[i]);
        }
        batches[i].state = model->state;
    }
    struct catalog_member_row member = {.id = {.bytes = {(uint8_t)(1 + number % 3)}},
                                        .name = "member",
                                        .address = "127.0.0.1:7740",
                                        .incarnation = number};
    if (number % 4 == 0) {
        batches[0].members = &member;
        batches[0].member_count = 1;
        batches[0].members_cleared = number % 12 == 0;
    }
    return catalog_store_commit(store, order, count);
}

/* The store is open again and holds `load`: which of the states is it, and which are refuted? */
static uint64_t settle(struct history *history, const struct catalog_load *load, uint64_t acked,
                       uint64_t started) {
    ck_assert(!load->damaged);
    uint64_t found = load->state.incarnation;
    ck_assert_uint_ge(found, acked);
    ck_assert_uint_le(found, started);
    store_kit_model_compare(&history->models[found], load);
    for (uint64_t number = acked; number <= started; number++) {
        if (number != found) {
            mark(history, MARK_DEAD, number);
        }
    }
    mark(history, MARK_ACKED, found);
    return found;
}

/* Until it works; a disk that is full for ever is given room after two attempts. */
static void reopen(struct history *history, struct catalog_store *store,
                   struct catalog_load **load) {
    struct vfs_fault *fault = &history->vfs.fault;
    for (unsigned attempt = 0;; attempt++) {
        if (attempt == 2) {
            history->faults_fired += fault->fired;
            *fault = (struct vfs_fault){.calls = 0};
        }
        int result = catalog_store_reopen(store, load, NULL);
        if (result == 0) {
            return;
        }
        ck_assert_uint_lt(attempt, 2);
        ck_assert(result == CATALOG_EFULL || result == CATALOG_EIO);
    }
}

static void arm(struct history *history) {
    struct vfs_fault *fault = &history->vfs.fault;
    history->faults_fired += fault->fired;
    *fault = (struct vfs_fault){.calls = 1 + (unsigned)(draw(history) % 3),
                                .allowed = draw(history) % 12,
                                .repeat = draw(history) % 2 == 0,
                                .full = draw(history) % 2 == 0};
}

/* A checkpoint at a moment of its own: with 1,000 pages between two there would be none. It may fail. */
static void checkpoint(struct history *history) {
    sqlite3 *database = NULL;
    (void)sqlite3_open_v2(store_kit_file(&history->place, "catalog.db"), &database,
                          SQLITE_OPEN_READWRITE, "recording");
    const char *how = draw(history) % 2 == 0 ? "PRAGMA wal_checkpoint(PASSIVE)"
                                             : "PRAGMA wal_checkpoint(TRUNCATE)";
    (void)sqlite3_exec(database, how, NULL, NULL, NULL);
    (void)sqlite3_close(database);
}

static void work(struct history *history, bool faulty) {
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&history->place, &load);
    catalog_load_free(load);
    uint64_t acked = 0;
    for (uint64_t number = 1; number <= COMMITS; number++) {
        if (faulty && draw(history) % 3 == 0) {
            arm(history);
        }
        if (draw(history) % 6 == 0) {
            checkpoint(history);
        }
        struct store_kit_model *model = &history->models[number];
        store_kit_model_copy(model, &history->models[acked]);
        mark(history, MARK_STARTED, number);
        if (commit_some(history, store, model, number) == 0) {
            mark(history, MARK_ACKED, number);
            acked = number;
        } else {
            reopen(history, store, &load);
            acked = settle(history, load, acked, number);
            catalog_load_free(load);
        }
        if (draw(history) % 12 == 0) {
            history->faults_fired += history->vfs.fault.fired;
            history->vfs.fault = (struct vfs_fault){.calls = 0};
            catalog_store_close(store);
            store = store_kit_open(&history->place, &load);
            ck_assert_uint_eq(settle(history, load, acked, acked), acked);
            catalog_load_free(load);
        }
    }
    history->vfs.recording = false;
    history->faults_fired += history->vfs.fault.fired;
    history->vfs.fault = (struct vfs_fault){.calls = 0};
    catalog_store_close(store);
}

/* --- the crashes --------------------------------------------------------------------------------------------------- */

static void follow(struct bounds *bounds, const struct vfs_step *step) {
    if (step->operation != VFS_MARK) {
        return;
    }
    uint64_t number = step->offset & ((UINT64_C(1) << 56) - 1);
    switch (step->offset >> 56) {
    case MARK_STARTED:
        bounds->started = number;
        break;
    case MARK_ACKED:
        bounds->acked = number;
        break;
    default:
        bounds->dead[number] = true;
    }
}

static void check_image(struct history *history, const struct store_kit_place *crashed,
                        const struct bounds *bounds, struct tally *tally) {
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(crashed, &load);
    uint64_t found = load->state.incarnation;
    ck_assert_msg(!load->damaged && load->quarantined_count == 0 && !load->rows_missing,
                  "acked %lu: damaged %d, quarantined %lu, missing %d", bounds->acked,
                  load->damaged, load->quarantined_count, load->rows_missing);
    ck_assert_msg(found >= bounds->acked && found <= bounds->started && !bounds->dead[found],
                  "found %lu, acked %lu, started %lu", found, bounds->acked, bounds->started);
    store_kit_model_compare(&history->models[found], load);
    tally->images++;
    tally->unacked_found += found > bounds->acked;
    tally->unacked_lost += found < bounds->started && bounds->started > bounds->acked;
    catalog_load_free(load);
    if (tally->images % 8 == 0) {
        /* What recovery found is what a second one finds. */
        ck_assert_int_eq(catalog_store_reopen(store, &load, NULL), 0);
        store_kit_model_compare(&history->models[found], load);
        catalog_load_free(load);
    }
    catalog_store_close(store);
}

static void crash(struct history *history, size_t image_count, struct tally *tally) {
    struct store_kit_place crashed;
    store_kit_place_open(&crashed);
    ck_assert_int_eq(mkdir(crashed.inside, 0700), 0);
    struct vfs_image image;
    vfs_image_open(&image, &history->vfs);
    struct bounds bounds = {.acked = 0};
    size_t drawn = 0;
    for (size_t step = 0; step < history->vfs.step_count; step++) {
        follow(&bounds, vfs_image_next(&image));
        size_t due = (step + 1) * image_count / history->vfs.step_count;
        for (; drawn < due; drawn++) {
            vfs_image_write(&image, draw(history), crashed.inside);
            check_image(history, &crashed, &bounds, tally);
        }
    }
    vfs_image_close(&image);
    store_kit_place_close(&crashed);
}

static void run_history(uint64_t seed, bool faulty, size_t image_count, struct tally *tally) {
    struct history *history = calloc(1, sizeof *history);
    ck_assert_ptr_nonnull(history);
    history->random = seed;
    store_kit_place_open(&history->place);
    vfs_open(&history->vfs, history->place.directory, seed);
    history->vfs.recording = true;
    catalog__store_vfs = "recording";
    catalog__shrink_limits = (struct catalog__shrink_limits){1, 512}; /* whenever rows go */
    work(history, faulty);
    ck_assert(!faulty || history->faults_fired > 3);
    crash(history, image_count, tally);
    catalog__store_vfs = NULL;
    catalog__shrink_limits = (struct catalog__shrink_limits){16, 512};
    vfs_close(&history->vfs);
    store_kit_place_close(&history->place);
    for (size_t i = 0; i <= COMMITS; i++) {
        store_kit_model_close(&history->models[i]);
    }
    free(history);
}

static size_t images_wanted(void) {
    const char *wanted = getenv("ATTUNE_CRASH_IMAGES");
    return wanted != NULL ? strtoul(wanted, NULL, 10) : 2400;
}

static void run_histories(bool faulty) {
    struct tally tally = {.images = 0};
    size_t each = 200, runs = images_wanted() / 2 / each;
    for (size_t i = 0; i < runs; i++) {
        run_history(1 + i * 2 + faulty, faulty, each, &tally);
    }
    ck_assert_uint_eq(tally.images, each * runs);
    /* Both ends of the doubt were seen, else the crashes fell where nothing is in doubt. */
    ck_assert_uint_gt(tally.unacked_found, tally.images / 50);
    ck_assert_uint_gt(tally.unacked_lost, tally.images / 50);
}

/* G2, G11: after a power cut, whichever unsynced sectors reached the disk, the file holds a committed state, the last
 * acknowledged one or a later one, with the state row of the same transaction. */
START_TEST(crash_leaves_a_committed_state) {
    run_histories(false);
}
END_TEST

/* G2, G11: the same while writes and syncs fail, once or for ever, and a failed sync is followed by good ones that do not
 * bring back what was lost. */
START_TEST(crash_after_faults_leaves_a_committed_state) {
    run_histories(true);
}
END_TEST

Suite *sqlite_crash_suite(void);
Suite *sqlite_crash_suite(void) {
    Suite *suite = suite_create("sqlite_crash");
    TCase *test_case = tcase_create("power_cut");
    tcase_set_timeout(test_case, 3600);
    tcase_add_test(test_case, crash_leaves_a_committed_state);
    tcase_add_test(test_case, crash_after_faults_leaves_a_committed_state);
    suite_add_tcase(suite, test_case);
    return suite;
}
