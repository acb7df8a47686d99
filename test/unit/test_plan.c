/* test_plan.c - plans: batches, numbers, If-Match, clocks, order, idempotence, drops and what they take along. */
#include "catalog/internal.h"
#include "test/unit/support/alloc_fault.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct catalog_kit kit;

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
}

static void tear_down(void) {
    catalog_kit_close(&kit);
}

static const char users[] =
    "{\"fields\":{\"id\":{\"type\":\"integer\",\"required\":true},\"name\":{\"type\":\"string\"}}}";
static const char posts[] =
    "{\"fields\":{\"author\":{\"type\":\"integer\"},\"day\":{\"type\":\"string\"}}}";
static const char posts_author[] =
    "{\"type\":\"foreign_key\",\"fields\":[\"author\"],\"references\":{\"entity\":\"users\","
    "\"fields\":[\"id\"]},\"on_delete\":\"restrict\"}";

#define ASSERT_REFUSED(code_expected, part, applied)                                               \
    do {                                                                                           \
        ck_assert_int_eq((applied), (code_expected));                                              \
        ck_assert_msg(strstr(kit.problem.message, (part)) != NULL, "%s", kit.problem.message);     \
    } while (0)

static uint64_t number_of(uint16_t kind, const char *entity, const char *name) {
    struct catalog_key key = catalog_kit_key(kind, entity, name);
    struct catalog_entry *entry = catalog_find(kit.catalog, &key);
    return entry != NULL ? entry->number : 0;
}

static void make_blog(void) {
    struct catalog_write writes[] = {
        catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users),
        catalog_kit_set(&kit, CATALOG_SCHEMA, "posts", "", posts),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "posts", "posts_author", posts_author),
        catalog_kit_set(&kit, CATALOG_INDEX, "posts", "posts_by_day", "{\"fields\":[\"day\"]}"),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "users", "users_id",
                        "{\"type\":\"unique\",\"fields\":[\"id\"]}"),
    };
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 5), 0);
}

/* --- batches ----------------------------------------------------------------------------------------------------------- */

/* Entries come in slot order, one rising clock to each, and the mark ends at the last. */
START_TEST(slot_order) {
    struct catalog_write writes[20];
    char names[20][8];
    for (unsigned i = 0; i < 20; ++i) {
        snprintf(names[i], sizeof names[i], "e%u", i);
        writes[i] = catalog_kit_set(&kit, CATALOG_SCHEMA, names[i], "", "{\"fields\":{}}");
    }
    struct catalog_plan *plan = catalog_kit_plan(&kit, writes, 20);
    ck_assert_uint_eq(plan->problem_count, 0);
    ck_assert_uint_eq(plan->entry_count, 20);
    for (size_t i = 1; i < 20; ++i) {
        ck_assert_uint_lt(plan->entries[i - 1]->slot, plan->entries[i]->slot);
        ck_assert_uint_lt(plan->entries[i - 1]->clock, plan->entries[i]->clock);
    }
    ck_assert_uint_eq(plan->high_water, plan->entries[19]->clock);
    for (size_t i = 0; i < 20; ++i) {
        struct catalog_key key = catalog_entry_key(plan->outcomes[i].entry);
        ck_assert(catalog_key_equal(&key, &writes[i].key));
        ck_assert(plan->outcomes[i].changed && plan->outcomes[i].created);
        ck_assert_ptr_null(plan->outcomes[i].before);
    }
    ck_assert_ptr_null(catalog_pending_find(kit.catalog, &writes[0].key));
    catalog_plan_free(plan);
}
END_TEST

/* Writing what is in force is a success that changes nothing. */
START_TEST(idempotent) {
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "users", "", users), 0);
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users);
    struct catalog_plan *plan = catalog_kit_plan(&kit, &write, 1);
    ck_assert_uint_eq(plan->entry_count, 0);
    ck_assert_uint_eq(plan->high_water, kit.writer.high_water);
    ck_assert(!plan->outcomes[0].changed && !plan->outcomes[0].created);
    ck_assert_ptr_eq(plan->outcomes[0].entry, catalog_find(kit.catalog, &write.key));
    catalog_plan_free(plan);
}
END_TEST

/* A batch is judged on the pending layer: what is in flight counts (DESIGN 6). */
START_TEST(on_pending_layer) {
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users);
    struct catalog_plan *plan = catalog_kit_plan(&kit, &write, 1);
    ck_assert_int_eq(catalog_pending_put(kit.catalog, plan->entries[0], 1), 0);
    catalog_plan_free(plan);
    struct catalog_write index =
        catalog_kit_set(&kit, CATALOG_INDEX, "users", "i", "{\"fields\":[\"nope\"]}");
    plan = catalog_kit_plan(&kit, &index, 1);
    ck_assert_int_eq(plan->problems[0].code, CATALOG_EMISSINGFIELD);
    catalog_plan_free(plan);
    catalog_pending_abandon(kit.catalog, 1);
    plan = catalog_kit_plan(&kit, &index, 1);
    ck_assert_uint_eq(plan->problem_count, 0);
    catalog_plan_free(plan);
}
END_TEST

/* The same entry twice in one batch is refused, naming the first line. */
START_TEST(duplicates) {
    struct catalog_write writes[] = {
        catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users),
        catalog_kit_set(&kit, CATALOG_SCHEMA, "posts", "", posts),
        catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users),
    };
    writes[0].line = 4;
    writes[2].line = 6;
    ASSERT_REFUSED(CATALOG_EDUPLICATE, "line 4", catalog_kit_apply(&kit, writes, 3));
    ck_assert_uint_eq(kit.problem.line, 6);
    ck_assert_uint_eq(kit.problem_count, 1);
}
END_TEST

/* What is malformed by itself is refused before anything else is looked at. */
START_TEST(malformed) {
    struct catalog_write good = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users);
    struct catalog_write writes[7] = {good, good, good, good, good, good, good};
    writes[0].key.entity = catalog_kit_text("a/b");
    writes[1].state = CATALOG_DROPPED;
    writes[2].body = NULL;
    writes[3].body_size_bytes -= 1;
    writes[4].operation = 0;
    writes[5].key = catalog_kit_key(CATALOG_CONSTRAINT, "users", "c"); /* the body of a schema */
    writes[6].body_size_bytes = CATALOG_BODY_SIZE_MAX + 1;
    for (size_t i = 0; i < 7; ++i) {
        struct catalog_plan *plan = catalog_kit_plan(&kit, &writes[i], 1);
        ck_assert_uint_eq(plan->problem_count, 1);
        ck_assert_int_eq(plan->problems[0].code, i == 6 ? CATALOG_ETOOBIG : CATALOG_EMALFORMED);
        catalog_plan_free(plan);
    }
    ck_assert_int_eq(catalog_kit_apply(&kit, NULL, 0), 0);
    ck_assert_uint_eq(kit.entry_count, 0);
}
END_TEST

/* Circular references within one batch are fine: it is its result that counts. */
START_TEST(circular) {
    struct catalog_write writes[] = {
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "a", "a_b",
                        "{\"type\":\"foreign_key\",\"fields\":[\"b\"],\"references\":{\"entity\":"
                        "\"b\",\"fields\":[\"id\"]},"
                        "\"on_delete\":\"cascade\"}"),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "b", "b_a",
                        "{\"type\":\"foreign_key\",\"fields\":[\"a\"],\"references\":{\"entity\":"
                        "\"a\",\"fields\":[\"id\"]},"
                        "\"on_delete\":\"cascade\"}"),
        catalog_kit_set(
            &kit, CATALOG_SCHEMA, "a", "",
            "{\"fields\":{\"b\":{\"type\":\"integer\"},\"id\":{\"type\":\"integer\"}}}"),
        catalog_kit_set(
            &kit, CATALOG_SCHEMA, "b", "",
            "{\"fields\":{\"a\":{\"type\":\"integer\"},\"id\":{\"type\":\"integer\"}}}"),
    };
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 4), 0);
    struct catalog_write drops[] = {catalog_kit_drop(CATALOG_SCHEMA, "a", ""),
                                    catalog_kit_drop(CATALOG_SCHEMA, "b", "")};
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'b_a'", catalog_kit_apply(&kit, drops, 1));
    ck_assert_int_eq(catalog_kit_apply(&kit, drops, 2), 0);
    ck_assert_uint_eq(kit.entry_count, 4);
    ck_assert_uint_eq(catalog_count(kit.catalog).entries, 0);
}
END_TEST

/* --- numbers, If-Match, clocks -------------------------------------------------------------------------------------------- */

/* Numbers rise by one with each version, past a drop too. */
START_TEST(numbers) {
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "users", "", users), 0);
    ck_assert_uint_eq(number_of(CATALOG_SCHEMA, "users", ""), 1);
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "users", "", posts), 0);
    ck_assert_uint_eq(number_of(CATALOG_SCHEMA, "users", ""), 2);
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""), 0);
    ck_assert_uint_eq(number_of(CATALOG_SCHEMA, "users", ""), 3);
    ASSERT_REFUSED(CATALOG_ENOTFOUND, "'users'",
                   catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""));
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users);
    struct catalog_plan *plan = catalog_kit_plan(&kit, &write, 1);
    ck_assert(plan->outcomes[0].created);
    ck_assert_uint_eq(plan->outcomes[0].before->state, CATALOG_DROPPED);
    catalog_plan_free(plan);
    ck_assert_int_eq(catalog_kit_apply(&kit, &write, 1), 0);
    ck_assert_uint_eq(number_of(CATALOG_SCHEMA, "users", ""), 4);
}
END_TEST

static int apply_if(struct catalog_write write, uint64_t number) {
    write.number_expected = true;
    write.number = number;
    return catalog_kit_apply(&kit, &write, 1);
}

/* If-Match: the number in force, or 0 for what must not exist. */
START_TEST(if_match) {
    struct catalog_write set = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users);
    struct catalog_write other = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", posts);
    struct catalog_write drop = catalog_kit_drop(CATALOG_SCHEMA, "users", "");
    ASSERT_REFUSED(CATALOG_EPRECONDITION, "does not exist", apply_if(set, 1));
    ck_assert_int_eq(apply_if(drop, 1), CATALOG_ENOTFOUND);
    ck_assert_int_eq(apply_if(set, 0), 0);
    ASSERT_REFUSED(CATALOG_EPRECONDITION, "exists already", apply_if(other, 0));
    ASSERT_REFUSED(CATALOG_EPRECONDITION, "at number 1, not 7", apply_if(other, 7));
    ck_assert_int_eq(apply_if(other, 1), 0);
    ck_assert_int_eq(apply_if(drop, 1), CATALOG_EPRECONDITION);
    ck_assert_int_eq(apply_if(drop, 2), 0);
    ck_assert_int_eq(apply_if(set, 3), CATALOG_EPRECONDITION);
    ck_assert_int_eq(apply_if(set, 0), 0);
}
END_TEST

/* A clock past the year 2200 refuses the write, with nothing left of the batch. */
START_TEST(clock_end) {
    struct catalog_write writes[] = {
        catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", users),
        catalog_kit_set(&kit, CATALOG_SCHEMA, "posts", "", posts),
    };
    kit.writer.high_water = CATALOG_CLOCK_MAX - 1;
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 2), CATALOG_ECLOCK);
    ck_assert_uint_eq(kit.problem_count, 1);
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 1), 0);
}
END_TEST

/* --- conflicts ------------------------------------------------------------------------------------------------------------ */

/* Two nodes write the same schema without knowing of each other. */
static void make_conflict(struct catalog_kit *other, const char *mine, const char *theirs) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "users", "");
    catalog_kit_init(other, &merkle_allocator_libc, 2);
    other->writer.wall_ms += 1000;
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "users", "", mine), 0);
    ck_assert_int_eq(catalog_kit_apply_set(other, CATALOG_SCHEMA, "users", "", theirs), 0);
    catalog_kit_pull(&kit, other, &key);
    ck_assert(catalog_find(kit.catalog, &key)->conflict);
}

/* The next write resolves a conflict, also when it repeats what is in force; If-Match does not (G7). */
START_TEST(conflict_resolved) {
    struct catalog_kit other;
    make_conflict(&other, users, posts);
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "users", "", posts);
    ck_assert_uint_eq(number_of(CATALOG_SCHEMA, "users", ""), 1);
    ASSERT_REFUSED(CATALOG_EPRECONDITION, "in conflict", apply_if(write, 1));
    ck_assert_int_eq(catalog_kit_apply(&kit, &write, 1), 0);
    ck_assert_uint_eq(kit.entry_count, 1);
    struct catalog_entry *entry = catalog_find(kit.catalog, &write.key);
    ck_assert(!entry->conflict);
    ck_assert_uint_eq(entry->version_count, 1);
    ck_assert_uint_eq(entry->number, 2);
    catalog_kit_close(&other);
}
END_TEST

/* A conflict whose version in force is dropped can be dropped: that resolves it. */
START_TEST(conflict_dropped) {
    struct catalog_kit other;
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "users", "");
    catalog_kit_init(&other, &merkle_allocator_libc, 2);
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "users", "", users), 0);
    catalog_kit_pull(&other, &kit, &key);
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_SCHEMA, "users", "", posts), 0);
    other.writer.wall_ms += 1000;
    ck_assert_int_eq(catalog_kit_apply_drop(&other, CATALOG_SCHEMA, "users", ""), 0);
    catalog_kit_pull(&kit, &other, &key);
    ck_assert(catalog_find(kit.catalog, &key)->conflict);
    ck_assert_uint_eq(catalog_find(kit.catalog, &key)->state, CATALOG_DROPPED);
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""), 0);
    ck_assert(!catalog_find(kit.catalog, &key)->conflict);
    ck_assert(catalog_find(kit.catalog, &key)->tombstone);
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""), CATALOG_ENOTFOUND);
    catalog_kit_close(&other);
}
END_TEST

/* --- drops ---------------------------------------------------------------------------------------------------------------- */

/* Dropping a schema drops its own constraints and indexes in the same batch. */
START_TEST(drop_takes_own_along) {
    make_blog();
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "posts", ""), 0);
    ck_assert_uint_eq(kit.entry_count, 3);
    ck_assert_uint_eq(catalog_count(kit.catalog).entries, 2);
    ck_assert_uint_eq(catalog_count(kit.catalog).tombstones, 3);
    ck_assert_uint_eq(catalog_audit(kit.catalog, NULL, 0), 0);
}
END_TEST

/* What another entity's foreign key references is not dropped, unless the drop cascades. */
START_TEST(drop_referenced) {
    make_blog();
    struct catalog_write drop = catalog_kit_drop(CATALOG_SCHEMA, "users", "");
    ASSERT_REFUSED(CATALOG_EREFERENCED, "'posts_author' of entity 'posts'",
                   catalog_kit_apply(&kit, &drop, 1));
    drop.cascade = true;
    ck_assert_int_eq(catalog_kit_apply(&kit, &drop, 1), 0);
    ck_assert_uint_eq(kit.entry_count, 3); /* users, users_id, posts_author */
    struct catalog_key index = catalog_kit_key(CATALOG_INDEX, "posts", "posts_by_day");
    ck_assert_uint_eq(catalog_find(kit.catalog, &index)->state, CATALOG_ACTIVE);
}
END_TEST

/* A batch that drops a schema and writes a foreign key to it contradicts itself; one that drops both does not. */
START_TEST(drop_in_batch) {
    make_blog();
    struct catalog_write writes[] = {
        catalog_kit_drop(CATALOG_SCHEMA, "users", ""),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "posts", "posts_author", posts_author),
    };
    writes[0].cascade = true;
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 2), CATALOG_EREFERENCED);
    writes[0].cascade = false;
    writes[1] = catalog_kit_drop(CATALOG_CONSTRAINT, "posts", "posts_author");
    ck_assert_int_eq(catalog_kit_apply(&kit, writes, 2), 0);
    ck_assert_uint_eq(kit.entry_count, 3);
}
END_TEST

/* A foreign key that an entity has on itself, or that was pointed elsewhere, holds no schema back. */
START_TEST(drop_not_referenced) {
    static const char itself[] =
        "{\"type\":\"foreign_key\",\"fields\":[\"id\"],\"references\":{\"entity\":\"users\","
        "\"fields\":[\"id\"]},\"on_delete\":\"restrict\"}";
    static const char elsewhere[] =
        "{\"type\":\"foreign_key\",\"fields\":[\"author\"],\"references\":{\"entity\":"
        "\"people\",\"fields\":[\"id\"]},\"on_delete\":\"restrict\"}";
    make_blog();
    ck_assert_int_eq(catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, "users", "self", itself), 0);
    ck_assert_int_eq(
        catalog_kit_apply_set(&kit, CATALOG_CONSTRAINT, "posts", "posts_author", elsewhere), 0);
    ck_assert_int_eq(catalog_kit_apply_drop(&kit, CATALOG_SCHEMA, "users", ""), 0);
    ck_assert_uint_eq(kit.entry_count, 3);
}
END_TEST

/* --- memory --------------------------------------------------------------------------------------------------------------- */

/* Whichever allocation fails, the plan gives everything back and the catalog is as it was. */
START_TEST(out_of_memory) {
    /* The catalog, and so its allocator, live until the fixture closes them. */
    static struct alloc_fault fault;
    static struct merkle_allocator allocator;
    fault = (struct alloc_fault){.allowed = SIZE_MAX};
    allocator = alloc_fault_allocator(&fault);
    catalog_kit_close(&kit);
    catalog_kit_init(&kit, &allocator, 1);
    make_blog();
    struct catalog_write writes[] = {
        catalog_kit_drop(CATALOG_SCHEMA, "users", ""),
        catalog_kit_set(&kit, CATALOG_SCHEMA, "posts", "",
                        "{\"fields\":{\"author\":{\"type\":\"integer\"}}}"),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "posts", "a",
                        "{\"type\":\"unique\",\"fields\":[\"author\"]}"),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "posts", "b",
                        "{\"type\":\"not_null\",\"fields\":[\"author\"]}"),
        catalog_kit_set(&kit, CATALOG_CONSTRAINT, "posts", "c",
                        "{\"type\":\"foreign_key\",\"fields\":[\"author\"],\"references\":{"
                        "\"entity\":\"other\","
                        "\"fields\":[\"id\"]},\"on_delete\":\"set_null\"}"),
    };
    writes[0].cascade = true;
    for (size_t count = 4; count <= 5; ++count) { /* the batch of five is refused */
        size_t blocks = fault.live_blocks;
        for (size_t allowed = 0;; ++allowed) {
            struct catalog_plan *plan = NULL;
            fault.allowed = allowed;
            fault.fired = 0;
            int result = catalog_plan_new(kit.catalog, writes, count, &kit.writer, &plan);
            fault.allowed = SIZE_MAX;
            catalog_plan_free(plan);
            ck_assert_uint_eq(fault.live_blocks, blocks);
            if (result == 0) {
                ck_assert_uint_gt(allowed, 10);
                break;
            }
            ck_assert_int_eq(result, CATALOG_ENOMEM);
            ck_assert_uint_eq(fault.fired, 1);
        }
    }
}
END_TEST

Suite *plan_suite(void);
Suite *plan_suite(void) {
    const TTest *const tests[] = {
        slot_order,        idempotent,       on_pending_layer,
        duplicates,        malformed,        circular,
        numbers,           if_match,         clock_end,
        conflict_resolved, conflict_dropped, drop_takes_own_along,
        drop_referenced,   drop_in_batch,    drop_not_referenced,
        out_of_memory,
    };
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("catalog_plan_new");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; ++i) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
