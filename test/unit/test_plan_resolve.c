/* test_plan_resolve.c - a conflict is decided by taking one node's version (G7). */
#include "catalog/internal.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <string.h>

enum { SIDES = 3 };

static struct catalog_kit kit, sides[SIDES]; /* named a, b and c */
static const struct catalog_key *key;

#define ASSERT_REFUSED(code_expected, part, applied)                                               \
    do {                                                                                           \
        ck_assert_int_eq((applied), (code_expected));                                              \
        ck_assert_msg(strstr(kit.problem.message, (part)) != NULL, "%s", kit.problem.message);     \
    } while (0)
#define ASSERT_TAKEN(applied) ck_assert_msg((applied) == 0, "%s", kit.problem.message)

static const char *const bodies[SIDES] = {"{\"fields\":{\"x\":{\"type\":\"string\"}}}",
                                          "{\"fields\":{\"y\":{\"type\":\"string\"}}}",
                                          "{\"fields\":{\"z\":{\"type\":\"string\"}}}"};

static void set_up(void) {
    static const char *const names[SIDES] = {"a", "b", "c"};
    static struct catalog_key users;
    users = catalog_kit_key(CATALOG_SCHEMA, "users", "");
    key = &users;
    catalog_kit_init(&kit, &merkle_allocator_libc, 9);
    for (uint8_t i = 0; i < SIDES; i++) {
        catalog_kit_init(&sides[i], &merkle_allocator_libc, (uint8_t)(i + 1));
        sides[i].writer.node = catalog_kit_text(names[i]);
        sides[i].writer.wall_ms += i;
    }
}

static void tear_down(void) {
    catalog_kit_close(&kit);
    for (size_t i = 0; i < SIDES; i++) {
        catalog_kit_close(&sides[i]);
    }
}

/* The first `count` sides write; all of it comes here. */
static void conflict(size_t count) {
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(catalog_kit_apply_set(&sides[i], CATALOG_SCHEMA, "users", "", bodies[i]),
                         0);
        catalog_kit_pull(&kit, &sides[i], key);
    }
    ck_assert(catalog_find(kit.catalog, key)->conflict == (count > 1));
}

static struct catalog_write resolution(const char *node) {
    return (struct catalog_write){
        .operation = CATALOG_RESOLVE, .key = *key, .take = catalog_kit_text(node)};
}

static int resolve(const char *node) {
    struct catalog_write write = resolution(node);
    return catalog_kit_apply(&kit, &write, 1);
}

static bool body_is(const struct catalog_version *version, const char *json) {
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", json);
    return version->body_size_bytes == write.body_size_bytes &&
           memcmp(version->body, write.body, write.body_size_bytes) == 0;
}

/* What one node wrote becomes a new version of this node, alone, over all others; the sides take it as such. */
START_TEST(takes_one_version) {
    static const char *const names[SIDES] = {"a", "b", "c"};
    conflict(SIDES);
    ASSERT_TAKEN(resolve(names[_i]));
    struct catalog_entry *entry = catalog_find(kit.catalog, key);
    ck_assert_uint_eq(entry->version_count, 1);
    ck_assert(!entry->conflict);
    ck_assert_uint_eq(entry->number, 2);
    struct catalog_version version = catalog_entry_in_force(entry);
    ck_assert(body_is(&version, bodies[_i]));
    ck_assert_uint_eq(version.state, CATALOG_ACTIVE);
    ck_assert(catalog__text_equal(version.node, catalog_kit_text("kit")));
    for (size_t i = 0; i < SIDES; i++) {
        catalog_kit_pull(&sides[i], &kit, key);
        ck_assert(
            merkle_digest_equal(&catalog_find(sides[i].catalog, key)->digest, &entry->digest));
    }
}
END_TEST

/* Of several versions of the node (it started anew in between) the newest is meant. */
START_TEST(takes_the_newest_of_a_node) {
    sides[1].writer.node = catalog_kit_text("a");
    conflict(SIDES);
    ASSERT_TAKEN(resolve("a"));
    struct catalog_version version = catalog_entry_in_force(catalog_find(kit.catalog, key));
    ck_assert(body_is(&version, bodies[1]));
}
END_TEST

/* State and `previous` come with the body: a staged change is pending again, a drop drops. */
START_TEST(takes_state_and_previous) {
    conflict(1);
    catalog_kit_pull(&sides[1], &sides[0], key);
    struct catalog_write staged =
        catalog_kit_set(&sides[0], CATALOG_SCHEMA, "users", "", bodies[1]);
    staged.state = CATALOG_PENDING_ADD;
    staged.step = true;
    ck_assert_int_eq(catalog_kit_apply(&sides[0], &staged, 1), 0);
    ck_assert_int_eq(catalog_kit_apply_drop(&sides[1], CATALOG_SCHEMA, "users", ""), 0);
    catalog_kit_pull(&kit, &sides[0], key);
    catalog_kit_pull(&kit, &sides[1], key);
    struct catalog_plan *plan = NULL;
    struct catalog_write write = resolution("b");
    ck_assert_int_eq(catalog_plan_new(kit.catalog, &write, 1, &kit.writer, &plan), 0);
    ck_assert_uint_eq(plan->entry_count, 1);
    ck_assert(plan->entries[0]->tombstone && plan->entries[0]->version_count == 1);
    ck_assert(plan->outcomes[0].changed && !plan->outcomes[0].created);
    catalog_plan_free(plan);
    ASSERT_TAKEN(resolve("a"));
    struct catalog_version version = catalog_entry_in_force(catalog_find(kit.catalog, key));
    ck_assert_uint_eq(version.state, CATALOG_PENDING_ADD);
    ck_assert(body_is(&version, bodies[1]));
    struct catalog_version before = version;
    before.body = version.previous;
    before.body_size_bytes = version.previous_size_bytes;
    ck_assert(body_is(&before, bodies[0]));
}
END_TEST

/* A node without a version: the message names those that have one, each once. */
START_TEST(names_those_that_have_one) {
    sides[2].writer.node = catalog_kit_text("a");
    conflict(SIDES);
    ASSERT_REFUSED(CATALOG_ENOTFOUND, "node 'zoe'; there are those of 'a', 'b'", resolve("zoe"));
    ck_assert_ptr_null(strstr(kit.problem.message, "'b', 'a'"));
    ck_assert_int_eq(resolve(""), CATALOG_ENOTFOUND);
    ck_assert_uint_eq(catalog_find(kit.catalog, key)->version_count, 3);
}
END_TEST

/* The longest names fit a message, and it is cut between characters. */
START_TEST(longest_names_fit) {
    static char longest[CATALOG_NAME_SIZE_MAX + 1];
    for (size_t i = 0; i < CATALOG_NAME_SIZE_MAX; i += 2) {
        memcpy(longest + i, "\xc3\xbc", 2);
    }
    for (size_t i = 0; i < SIDES; i++) {
        sides[i].writer.node = catalog_kit_text(longest);
    }
    static struct catalog_key long_key;
    long_key = catalog_kit_key(CATALOG_INDEX, longest, longest);
    key = &long_key;
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(
            catalog_kit_apply_set(&sides[i], CATALOG_INDEX, longest, longest,
                                  i == 0 ? "{\"fields\":[\"x\"]}" : "{\"fields\":[\"y\"]}"),
            0);
        catalog_kit_pull(&kit, &sides[i], key);
    }
    static char other[CATALOG_NAME_SIZE_MAX + 1];
    memcpy(other, longest, sizeof other);
    memcpy(other, "xy", 2);
    ASSERT_REFUSED(CATALOG_ENOTFOUND, "'; there are those of '\xc3\xbc\xc3\xbc", resolve(other));
}
END_TEST

/* Without a conflict there is nothing to take; If-Match names no number in one; other kinds of writes are as they were. */
START_TEST(only_in_a_conflict) {
    ASSERT_REFUSED(CATALOG_ENOTFOUND, "does not exist", resolve("a"));
    conflict(1);
    ASSERT_REFUSED(CATALOG_ESTATE, "not in conflict", resolve("a"));
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""), 0);
    ASSERT_REFUSED(CATALOG_ESTATE, "not in conflict", resolve("a"));
    conflict(2);
    struct catalog_write write = resolution("b");
    write.number_expected = true;
    write.number = 1;
    ASSERT_REFUSED(CATALOG_EPRECONDITION, "in conflict", catalog_kit_apply(&kit, &write, 1));
}
END_TEST

/* The rules of a write apply (DESIGN 4.4): what is taken must fit what stands around it. */
START_TEST(rules_apply) {
    conflict(2);
    ck_assert_int_eq(
        catalog_kit_apply_set(&kit, CATALOG_INDEX, "users", "i", "{\"fields\":[\"y\"]}"), 0);
    ASSERT_REFUSED(CATALOG_EFIELDINUSE, "'i'", resolve("a"));
    ASSERT_TAKEN(resolve("b"));
}
END_TEST

/* Taking a drop is a drop: what hangs on the schema goes along, and what references it keeps it. */
START_TEST(taken_drop_takes_along) {
    conflict(1);
    catalog_kit_pull(&sides[1], &sides[0], key);
    ck_assert_int_eq(catalog_kit_apply_set(&sides[0], CATALOG_SCHEMA, "users", "", bodies[1]), 0);
    ck_assert_int_eq(catalog_kit_apply_drop(&sides[1], CATALOG_SCHEMA, "users", ""), 0);
    catalog_kit_pull(&kit, &sides[0], key);
    ck_assert_int_eq(
        catalog_kit_apply_set(&kit, CATALOG_INDEX, "users", "i", "{\"fields\":[\"y\"]}"), 0);
    ck_assert_int_eq(catalog_kit_apply_set(
                         &kit, CATALOG_CONSTRAINT, "posts", "f",
                         "{\"type\":\"foreign_key\",\"fields\":[\"u\"],\"references\":{"
                         "\"entity\":\"users\",\"fields\":[\"y\"]},\"on_delete\":\"cascade\"}"),
                     0);
    catalog_kit_pull(&kit, &sides[1], key);
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'f'", resolve("b"));
    struct catalog_write write = resolution("b");
    write.cascade = true;
    ASSERT_TAKEN(catalog_kit_apply(&kit, &write, 1));
    ck_assert_uint_eq(kit.entry_count, 3);
    ck_assert_uint_eq(catalog_count(kit.catalog).entries, 0);
}
END_TEST

Suite *plan_resolve_suite(void);
Suite *plan_resolve_suite(void) {
    const TTest *const tests[] = {takes_the_newest_of_a_node, takes_state_and_previous,
                                  names_those_that_have_one,  longest_names_fit,
                                  only_in_a_conflict,         rules_apply,
                                  taken_drop_takes_along};
    Suite *suite = suite_create("plan_resolve");
    TCase *tcase = tcase_create("catalog_plan_resolve");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, takes_one_version, 0, SIDES);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; ++i) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
