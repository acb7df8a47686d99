/* test_explore_removal.c - the model of removal: its merge is the catalog's, and each clause that it leaves out is missed. */
#include "catalog/entry.h"
#include "test/sim/explore_removal.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/explore_kit.h"

#include <check.h>
#include <string.h>

enum { WRITES = 3, CLOCKS = 3, ORIGINS = 3, ENTRIES_MAX = 64 };

/* --- the merge ------------------------------------------------------------------------------- */

static struct catalog_key key;
static unsigned merges;

/* The entry that a set of pairs and versions stands for. */
static struct catalog_entry *entry_of(const struct removal_state *state,
                                      struct removal_entry entry) {
    struct made_line lines[REMOVAL_WRITES_MAX];
    size_t count = 0;
    for (unsigned i = 0; i < state->write_count; i++) {
        if ((entry.pairs >> i & 1) != 0) {
            const struct removal_write *write = &state->writes[i];
            bool alive = (entry.alive >> i & 1) != 0;
            unsigned stands = write->drop ? CATALOG_DROPPED : CATALOG_ACTIVE;
            lines[count++] = (struct made_line){.origin = write->origin,
                                                .clock = write->clock,
                                                .state = (uint8_t)(alive ? stands : 0),
                                                .field = (char)('a' + i)};
        }
    }
    return entry_maker_lines(&key, lines, count);
}

static struct removal_entry set_of(const struct removal_state *state,
                                   const struct catalog_entry *entry) {
    struct catalog__pair pairs[REMOVAL_WRITES_MAX];
    struct removal_entry set = {0, 0};
    catalog__entry_pairs(entry, pairs);
    for (size_t i = 0; i < catalog__entry_pair_count(entry); i++) {
        for (unsigned j = 0; j < state->write_count; j++) {
            const struct removal_write *write = &state->writes[j];
            if (write->origin == pairs[i].origin.bytes[0] && write->clock == pairs[i].clock) {
                set.pairs |= (uint8_t)(1u << j);
                set.alive |= pairs[i].version == NULL ? 0 : (uint8_t)(1u << j);
            }
        }
    }
    return set;
}

/* One pair an origin, and the largest of all a version: all else no decoder takes. */
static bool is_entry(const struct removal_state *state, struct removal_entry entry) {
    for (unsigned i = 0; i < state->write_count; i++) {
        for (unsigned j = i + 1; j < state->write_count; j++) {
            bool both = (entry.pairs >> i & 1) != 0 && (entry.pairs >> j & 1) != 0;
            if (both && state->writes[i].origin == state->writes[j].origin) {
                return false;
            }
        }
    }
    uint8_t last = (uint8_t)(1u << (31 - __builtin_clz(entry.pairs)));
    return (entry.alive & ~entry.pairs) == 0 && (entry.alive & last) != 0;
}

static void assert_set(struct removal_entry is, struct removal_entry should) {
    if (is.pairs != should.pairs || is.alive != should.alive) {
        ck_abort_msg("%x/%x, not %x/%x", is.pairs, is.alive, should.pairs, should.alive);
    }
}

static void compare_merges(const struct removal_state *state, struct removal_entry a,
                           struct removal_entry b, catalog_clock horizon) {
    struct catalog_entry *entry_a = entry_of(state, a);
    struct catalog_entry *entry_b = entry_of(state, b);
    struct catalog_entry *merged;
    struct catalog_entry *pruned;
    ck_assert_int_eq(
        catalog_merge(&merkle_allocator_libc, entry_a, entry_b, horizon, &merged, NULL), 0);
    uint8_t at = (uint8_t)horizon;
    assert_set(removal_merge(state, REMOVAL_PLANT_TOMBSTONES_STAY, a, b, at, at),
               set_of(state, merged));
    ck_assert_int_eq(catalog_prune(&merkle_allocator_libc, merged, horizon, &pruned), 0);
    assert_set(removal_merge(state, REMOVAL_PLANT_NONE, a, b, at, at),
               pruned == NULL ? (struct removal_entry){0, 0} : set_of(state, pruned));
    catalog_entry_release(pruned);
    ck_assert_int_eq(catalog_prune(&merkle_allocator_libc, entry_a, horizon, &pruned), 0);
    assert_set(removal_prune(state, REMOVAL_PLANT_NONE, a, at),
               pruned == NULL ? (struct removal_entry){0, 0} : set_of(state, pruned));
    catalog_entry_release(pruned);
    catalog_entry_release(merged);
    catalog_entry_release(entry_a);
    catalog_entry_release(entry_b);
    merges++;
}

static void compare_entries(const struct removal_state *state) {
    struct removal_entry entries[ENTRIES_MAX];
    size_t count = 0;
    for (uint8_t pairs = 1; pairs < 1u << WRITES; pairs++) {
        for (uint8_t alive = 1; alive < 1u << WRITES; alive++) {
            struct removal_entry entry = {pairs, alive};
            if (is_entry(state, entry)) {
                entries[count++] = entry;
            }
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            for (catalog_clock horizon = 0; horizon <= CLOCKS; horizon++) {
                compare_merges(state, entries[i], entries[j], horizon);
            }
        }
    }
}

/* Writes in order of (clock, origin), those of one origin with rising clocks. */
static bool is_table(const struct removal_state *state) {
    for (unsigned i = 1; i < state->write_count; i++) {
        const struct removal_write *before = &state->writes[i - 1];
        const struct removal_write *write = &state->writes[i];
        bool rises = write->clock > before->clock ||
                     (write->clock == before->clock && write->origin > before->origin);
        if (!rises) {
            return false;
        }
    }
    return true;
}

/* All entries of three writes, of up to three origins, at clocks up to three, sets and drops: merged in pairs and pruned at
 * every horizon the model says what the catalog says. */
START_TEST(the_merge_is_the_catalogs) {
    unsigned kinds = CLOCKS * ORIGINS * 2;
    key = entry_maker_key(CATALOG_CONSTRAINT, "users", "email");
    merges = 0;
    for (unsigned table = 0; table < kinds * kinds * kinds; table++) {
        struct removal_state state = {.write_count = WRITES};
        unsigned rest = table;
        for (unsigned i = 0; i < WRITES; i++, rest /= kinds) {
            state.writes[i] = (struct removal_write){
                .clock = (uint8_t)(1 + rest % CLOCKS),
                .origin = (uint8_t)(1 + rest / CLOCKS % ORIGINS),
                .drop = rest / (CLOCKS * ORIGINS) % 2,
            };
        }
        if (is_table(&state)) {
            compare_entries(&state);
        }
    }
    ck_assert_uint_gt(merges, 100000);
}
END_TEST

/* Absent entries: what one side has is taken, or leaves at once. */
START_TEST(absent_entries) {
    struct removal_state state = {
        .write_count = 2,
        .writes = {{.clock = 1, .origin = 1}, {.clock = 2, .origin = 2, .drop = 1}}};
    struct removal_entry absent = {0, 0};
    struct removal_entry set = {1, 1};
    struct removal_entry drop = {3, 2};
    assert_set(removal_merge(&state, 0, absent, set, 2, 2), set);
    assert_set(removal_merge(&state, 0, absent, drop, 1, 1), (struct removal_entry){2, 2});
    assert_set(removal_merge(&state, 0, drop, absent, 2, 2), absent);
    assert_set(removal_merge(&state, 0, set, drop, 0, 0), drop);
}
END_TEST

/* --- the model ------------------------------------------------------------------------------- */

/* G3, S3: in a small world nothing that was dropped returns, nothing else is lost, and all become equal. */
START_TEST(small_world_holds) {
    struct explore_world world = {
        .limits = {.nodes = 2, .keys = 1, .writes = 2, .walks = 1, .late = 1}, .settle = true};
    explore_kit_holds(&explore_removal, &world);
    world.limits = (struct explore_limits){.nodes = 2, .joins = 1, .keys = 1, .writes = 1};
    explore_kit_holds(&explore_removal, &world);
}
END_TEST

/* Two members, and a third in their tables that does not run; all have the tombstone. */
static struct removal_state with_tombstone(void) {
    struct removal_state state = {.write_count = 1,
                                  .origin_count = 1,
                                  .writes = {{.clock = 1, .origin = 1, .drop = 1}},
                                  .copied = REMOVAL_NONE,
                                  .ids = 3,
                                  .ids_used = 3};
    for (unsigned id = 0; id < 2; id++) {
        state.nodes[id] = (struct removal_node){
            .status = REMOVAL_LIVE,
            .walk = {.peer = REMOVAL_NONE},
            .disk = {.entries = {{1, 1}},
                     .high_water = 1,
                     .ready = 1,
                     .admitter = (uint8_t)id,
                     .replaces = REMOVAL_NONE,
                     .table = {REMOVAL_READY, REMOVAL_READY, REMOVAL_READY}},
        };
    }
    state.nodes[2].status = REMOVAL_ENDED;
    return state;
}

/* What stays although nothing fails is told: a tombstone, unless a member that is gone and that nobody removed holds it back;
 * once that one is removed on both, it goes. */
START_TEST(what_does_not_settle) {
    struct explore_world world = {.limits = {.nodes = 3, .keys = 1, .writes = 1}};
    struct removal_state state = with_tombstone();
    ck_assert_ptr_null(removal_unsettled(&world, &state));
    state.removed_ever = 1u << 2; /* somebody has removed it, and these two never hear of it */
    const char *why = removal_unsettled(&world, &state);
    ck_assert_ptr_nonnull(why);
    ck_assert_ptr_nonnull(strstr(why, "a tombstone stays"));
    state.nodes[1].disk.table[2] = REMOVAL_GONE;
    ck_assert_ptr_null(removal_unsettled(&world, &state));
}
END_TEST

/* Each clause of DESIGN 4.7 that small worlds of the suite leave out is missed there. */
START_TEST(clauses_are_missed) {
    ck_assert_uint_ge(explore_kit_plants(&explore_removal), 8);
}
END_TEST

/* Worlds that the state has no room for are refused. */
START_TEST(too_large) {
    struct explore_world world = {.limits = {.nodes = 4, .joins = 2, .keys = 1}};
    ck_assert_ptr_nonnull(explore_removal.unfit(&world));
    world.limits = (struct explore_limits){.nodes = 2, .keys = 3};
    ck_assert_ptr_nonnull(explore_removal.unfit(&world));
    world.limits = (struct explore_limits){.nodes = 2, .keys = 1, .writes = 9};
    ck_assert_ptr_nonnull(explore_removal.unfit(&world));
    world.limits = (struct explore_limits){.nodes = 2, .keys = 1, .writes = 8, .late = 4};
    ck_assert_ptr_nonnull(explore_removal.unfit(&world));
    world.limits.late = 3;
    ck_assert_ptr_null(explore_removal.unfit(&world));
}
END_TEST

Suite *explore_removal_suite(void);
Suite *explore_removal_suite(void) {
    Suite *suite = suite_create("explore_removal");
    TCase *merge = tcase_create("removal_merge");
    tcase_add_test(merge, the_merge_is_the_catalogs);
    tcase_add_test(merge, absent_entries);
    suite_add_tcase(suite, merge);
    TCase *model = tcase_create("explore_removal");
    tcase_add_test(model, small_world_holds);
    tcase_add_test(model, what_does_not_settle);
    tcase_add_test(model, clauses_are_missed);
    tcase_add_test(model, too_large);
    suite_add_tcase(suite, model);
    return suite;
}
