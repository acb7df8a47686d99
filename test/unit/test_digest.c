/* test_digest.c - digests, slots and fingerprints are fixed numbers: they are compared between machines. */
#include "merkle/merkle.h"

#include <check.h>
#include <string.h>

START_TEST(digest_is_canonical_xxh3_128) {
    /* The digest of known bytes under each seed of the format is this number. */
    char text[33];
    struct merkle_digest digest = merkle_digest_of("attune", 6, 0);
    merkle_digest_print(&digest, text);
    ck_assert_str_eq(text, "5b8a2ff40080a2b834889e3f95fe07aa");
    digest = merkle_digest_of("attune", 6, MERKLE_SEED_ENTRY);
    merkle_digest_print(&digest, text);
    ck_assert_str_eq(text, "7e3cea6dae3bac7b5ef0e45fcd694bce");
    digest = merkle_digest_of("", 0, MERKLE_SEED_ENTRY);
    merkle_digest_print(&digest, text);
    ck_assert_str_eq(text, "66837c528148eb1fa8f1179a0a4df9ea");
}
END_TEST

START_TEST(slot_is_xxh3_64) {
    /* The slot of known bytes is this number. */
    ck_assert_uint_eq(merkle_slot_of("attune", 6), UINT64_C(0x3ca8622f887ab4eb));
}
END_TEST

START_TEST(compare_orders_as_bytes) {
    /* merkle_digest_compare is memcmp, and agrees with merkle_digest_equal. */
    struct merkle_digest a = {.bytes = {1}}, b = {.bytes = {1}};
    ck_assert(merkle_digest_equal(&a, &b));
    ck_assert_int_eq(merkle_digest_compare(&a, &b), 0);
    b.bytes[15] = 200;
    ck_assert(!merkle_digest_equal(&a, &b));
    ck_assert_int_lt(merkle_digest_compare(&a, &b), 0);
    ck_assert_int_gt(merkle_digest_compare(&b, &a), 0);
}
END_TEST

START_TEST(fingerprints_are_fixed_and_salted) {
    /* A fingerprint is 5 known bytes, and another salt gives others. */
    const struct merkle_digest digest = merkle_digest_of("attune", 6, MERKLE_SEED_ENTRY);
    static const uint8_t of_item[] = {0xdc, 0x01, 0x62, 0xd3, 0x38};
    static const uint8_t of_digest[] = {0xdd, 0xe0, 0x8f, 0x0a, 0x4b};
    struct merkle_fingerprint fingerprint =
        merkle_fingerprint_of_item(UINT64_C(0x0123456789abcdef), &digest, 7);
    ck_assert_mem_eq(fingerprint.bytes, of_item, sizeof(of_item));
    fingerprint = merkle_fingerprint_of_digest(&digest, 7);
    ck_assert_mem_eq(fingerprint.bytes, of_digest, sizeof(of_digest));
    fingerprint = merkle_fingerprint_of_digest(&digest, 8);
    ck_assert_mem_ne(fingerprint.bytes, of_digest, sizeof(of_digest));
}
END_TEST

Suite *digest_suite(void);

Suite *digest_suite(void) {
    Suite *suite = suite_create("digest");
    TCase *of = tcase_create("merkle_digest_of");
    tcase_add_test(of, digest_is_canonical_xxh3_128);
    tcase_add_test(of, slot_is_xxh3_64);
    suite_add_tcase(suite, of);
    TCase *compare = tcase_create("merkle_digest_compare");
    tcase_add_test(compare, compare_orders_as_bytes);
    suite_add_tcase(suite, compare);
    TCase *fingerprint = tcase_create("merkle_fingerprint_of_item");
    tcase_add_test(fingerprint, fingerprints_are_fixed_and_salted);
    suite_add_tcase(suite, fingerprint);
    return suite;
}
