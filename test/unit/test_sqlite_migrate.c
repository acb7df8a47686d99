/* test_sqlite_migrate.c - a file of the first format, written by the program of that time, opens as if it had always been of
 * this one. */
#include "catalog/sqlite_store.h"
#include "test/sim/vfs.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <string.h>
#include <sys/stat.h>

static struct store_kit_place place;

/* What `.dump` of sqlite3 said of the data of a node "one" of the cluster "blue": a schema, a dropped schema, a member. */
static const char first_tables[] =
    "PRAGMA journal_mode = WAL; BEGIN;"
    "CREATE TABLE node_state (\n"
    "    id INTEGER PRIMARY KEY CHECK (id = 1),\n"
    "    format INTEGER NOT NULL, node_id BLOB NOT NULL, cluster_id BLOB NOT NULL,\n"
    "    cluster_name TEXT NOT NULL, node_name TEXT NOT NULL, incarnation INTEGER NOT NULL,\n"
    "    high_water INTEGER NOT NULL, seen INTEGER NOT NULL, horizon INTEGER NOT NULL,\n"
    "    ready INTEGER NOT NULL, healing INTEGER NOT NULL, had_entry INTEGER NOT NULL,\n"
    "    entry_count INTEGER NOT NULL, digest_sum BLOB NOT NULL, digest BLOB NOT NULL,\n"
    "    member_count INTEGER NOT NULL DEFAULT 0,\n"
    "    member_sum BLOB NOT NULL DEFAULT x'00000000000000000000000000000000');"
    "CREATE TABLE entries (\n"
    "    id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, key TEXT NOT NULL,\n"
    "    digest BLOB NOT NULL, bytes BLOB NOT NULL);"
    "CREATE TABLE members (\n"
    "    id BLOB PRIMARY KEY NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL,\n"
    "    incarnation INTEGER NOT NULL, state INTEGER NOT NULL, ready INTEGER NOT NULL,\n"
    "    digest BLOB NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE quarantine (\n"
    "    id INTEGER PRIMARY KEY, slot, key, digest, bytes);"
    "CREATE TABLE proof (id INTEGER PRIMARY KEY, filler BLOB NOT NULL);"
    "CREATE UNIQUE INDEX entries_by_slot ON entries (slot, key);"
    "PRAGMA application_id = 1635021934; PRAGMA user_version = 1; COMMIT;";

static const char first_rows[] =
    "BEGIN;"
    "INSERT INTO node_state VALUES(1,1,X'603493d1784343f7c719803ea3a75530',"
    "X'38fdba1598c18dd886ddd5f80c159f8b','blue','one',65536,117678622819614720,"
    "117678622819614720,0,1,0,1,2,X'2cc9b92e540b2dfa4ada9c0221043a78',"
    "X'22dc49f18fe9219e70dd9d68dd31f95c',1,X'e0c48adbac64d3e569d84ac66a87e51b');"
    "INSERT INTO entries VALUES(1,183559175053231458,'schema/posts',"
    "X'df11a77e72d9fff8e2050c4787c3588f',X'939301a5706f737473a09196cf01a214157ec60000c410"
    "a876a163f7f3ed66e53e8491db39142da36f6e65010181a66669656c647381a17482a87265717569726564c2"
    "a474797065a6737472696e679192c410a876a163f7f3ed66e53e8491db39142dcf01a214157ec60000');"
    "INSERT INTO entries VALUES(2,6983428348639717540,'schema/users',"
    "X'4db811afe1312e0168d58fba9940e1e9',X'939301a57573657273a09196cf01a214157ed20000c410"
    "a876a163f7f3ed66e53e8491db39142da36f6e650204c09192c410a876a163f7f3ed66e53e8491db39142d"
    "cf01a214157ed20000');"
    "INSERT INTO members VALUES(X'8fba3db672ab8d39cff3663c648c6e76','two','127.0.0.1:45855',65536,"
    "2,1,X'e0c48adbac64d3e569d84ac66a87e51b');"
    "COMMIT;";

static void make_file(const char *vfs, bool with_rows) {
    ck_assert_int_eq(mkdir(place.inside, 0700), 0);
    sqlite3 *database = NULL;
    ck_assert_int_eq(sqlite3_open_v2(store_kit_file(&place, "catalog.db"), &database,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
                     SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(database, first_tables, NULL, NULL, NULL), SQLITE_OK);
    if (with_rows) {
        ck_assert_int_eq(sqlite3_exec(database, first_rows, NULL, NULL, NULL), SQLITE_OK);
    }
    (void)sqlite3_close(database);
}

static void setup(void) {
    store_kit_place_open(&place);
}

static void teardown(void) {
    store_kit_place_close(&place);
}

static void expect_all(const struct catalog_load *load) {
    ck_assert(!load->fresh && !load->damaged && !load->rows_missing);
    ck_assert_uint_eq(load->quarantined_count, 0);
    const struct catalog_node_state *state = &load->state;
    char id[33];
    catalog_id_print(&state->node_id, id);
    ck_assert_str_eq(id, "603493d1784343f7c719803ea3a75530");
    catalog_id_print(&state->cluster_id, id);
    ck_assert_str_eq(id, "38fdba1598c18dd886ddd5f80c159f8b");
    ck_assert_str_eq(state->cluster_name, "blue");
    ck_assert_str_eq(state->node_name, "one");
    ck_assert_uint_eq(state->incarnation, 65536);
    ck_assert_uint_eq(state->high_water, UINT64_C(117678622819614720));
    ck_assert_uint_eq(state->seen, UINT64_C(117678622819614720));
    ck_assert_uint_eq(state->horizon, 0);
    ck_assert(state->ready && !state->healing && state->had_entry && !state->removed);
    ck_assert(catalog_id_is_none(&state->admitter_id) && catalog_id_is_none(&state->replaced_id));
    ck_assert_uint_eq(load->entry_count, 2);
    ck_assert_uint_eq(load->kept_count, 0);
    ck_assert_uint_eq(load->kept_lost_count, 0);
    ck_assert_uint_eq(load->member_count, 1);
    ck_assert_str_eq(load->members[0].name, "two");
}

/* All of it is there, and after a commit with what is new, too; no file is set aside. */
START_TEST(first_format_opens) {
    make_file(NULL, true);
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    expect_all(load);
    struct catalog_batch batch = {.kept = load->entries, .kept_count = 1, .state = load->state};
    batch.state.removed = true;
    ck_assert_int_eq(store_kit_commit(store, &batch), 0);
    catalog_load_free(load);
    catalog_store_close(store);
    store = store_kit_open(&place, &load);
    ck_assert(load->state.removed);
    ck_assert_uint_eq(load->kept_count, 1);
    ck_assert_uint_eq(load->entry_count, 2);
    catalog_load_free(load);
    catalog_store_close(store);
    ck_assert_int_eq(store_kit_sql(&place, NULL, "PRAGMA user_version"),
                     CATALOG__FILE_FORMAT_TABLES);
    ck_assert(!store_kit_file_exists(&place, "catalog.db.damaged-1"));
}
END_TEST

/* A file in which nothing was stored yet is as fresh as before. */
START_TEST(empty_first_format_stays_fresh) {
    make_file(NULL, false);
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    ck_assert(load->fresh && !load->damaged);
    catalog_load_free(load);
    catalog_store_close(store);
}
END_TEST

/* What is wrong with such a file is found as before: a state that does not fit its digest sets it aside, a bad row is set
 * aside alone, a table that is not as it was then makes it none of ours. */
static const struct {
    const char *sql;
    bool set_aside;
} changes[] = {
    {"UPDATE node_state SET seen = seen + 1", true},
    {"ALTER TABLE node_state ADD COLUMN removed INTEGER NOT NULL DEFAULT 0", true},
    {"UPDATE node_state SET member_count = 2", true},
    {"PRAGMA user_version = 2", true},
    {"UPDATE entries SET bytes = x'00' WHERE id = 1", false},
};

START_TEST(damage_is_found) {
    make_file(NULL, true);
    (void)store_kit_sql(&place, NULL, changes[_i].sql);
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    ck_assert(load->damaged == changes[_i].set_aside);
    ck_assert(load->rows_missing == !changes[_i].set_aside);
    ck_assert_uint_eq(load->entry_count, changes[_i].set_aside ? 0 : 1);
    catalog_load_free(load);
    catalog_store_close(store);
}
END_TEST

/* A power cut at any step leaves a file that opens with all that was there (G2). */
START_TEST(power_cut_leaves_the_one_or_the_other) {
    struct vfs vfs;
    vfs_open(&vfs, place.directory, 1);
    catalog__store_vfs = "recording";
    vfs.recording = true;
    make_file("recording", true);
    size_t made_steps = vfs.step_count;
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    vfs.recording = false;
    catalog_store_close(store);
    ck_assert_uint_gt(vfs.step_count, made_steps + 10);
    struct store_kit_place crashed;
    store_kit_place_open(&crashed);
    ck_assert_int_eq(mkdir(crashed.inside, 0700), 0);
    struct vfs_image image;
    vfs_image_open(&image, &vfs);
    for (size_t step = 0; step < vfs.step_count; step++) {
        (void)vfs_image_next(&image);
        for (uint64_t seed = 1; seed <= 4 && step >= made_steps; seed++) {
            vfs_image_write(&image, seed * 77 + step, crashed.inside);
            store = store_kit_open(&crashed, &load);
            expect_all(load);
            catalog_load_free(load);
            catalog_store_close(store);
        }
    }
    vfs_image_close(&image);
    store_kit_place_close(&crashed);
    catalog__store_vfs = NULL;
    vfs_close(&vfs);
}
END_TEST

/* A full disk, and short memory: refused, nothing is set aside, and it opens when there is room. */
START_TEST(refused_is_unchanged) {
    struct vfs vfs;
    vfs_open(&vfs, place.directory, 1);
    catalog__store_vfs = "recording";
    make_file("recording", true);
    struct catalog_store *store = NULL;
    struct catalog_load *load = NULL;
    struct catalog_problem problem;
    size_t refused = 0;
    for (size_t allowed = 0;; allowed++) {
        vfs.fault = (struct vfs_fault){
            .calls = VFS_FAIL_WRITES, .allowed = allowed, .repeat = true, .full = true};
        int result =
            catalog_store_open(&merkle_allocator_libc, place.inside, "", &store, &load, &problem);
        vfs.fault.calls = 0;
        if (result == 0) {
            break;
        }
        ck_assert_int_eq(result, CATALOG_EFULL);
        refused++;
    }
    ck_assert_uint_gt(refused, 0);
    expect_all(load);
    catalog_load_free(load);
    catalog_store_close(store);
    ck_assert(!store_kit_file_exists(&place, "catalog.db.damaged-1"));
    catalog__store_vfs = NULL;
    vfs_close(&vfs);
}
END_TEST

Suite *sqlite_migrate_suite(void);
Suite *sqlite_migrate_suite(void) {
    Suite *suite = suite_create("sqlite_migrate");
    TCase *migrate = tcase_create("catalog__store_migrate");
    tcase_add_checked_fixture(migrate, setup, teardown);
    tcase_add_test(migrate, first_format_opens);
    tcase_add_test(migrate, empty_first_format_stays_fresh);
    tcase_add_loop_test(migrate, damage_is_found, 0, sizeof changes / sizeof changes[0]);
    tcase_add_test(migrate, power_cut_leaves_the_one_or_the_other);
    tcase_add_test(migrate, refused_is_unchanged);
    suite_add_tcase(suite, migrate);
    return suite;
}
