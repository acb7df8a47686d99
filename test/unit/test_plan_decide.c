/* test_plan_decide.c - the edges between states (DESIGN 4.3), and who may take them (7.6). */
#include "catalog/internal.h"
#include "test/unit/support/catalog_kit.h"

#include <check.h>
#include <string.h>

static struct catalog_kit kit;

static void set_up(void) {
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
}

static void tear_down(void) {
    catalog_kit_close(&kit);
}

#define ASSERT_REFUSED(code_expected, part, applied)                                               \
    do {                                                                                           \
        ck_assert_int_eq((applied), (code_expected));                                              \
        ck_assert_msg(strstr(kit.problem.message, (part)) != NULL, "%s", kit.problem.message);     \
    } while (0)
#define ASSERT_TAKEN(applied) ck_assert_msg((applied) == 0, "%s", kit.problem.message)
#define ABSENT ((enum catalog_state)0)

static const char old_body[] = "{\"fields\":{\"x\":{\"type\":\"string\"}}}";
static const char new_body[] = "{\"fields\":{\"y\":{\"type\":\"string\"}}}";
static const char third_body[] = "{\"fields\":{\"z\":{\"type\":\"string\"}}}";

/* Who writes: a plain call, the owner of a staged change, or a line of an import. */
enum way { PLAIN, STEP, IMPORT };

/* Sets the schema `s` to a state, or drops it. */
static int write_as(enum way way, enum catalog_state state, const char *json) {
    struct catalog_write write = state == CATALOG_DROPPED
                                     ? catalog_kit_drop(CATALOG_SCHEMA, "s", "")
                                     : catalog_kit_set(&kit, CATALOG_SCHEMA, "s", "", json);
    write.state = state == CATALOG_DROPPED ? 0 : state;
    write.step = way == STEP;
    write.line = way == IMPORT ? 7 : 0;
    return catalog_kit_apply(&kit, &write, 1);
}

static int step_to(enum catalog_state state, const char *json) {
    return write_as(STEP, state, json);
}

/* Brings the entry into a state: pending_add over an active body if `over`. */
static void bring(enum catalog_state state, bool over) {
    catalog_kit_close(&kit);
    catalog_kit_init(&kit, &merkle_allocator_libc, 1);
    if (state == CATALOG_PENDING_ADD && !over) {
        ASSERT_TAKEN(step_to(CATALOG_PENDING_ADD, new_body));
    } else if (state != ABSENT) {
        ASSERT_TAKEN(step_to(CATALOG_ACTIVE, old_body));
    }
    if (state == CATALOG_PENDING_ADD && over) {
        ASSERT_TAKEN(step_to(CATALOG_PENDING_ADD, new_body));
    } else if (state == CATALOG_PENDING_DROP) {
        ASSERT_TAKEN(step_to(CATALOG_PENDING_DROP, old_body));
    } else if (state == CATALOG_DROPPED) {
        ASSERT_TAKEN(step_to(CATALOG_DROPPED, NULL));
    }
}

struct edge {
    enum catalog_state from;
    bool over;
    enum catalog_state to; /* CATALOG_DROPPED: a drop */
    const char *body;
    int result;
    bool changed;
};

static const struct edge edge_list[] = {
    {ABSENT, false, CATALOG_ACTIVE, old_body, 0, true},
    {ABSENT, false, CATALOG_PENDING_ADD, old_body, 0, true},
    {ABSENT, false, CATALOG_PENDING_DROP, old_body, CATALOG_ENOTFOUND, false},
    {ABSENT, false, CATALOG_DROPPED, NULL, CATALOG_ENOTFOUND, false},
    {CATALOG_DROPPED, false, CATALOG_ACTIVE, old_body, 0, true},
    {CATALOG_DROPPED, false, CATALOG_PENDING_ADD, old_body, 0, true},
    {CATALOG_DROPPED, false, CATALOG_DROPPED, NULL, CATALOG_ENOTFOUND, false},
    {CATALOG_ACTIVE, false, CATALOG_ACTIVE, old_body, 0, false},
    {CATALOG_ACTIVE, false, CATALOG_ACTIVE, new_body, 0, true},
    {CATALOG_ACTIVE, false, CATALOG_PENDING_ADD, new_body, 0, true},
    {CATALOG_ACTIVE, false, CATALOG_PENDING_ADD, old_body, 0, false},
    {CATALOG_ACTIVE, false, CATALOG_PENDING_DROP, old_body, 0, true},
    {CATALOG_ACTIVE, false, CATALOG_PENDING_DROP, new_body, CATALOG_ESTATE, false},
    {CATALOG_ACTIVE, false, CATALOG_DROPPED, NULL, 0, true},
    {CATALOG_PENDING_ADD, false, CATALOG_ACTIVE, new_body, 0, true},
    {CATALOG_PENDING_ADD, false, CATALOG_ACTIVE, third_body, CATALOG_ESTATE, false},
    {CATALOG_PENDING_ADD, false, CATALOG_PENDING_ADD, new_body, 0, false},
    {CATALOG_PENDING_ADD, false, CATALOG_PENDING_ADD, third_body, CATALOG_ESTATE, false},
    {CATALOG_PENDING_ADD, false, CATALOG_PENDING_DROP, new_body, CATALOG_ESTATE, false},
    {CATALOG_PENDING_ADD, false, CATALOG_DROPPED, NULL, 0, true},   /* the abort */
    {CATALOG_PENDING_ADD, true, CATALOG_ACTIVE, new_body, 0, true}, /* the step */
    {CATALOG_PENDING_ADD, true, CATALOG_ACTIVE, old_body, 0, true}, /* the abort */
    {CATALOG_PENDING_ADD, true, CATALOG_ACTIVE, third_body, CATALOG_ESTATE, false},
    {CATALOG_PENDING_ADD, true, CATALOG_DROPPED, NULL, CATALOG_ESTATE, false},
    {CATALOG_PENDING_DROP, false, CATALOG_ACTIVE, old_body, 0, true}, /* the cancel */
    {CATALOG_PENDING_DROP, false, CATALOG_ACTIVE, new_body, CATALOG_ESTATE, false},
    {CATALOG_PENDING_DROP, false, CATALOG_PENDING_ADD, new_body, CATALOG_ESTATE, false},
    {CATALOG_PENDING_DROP, false, CATALOG_PENDING_DROP, old_body, 0, false},
    {CATALOG_PENDING_DROP, false, CATALOG_DROPPED, NULL, 0, true},
};
enum { EDGES = sizeof edge_list / sizeof edge_list[0] };

static bool is_pending(enum catalog_state state) {
    return state == CATALOG_PENDING_ADD || state == CATALOG_PENDING_DROP;
}

/* What an edge is for a write that is no step: out of a pending state there is none; an import may say again what is
 * pending. */
static int result_as(enum way way, const struct edge *edge) {
    if (way == STEP || !is_pending(edge->from)) {
        return edge->result;
    }
    bool repeats = edge->result == 0 && !edge->changed;
    return way == IMPORT && repeats ? 0 : CATALOG_ESTATE;
}

/* The edges of DESIGN 4.3, each taken or refused: as a step of a staged change, as a plain write, as a line of an import. */
START_TEST(edges) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "s", "");
    const struct edge *edge = &edge_list[_i % EDGES];
    enum way way = (enum way)(_i / EDGES);
    if (way == IMPORT && (edge->to == CATALOG_DROPPED ||
                          (edge->from == ABSENT && edge->to == CATALOG_PENDING_DROP))) {
        return; /* no line drops; what an import puts back is in the test of imports */
    }
    bring(edge->from, edge->over);
    uint64_t changes = catalog_count(kit.catalog).changes;
    int expected = result_as(way, edge);
    int result = write_as(way, edge->to, edge->body);
    ck_assert_msg(result == expected, "edge %d: %d %s", _i, result, kit.problem.message);
    bool changed = expected == 0 && edge->changed;
    ck_assert_uint_eq(catalog_count(kit.catalog).changes, changes + changed);
    if (changed) {
        ck_assert_uint_eq(catalog_find(kit.catalog, &key)->state, edge->to);
    }
    if (way == PLAIN && is_pending(edge->from)) {
        const char *state = catalog_state_name(edge->from);
        ck_assert_ptr_nonnull(strstr(kit.problem.message, state));
        ck_assert_ptr_nonnull(strstr(kit.problem.message, "--staged"));
        ck_assert_ptr_nonnull(strstr(kit.problem.message, "--abort"));
    }
}
END_TEST

/* A pending_add over an active schema carries what it replaces, through a step that repeats it, and no longer when it is
 * over. */
START_TEST(previous) {
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "s", "");
    bring(CATALOG_PENDING_ADD, true);
    struct catalog_version version = catalog_entry_in_force(catalog_find(kit.catalog, &key));
    struct catalog_write old = catalog_kit_set(&kit, CATALOG_SCHEMA, "s", "", old_body);
    ck_assert_uint_eq(version.previous_size_bytes, old.body_size_bytes);
    ck_assert_mem_eq(version.previous, old.body, old.body_size_bytes);
    ASSERT_TAKEN(step_to(CATALOG_ACTIVE, new_body));
    ck_assert_ptr_null(catalog_entry_in_force(catalog_find(kit.catalog, &key)).previous);
    bring(CATALOG_PENDING_ADD, true);
    ASSERT_TAKEN(step_to(CATALOG_ACTIVE, old_body));
    ck_assert_str_eq(catalog_kit_show(&kit, CATALOG_SCHEMA, "s", ""),
                     "{\"kind\":\"schema\",\"entity\":\"s\",\"fields\":{\"x\":{\"type\":\"string\","
                     "\"required\":false}}}");
    bring(CATALOG_PENDING_ADD, false);
    ck_assert_ptr_null(catalog_entry_in_force(catalog_find(kit.catalog, &key)).previous);
}
END_TEST

/* If-Match goes with a step: what the owner saw pending is what it ends. */
START_TEST(step_with_number) {
    bring(CATALOG_PENDING_ADD, true);
    struct catalog_write write = catalog_kit_set(&kit, CATALOG_SCHEMA, "s", "", new_body);
    write.step = true;
    write.number_expected = true;
    write.number = 1;
    ASSERT_REFUSED(CATALOG_EPRECONDITION, "at number 2, not 1", catalog_kit_apply(&kit, &write, 1));
    write.number = 2;
    ASSERT_TAKEN(catalog_kit_apply(&kit, &write, 1));
}
END_TEST

static int index_on(const char *entity, const char *name, const char *json) {
    return catalog_kit_apply_set(&kit, CATALOG_INDEX, entity, name, json);
}

/* While a staged change is pending, both bodies count: constraints fit the one in force and the one to come. */
START_TEST(both_bodies) {
    bring(CATALOG_PENDING_ADD, true);
    ck_assert_int_eq(index_on("s", "i", "{\"fields\":[\"x\"]}"), CATALOG_EMISSINGFIELD);
    ck_assert_int_eq(index_on("s", "i", "{\"fields\":[\"y\"]}"), CATALOG_EMISSINGFIELD);
    bring(CATALOG_PENDING_ADD, false);
    ASSERT_TAKEN(index_on("s", "i", "{\"fields\":[\"y\"]}"));
}
END_TEST

/* A staged drop of the body in force needs no body. */
START_TEST(drop_without_body) {
    bring(CATALOG_ACTIVE, false);
    struct catalog_write drop = {.operation = CATALOG_SET,
                                 .state = CATALOG_PENDING_DROP,
                                 .step = true,
                                 .key = catalog_kit_key(CATALOG_SCHEMA, "s", "")};
    ASSERT_TAKEN(catalog_kit_apply(&kit, &drop, 1));
    ck_assert_ptr_nonnull(
        strstr(catalog_kit_show(&kit, CATALOG_SCHEMA, "s", ""), "\"state\":\"pending_drop\""));
    drop.key = catalog_kit_key(CATALOG_SCHEMA, "absent", "");
    ck_assert_int_eq(catalog_kit_apply(&kit, &drop, 1), CATALOG_ENOTFOUND);
}
END_TEST

/* An import takes no step of a staged change, repeats one that is pending, and puts back one that an export held. */
START_TEST(import_states) {
    bring(CATALOG_PENDING_ADD, true);
    ASSERT_REFUSED(CATALOG_ESTATE, "pending_add", write_as(IMPORT, CATALOG_ACTIVE, new_body));
    ASSERT_TAKEN(write_as(IMPORT, CATALOG_PENDING_ADD, new_body));
    ck_assert_uint_eq(kit.entry_count, 0);
    bring(ABSENT, false);
    ASSERT_TAKEN(write_as(IMPORT, CATALOG_PENDING_DROP, new_body));
    ck_assert_uint_eq(kit.entry_count, 1);
}
END_TEST

/* A conflict in which something is pending is resolved by any write: nobody's staged change is left of it (G7). */
START_TEST(conflict_needs_no_step) {
    static const enum catalog_state pending[] = {CATALOG_PENDING_ADD, CATALOG_PENDING_DROP};
    struct catalog_key key = catalog_kit_key(CATALOG_SCHEMA, "s", "");
    for (size_t i = 0; i < 4; ++i) {
        struct catalog_kit other;
        bring(CATALOG_ACTIVE, false);
        catalog_kit_init(&other, &merkle_allocator_libc, 2);
        catalog_kit_pull(&other, &kit, &key);
        ck_assert_int_eq(catalog_kit_apply_set(&other, CATALOG_SCHEMA, "s", "", third_body), 0);
        ASSERT_TAKEN(step_to(pending[i % 2], i % 2 == 0 ? new_body : old_body));
        catalog_kit_pull(&kit, &other, &key);
        ck_assert(catalog_find(kit.catalog, &key)->conflict);
        ASSERT_TAKEN(write_as(PLAIN, i < 2 ? CATALOG_ACTIVE : CATALOG_DROPPED, new_body));
        ck_assert_uint_eq(catalog_find(kit.catalog, &key)->version_count, 1);
        catalog_kit_close(&other);
    }
}
END_TEST

Suite *plan_decide_suite(void);
Suite *plan_decide_suite(void) {
    const TTest *const tests[] = {previous,          step_with_number, both_bodies,
                                  drop_without_body, import_states,    conflict_needs_no_step};
    Suite *suite = suite_create("plan_decide");
    TCase *states = tcase_create("catalog_plan_states");
    tcase_add_checked_fixture(states, set_up, tear_down);
    tcase_add_loop_test(states, edges, 0, 3 * EDGES);
    for (size_t i = 0; i < sizeof tests / sizeof *tests; ++i) {
        tcase_add_test(states, tests[i]);
    }
    suite_add_tcase(suite, states);
    return suite;
}
