/* test_entry_decode.c - entries as bytes: golden vectors, and what is refused. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Takes the entry apart and puts it together again. */
static struct catalog_entry *write_again(const struct catalog_entry *entry) {
    struct catalog_key key = catalog_entry_key(entry);
    size_t count = catalog__entry_pair_count(entry);
    struct catalog__pair *pairs = calloc(count, sizeof *pairs);
    const struct catalog__pair **survivors = calloc(count, sizeof *survivors);
    ck_assert(pairs != NULL && survivors != NULL);
    catalog__entry_pairs(entry, pairs);
    size_t survivor_count = catalog_entry_versions(entry, NULL, 0);
    struct catalog_version *versions = calloc(survivor_count, sizeof *versions);
    ck_assert_ptr_nonnull(versions);
    catalog_entry_versions(entry, versions, survivor_count);
    for (size_t i = 0; i < survivor_count; i++) {
        for (size_t j = 0; j < count; j++) {
            if (pairs[j].version == versions[i].bytes) {
                survivors[i] = &pairs[j];
            }
        }
    }
    struct catalog_entry *again;
    ck_assert_int_eq(catalog__entry_build(&merkle_allocator_libc, &key, pairs, count, survivors,
                                          survivor_count, &again),
                     0);
    free(versions);
    free(survivors);
    free(pairs);
    return again;
}

static void assert_same_entry(const struct catalog_entry *a, const struct catalog_entry *b) {
    ck_assert_uint_eq(a->size_bytes, b->size_bytes);
    ck_assert_mem_eq(a->bytes, b->bytes, a->size_bytes);
    ck_assert(merkle_digest_equal(&a->digest, &b->digest));
    ck_assert_uint_eq(a->slot, b->slot);
    ck_assert_uint_eq(a->clock, b->clock);
    ck_assert_uint_eq(a->clock_highest, b->clock_highest);
    ck_assert_uint_eq(a->number, b->number);
    ck_assert_uint_eq(a->kind, b->kind);
    ck_assert_uint_eq(a->state, b->state);
    ck_assert_int_eq(a->conflict, b->conflict);
    ck_assert_int_eq(a->tombstone, b->tombstone);
    ck_assert_uint_eq(a->version_count, b->version_count);
}

/* An entry with all that there is: a conflict of a version with `previous` and one with a tail of a newer format, a
 * superseded origin. */
static struct merkle_buffer rich_entry(void) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email_not_null");
    size_t size;
    const char *first = entry_maker_body('a', &size);
    const char *second = entry_maker_body('b', &size);
    char tail[64];
    memcpy(tail, entry_maker_body('c', &size), size);
    memcpy(tail + size, "\xa5later\x07", 7);
    const struct made_version versions[] = {
        {UINT64_C(1000) << 16, 1, "n1", 3, CATALOG_PENDING_ADD, first, size, tail, size, 1},
        {(UINT64_C(1000) << 16) + 1, 2, "n2", 4, CATALOG_ACTIVE, second, size, "\xc0\xa5later\x07",
         8, 3},
    };
    const struct made_pair pairs[] = {
        {1, UINT64_C(1000) << 16}, {2, (UINT64_C(1000) << 16) + 1}, {9, 5}};
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    entry_maker_bytes(&key, versions, 2, pairs, 3, &bytes);
    return bytes;
}

/* --- catalog_entry_decode ---------------------------------------------------------------------------------------- */

static const char golden_bytes[] =
    "\x93"
    "\x93\x01\xa5users\xa0"
    "\x91"
    "\x96\xcf\x01\x90\x00\x00\x00\x00\x00\x02"
    "\xc4\x10\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
    "\xa6node-a\x01\x01"
    "\x81\xa6"
    "fields\x81\xa5"
    "email\x82\xa8required\xc3\xa4type\xa6string"
    "\x91"
    "\x92\xc4\x10\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11\x11"
    "\xcf\x01\x90\x00\x00\x00\x00\x00\x02";

/* The encoding and the digest are those that docs/FORMAT.md shows (G4). */
START_TEST(decode_of_the_golden_entry) {
    struct catalog_entry *entry;
    ck_assert_int_eq(catalog_entry_decode(&merkle_allocator_libc, (const uint8_t *)golden_bytes,
                                          sizeof golden_bytes - 1, &entry),
                     0);
    char digest[33];
    merkle_digest_print(&entry->digest, digest);
    ck_assert_str_eq(digest, "a8d1c99d51af7ac7d1f8c88b7fd87c32");
    ck_assert_uint_eq(entry->slot, UINT64_C(0xe0ea1f15531028a4));
    ck_assert_uint_eq(entry->clock, UINT64_C(0x0190000000000002));
    ck_assert_uint_eq(entry->clock_highest, entry->clock);
    ck_assert_uint_eq(entry->number, 1);
    ck_assert_uint_eq(entry->state, CATALOG_ACTIVE);
    ck_assert(!entry->conflict);
    ck_assert(!entry->tombstone);
    struct catalog_key key = catalog_entry_key(entry);
    struct catalog_key expected = entry_maker_key(CATALOG_SCHEMA, "users", "");
    ck_assert(catalog_key_equal(&key, &expected));
    catalog_entry_release(entry);
}
END_TEST

/* What is decoded encodes to the same bytes, with all that a newer format appended (G10). */
START_TEST(decode_and_encode_are_inverse) {
    struct merkle_buffer bytes = rich_entry();
    struct catalog_entry *entry;
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry), 0);
    ck_assert(entry->conflict);
    ck_assert_uint_eq(entry->version_count, 2);
    struct catalog_entry *again = write_again(entry);
    assert_same_entry(entry, again);
    ck_assert_mem_eq(again->bytes, bytes.data, bytes.size_bytes);
    catalog_entry_release(again);
    catalog_entry_release(entry);
    merkle_buffer_close(&bytes);
}
END_TEST

/* Every change of a single byte is refused, or gives another entry that is the only encoding of itself. */
START_TEST(decode_of_every_changed_byte) {
    struct merkle_buffer bytes = rich_entry();
    struct catalog_entry *original;
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &original), 0);
    size_t accepted = 0;
    size_t refused = 0;
    for (size_t i = 0; i < bytes.size_bytes; i++) {
        uint8_t before = bytes.data[i];
        for (unsigned change = 1; change < 256; change++) {
            bytes.data[i] = (uint8_t)(before ^ change);
            struct catalog_entry *entry;
            int result =
                catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry);
            if (result != 0) {
                ck_assert_ptr_null(entry);
                ck_assert_ptr_nonnull(catalog_error_name(result));
                refused++;
                continue;
            }
            ck_assert(!merkle_digest_equal(&entry->digest, &original->digest));
            struct catalog_entry *again = write_again(entry);
            assert_same_entry(entry, again);
            catalog_entry_release(again);
            catalog_entry_release(entry);
            accepted++;
        }
        bytes.data[i] = before;
    }
    ck_assert_uint_gt(accepted, 1000);
    ck_assert_uint_gt(refused, 1000);
    catalog_entry_release(original);
    merkle_buffer_close(&bytes);
}
END_TEST

/* An entry that is cut short anywhere, or followed by anything, is refused. */
START_TEST(decode_of_every_prefix) {
    struct merkle_buffer bytes = rich_entry();
    struct catalog_entry *entry;
    for (size_t size = 0; size < bytes.size_bytes; size++) {
        ck_assert_int_eq(catalog_entry_decode(&merkle_allocator_libc, bytes.data, size, &entry),
                         CATALOG_EMALFORMED);
    }
    merkle_buffer_append(&bytes, "\xc0", 1);
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry),
        CATALOG_EMALFORMED);
    merkle_buffer_close(&bytes);
}
END_TEST

static int decode(const struct catalog_key *key, const struct made_version *versions,
                  size_t version_count, const struct made_pair *pairs, size_t pair_count) {
    struct merkle_buffer bytes;
    merkle_buffer_init(&bytes, &merkle_allocator_libc);
    entry_maker_bytes(key, versions, version_count, pairs, pair_count, &bytes);
    struct catalog_entry *entry;
    int result = catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry);
    catalog_entry_release(entry);
    merkle_buffer_close(&bytes);
    return result;
}

/* One version of an unknown kind, changed by each case. */
static const struct made_version plain = {7, 1, "n", 1, CATALOG_ACTIVE, "\x01", 1, NULL, 0, 0};
static const struct made_pair plain_pair = {1, 7};

static int decode_version(struct made_version version) {
    struct catalog_key key = entry_maker_key(9, "e", "n");
    struct made_pair pair = {version.origin, version.clock};
    return decode(&key, &version, 1, &pair, 1);
}

/* A version has a clock up to the year 2200, an origin, a node's name, a number, a known state, a body that fits it. */
START_TEST(decode_checks_a_version) {
    char text[CATALOG_NAME_SIZE_MAX + 2] = {0};
    memset(text, 'n', CATALOG_NAME_SIZE_MAX + 1);
    struct made_version version = plain;
    ck_assert_int_eq(decode_version(version), 0);
#define CHANGED(field, value) (version = plain, version.field = (value), decode_version(version))
    ck_assert_int_eq(CHANGED(clock, 0), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(clock, CATALOG_CLOCK_MAX), 0);
    ck_assert_int_eq(CHANGED(clock, CATALOG_CLOCK_MAX + 1), CATALOG_ECLOCKRANGE);
    ck_assert_int_eq(CHANGED(origin, 0), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(node, ""), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(node, text), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(number, 0), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(number, CATALOG__NUMBER_MAX), 0);
    ck_assert_int_eq(CHANGED(number, CATALOG__NUMBER_MAX + 1), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(state, 0), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(state, CATALOG_STATE_COUNT), CATALOG_EMALFORMED);
    ck_assert_int_eq(CHANGED(state, CATALOG_DROPPED), CATALOG_EMALFORMED); /* with a body */
    version = plain;
    version.state = CATALOG_DROPPED;
    version.body = NULL;
    ck_assert_int_eq(decode_version(version), 0);
    ck_assert_int_eq(CHANGED(body, NULL), 0); /* an unknown kind may have nil as its body */
#undef CHANGED
}
END_TEST

/* `previous` belongs to pending_add alone, and its absence has one encoding. */
START_TEST(decode_checks_previous) {
    struct made_version version = plain;
    version.tail = "\x05";
    version.tail_size_bytes = version.tail_count = 1;
    ck_assert_int_eq(decode_version(version), CATALOG_EMALFORMED);
    version.state = CATALOG_PENDING_ADD;
    ck_assert_int_eq(decode_version(version), 0);
    version.tail = "\xc0";
    ck_assert_int_eq(decode_version(version), CATALOG_EMALFORMED);
    version.tail = "\xc0\x05";
    version.tail_size_bytes = version.tail_count = 2;
    ck_assert_int_eq(decode_version(version), 0);
}
END_TEST

/* Bodies of known kinds are checked for their shape, and none is over its size. */
START_TEST(decode_checks_bodies) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "e", "n");
    struct made_version version = plain;
    ck_assert_int_eq(decode(&key, &version, 1, &plain_pair, 1), CATALOG_EMALFORMED);
    version.body = entry_maker_body('a', &version.body_size_bytes);
    ck_assert_int_eq(decode(&key, &version, 1, &plain_pair, 1), 0);
    version.state = CATALOG_PENDING_ADD;
    version.tail = "\x05";
    version.tail_size_bytes = version.tail_count = 1;
    ck_assert_int_eq(decode(&key, &version, 1, &plain_pair, 1), CATALOG_EMALFORMED);
    static char large[CATALOG_BODY_SIZE_MAX + 1];
    memcpy(large, "\xc5\x7f\xfd", 3);
    version = plain;
    version.body = large;
    version.body_size_bytes = CATALOG_BODY_SIZE_MAX;
    ck_assert_int_eq(decode_version(version), 0);
    memcpy(large, "\xc5\x7f\xfe", 3);
    version.body_size_bytes = CATALOG_BODY_SIZE_MAX + 1;
    ck_assert_int_eq(decode_version(version), CATALOG_ETOOBIG);
}
END_TEST

/* Versions stand in order, one an origin, each at its origin's pair; the context in order of origins; and the largest
 * pair is that of a version. */
START_TEST(decode_checks_versions_against_the_context) {
    struct catalog_key key = entry_maker_key(9, "e", "n");
    struct made_version versions[2] = {plain, plain};
    versions[1].clock = 8;
    versions[1].origin = 2;
    const struct made_pair pairs[] = {{1, 7}, {2, 8}};
    ck_assert_int_eq(decode(&key, versions, 2, pairs, 2), 0);
    ck_assert_int_eq(decode(&key, versions, 0, pairs, 2), CATALOG_EMALFORMED);
    ck_assert_int_eq(decode(&key, versions, 1, pairs, 0), CATALOG_EMALFORMED);
    ck_assert_int_eq(decode(&key, versions, 2, pairs, 1), CATALOG_EMALFORMED); /* no pair */
    ck_assert_int_eq(decode(&key, versions, 1, pairs, 2),
                     CATALOG_EMALFORMED); /* (8, 2) is above the version */
    ck_assert_int_eq(decode(&key, &versions[1], 1, pairs, 2), 0);
    const struct made_pair other[] = {{1, 6}, {2, 8}};
    ck_assert_int_eq(decode(&key, versions, 2, other, 2),
                     CATALOG_EMALFORMED); /* below its version */
    const struct made_pair turned[] = {{2, 8}, {1, 7}};
    ck_assert_int_eq(decode(&key, versions, 2, turned, 2), CATALOG_ENOTCANONICAL);
    const struct made_pair doubled[] = {{1, 7}, {1, 7}};
    ck_assert_int_eq(decode(&key, versions, 1, doubled, 2), CATALOG_ENOTCANONICAL);
    const struct made_pair none[] = {{0, 3}, {1, 7}};
    ck_assert_int_eq(decode(&key, versions, 1, none, 2), CATALOG_EMALFORMED);
    const struct made_pair late[] = {{1, 7}, {2, CATALOG_CLOCK_MAX + 1}};
    ck_assert_int_eq(decode(&key, versions, 1, late, 2), CATALOG_ECLOCKRANGE);
    const struct made_version turned_versions[2] = {versions[1], versions[0]};
    ck_assert_int_eq(decode(&key, turned_versions, 2, pairs, 2), CATALOG_ENOTCANONICAL);
    struct made_version same_origin[2] = {plain, plain};
    same_origin[1].clock = 8;
    const struct made_pair one[] = {{1, 8}};
    ck_assert_int_eq(decode(&key, same_origin, 2, one, 1), CATALOG_EMALFORMED);
}
END_TEST

/* An entry has three parts and a key that is well formed; format 1 knows no fourth. */
START_TEST(decode_checks_key_and_parts) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "e", "");
    struct made_version version = plain;
    version.body = entry_maker_body('a', &version.body_size_bytes);
    ck_assert_int_eq(decode(&key, &version, 1, &plain_pair, 1), CATALOG_EMALFORMED);
    key = entry_maker_key(9, "e/f", "n");
    ck_assert_int_eq(decode(&key, &plain, 1, &plain_pair, 1), CATALOG_EMALFORMED);
    struct merkle_buffer bytes = rich_entry();
    bytes.data[0] = 0x94;
    merkle_buffer_append(&bytes, "\x90", 1);
    struct catalog_entry *entry;
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, bytes.data, bytes.size_bytes, &entry),
        CATALOG_EMALFORMED);
    merkle_buffer_close(&bytes);
    static uint8_t large[CATALOG_ENTRY_SIZE_MAX + 1];
    ck_assert_int_eq(catalog_entry_decode(&merkle_allocator_libc, large, sizeof large, &entry),
                     CATALOG_ETOOBIG);
}
END_TEST

/* Too many versions are no error: an entry of 10,000 is decoded in little time, although each is looked up in the context
 * (G8). */
START_TEST(decode_of_many_versions) {
    enum { COUNT = 10000 };
    struct catalog_key key = entry_maker_key(9, "e", "n");
    struct merkle_buffer version;
    merkle_buffer_init(&version, &merkle_allocator_libc);
    struct catalog__pair *pairs = calloc(COUNT, sizeof *pairs);
    const struct catalog__pair **survivors = calloc(COUNT, sizeof *survivors);
    ck_assert(pairs != NULL && survivors != NULL);
    static uint8_t versions[COUNT][32];
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t *bytes = versions[i];
        memcpy(bytes,
               "\x96\xcd??\xc4\x10"
               "0123456789abcd??"
               "\xa1n\x01\x01\x01",
               27);
        bytes[2] = bytes[20] = (uint8_t)((i + 256) >> 8);
        bytes[3] = bytes[21] = (uint8_t)(i + 256);
        pairs[i] =
            (struct catalog__pair){.clock = i + 256, .version = bytes, .version_size_bytes = 27};
        memcpy(pairs[i].origin.bytes, bytes + 6, 16);
        survivors[i] = &pairs[i];
    }
    struct catalog_entry *built;
    struct catalog_entry *decoded;
    ck_assert_int_eq(
        catalog__entry_build(&merkle_allocator_libc, &key, pairs, COUNT, survivors, COUNT, &built),
        0);
    ck_assert_int_eq(
        catalog_entry_decode(&merkle_allocator_libc, built->bytes, built->size_bytes, &decoded), 0);
    assert_same_entry(built, decoded);
    ck_assert_uint_eq(decoded->version_count, COUNT);
    catalog_entry_release(built);
    catalog_entry_release(decoded);
    free(survivors);
    free(pairs);
    merkle_buffer_close(&version);
}
END_TEST

/* Out of memory anywhere leaves nothing behind. */
START_TEST(decode_out_of_memory) {
    struct merkle_buffer bytes = rich_entry();
    for (size_t allowed = 0;; ++allowed) {
        struct alloc_fault fault = {.allowed = allowed};
        const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
        struct catalog_entry *entry;
        int result = catalog_entry_decode(&allocator, bytes.data, bytes.size_bytes, &entry);
        catalog_entry_release(entry);
        ck_assert_uint_eq(fault.live_blocks, 0);
        if (result == 0) {
            ck_assert_uint_eq(allowed, 2);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
    }
    merkle_buffer_close(&bytes);
}
END_TEST

Suite *entry_decode_suite(void);

Suite *entry_decode_suite(void) {
    Suite *suite = suite_create("entry_decode");
    TCase *decoding = tcase_create("catalog_entry_decode");
    tcase_add_test(decoding, decode_of_the_golden_entry);
    tcase_add_test(decoding, decode_and_encode_are_inverse);
    tcase_add_test(decoding, decode_of_every_changed_byte);
    tcase_add_test(decoding, decode_of_every_prefix);
    tcase_add_test(decoding, decode_checks_a_version);
    tcase_add_test(decoding, decode_checks_previous);
    tcase_add_test(decoding, decode_checks_bodies);
    tcase_add_test(decoding, decode_checks_versions_against_the_context);
    tcase_add_test(decoding, decode_checks_key_and_parts);
    tcase_add_test(decoding, decode_of_many_versions);
    tcase_add_test(decoding, decode_out_of_memory);
    suite_add_tcase(suite, decoding);
    return suite;
}
