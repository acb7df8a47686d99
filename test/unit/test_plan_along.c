/* test_plan_along.c - what goes the way of a schema: into a staged drop, back out of it, and to its end (DESIGN 4.4, 7.6). */
#include "catalog/internal.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <string.h>

static struct catalog_kit kit;

#define ASSERT_REFUSED(code_expected, part, applied)                                               \
    do {                                                                                           \
        ck_assert_int_eq((applied), (code_expected));                                              \
        ck_assert_msg(strstr(kit.problem.message, (part)) != NULL, "%s", kit.problem.message);     \
    } while (0)
#define ASSERT_TAKEN(applied) ck_assert_msg((applied) == 0, "%s", kit.problem.message)

#define REFERENCE(entity)                                                                          \
    "{\"type\":\"foreign_key\",\"fields\":[\"author\"],\"references\":{\"entity\":\"" entity       \
    "\",\"fields\":[\"id\"]},\"on_delete\":\"restrict\"}"
static const char users_body[] = "{\"fields\":{\"id\":{\"type\":\"integer\"}}}";
static const char posts_body[] = "{\"fields\":{\"author\":{\"type\":\"integer\"}}}";

/* users and people, each with a unique; posts with a foreign key to users and an index. */
static void make_blog(struct catalog_kit *to) {
    struct catalog_write writes[] = {
        catalog_kit_set(to, CATALOG_SCHEMA, "users", "", users_body),
        catalog_kit_set(to, CATALOG_SCHEMA, "people", "", users_body),
        catalog_kit_set(to, CATALOG_SCHEMA, "posts", "", posts_body),
        catalog_kit_set(to, CATALOG_CONSTRAINT, "users", "key",
                        "{\"type\":\"unique\",\"fields\":[\"id\"]}"),
        catalog_kit_set(to, CATALOG_CONSTRAINT, "posts", "writer", REFERENCE("users")),
        catalog_kit_set(to, CATALOG_INDEX, "posts", "by", "{\"fields\":[\"author\"]}"),
    };
    ck_assert_int_eq(catalog_kit_apply(to, writes, 6), 0);
}

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    make_blog(&kit);
}

static void tear_down(void) {
    catalog_kit_close(&kit);
}

/* A step of a staged change; a body of NULL: a staged drop, or with CATALOG_DROPPED its end. */
static struct catalog_write step_of(uint16_t kind, const char *entity, const char *name,
                                    enum catalog_state state, const char *json) {
    struct catalog_write write = state == CATALOG_DROPPED || json == NULL
                                     ? catalog_kit_drop(kind, entity, name)
                                     : catalog_kit_set(&kit, kind, entity, name, json);
    if (state != CATALOG_DROPPED) {
        write.operation = CATALOG_SET;
        write.state = state;
    }
    write.step = true;
    return write;
}

static int step_schema(const char *entity, enum catalog_state state, const char *json,
                       bool cascade) {
    struct catalog_write write = step_of(CATALOG_SCHEMA, entity, "", state, json);
    write.cascade = cascade;
    return catalog_kit_apply(&kit, &write, 1);
}

static int step_key(enum catalog_state state, const char *json) {
    struct catalog_write write = step_of(CATALOG_CONSTRAINT, "users", "key", state, json);
    return catalog_kit_apply(&kit, &write, 1);
}

/* States of users, users.key, posts, posts.writer, posts.by, as letters: a, p (pending_add), d (pending_drop), - (dropped). */
static const char *states_in(const struct catalog_kit *of) {
    static char text[6];
    const struct catalog_key keys[] = {catalog_kit_key(CATALOG_SCHEMA, "users", ""),
                                       catalog_kit_key(CATALOG_CONSTRAINT, "users", "key"),
                                       catalog_kit_key(CATALOG_SCHEMA, "posts", ""),
                                       catalog_kit_key(CATALOG_CONSTRAINT, "posts", "writer"),
                                       catalog_kit_key(CATALOG_INDEX, "posts", "by")};
    for (size_t i = 0; i < 5; i++) {
        text[i] = "?apd-"[catalog_find(of->catalog, &keys[i])->state];
    }
    return text;
}

#define ASSERT_STATES(expected) ck_assert_str_eq(states_in(&kit), (expected))

/* --- a staged drop and its ends ---------------------------------------------------------------------------------------- */

/* A staged drop takes the own constraints and indexes to pending_drop in its batch, so that at its end nothing that hangs on the
 * schema is two states away. */
START_TEST(staged_drop_takes_own_along) {
    ASSERT_TAKEN(step_schema("posts", CATALOG_PENDING_DROP, NULL, false));
    ck_assert_uint_eq(kit.entry_count, 3);
    ASSERT_STATES("aaddd");
    ASSERT_TAKEN(step_schema("posts", CATALOG_PENDING_DROP, NULL, false)); /* asked again */
    ck_assert_uint_eq(kit.entry_count, 0);
    ASSERT_TAKEN(step_schema("posts", CATALOG_DROPPED, NULL, false));
    ck_assert_uint_eq(kit.entry_count, 3);
    ASSERT_STATES("aa---");
    ck_assert_uint_eq(catalog_audit(kit.catalog, NULL, 0), 0);
}
END_TEST

/* What it takes along keeps its body, and is enforced until the end (DESIGN 4.3). */
START_TEST(pending_drop_is_enforced) {
    ASSERT_TAKEN(step_schema("users", CATALOG_PENDING_DROP, NULL, true));
    struct catalog_check *check = NULL;
    ck_assert_int_eq(
        catalog_check(kit.catalog, catalog_kit_text("users"), "{\"id\":\"x\"}", 10, &check, NULL),
        0);
    ck_assert(!check->valid);
    ck_assert_uint_eq(check->unique_count, 1);
    catalog_check_free(check);
    ck_assert_str_eq(catalog_kit_show(&kit, CATALOG_CONSTRAINT, "users", "key"),
                     "{\"kind\":\"constraint\",\"entity\":\"users\",\"name\":\"key\",\"type\":"
                     "\"unique\",\"fields\":[\"id\"],\"state\":\"pending_drop\"}");
}
END_TEST

/* Foreign keys of others: refused at the beginning, or with cascade all the way along. */
START_TEST(staged_drop_cascades) {
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'writer' of entity 'posts'",
                   step_schema("users", CATALOG_PENDING_DROP, NULL, false));
    ASSERT_TAKEN(step_schema("users", CATALOG_PENDING_DROP, NULL, true));
    ASSERT_STATES("ddada");
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'writer'",
                   step_schema("users", CATALOG_DROPPED, NULL, false));
    ASSERT_TAKEN(step_schema("users", CATALOG_DROPPED, NULL, true));
    ASSERT_STATES("--a-a");
}
END_TEST

/* The abort of a staged drop brings all back that went along with it. */
START_TEST(abort_brings_all_back) {
    ASSERT_TAKEN(step_schema("users", CATALOG_PENDING_DROP, NULL, true));
    ASSERT_TAKEN(step_schema("users", CATALOG_ACTIVE, users_body, false));
    ck_assert_uint_eq(kit.entry_count, 3);
    ASSERT_STATES("aaaaa");
    ASSERT_TAKEN(step_schema("posts", CATALOG_PENDING_DROP, NULL, false));
    ASSERT_TAKEN(step_schema("posts", CATALOG_ACTIVE, posts_body, false));
    ASSERT_STATES("aaaaa");
}
END_TEST

/* Two staged drops share a foreign key: it comes back when the last of them is aborted. */
START_TEST(shared_key_comes_back_last) {
    ASSERT_TAKEN(step_schema("posts", CATALOG_PENDING_DROP, NULL, false));
    ASSERT_TAKEN(step_schema("users", CATALOG_PENDING_DROP, NULL, true));
    ASSERT_STATES("ddddd");
    ASSERT_TAKEN(step_schema("users", CATALOG_ACTIVE, users_body, false));
    ASSERT_STATES("aaddd");
    ASSERT_TAKEN(step_schema("posts", CATALOG_ACTIVE, posts_body, false));
    ASSERT_STATES("aaaaa");
}
END_TEST

/* Staged drops of two schemas in one batch: the foreign key between them goes with its own, and holds nothing back. */
START_TEST(two_in_one_batch) {
    struct catalog_write writes[] = {
        step_of(CATALOG_SCHEMA, "users", "", CATALOG_PENDING_DROP, NULL),
        step_of(CATALOG_SCHEMA, "posts", "", CATALOG_PENDING_DROP, NULL)};
    ASSERT_TAKEN(catalog_kit_apply(&kit, writes, 2));
    ASSERT_STATES("ddddd");
    writes[0] = step_of(CATALOG_SCHEMA, "users", "", CATALOG_DROPPED, NULL);
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'writer'", catalog_kit_apply(&kit, writes, 2));
    writes[1] = step_of(CATALOG_SCHEMA, "posts", "", CATALOG_DROPPED, NULL);
    ASSERT_TAKEN(catalog_kit_apply(&kit, writes, 2));
    ASSERT_STATES("-----");
}
END_TEST

/* --- what is in the way ------------------------------------------------------------------------------------------------ */

/* A staged change of what hangs on the schema belongs to somebody else: no drop goes over it, plain or staged. */
START_TEST(staged_changes_are_in_the_way) {
    ASSERT_TAKEN(step_key(CATALOG_PENDING_ADD, "{\"type\":\"not_null\",\"fields\":[\"id\"]}"));
    struct catalog_write drop = catalog_kit_drop(CATALOG_SCHEMA, "users", "");
    drop.cascade = true;
    ASSERT_REFUSED(CATALOG_ESTATE, "'key' of entity 'users' has a staged change",
                   catalog_kit_apply(&kit, &drop, 1));
    ASSERT_REFUSED(CATALOG_ESTATE, "'key' of entity 'users' has a staged change",
                   step_schema("users", CATALOG_PENDING_DROP, NULL, true));
    ASSERT_TAKEN(step_key(CATALOG_ACTIVE, "{\"type\":\"unique\",\"fields\":[\"id\"]}"));
    ASSERT_TAKEN(step_key(CATALOG_PENDING_DROP, NULL));
    ASSERT_REFUSED(CATALOG_ESTATE, "--abort", catalog_kit_apply(&kit, &drop, 1));
    ASSERT_TAKEN(step_schema("users", CATALOG_PENDING_DROP, NULL, true)); /* it is there already */
    ck_assert_uint_eq(kit.entry_count, 2);
    ASSERT_STATES("ddada");
}
END_TEST

/* Nothing new hangs on a schema that leaves, and nothing comes back to it alone. */
START_TEST(nothing_hangs_on_what_leaves) {
    ASSERT_TAKEN(step_schema("users", CATALOG_PENDING_DROP, NULL, true));
    ASSERT_REFUSED(
        CATALOG_ESTATE, "pending_drop",
        catalog_kit_apply_set(&kit, CATALOG_INDEX, "users", "i", "{\"fields\":[\"id\"]}"));
    ASSERT_REFUSED(CATALOG_ESTATE, "pending_drop",
                   catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, "users", "n",
                                         "{\"type\":\"not_null\",\"fields\":[\"id\"]}"));
    ASSERT_REFUSED(CATALOG_ESTATE, "pending_drop",
                   catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, "x", "f", REFERENCE("users")));
    struct catalog_write staged =
        step_of(CATALOG_INDEX, "users", "i", CATALOG_PENDING_ADD, "{\"fields\":[\"id\"]}");
    ASSERT_REFUSED(CATALOG_ESTATE, "pending_drop", catalog_kit_apply(&kit, &staged, 1));
    ASSERT_REFUSED(CATALOG_ESTATE, "pending_drop",
                   step_key(CATALOG_ACTIVE, "{\"type\":\"unique\",\"fields\":[\"id\"]}"));
    struct catalog_write back =
        step_of(CATALOG_CONSTRAINT, "posts", "writer", CATALOG_ACTIVE, REFERENCE("users"));
    ASSERT_REFUSED(CATALOG_ESTATE, "pending_drop", catalog_kit_apply(&kit, &back, 1));
    ASSERT_STATES("ddada");
}
END_TEST

/* A batch that drops a schema and writes what hangs on it contradicts itself. */
START_TEST(nothing_hangs_on_what_the_batch_drops) {
    struct catalog_write writes[] = {
        catalog_kit_drop(CATALOG_SCHEMA, "posts", ""),
        catalog_kit_set(&kit, CATALOG_INDEX, "posts", "other", "{\"fields\":[\"author\"]}")};
    ASSERT_REFUSED(CATALOG_ESTATE, "'other' of entity 'posts': the same batch drops the schema",
                   catalog_kit_apply(&kit, writes, 2));
    writes[1] = catalog_kit_set(&kit, CATALOG_INDEX, "posts", "by", "{\"fields\":[\"author\"]}");
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 2), CATALOG_ESTATE);
    writes[1] = catalog_kit_drop(CATALOG_INDEX, "posts", "by");
    ASSERT_TAKEN(catalog_kit_apply(&kit, writes, 2));
    ASSERT_STATES("aa---");
}
END_TEST

/* A foreign key whose change is staged holds back both schemas: that which it references now, and that which it will. */
START_TEST(both_references_hold) {
    struct catalog_write staged =
        step_of(CATALOG_CONSTRAINT, "posts", "writer", CATALOG_PENDING_ADD, REFERENCE("people"));
    ASSERT_TAKEN(catalog_kit_apply(&kit, &staged, 1));
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'writer'",
                   catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""));
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'writer'",
                   catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "people", ""));
    ck_assert_uint_eq(kit.catalog->references.count, 2);
    staged.state = CATALOG_ACTIVE;
    ASSERT_TAKEN(catalog_kit_apply(&kit, &staged, 1));
    ck_assert_uint_eq(kit.catalog->references.count, 1);
    ASSERT_TAKEN(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""));
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'writer'",
                   catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "people", ""));
}
END_TEST

/* --- what came meanwhile ------------------------------------------------------------------------------------------------ */

/* An index that another member made before it knew of the staged drop: the last step takes it along as it is. */
START_TEST(end_takes_along_what_came) {
    struct catalog_kit other;
    struct catalog_key index = catalog_kit_key(CATALOG_INDEX, "posts", "late");
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    ck_assert_int_eq(
        catalog_kit_apply_set(&other, CATALOG_INDEX, "posts", "late", "{\"fields\":[\"author\"]}"),
        0);
    ASSERT_TAKEN(step_schema("posts", CATALOG_PENDING_DROP, NULL, false));
    catalog_kit_pull(&kit, &other, &index);
    ASSERT_TAKEN(step_schema("posts", CATALOG_DROPPED, NULL, false));
    ck_assert_uint_eq(kit.entry_count, 4);
    ck_assert_uint_eq(catalog_find(kit.catalog, &index)->state, CATALOG_DROPPED);
    catalog_kit_close(&other);
}
END_TEST

/* What is in conflict has no one state from which it could go: resolved first, then dropped in stages. A plain drop resolves. */
START_TEST(conflict_is_in_the_way) {
    struct catalog_kit other;
    struct catalog_key index = catalog_kit_key(CATALOG_INDEX, "posts", "by");
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    ck_assert_int_eq(
        catalog_kit_apply_set(&other, CATALOG_INDEX, "posts", "by", "{\"fields\":[\"x\"]}"), 0);
    catalog_kit_pull(&kit, &other, &index);
    ck_assert(catalog_find(kit.catalog, &index)->conflict);
    ASSERT_REFUSED(CATALOG_ESTATE, "'by' of entity 'posts' is in conflict",
                   step_schema("posts", CATALOG_PENDING_DROP, NULL, false));
    ASSERT_TAKEN(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "posts", ""));
    ck_assert(catalog_find(kit.catalog, &index)->tombstone);
    catalog_kit_close(&other);
}
END_TEST

/* Short memory: whichever allocation fails, all is given back and nothing has changed. */
START_TEST(out_of_memory) {
    static struct alloc_fault fault;
    static struct merkle_allocator allocator;
    fault = (struct alloc_fault){.allowed = SIZE_MAX};
    allocator = alloc_fault_allocator(&fault);
    catalog_kit_close(&kit);
    catalog_kit_init(&kit, &allocator, 1);
    make_blog(&kit);
    struct catalog_write write = step_of(CATALOG_SCHEMA, "users", "", CATALOG_PENDING_DROP, NULL);
    write.cascade = true;
    size_t blocks = fault.live_blocks;
    for (size_t allowed = 0;; ++allowed) {
        struct catalog_plan *plan = NULL;
        fault.allowed = allowed;
        fault.fired = 0;
        int result = catalog_plan_new(kit.catalog, &write, 1, &kit.writer, &plan);
        fault.allowed = SIZE_MAX;
        ck_assert_uint_eq(plan != NULL ? plan->entry_count : 3, 3);
        catalog_plan_free(plan);
        ck_assert_uint_eq(fault.live_blocks, blocks);
        if (result == 0) {
            ck_assert_uint_gt(allowed, 5);
            break;
        }
        ck_assert_int_eq(result, CATALOG_ENOMEM);
        ck_assert_uint_eq(fault.fired, 1);
    }
}
END_TEST

Suite *plan_along_suite(void);
Suite *plan_along_suite(void) {
    const TTest *const tests[] = {
        staged_drop_takes_own_along,
        pending_drop_is_enforced,
        staged_drop_cascades,
        abort_brings_all_back,
        shared_key_comes_back_last,
        two_in_one_batch,
        staged_changes_are_in_the_way,
        nothing_hangs_on_what_leaves,
        both_references_hold,
        nothing_hangs_on_what_the_batch_drops,
        end_takes_along_what_came,
        conflict_is_in_the_way,
        out_of_memory,
    };
    Suite *suite = suite_create("plan_along");
    TCase *tcase = tcase_create("catalog_plan_along");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; ++i) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
