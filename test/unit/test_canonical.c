/* test_canonical.c - exactly one MessagePack object in exactly one form. */
#include "catalog/span.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <math.h>
#include <msgpack.h>
#include <string.h>

#define CHECK(bytes, depth)                                                                        \
    catalog_msgpack_check((const uint8_t *)(bytes), sizeof(bytes) - 1, depth)

static int append(void *context, const char *bytes, size_t size_bytes) {
    return merkle_buffer_append(context, bytes, size_bytes);
}

static int check_buffer(struct merkle_buffer *buffer) {
    int result = catalog_msgpack_check(buffer->data, buffer->size_bytes, 1);
    merkle_buffer_clear(buffer);
    return result;
}

/* What msgpack-c packs is canonical for every integer, and the next longer form of it is not. */
START_TEST(integers_have_one_form) {
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, append);
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int delta = -2; delta <= 2; delta++) {
            uint64_t number = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta;
            msgpack_pack_uint64(&packer, number);
            ck_assert_int_eq(check_buffer(&buffer), 0);
            msgpack_pack_int64(&packer, (int64_t)number);
            ck_assert_int_eq(check_buffer(&buffer), 0);
            msgpack_pack_fix_uint64(&packer, number);
            ck_assert_int_eq(check_buffer(&buffer),
                             number > UINT32_MAX ? 0 : CATALOG_ENOTCANONICAL);
            msgpack_pack_fix_int64(&packer, (int64_t)number);
            ck_assert_int_eq(check_buffer(&buffer),
                             (int64_t)number < INT32_MIN ? 0 : CATALOG_ENOTCANONICAL);
            msgpack_pack_fix_int32(&packer, (int32_t)number);
            ck_assert_int_eq(check_buffer(&buffer),
                             (int32_t)number < INT16_MIN ? 0 : CATALOG_ENOTCANONICAL);
            msgpack_pack_fix_uint16(&packer, (uint16_t)number);
            ck_assert_int_eq(check_buffer(&buffer),
                             (uint16_t)number > UINT8_MAX ? 0 : CATALOG_ENOTCANONICAL);
            msgpack_pack_fix_int16(&packer, (int16_t)number);
            ck_assert_int_eq(check_buffer(&buffer),
                             (int16_t)number < INT8_MIN ? 0 : CATALOG_ENOTCANONICAL);
            msgpack_pack_fix_int8(&packer, (int8_t)number);
            ck_assert_int_eq(check_buffer(&buffer),
                             (int8_t)number < -32 ? 0 : CATALOG_ENOTCANONICAL);
        }
    }
    merkle_buffer_close(&buffer);
}
END_TEST

/* A float stands only for what no integer says; NaN, infinities and short floats are never canonical. */
START_TEST(floats_only_where_no_integer_says_it) {
    static const struct {
        double real;
        bool canonical;
    } cases[] = {
        {0.5, true},
        {-1.5, true},
        {1e300, true},
        {0x1p64, true},
        {-0x1.1p63, true},
        {5e-324, true},
        {0.0, false},
        {-0.0, false},
        {1.0, false},
        {-7.0, false},
        {0x1p63, false},
        {-0x1p63, false},
        {1e19, false},
        {(double)NAN, false},
        {(double)INFINITY, false},
        {-(double)INFINITY, false},
    };
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, append);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        msgpack_pack_double(&packer, cases[i].real);
        ck_assert_int_eq(check_buffer(&buffer), cases[i].canonical ? 0 : CATALOG_ENOTCANONICAL);
    }
    msgpack_pack_float(&packer, 0.5F);
    ck_assert_int_eq(check_buffer(&buffer), CATALOG_ENOTCANONICAL);
    merkle_buffer_close(&buffer);
}
END_TEST

/* Texts, bytes, arrays and maps have their shortest head at every length at which the head changes. */
START_TEST(lengths_have_one_form) {
    static char content[70000];
    memset(content, 0, sizeof content); /* as elements: zeros */
    static const size_t lengths[] = {0, 15, 16, 31, 32, 255, 256, 65535, 65536};
    struct merkle_buffer buffer;
    merkle_buffer_init(&buffer, &merkle_allocator_libc);
    msgpack_packer packer;
    msgpack_packer_init(&packer, &buffer, append);
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        size_t length = lengths[i];
        msgpack_pack_str_with_body(&packer, content, length);
        ck_assert_int_eq(check_buffer(&buffer), 0);
        msgpack_pack_bin_with_body(&packer, content, length);
        ck_assert_int_eq(check_buffer(&buffer), 0);
        msgpack_pack_array(&packer, length);
        append(&buffer, content, length);
        ck_assert_int_eq(check_buffer(&buffer), 0);
        static const uint8_t heads[] = {0xdb, 0xc6, 0xdd};
        for (size_t j = 0; j < sizeof heads; j++) {
            const uint8_t head[5] = {heads[j], 0, (uint8_t)(length >> 16), (uint8_t)(length >> 8),
                                     (uint8_t)length};
            append(&buffer, (const char *)head, sizeof head);
            append(&buffer, content, length);
            ck_assert_int_eq(check_buffer(&buffer), length > 65535 ? 0 : CATALOG_ENOTCANONICAL);
        }
    }
    merkle_buffer_close(&buffer);
}
END_TEST

/* Maps have distinct keys, all texts, in bytewise order. */
START_TEST(maps_are_sorted) {
    ck_assert_int_eq(CHECK("\x80", 1), 0);
    ck_assert_int_eq(CHECK("\x82\xa1"
                           "a\x01\xa1"
                           "b\x02",
                           1),
                     0);
    ck_assert_int_eq(CHECK("\x82\xa1"
                           "b\x01\xa1"
                           "a\x02",
                           1),
                     CATALOG_ENOTCANONICAL);
    ck_assert_int_eq(CHECK("\x82\xa1"
                           "a\x01\xa1"
                           "a\x02",
                           1),
                     CATALOG_ENOTCANONICAL);
    ck_assert_int_eq(CHECK("\x82\xa1"
                           "b\x01\xa2"
                           "ab\x02",
                           1),
                     CATALOG_ENOTCANONICAL);
    ck_assert_int_eq(CHECK("\x82\xa2"
                           "ab\x01\xa1"
                           "b\x02",
                           1),
                     0);
    ck_assert_int_eq(CHECK("\x82\xa0\x01\xa1"
                           "a\x02",
                           1),
                     0);
    ck_assert_int_eq(CHECK("\x81\x01\x01", 1), CATALOG_ENOTCANONICAL);
    ck_assert_int_eq(CHECK("\x81\xc0\x01", 1), CATALOG_ENOTCANONICAL);
    ck_assert_int_eq(CHECK("\x81\xa1\xff\x01", 1), CATALOG_EMALFORMED);
}
END_TEST

/* Containers are counted: depth 0 is a scalar, and what is deeper than allowed is refused (G8). */
START_TEST(depth_is_bounded) {
    ck_assert_int_eq(CHECK("\x01", 0), 0);
    ck_assert_int_eq(CHECK("\x90", 0), CATALOG_ETOODEEP);
    ck_assert_int_eq(CHECK("\x90", 1), 0);
    ck_assert_int_eq(CHECK("\x91\x91\x90", 2), CATALOG_ETOODEEP);
    ck_assert_int_eq(CHECK("\x91\x91\x90", 3), 0);
    ck_assert_int_eq(CHECK("\x81\xa1"
                           "a\x81\xa1"
                           "b\x90",
                           2),
                     CATALOG_ETOODEEP);
    ck_assert_int_eq(CHECK("\x92\x90\x81\xa1"
                           "b\x90",
                           3),
                     0);
    static uint8_t deep[1000000];
    memset(deep, 0x91, sizeof deep);
    ck_assert_int_eq(catalog_msgpack_check(deep, sizeof deep, UINT32_MAX), CATALOG_ETOODEEP);
}
END_TEST

/* Counts and lengths beyond the bytes that are there are refused at once, with nothing read past the end (G8). */
START_TEST(declared_counts_are_not_believed) {
    ck_assert_int_eq(CHECK("", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xdd\xff\xff\xff\xff", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xdf\xff\xff\xff\xff", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xdb\xff\xff\xff\xff", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xc6\xff\xff\xff\xff", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\x93\x01\x02", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\x82\xa0\x01\xa1", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xcf\x01\x02\x03\x04\x05\x06\x07", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xcb\x01", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xa2\xc3", 8), CATALOG_EMALFORMED);
}
END_TEST

/* Ext, the unused byte, bytes after the object, texts that are no UTF-8: all refused. */
START_TEST(what_is_left_is_refused) {
    ck_assert_int_eq(CHECK("\xc1", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\x01\x01", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xa1\x80", 8), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHECK("\xc4\x01\x80", 8), 0);
    static const char *const ext[] = {"\xc7\x01\x05\x00", "\xd4\x05\x00", "\xd5\x05\x01\x01",
                                      "\xc8\x01\x00\x05"};
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(catalog_msgpack_check((const uint8_t *)ext[i], 4, 8),
                         CATALOG_ENOTCANONICAL);
    }
    ck_assert_int_eq(CHECK("\xc0", 8), 0);
    ck_assert_int_eq(CHECK("\xc2", 8), 0);
    ck_assert_int_eq(CHECK("\xc3", 8), 0);
}
END_TEST

/* All byte strings of up to three bytes: what is accepted is what msgpack-c unpacks and packs again to the same bytes. */
START_TEST(accepted_is_what_packs_again_to_itself) {
    size_t accepted = 0;
    for (uint32_t number = 0; number < (1U << 24); number += number < 0x10000 ? 1 : 101) {
        uint8_t bytes[3] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16)};
        for (size_t size = 1; size <= sizeof bytes; size++) {
            if (catalog_msgpack_check(bytes, size, 3) != 0) {
                continue;
            }
            accepted++;
            msgpack_unpacked unpacked;
            msgpack_unpacked_init(&unpacked);
            size_t offset = 0;
            msgpack_unpack_return got =
                msgpack_unpack_next(&unpacked, (const char *)bytes, size, &offset);
            ck_assert_int_eq(got, MSGPACK_UNPACK_SUCCESS);
            ck_assert_uint_eq(offset, size);
            struct merkle_buffer buffer;
            merkle_buffer_init(&buffer, &merkle_allocator_libc);
            msgpack_packer packer;
            msgpack_packer_init(&packer, &buffer, append);
            ck_assert_int_eq(msgpack_pack_object(&packer, unpacked.data), 0);
            ck_assert_uint_eq(buffer.size_bytes, size);
            ck_assert_mem_eq(buffer.data, bytes, size);
            merkle_buffer_close(&buffer);
            msgpack_unpacked_destroy(&unpacked);
        }
    }
    ck_assert_uint_gt(accepted, 10000);
}
END_TEST

Suite *canonical_suite(void);

Suite *canonical_suite(void) {
    Suite *suite = suite_create("canonical");
    TCase *check = tcase_create("catalog_msgpack_check");
    tcase_add_test(check, integers_have_one_form);
    tcase_add_test(check, floats_only_where_no_integer_says_it);
    tcase_add_test(check, lengths_have_one_form);
    tcase_add_test(check, maps_are_sorted);
    tcase_add_test(check, depth_is_bounded);
    tcase_add_test(check, declared_counts_are_not_believed);
    tcase_add_test(check, what_is_left_is_refused);
    tcase_add_test(check, accepted_is_what_packs_again_to_itself);
    suite_add_tcase(suite, check);
    return suite;
}
