/* test_entry.c - looking into entries: versions, the one in force, holding and releasing. */
#include "catalog/entry.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/entry_maker.h"

#include <check.h>

static struct made_version version_of(catalog_clock clock, uint8_t origin, enum catalog_state state,
                                      char field) {
    struct made_version version = {
        .clock = clock, .origin = origin, .node = "n", .number = clock, .state = (uint8_t)state};
    if (state != CATALOG_DROPPED) {
        version.body = entry_maker_body(field, &version.body_size_bytes);
    }
    return version;
}

static struct catalog_entry *entry_of(const struct made_version *versions, size_t count) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "e", "n");
    struct made_pair pairs[4] = {{0}};
    for (size_t i = 0; i < count; i++) {
        pairs[i] = (struct made_pair){versions[i].origin, versions[i].clock};
    }
    return entry_maker_entry(&key, versions, count, pairs, count);
}

/* The last in order of (clock, origin) is in force: at equal clocks the larger origin. */
START_TEST(in_force_is_the_largest) {
    const struct made_version versions[] = {version_of(5, 3, CATALOG_ACTIVE, 'a'),
                                            version_of(7, 4, CATALOG_ACTIVE, 'b'),
                                            version_of(7, 6, CATALOG_ACTIVE, 'c')};
    struct catalog_entry *entry = entry_of(versions, 3);
    struct catalog_version in_force = catalog_entry_in_force(entry);
    struct catalog_id six = entry_maker_id(6);
    ck_assert(catalog_id_equal(&in_force.origin, &six));
    ck_assert_uint_eq(in_force.clock, 7);
    struct catalog_version read[3];
    ck_assert_uint_eq(catalog_entry_versions(entry, read, 3), 3);
    ck_assert_uint_eq(read[0].clock, 5);
    ck_assert_ptr_eq(read[2].bytes, in_force.bytes);
    ck_assert_uint_eq(catalog_entry_versions(entry, read, 1), 3); /* tells how many there are */
    ck_assert_uint_eq(entry->number, 7);
    catalog_entry_release(entry);
}
END_TEST

/* A conflict is more than one content (state and body); the same content written twice is none (G7). */
START_TEST(conflict_is_of_contents) {
    static const struct {
        enum catalog_state state_a, state_b;
        char a, b;
        bool conflict, tombstone;
    } cases[] = {
        {CATALOG_ACTIVE, CATALOG_ACTIVE, 'a', 'a', false, false},
        {CATALOG_ACTIVE, CATALOG_ACTIVE, 'a', 'b', true, false},
        {CATALOG_ACTIVE, CATALOG_PENDING_DROP, 'a', 'a', true, false},
        {CATALOG_ACTIVE, CATALOG_DROPPED, 'a', 0, true, false},
        {CATALOG_DROPPED, CATALOG_ACTIVE, 0, 'a', true, false},
        {CATALOG_DROPPED, CATALOG_DROPPED, 0, 0, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct made_version versions[] = {version_of(5, 1, cases[i].state_a, cases[i].a),
                                                version_of(6, 2, cases[i].state_b, cases[i].b)};
        struct catalog_entry *entry = entry_of(versions, 2);
        ck_assert_int_eq(entry->conflict, cases[i].conflict);
        ck_assert_int_eq(entry->tombstone, cases[i].tombstone);
        ck_assert_uint_eq(entry->state, cases[i].state_b);
        catalog_entry_release(entry);
    }
}
END_TEST

/* The memory goes with the last reference. */
START_TEST(release_frees_at_the_last_reference) {
    struct alloc_fault fault = {.allowed = SIZE_MAX};
    const struct merkle_allocator allocator = alloc_fault_allocator(&fault);
    const struct made_version version = version_of(5, 1, CATALOG_ACTIVE, 'a');
    struct catalog_entry *made = entry_of(&version, 1);
    struct catalog_entry *entry;
    ck_assert_int_eq(catalog_entry_decode(&allocator, made->bytes, made->size_bytes, &entry), 0);
    ck_assert_ptr_eq(catalog_entry_hold(entry), entry);
    catalog_entry_release(entry);
    ck_assert_uint_eq(fault.live_blocks, 1);
    catalog_entry_release(entry);
    ck_assert_uint_eq(fault.live_blocks, 0);
    catalog_entry_release(NULL);
    catalog_entry_release(made);
}
END_TEST

Suite *entry_suite(void);

Suite *entry_suite(void) {
    Suite *suite = suite_create("entry");
    TCase *versions = tcase_create("catalog_entry_versions");
    tcase_add_test(versions, in_force_is_the_largest);
    tcase_add_test(versions, conflict_is_of_contents);
    suite_add_tcase(suite, versions);
    TCase *release = tcase_create("catalog_entry_release");
    tcase_add_test(release, release_frees_at_the_last_reference);
    suite_add_tcase(suite, release);
    return suite;
}
