/* test_allocate.c - memory through an allocator. */
#include "test/unit/support/alloc_fault.h"

#include <check.h>
#include <string.h>

START_TEST(sizes_that_overflow_are_refused) {
    /* count * size that does not fit never reaches the allocator. */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    ck_assert_ptr_null(merkle_allocate(&allocator, SIZE_MAX / 2, 3));
    ck_assert_ptr_null(merkle_allocate(&allocator, SIZE_MAX, 1));
    ck_assert_ptr_null(merkle_allocate_zeroed(&allocator, (size_t)1 << 40, (size_t)1 << 40));
    ck_assert_uint_eq(fault.calls, 0);
}
END_TEST

START_TEST(a_block_of_nothing_is_a_block) {
    /* NULL means failure only: a count of 0 gives a block that can be resized and released. */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    void *memory = merkle_allocate(&allocator, 0, 8);
    ck_assert_ptr_nonnull(memory);
    memory = merkle_reallocate(&allocator, memory, 0, 0);
    ck_assert_ptr_nonnull(memory);
    ck_assert_uint_eq(fault.live_blocks, 1);
    merkle_release(&allocator, memory);
    merkle_release(&allocator, NULL);
    ck_assert_uint_eq(fault.live_blocks, 0);
}
END_TEST

START_TEST(zeroed_is_zero) {
    /* merkle_allocate_zeroed clears what the allocator hands out dirty. */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    static const uint8_t zeros[96];
    void *memory = merkle_allocate_zeroed(&allocator, 12, 8);
    ck_assert_mem_eq(memory, zeros, sizeof(zeros));
    merkle_release(&allocator, memory);
}
END_TEST

START_TEST(a_failed_resize_leaves_the_block) {
    /* After a failure the old block stands with its content. */
    struct alloc_fault fault = {.allowed = 1};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    char *memory = merkle_allocate(&allocator, 4, 1);
    memcpy(memory, "abc", 4);
    ck_assert_ptr_null(merkle_reallocate(&allocator, memory, 400, 1));
    ck_assert_uint_eq(fault.fired, 1);
    ck_assert_str_eq(memory, "abc");
    merkle_release(&allocator, memory);
    ck_assert_uint_eq(fault.live_blocks, 0);
}
END_TEST

START_TEST(libc_grows_and_frees) {
    /* The C library's allocator behaves as realloc does. */
    char *memory = merkle_allocate(&merkle_allocator_libc, 4, 1);
    memcpy(memory, "abc", 4);
    memory = merkle_reallocate(&merkle_allocator_libc, memory, 1000, 100);
    ck_assert_ptr_nonnull(memory);
    ck_assert_str_eq(memory, "abc");
    merkle_release(&merkle_allocator_libc, memory);
}
END_TEST

Suite *allocate_suite(void);

Suite *allocate_suite(void) {
    Suite *suite = suite_create("allocate");
    TCase *allocate = tcase_create("merkle_allocate");
    tcase_add_test(allocate, sizes_that_overflow_are_refused);
    tcase_add_test(allocate, a_block_of_nothing_is_a_block);
    tcase_add_test(allocate, zeroed_is_zero);
    tcase_add_test(allocate, a_failed_resize_leaves_the_block);
    tcase_add_test(allocate, libc_grows_and_frees);
    suite_add_tcase(suite, allocate);
    return suite;
}
