/* catalog_kit.c - the way of a write through plan, pending layer and store, as the engine takes it, without a store. */
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <string.h>

void catalog_kit_init(struct catalog_kit *kit, const struct merkle_allocator *allocator,
                      uint8_t origin) {
    *kit = (struct catalog_kit){
        .allocator = allocator,
        .writer = {.node = catalog_kit_text("kit"), .wall_ms = UINT64_C(1700000000000)},
    };
    memset(kit->writer.origin.bytes, origin, sizeof kit->writer.origin.bytes);
    ck_assert_int_eq(catalog_new(allocator, &kit->catalog), 0);
}

void catalog_kit_close(struct catalog_kit *kit) {
    catalog_free(kit->catalog);
    for (size_t i = 0; i < kit->body_count; ++i) {
        merkle_release(&merkle_allocator_libc, kit->bodies[i]);
    }
}

struct catalog_text catalog_kit_text(const char *text) {
    return (struct catalog_text){.data = text, .size_bytes = strlen(text)};
}

struct catalog_key catalog_kit_key(uint16_t kind, const char *entity, const char *name) {
    return (struct catalog_key){
        .kind = kind, .entity = catalog_kit_text(entity), .name = catalog_kit_text(name)};
}

struct catalog_write catalog_kit_set(struct catalog_kit *kit, uint16_t kind, const char *entity,
                                     const char *name, const char *json) {
    struct merkle_buffer body;
    struct catalog_problem problem = {0};
    merkle_buffer_init(&body, &merkle_allocator_libc);
    int result = catalog_body_parse(kind, json, strlen(json), false, &body, &problem);
    ck_assert_msg(result == 0, "%s: %s", json, problem.message);
    ck_assert_uint_lt(kit->body_count, CATALOG_KIT_BODIES_MAX);
    kit->bodies[kit->body_count++] = body.data;
    return (struct catalog_write){
        .operation = CATALOG_SET,
        .key = catalog_kit_key(kind, entity, name),
        .body = body.data,
        .body_size_bytes = body.size_bytes,
    };
}

struct catalog_write catalog_kit_drop(uint16_t kind, const char *entity, const char *name) {
    return (struct catalog_write){.operation = CATALOG_DROP,
                                  .key = catalog_kit_key(kind, entity, name)};
}

struct catalog_plan *catalog_kit_plan(struct catalog_kit *kit, const struct catalog_write *writes,
                                      size_t count) {
    struct catalog_plan *plan = NULL;
    ck_assert_int_eq(catalog_plan_new(kit->catalog, writes, count, &kit->writer, &plan), 0);
    return plan;
}

int catalog_kit_apply(struct catalog_kit *kit, const struct catalog_write *writes, size_t count) {
    struct catalog_plan *plan = catalog_kit_plan(kit, writes, count);
    int result = 0;
    kit->problem_count = plan->problem_count;
    if (plan->problem_count > 0) {
        ck_assert_uint_eq(plan->entry_count, 0);
        ck_assert_uint_eq(plan->outcome_count, 0);
        kit->problem = plan->problems[0];
        result = kit->problem.code;
    } else {
        ck_assert_uint_eq(plan->outcome_count, count);
        kit->entry_count = plan->entry_count;
        kit->ticket += 1;
        kit->writer.high_water = plan->high_water;
        for (size_t i = 0; i < plan->entry_count; ++i) {
            ck_assert_int_eq(catalog_pending_put(kit->catalog, plan->entries[i], kit->ticket), 0);
        }
        ck_assert_int_eq(catalog_pending_stored(kit->catalog, kit->ticket), 0);
    }
    catalog_plan_free(plan);
    return result;
}

int catalog_kit_apply_set(struct catalog_kit *kit, uint16_t kind, const char *entity,
                          const char *name, const char *json) {
    struct catalog_write write = catalog_kit_set(kit, kind, entity, name, json);
    return catalog_kit_apply(kit, &write, 1);
}

int catalog_kit_apply_drop(struct catalog_kit *kit, uint16_t kind, const char *entity,
                           const char *name) {
    struct catalog_write write = catalog_kit_drop(kind, entity, name);
    return catalog_kit_apply(kit, &write, 1);
}

void catalog_kit_pull(struct catalog_kit *kit, struct catalog_kit *from,
                      const struct catalog_key *key) {
    struct catalog_entry *theirs = catalog_find(from->catalog, key);
    struct catalog_entry *merged = NULL;
    int result =
        catalog_merge(kit->allocator, catalog_find(kit->catalog, key), theirs, 0, &merged, NULL);
    ck_assert_int_eq(result, 0);
    kit->ticket += 1;
    ck_assert_int_eq(catalog_pending_put(kit->catalog, merged, kit->ticket), 0);
    ck_assert_int_eq(catalog_pending_stored(kit->catalog, kit->ticket), 0);
    if (merged->clock_highest > kit->writer.high_water) {
        kit->writer.high_water = merged->clock_highest;
    }
    catalog_entry_release(merged);
}

const char *catalog_kit_show(struct catalog_kit *kit, uint16_t kind, const char *entity,
                             const char *name) {
    static char shown[64 * 1024];
    shown[0] = '\0';
    struct catalog_key key = catalog_kit_key(kind, entity, name);
    const struct catalog_entry *entry = catalog_find(kit->catalog, &key);
    if (entry == NULL) {
        return shown;
    }
    struct merkle_buffer json;
    merkle_buffer_init(&json, &merkle_allocator_libc);
    ck_assert_int_eq(catalog_entry_print(entry, CATALOG_FORM_EXPORT, &json), 0);
    ck_assert_uint_lt(json.size_bytes, sizeof shown);
    memcpy(shown, json.data, json.size_bytes);
    shown[json.size_bytes] = '\0';
    merkle_buffer_close(&json);
    return shown;
}
