/* test_http_status.c - the JSON of the status and its warnings, from what an engine might say. */
#include "bin/attuned/http_handlers.h"

#include <check.h>
#include <jansson.h>
#include <string.h>

static struct http_audit audit; /* large: not on the stack */

/* When the status is asked for. */
static const uint64_t wall_ms = 1000000;

static json_t *print(const struct gossip_status *status, const struct gossip_member_status *members,
                     size_t member_count) {
    struct merkle_buffer json;
    merkle_buffer_init(&json, &merkle_allocator_libc);
    http_status_print(&json, status, members, member_count, &audit, wall_ms);
    ck_assert(!json.failed);
    json_error_t error;
    json_t *root = json_loadb((char *)json.data, json.size_bytes, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(root != NULL, "%s", error.text);
    merkle_buffer_close(&json);
    return root;
}

static const struct gossip_status calm = {
    .node_name = "n\"1",
    .cluster_name = "attune",
    .address = "127.0.0.1:1",
    .ready = true,
    .agreed = GOSSIP_YES,
    .agreed_since_wall_ms = 1500,
    .distinct_roots = 1,
    .agreement_age_ms = 7,
    .counts = {.entries = 3},
};

static bool warned(const json_t *root, const char *code) {
    size_t i;
    const json_t *warning;
    json_array_foreach(json_object_get(root, "warnings"), i, warning) {
        ck_assert_uint_eq(json_object_size(warning), 2);
        ck_assert_ptr_nonnull(json_string_value(json_object_get(warning, "message")));
        if (strcmp(json_string_value(json_object_get(warning, "code")), code) == 0)
            return true;
    }
    return false;
}

/* What is known is printed; names are escaped; nothing is warned of without reason. */
START_TEST(known) {
    audit = (struct http_audit){0};
    const struct gossip_member_status members[] = {
        {.name = "n\"1",
         .address = "a:1",
         .state = GOSSIP_MEMBER_ALIVE,
         .self = true,
         .root_known = true,
         .agrees = GOSSIP_YES,
         .agreed_age_ms = GOSSIP_NEVER},
        {.name = "n2",
         .address = "b:1",
         .state = GOSSIP_MEMBER_DEAD,
         .agrees = GOSSIP_NO,
         .heard_age_ms = 5,
         .agreed_age_ms = 900},
        {.name = "n3", .address = "c:1", .state = GOSSIP_MEMBER_REMOVED},
    };
    json_t *root = print(&calm, members, 3);
    const json_t *agreement = json_object_get(root, "agreement");
    ck_assert(json_is_true(json_object_get(agreement, "agreed")));
    ck_assert_str_eq(json_string_value(json_object_get(agreement, "since")),
                     "1970-01-01T00:00:01.500Z");
    ck_assert_int_eq(json_integer_value(json_object_get(agreement, "age_ms")), 7);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(root, "node"), "name")),
                     "n\"1");
    const json_t *list = json_object_get(root, "members");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(list, 0), "lag_ms")), 0);
    const json_t *dead = json_array_get(list, 1);
    ck_assert(json_is_null(json_object_get(dead, "root")));
    ck_assert(json_is_false(json_object_get(dead, "agrees")));
    ck_assert_int_eq(json_integer_value(json_object_get(dead, "lag_ms")), 900);
    ck_assert_str_eq(json_string_value(json_object_get(dead, "state")), "dead");
    ck_assert_uint_eq(json_array_size(json_object_get(root, "warnings")), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "conflicts")), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "pending")), 0);
    ck_assert(json_is_null(json_object_get(json_object_get(root, "horizon"), "held_by")));
    json_decref(root);
}
END_TEST

/* Conflicts, changes that are pending and who holds the horizon back are shown; a change warns once it is old. */
START_TEST(what_waits) {
    audit = (struct http_audit){.pending_count = 2};
    audit.pending[0] = (struct http_pending){.kind = CATALOG_SCHEMA,
                                             .entity = "posts",
                                             .node = "n\"2",
                                             .state = CATALOG_PENDING_ADD,
                                             .since_wall_ms = wall_ms - HTTP_PENDING_WARNED_MS};
    audit.pending[1] = (struct http_pending){.kind = CATALOG_INDEX,
                                             .entity = "posts",
                                             .name = "i",
                                             .node = "n1",
                                             .state = CATALOG_PENDING_DROP,
                                             .since_wall_ms = wall_ms + 5}; /* another's clock */
    struct gossip_status status = calm;
    status.counts.conflicts = 4;
    status.counts.tombstones = 9;
    status.horizon_holder = "n3";
    status.horizon_age_ms = 12345;
    json_t *root = print(&status, NULL, 0);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "conflicts")), 4);
    const json_t *pending = json_object_get(root, "pending");
    ck_assert_uint_eq(json_array_size(pending), 2);
    const json_t *first = json_array_get(pending, 0), *second = json_array_get(pending, 1);
    ck_assert_ptr_null(json_object_get(first, "name"));
    ck_assert_str_eq(json_string_value(json_object_get(first, "node")), "n\"2");
    ck_assert_str_eq(json_string_value(json_object_get(first, "state")), "pending_add");
    ck_assert_str_eq(json_string_value(json_object_get(first, "since")),
                     "1970-01-01T00:15:40.000Z");
    ck_assert_str_eq(json_string_value(json_object_get(second, "kind")), "index");
    ck_assert_str_eq(json_string_value(json_object_get(second, "name")), "i");
    const json_t *horizon = json_object_get(root, "horizon");
    ck_assert_str_eq(json_string_value(json_object_get(horizon, "held_by")), "n3");
    ck_assert_int_eq(json_integer_value(json_object_get(horizon, "age_ms")), 12345);
    ck_assert_int_eq(json_integer_value(json_object_get(horizon, "tombstones")), 9);
    ck_assert(!warned(root, "pending"));
    json_decref(root);
    audit.pending[0].since_wall_ms--;
    status.horizon_held_self = true;
    root = print(&status, NULL, 0);
    ck_assert(warned(root, "pending"));
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(root, "horizon"), "held_by")), "n\"1");
    json_decref(root);
}
END_TEST

/* What is not known is null, never false and never 0 (G6). */
START_TEST(unknown_is_null) {
    audit = (struct http_audit){0};
    struct gossip_status status = calm;
    status.agreed = GOSSIP_UNKNOWN;
    status.agreed_since_wall_ms = 0;
    status.agreement_age_ms = -1;
    const struct gossip_member_status member = {.name = "n2",
                                                .address = "b:1",
                                                .state = GOSSIP_MEMBER_ALIVE,
                                                .agrees = GOSSIP_UNKNOWN,
                                                .heard_age_ms = GOSSIP_NEVER,
                                                .agreed_age_ms = GOSSIP_NEVER};
    json_t *root = print(&status, &member, 1);
    const json_t *agreement = json_object_get(root, "agreement");
    ck_assert(json_is_null(json_object_get(agreement, "agreed")));
    ck_assert(json_is_null(json_object_get(agreement, "since")));
    ck_assert(json_is_null(json_object_get(agreement, "age_ms")));
    const json_t *printed = json_array_get(json_object_get(root, "members"), 0);
    static const char *const keys[] = {"root", "agrees", "last_exchange_ms", "lag_ms"};
    for (size_t i = 0; i < 4; i++)
        ck_assert_msg(json_is_null(json_object_get(printed, keys[i])), "%s", keys[i]);
    json_decref(root);
}
END_TEST

/* Each thing that an operator must see has its warning. */
START_TEST(warnings) {
    audit = (struct http_audit){0};
    struct gossip_status status = calm;
    status.healing = status.duplicate_id = status.clock_ahead = status.removed = true;
    status.store_error = CATALOG_EFULL;
    status.quarantined_count = 2;
    status.counts.conflicts = 1;
    const struct gossip_member_status members[] = {
        {.name = "slow\n", .address = "b:1", .state = GOSSIP_MEMBER_ALIVE, .skew_ms = -60001},
        {.name = "fine", .address = "b:1", .state = GOSSIP_MEMBER_ALIVE, .skew_ms = 60000},
    };
    audit.problem_count = HTTP_PROBLEMS_MAX + 5;
    for (size_t i = 0; i < HTTP_PROBLEMS_MAX; i++)
        audit.problems[i] =
            (struct catalog_problem){.code = CATALOG_EREFERENCE, .message = "broken"};
    json_t *root = print(&status, members, 2);
    static const char *const codes[] = {"removed",       "disk_full",   "healing",  "duplicate_id",
                                        "clock",         "quarantined", "conflict", "clock_skew",
                                        "bad_reference", "more"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        ck_assert_msg(warned(root, codes[i]), "%s", codes[i]);
    ck_assert_uint_eq(json_array_size(json_object_get(root, "warnings")), 9 + HTTP_PROBLEMS_MAX);
    json_decref(root);
}
END_TEST

Suite *http_status_suite(void);
Suite *http_status_suite(void) {
    Suite *suite = suite_create("http_status");
    TCase *status = tcase_create("http_status_print");
    tcase_add_test(status, known);
    tcase_add_test(status, unknown_is_null);
    tcase_add_test(status, what_waits);
    suite_add_tcase(suite, status);
    TCase *list = tcase_create("http_print_warnings");
    tcase_add_test(list, warnings);
    suite_add_tcase(suite, list);
    return suite;
}
