/* test_entry_codec.c - entries written. That what is taken apart is put together again as it was is in
 * test_entry_decode.c. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <string.h>

static struct catalog__stamp stamp_of(catalog_clock clock, uint8_t origin, char field) {
    struct catalog__stamp stamp = {
        .clock = clock,
        .origin = entry_maker_id(origin),
        .node = entry_maker_text("node"),
        .number = 1,
        .state = CATALOG_ACTIVE,
    };
    stamp.body = (const uint8_t *)entry_maker_body(field, &stamp.body_size_bytes);
    return stamp;
}

/* What is written decodes to itself, supersedes all that was there, and remembers it in the context. */
START_TEST(write_supersedes_what_it_has_seen) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
    static const uint8_t origins[] = {5, 2, 9, 5, 2};
    static const size_t pair_counts[] = {1, 2, 3, 3, 3};
    struct catalog_entry *entry = NULL;
    for (size_t i = 0; i < sizeof origins; i++) {
        struct catalog__stamp stamp = stamp_of(100 + i, origins[i], (char)('a' + i));
        struct catalog_entry *before = entry;
        ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, before, &stamp, &entry),
                         0);
        catalog_entry_release(before);
        struct catalog_entry *decoded;
        ck_assert_int_eq(
            catalog_entry_decode(&merkle_allocator_libc, entry->bytes, entry->size_bytes, &decoded),
            0);
        ck_assert_uint_eq(entry->size_bytes, decoded->size_bytes);
        ck_assert_mem_eq(entry->bytes, decoded->bytes, entry->size_bytes);
        catalog_entry_release(decoded);
        ck_assert_uint_eq(entry->version_count, 1);
        ck_assert_uint_eq(catalog__entry_pair_count(entry), pair_counts[i]);
        struct catalog_version version = catalog_entry_in_force(entry);
        ck_assert_uint_eq(version.clock, 100 + i);
        ck_assert_uint_eq(version.body_size_bytes, stamp.body_size_bytes);
        ck_assert_mem_eq(version.body, stamp.body, stamp.body_size_bytes);
    }
    struct catalog__pair pairs[3];
    catalog__entry_pairs(entry, pairs);
    ck_assert_uint_eq(pairs[0].clock, 104);
    ck_assert_ptr_nonnull(pairs[0].version);
    ck_assert_uint_eq(pairs[1].clock, 103);
    ck_assert_ptr_null(pairs[1].version);
    ck_assert_uint_eq(pairs[2].clock, 102);
    catalog_entry_release(entry);
}
END_TEST

/* A drop has no body, a staged change carries the body in force. */
START_TEST(write_of_each_state) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
    struct catalog__stamp stamp = stamp_of(100, 1, 'a');
    stamp.state = CATALOG_PENDING_ADD;
    stamp.previous = (const uint8_t *)entry_maker_body('b', &stamp.previous_size_bytes);
    struct catalog_entry *entry;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, NULL, &stamp, &entry), 0);
    struct catalog_version version = catalog_entry_in_force(entry);
    ck_assert_mem_eq(version.previous, stamp.previous, stamp.previous_size_bytes);
    ck_assert(!entry->tombstone);
    struct catalog_entry *before = entry;
    stamp = stamp_of(101, 1, 'a');
    stamp.state = CATALOG_DROPPED;
    stamp.body = NULL;
    stamp.body_size_bytes = 0;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, before, &stamp, &entry), 0);
    ck_assert(entry->tombstone);
    ck_assert_uint_eq(entry->state, CATALOG_DROPPED);
    catalog_entry_release(before);
    catalog_entry_release(entry);
}
END_TEST

/* What would not decode is not written. */
START_TEST(write_refuses_what_is_not_well_formed) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
    struct catalog__stamp stamp = stamp_of(100, 1, 'a');
    struct catalog_entry *before;
    struct catalog_entry *entry;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, NULL, &stamp, &before), 0);
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, before, &stamp, &entry),
                     CATALOG_ECLOCK);
    ck_assert_ptr_null(entry);
#define WRITE catalog__entry_write(&merkle_allocator_libc, &key, before, &stamp, &entry)
    stamp = stamp_of(101, 1, 'a');
    stamp.number = CATALOG__NUMBER_MAX + 1;
    ck_assert_int_eq(WRITE, CATALOG_ETOOBIG);
    stamp = stamp_of(101, 1, 'a');
    stamp.body = NULL;
    ck_assert_int_eq(WRITE, CATALOG_EMALFORMED);
    stamp = stamp_of(101, 1, 'a');
    stamp.body_size_bytes--;
    ck_assert_int_eq(WRITE, CATALOG_EMALFORMED);
    stamp = stamp_of(101, 1, 'a');
    stamp.body_size_bytes = CATALOG_BODY_SIZE_MAX + 1;
    ck_assert_int_eq(WRITE, CATALOG_ETOOBIG);
    stamp = stamp_of(CATALOG_CLOCK_MAX + 1, 1, 'a');
    ck_assert_int_eq(WRITE, CATALOG_ECLOCKRANGE);
    stamp = stamp_of(101, 1, 'a');
    stamp.node = entry_maker_text("");
    ck_assert_int_eq(WRITE, CATALOG_EMALFORMED);
    key = entry_maker_key(CATALOG_CONSTRAINT, "users", "");
    stamp = stamp_of(101, 1, 'a');
    ck_assert_int_eq(WRITE, CATALOG_EMALFORMED);
#undef WRITE
    catalog_entry_release(before);
}
END_TEST

/* Out of memory anywhere leaves nothing behind. */
START_TEST(write_out_of_memory) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
    struct catalog__stamp stamp = stamp_of(100, 1, 'a');
    struct catalog_entry *before;
    ck_assert_int_eq(catalog__entry_write(&merkle_allocator_libc, &key, NULL, &stamp, &before), 0);
    stamp = stamp_of(101, 2, 'b');
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct catalog_entry *entry;
        int result = catalog__entry_write(&allocator, &key, before, &stamp, &entry);
        catalog_entry_release(entry);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_ge(allowed, 3);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
    }
    catalog_entry_release(before);
}
END_TEST

Suite *entry_codec_suite(void);

Suite *entry_codec_suite(void) {
    Suite *suite = suite_create("entry_codec");
    TCase *writing = tcase_create("catalog__entry_write");
    tcase_add_test(writing, write_supersedes_what_it_has_seen);
    tcase_add_test(writing, write_of_each_state);
    tcase_add_test(writing, write_refuses_what_is_not_well_formed);
    tcase_add_test(writing, write_out_of_memory);
    suite_add_tcase(suite, writing);
    return suite;
}
