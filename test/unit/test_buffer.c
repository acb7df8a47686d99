/* test_buffer.c - the growing run of bytes. */
#include "test/unit/support/alloc_fault.h"

#include <check.h>
#include <string.h>

START_TEST(what_is_appended_stands) {
    /* Many appends of changing sizes give the same bytes as one array. */
    struct merkle_buffer buffer;
    static uint8_t expected[20000];
    size_t size_bytes = 0;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    for (size_t i = 0; size_bytes + 64 < sizeof(expected); ++i) {
        memset(expected + size_bytes, (int)(i % 251), i % 64);
        ck_assert_int_eq(merkle_buffer_append(&buffer, expected + size_bytes, i % 64), 0);
        size_bytes += i % 64;
    }
    ck_assert_uint_eq(buffer.size_bytes, size_bytes);
    ck_assert_mem_eq(buffer.data, expected, size_bytes);
    merkle_buffer_clear(&buffer);
    ck_assert_uint_eq(buffer.size_bytes, 0);
    ck_assert_uint_gt(buffer.capacity_bytes, 0);
    merkle_buffer_close(&buffer);
    ck_assert_ptr_null(buffer.data);
}
END_TEST

START_TEST(nothing_can_be_appended) {
    /* An append of no bytes succeeds, also to a fresh buffer and from NULL. */
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    ck_assert_int_eq(merkle_buffer_append(&buffer, NULL, 0), 0);
    ck_assert_uint_eq(buffer.size_bytes, 0);
    merkle_buffer_close(&buffer);
}
END_TEST

START_TEST(a_failure_stays) {
    /* A failed append changes nothing but `failed`; later ones fail too until the buffer is cleared. */
    struct alloc_fault fault = {.allowed = 1};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct merkle_buffer buffer;
    static const uint8_t bytes[1000] = {1, 2, 3};
    merkle_buffer_init(&buffer, &allocator);
    ck_assert_int_eq(merkle_buffer_append(&buffer, bytes, 3), 0);
    ck_assert_int_eq(merkle_buffer_append(&buffer, bytes, sizeof(bytes)), MERKLE_ENOMEM);
    ck_assert_uint_eq(fault.fired, 1);
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.size_bytes, 3);
    ck_assert_mem_eq(buffer.data, bytes, 3);
    ck_assert_int_eq(merkle_buffer_append(&buffer, bytes, 1), MERKLE_ENOMEM);
    ck_assert_ptr_null(merkle_buffer_reserve(&buffer, 1));
    merkle_buffer_clear(&buffer);
    ck_assert_int_eq(merkle_buffer_append(&buffer, bytes, sizeof(bytes)), 0);
    merkle_buffer_close(&buffer);
    ck_assert_uint_eq(fault.live_blocks, 0);
}
END_TEST

START_TEST(an_absurd_size_is_refused) {
    /* Sizes that overflow fail without asking the allocator. */
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &allocator);
    ck_assert_int_eq(merkle_buffer_append(&buffer, "a", 1), 0);
    const size_t calls = fault.calls;
    ck_assert_ptr_null(merkle_buffer_reserve(&buffer, SIZE_MAX));
    ck_assert(buffer.failed);
    ck_assert_uint_eq(fault.calls, calls);
    merkle_buffer_close(&buffer);
}
END_TEST

START_TEST(reserved_room_is_the_callers) {
    /* What is written to reserved room counts once the caller says so. */
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    uint8_t *place = merkle_buffer_reserve(&buffer, 300);
    ck_assert_ptr_nonnull(place);
    memset(place, 7, 300);
    buffer.size_bytes += 300;
    ck_assert_int_eq(merkle_buffer_append(&buffer, "x", 1), 0);
    ck_assert_uint_eq(buffer.data[299], 7);
    ck_assert_uint_eq(buffer.data[300], 'x');
    merkle_buffer_close(&buffer);
}
END_TEST

Suite *buffer_suite(void);

Suite *buffer_suite(void) {
    Suite *suite = suite_create("buffer");
    TCase *append = tcase_create("merkle_buffer_append");
    tcase_add_test(append, what_is_appended_stands);
    tcase_add_test(append, nothing_can_be_appended);
    tcase_add_test(append, a_failure_stays);
    suite_add_tcase(suite, append);
    TCase *reserve = tcase_create("merkle_buffer_reserve");
    tcase_add_test(reserve, an_absurd_size_is_refused);
    tcase_add_test(reserve, reserved_room_is_the_callers);
    suite_add_tcase(suite, reserve);
    return suite;
}
