/* test_sim_memory.c - the allocator of a simulated engine: what it counts, and when it fails. */
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <string.h>

static struct sim_memory memory;

static void setup(void) {
    sim_memory_init(&memory);
}

static void *resize(void *block, size_t size_bytes) {
    return memory.allocator.resize(memory.allocator.context, block, size_bytes);
}

START_TEST(counts_what_is_held) {
    /* What is held, the most at any time, and what a step took are counted, through growing, shrinking and freeing. */
    char *a = resize(NULL, 100);
    memset(a, 'a', 100);
    char *b = resize(NULL, 50);
    ck_assert_uint_eq(memory.bytes, 150);
    sim_memory_step_begin(&memory);
    a = resize(a, 300);
    for (size_t i = 0; i < 100; i++) {
        ck_assert_int_eq(a[i], 'a');
    }
    ck_assert_uint_eq(memory.bytes, 350);
    ck_assert_uint_eq(memory.step_bytes, 200);
    ck_assert_uint_eq(memory.step_peak, 200);
    a = resize(a, 10);
    b = resize(b, 60);
    ck_assert_uint_eq(memory.bytes, 70);
    ck_assert_uint_eq(memory.step_bytes, 210);
    ck_assert_uint_eq(memory.step_peak, 200);
    ck_assert_uint_eq(memory.bytes_max, 350);
    sim_memory_step_begin(&memory);
    ck_assert_uint_eq(memory.step_bytes, 0);
    ck_assert_uint_eq(memory.step_peak, 0);
    ck_assert_ptr_null(resize(a, 0));
    ck_assert_ptr_null(resize(b, 0));
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST

START_TEST(fails_when_told) {
    /* So many calls succeed, so many fail, and then all succeed again; a failed one leaves its block, freeing never fails. */
    void *block = resize(NULL, 8);
    memory.fail_after = 2;
    memory.fail_count = 3;
    for (unsigned i = 0; i < 8; i++) {
        void *made = resize(NULL, 8);
        ck_assert_int_eq(made == NULL, i >= 2 && i < 5);
        (void)resize(made, 0);
    }
    ck_assert_uint_eq(memory.failed, 3);
    memory.fail_count = 1;
    ck_assert_ptr_null(resize(block, 100));
    ck_assert_uint_eq(memory.bytes, 8);
    memory.fail_count = 1;
    ck_assert_ptr_null(resize(block, 0));
    ck_assert_uint_eq(memory.bytes, 0);
    ck_assert_uint_eq(memory.fail_count, 1);
}
END_TEST

START_TEST(refuses_what_no_memory_has) {
    /* A size near the end of the address space is refused, not wrapped. */
    ck_assert_ptr_null(resize(NULL, SIZE_MAX));
    ck_assert_ptr_null(resize(NULL, SIZE_MAX - 4));
    ck_assert_uint_eq(memory.bytes, 0);
}
END_TEST

Suite *sim_memory_suite(void);
Suite *sim_memory_suite(void) {
    Suite *suite = suite_create("sim_memory");
    TCase *tcase = tcase_create("sim_memory");
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, counts_what_is_held);
    tcase_add_test(tcase, fails_when_told);
    tcase_add_test(tcase, refuses_what_no_memory_has);
    suite_add_tcase(suite, tcase);
    return suite;
}
