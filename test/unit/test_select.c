/* test_select.c - some of an entry's versions alone. */
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>

enum { LINES = 5 };

/* Origins against the order of clocks; of the second nothing survives. */
static const struct made_line lines[LINES] = {{4, 3, CATALOG_ACTIVE, 'a'},
                                              {5, 4, 0, 'a'},
                                              {3, 5, CATALOG_DROPPED, 'a'},
                                              {2, 6, CATALOG_ACTIVE, 'b'},
                                              {1, 7, CATALOG_PENDING_DROP, 'a'}};

static struct catalog_key key;

static void set_up(void) {
    key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
}

/* Wanted are the origins whose bits are set. */
static bool is_wanted(void *context, const struct catalog_version *version) {
    const unsigned *origins = context;
    return (*origins >> version->origin.bytes[0] & 1) != 0;
}

/* The lines of the wanted versions; how many. */
static size_t expect(unsigned origins, struct made_line left[LINES]) {
    size_t count = 0;
    for (size_t i = 0; i < LINES; i++) {
        if (lines[i].state != 0 && (origins >> lines[i].origin & 1) != 0) {
            left[count++] = lines[i];
        }
    }
    return count;
}

START_TEST(each_choice_of_versions) {
    /* What is left is an entry of just the versions that are wanted; itself if all are, none if none is. */
    struct catalog_entry *entry = entry_maker_lines(&key, lines, LINES);
    ck_assert_uint_eq(entry->version_count, 4);
    for (unsigned origins = 0; origins < 1 << (LINES + 1); origins++) {
        struct made_line left[LINES];
        size_t count = expect(origins, left);
        struct catalog_entry *selected = NULL;
        ck_assert_int_eq(
            catalog_select(&merkle_allocator_libc, entry, is_wanted, &origins, &selected), 0);
        if (count == 4) {
            ck_assert_ptr_eq(selected, entry);
        } else if (count == 0) {
            ck_assert_ptr_null(selected);
        } else {
            struct catalog_entry *expected = entry_maker_lines(&key, left, count);
            ck_assert_uint_eq(selected->size_bytes, expected->size_bytes);
            ck_assert_mem_eq(selected->bytes, expected->bytes, expected->size_bytes);
            ck_assert(merkle_digest_equal(&selected->digest, &expected->digest));
            ck_assert_int_eq(selected->state, expected->state);
            ck_assert_uint_eq(selected->version_count, count);
            catalog_entry_release(expected);
        }
        catalog_entry_release(selected);
    }
    catalog_entry_release(entry);
}
END_TEST

START_TEST(out_of_memory) {
    /* Short memory leaves nothing behind. */
    struct catalog_entry *entry = entry_maker_lines(&key, lines, LINES);
    unsigned origins = 1 << 4 | 1 << 2;
    for (size_t allowed = 0;; allowed++) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct catalog_entry *selected = NULL;
        int result = catalog_select(&allocator, entry, is_wanted, &origins, &selected);
        ck_assert((result == 0) == (selected != NULL));
        catalog_entry_release(selected);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_ge(allowed, 4);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
    }
    catalog_entry_release(entry);
}
END_TEST

Suite *select_suite(void);
Suite *select_suite(void) {
    Suite *suite = suite_create("select");
    TCase *select = tcase_create("catalog_select");
    tcase_add_checked_fixture(select, set_up, NULL);
    tcase_add_test(select, each_choice_of_versions);
    tcase_add_test(select, out_of_memory);
    suite_add_tcase(suite, select);
    return suite;
}
