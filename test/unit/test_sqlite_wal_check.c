/* test_sqlite_wal_check.c - damage in the middle of a WAL is told from the end that a power cut leaves. That there is no
 * false alarm after power cuts is the matter of test_sqlite_crash.c and test_sim_store.c. */
#include "catalog/sqlite_store.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COMMITS = 20, FRAME_SIZE_BYTES = 24 + 4096, HEADER_SIZE_BYTES = 32 };

struct content {
    uint8_t *bytes;
    size_t size_bytes;
};

static struct store_kit_place place;
static struct store_kit_model
    models[COMMITS + 1];         /* by the number of the commit, which is the incarnation */
static size_t ends[COMMITS + 1]; /* of the WAL behind a commit */
static struct content database, wal;
static uint64_t random_state;

static uint64_t draw(uint64_t bound) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % bound;
}

static struct content read_file(const char *name) {
    int fd = open(store_kit_file(&place, name), O_RDONLY | O_CLOEXEC);
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    struct content content = {.size_bytes = (size_t)status.st_size};
    content.bytes = malloc(content.size_bytes);
    ck_assert_int_eq(read(fd, content.bytes, content.size_bytes), status.st_size);
    (void)close(fd);
    return content;
}

static void write_file(const char *name, const struct content *content) {
    (void)unlink(store_kit_file(&place, name));
    int fd = open(store_kit_file(&place, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, content->bytes, content->size_bytes), (ssize_t)content->size_bytes);
    (void)close(fd);
}

/* Commit 1 is in the database, those behind it in the WAL; the process was killed. */
static void setup(void) {
    random_state = 0x5eed;
    store_kit_place_open(&place);
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    catalog_load_free(load);
    for (unsigned number = 1; number <= COMMITS; number++) {
        store_kit_model_copy(&models[number], &models[number - 1]);
        models[number].state.incarnation = number;
        store_kit_fill(store, &models[number], (unsigned)draw(40), 1 + (unsigned)draw(7),
                       100 + draw(1500));
        if (number == 1) {
            (void)store_kit_sql(&place, NULL, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
        struct stat status;
        ck_assert_int_eq(stat(store_kit_file(&place, "catalog.db-wal"), &status), 0);
        ends[number] = (size_t)status.st_size;
    }
    catalog__store_disconnect(store, false);
    catalog_store_close(store);
    database = read_file("catalog.db");
    wal = read_file("catalog.db-wal");
    ck_assert_uint_eq(ends[1], 0);
    ck_assert_uint_eq(ends[COMMITS], wal.size_bytes);
}

static void teardown(void) {
    for (unsigned number = 0; number <= COMMITS; number++) {
        store_kit_model_close(&models[number]);
    }
    free(database.bytes);
    free(wal.bytes);
    store_kit_place_close(&place);
}

static void remove_aside(void) {
    static const char *const names[] = {"catalog.db.damaged-1", "catalog.db.damaged-1-wal",
                                        "catalog.db.damaged-1-shm", "catalog.db-shm"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)unlink(store_kit_file(&place, names[i]));
    }
}

/* Opens what `wal` has become. The number of the commit that is found, which must be just that; 0: it was set aside. */
static uint64_t open_damaged(void) {
    remove_aside();
    write_file("catalog.db", &database);
    write_file("catalog.db-wal", &wal);
    struct catalog_load *load = NULL;
    catalog_store_close(store_kit_open(&place, &load));
    uint64_t found = load->state.incarnation;
    ck_assert(load->damaged == load->fresh);
    if (load->damaged) {
        ck_assert_uint_eq(found, 0);
        ck_assert_ptr_nonnull(strstr(load->damage, "-wal is damaged at byte"));
        ck_assert(store_kit_file_exists(&place, "catalog.db.damaged-1-wal"));
    } else {
        store_kit_model_compare(&models[found], load);
    }
    catalog_load_free(load);
    return found;
}

static uint64_t open_flipped(size_t bit) {
    wal.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    uint64_t found = open_damaged();
    wal.bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    return found;
}

static uint64_t commit_at(size_t offset) {
    uint64_t number = 2;
    while (offset >= ends[number]) {
        number++;
    }
    return number;
}

/* FAULTS D5: a bit that flips in a frame is found out if it was not among the last transactions; and if it was, what is
 * shown is the state before it. */
START_TEST(flipped_bits_are_found) {
    ck_assert_uint_eq(open_damaged(), COMMITS);
    size_t found_out = 0;
    enum { FLIPS = 400 };
    for (size_t i = 0; i < FLIPS; i++) {
        size_t offset = HEADER_SIZE_BYTES + draw(wal.size_bytes - HEADER_SIZE_BYTES);
        uint64_t number = commit_at(offset);
        uint64_t found = open_flipped(offset * 8 + draw(8));
        ck_assert_msg(found == 0 || (number >= COMMITS - 2 && found == number - 1),
                      "byte %zu of commit %lu: found %lu", offset, number, found);
        found_out += found == 0;
    }
    ck_assert_uint_gt(found_out, FLIPS * 3 / 4);
}
END_TEST

/* The same for each part of a frame's header: number, size, salts, checksum. */
START_TEST(flipped_frame_headers_are_found) {
    size_t offset = ends[5];
    for (size_t byte = 0; byte < 24; byte++) {
        ck_assert_uint_eq(open_flipped((offset + byte) * 8 + draw(8)), 0);
    }
}
END_TEST

/* The header of a WAL is the same in each but for its last 20 bytes; those may be of a restart that failed, behind which
 * the database has all there is, so that nothing is said. */
START_TEST(flipped_headers_are_found) {
    for (size_t bit = 0; bit < 12 * 8; bit++) {
        ck_assert_msg(open_flipped(bit) == 0 || bit == 24, "bit %zu", bit);
    }
    for (size_t bit = 12 * 8; bit < HEADER_SIZE_BYTES * 8; bit += 7) {
        ck_assert_uint_le(open_flipped(bit), 1);
    }
}
END_TEST

/* FAULTS D5: pages that are zero, or stand in the place of others. */
START_TEST(wrong_pages_are_found) {
    struct content sound = {.bytes = malloc(wal.size_bytes), .size_bytes = wal.size_bytes};
    ck_assert_ptr_nonnull(sound.bytes);
    memcpy(sound.bytes, wal.bytes, wal.size_bytes);
    for (size_t page = 0; page < ends[COMMITS - 3] / 4096; page++) {
        memset(wal.bytes + page * 4096, 0, 4096);
        ck_assert_msg(open_damaged() == 0, "page %zu is zero", page);
        memcpy(wal.bytes + page * 4096, sound.bytes + (page ^ 1) * 4096, 4096);
        ck_assert_msg(open_damaged() == 0, "page %zu is another", page);
        memcpy(wal.bytes, sound.bytes, wal.size_bytes);
    }
    free(sound.bytes);
}
END_TEST

/* FAULTS D4: a power cut in the last commit keeps any of its frames, which is no damage. */
START_TEST(cut_transactions_are_no_damage) {
    size_t begin = ends[COMMITS - 1], count = (wal.size_bytes - begin) / FRAME_SIZE_BYTES;
    ck_assert_uint_gt(count, 2);
    for (size_t gone = 1; gone < (size_t)1 << count; gone++) {
        struct content sound = wal;
        wal.bytes = malloc(sound.size_bytes);
        ck_assert_ptr_nonnull(wal.bytes);
        memcpy(wal.bytes, sound.bytes, sound.size_bytes);
        for (size_t i = 0; i < count; i++) {
            if ((gone >> i & 1) != 0) {
                memset(wal.bytes + begin + i * FRAME_SIZE_BYTES, 0, FRAME_SIZE_BYTES);
            }
        }
        ck_assert_uint_eq(open_damaged(), COMMITS - 1);
        free(wal.bytes);
        wal = sound;
    }
}
END_TEST

/* A write that a full disk cut in half gives a frame of the last commit the look of an end. What goes on behind it are the
 * remains of a transaction that failed. */
START_TEST(torn_headers_are_no_damage) {
    ck_assert_uint_gt(wal.size_bytes - ends[COMMITS - 1], 2 * FRAME_SIZE_BYTES);
    wal.bytes[ends[COMMITS - 1] + 7] ^=
        1; /* pages of the database: 0 but at the end of a transaction */
    ck_assert_uint_eq(open_damaged(), COMMITS - 1);
}
END_TEST

/* A restart of the log that failed within its header: what is committed afterwards is no damage in the middle of what lies
 * behind, although SQLite would make its next log of the salts that it finds. */
START_TEST(torn_headers_leave_no_salts) {
    remove_aside();
    write_file("catalog.db", &database);
    wal.bytes[15] ^= 1; /* the counter of the next log, and the salts of this one */
    write_file("catalog.db-wal", &wal);
    wal.bytes[15] ^= 1;
    struct catalog_load *load = NULL;
    struct catalog_store *store = store_kit_open(&place, &load);
    uint64_t found = load->state.incarnation;
    ck_assert_uint_eq(found, 1); /* all that is in the database */
    catalog_load_free(load);
    struct store_kit_model model = {0};
    store_kit_model_copy(&model, &models[found]);
    store_kit_fill(store, &model, 0, 1, 200);
    catalog__store_disconnect(store, false); /* a crash */
    catalog_store_close(store);
    store = store_kit_open(&place, &load);
    ck_assert(!load->damaged);
    store_kit_model_compare(&model, load);
    catalog_load_free(load);
    catalog_store_close(store);
    store_kit_model_close(&model);
}
END_TEST

/* Transactions that failed lie behind the end, in one another's remains: each is whole and has an end, but none goes on
 * from another's. */
START_TEST(remains_are_no_damage) {
    enum { LAST = 8 };
    size_t size_bytes = ends[LAST];
    for (unsigned number = LAST + 2; number <= COMMITS; number += 2) {
        size_t begin = ends[number - 1], count_bytes = ends[number] - begin;
        memmove(wal.bytes + size_bytes, wal.bytes + begin, count_bytes);
        size_bytes += count_bytes;
    }
    wal.size_bytes = size_bytes;
    ck_assert_uint_gt(size_bytes, ends[LAST] + 6 * FRAME_SIZE_BYTES);
    ck_assert_uint_eq(open_damaged(), LAST);
}
END_TEST

/* A WAL of any size, also one that ends in the midst of a header or a frame: what is whole is there, and cuts are none of
 * the damages that can be told. */
START_TEST(short_files_are_no_damage) {
    size_t whole = wal.size_bytes;
    for (size_t size_bytes = 0; size_bytes < whole; size_bytes += 1 + draw(2000)) {
        wal.size_bytes = size_bytes;
        uint64_t found = open_damaged();
        ck_assert_uint_ge(found, 1);
        ck_assert(found == COMMITS || size_bytes < ends[found + 1]);
        ck_assert_uint_le(ends[found], size_bytes);
    }
    wal.size_bytes = whole;
}
END_TEST

Suite *sqlite_wal_check_suite(void);

Suite *sqlite_wal_check_suite(void) {
    Suite *suite = suite_create("sqlite_wal_check");
    TCase *check = tcase_create("catalog__wal_check");
    tcase_add_checked_fixture(check, setup, teardown);
    tcase_set_timeout(check, 120);
    tcase_add_test(check, flipped_bits_are_found);
    tcase_add_test(check, flipped_frame_headers_are_found);
    tcase_add_test(check, flipped_headers_are_found);
    tcase_add_test(check, wrong_pages_are_found);
    tcase_add_test(check, cut_transactions_are_no_damage);
    tcase_add_test(check, torn_headers_are_no_damage);
    tcase_add_test(check, torn_headers_leave_no_salts);
    tcase_add_test(check, remains_are_no_damage);
    tcase_add_test(check, short_files_are_no_damage);
    suite_add_tcase(suite, check);
    return suite;
}
