/* test_sim_checkers.c - each checker of a single entry or disk is shown what is right, and is silent; and what is wrong, and says
 * so. (test_sim_checkers_engine.c, test_sim_checkers_course.c: those that look at engines.) */
#include "test/sim/checker.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static struct sim_node *node;

static void setup(void) {
    sim_kit_open(&kit, 3);
    node = &sim->nodes[0];
    node->origin = entry_maker_id(1);
}

static void teardown(void) {
    sim_kit_close(&kit);
}

static struct catalog_entry *entry_of(uint16_t kind, const struct made_line *lines, size_t count) {
    struct catalog_key key = entry_maker_key(kind, "a", "c");
    return entry_maker_lines(&key, lines, count);
}

#define ENTRY(...)                                                                                 \
    entry_of(CATALOG_CONSTRAINT, (const struct made_line[]){__VA_ARGS__},                          \
             sizeof((const struct made_line[]){__VA_ARGS__}) / sizeof(struct made_line))

static void put(const struct sim_checker *checker, struct catalog_entry *before,
                struct catalog_entry *after) {
    checker->put(sim, node, before, after);
    catalog_entry_release(before);
    catalog_entry_release(after);
}

/* --- S7: merges ------------------------------------------------------------------------------------------------------ */

enum { A = CATALOG_ACTIVE, GONE = 0 };

/* Two versions made without knowledge of each other, and one that has seen the first. */
static void history(void) {
    put(&sim_check_s7, NULL, ENTRY({1, 5, A, 'a'}));
    put(&sim_check_s7, NULL, ENTRY({2, 6, A, 'b'}));
    put(&sim_check_s7, ENTRY({1, 5, A, 'a'}), ENTRY({1, 5, GONE, 'a'}, {3, 7, A, 'c'}));
    sim_kit_verdict(&kit, NULL, "");
}

START_TEST(merges_that_are_right) {
    /* What the set of known writes makes of an entry may land, in whatever order they became known. */
    history();
    put(&sim_check_s7, ENTRY({1, 5, A, 'a'}), ENTRY({1, 5, A, 'a'}, {2, 6, A, 'b'}));
    put(&sim_check_s7, ENTRY({1, 5, A, 'a'}, {2, 6, A, 'b'}),
        ENTRY({1, 5, GONE, 'a'}, {2, 6, A, 'b'}, {3, 7, A, 'c'}));
    put(&sim_check_s7, NULL, ENTRY({1, 5, GONE, 'a'}, {2, 6, A, 'b'}, {3, 7, A, 'c'}));
    put(&sim_check_s7, NULL, ENTRY({1, 5, GONE, 'a'}, {3, 7, A, 'c'}));
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(merges_that_are_wrong) {
    /* A version that is lost, kept, forgotten about, or gone back on is seen by the entry alone. */
    history();
    put(&sim_check_s7, NULL, ENTRY({1, 5, GONE, 'a'}, {2, 6, A, 'b'}));
    sim_kit_verdict(&kit, "S7", "neither survives");
    put(&sim_check_s7, NULL, ENTRY({1, 5, A, 'a'}, {3, 7, A, 'c'}));
    sim_kit_verdict(&kit, "S7", "has replaced");
    put(&sim_check_s7, NULL, ENTRY({3, 7, A, 'c'}));
    sim_kit_verdict(&kit, "S7", "forgotten");
    put(&sim_check_s7, ENTRY({1, 5, A, 'a'}, {2, 6, A, 'b'}), ENTRY({2, 6, A, 'b'}));
    sim_kit_verdict(&kit, "S7", "knows less");
}
END_TEST

START_TEST(what_nobody_saw_made) {
    /* Of a version that was first seen beside another it is not known what it had seen: nothing is claimed. */
    put(&sim_check_s7, NULL, ENTRY({1, 5, A, 'a'}, {2, 6, A, 'b'}));
    put(&sim_check_s7, NULL, ENTRY({1, 5, GONE, 'a'}, {2, 6, A, 'b'}));
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(in_force_by_clock_and_origin) {
    /* The version in force is the one with the largest clock. */
    struct catalog_entry *entry = ENTRY({1, 5, A, 'a'}, {2, 6, A, 'b'});
    entry->clock = 5;
    put(&sim_check_s7, NULL, entry);
    sim_kit_verdict(&kit, "S7", "in force");
}
END_TEST

/* --- S7: writes ------------------------------------------------------------------------------------------------------ */

/* One version by origin 1, with a `previous`. */
static struct catalog_entry *version_entry(catalog_clock clock, uint64_t number, uint8_t state,
                                           char field, char previous) {
    struct made_version version = {clock, 1, "n", number, state, NULL, 0, NULL, 0, 0};
    struct made_pair pair = {1, clock};
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, "a", "c");
    char before[64];
    if (state != CATALOG_DROPPED) {
        version.body = entry_maker_body(field, &version.body_size_bytes);
    }
    if (previous != 0) {
        const char *body = entry_maker_body(previous, &version.tail_size_bytes);
        ck_assert_uint_le(version.tail_size_bytes, sizeof before);
        memcpy(before, body, version.tail_size_bytes);
        version.tail = before;
        version.tail_count = 1;
        version.body = entry_maker_body(field, &version.body_size_bytes);
    }
    return entry_maker_entry(&key, &version, 1, &pair, 1);
}

static void acknowledge(bool changed, struct catalog_entry *before, struct catalog_entry *after) {
    struct catalog_outcome outcome = {.changed = changed, .entry = after, .before = before};
    sim_check_s7.acknowledged(sim, node, &outcome);
    catalog_entry_release(before);
    catalog_entry_release(after);
}

static struct catalog_entry *active(catalog_clock clock, uint64_t number, char field) {
    return version_entry(clock, number, CATALOG_ACTIVE, field, 0);
}

START_TEST(edges_that_are_allowed) {
    /* The edges of DESIGN 4.3, each with the body that it demands; and a write that was in force already. */
    enum { PENDING = CATALOG_PENDING_ADD, DROPPING = CATALOG_PENDING_DROP, NONE = CATALOG_DROPPED };
    acknowledge(true, NULL, active(5, 1, 'a'));
    acknowledge(true, active(5, 1, 'a'), active(6, 2, 'b'));
    acknowledge(true, active(5, 1, 'a'), version_entry(6, 2, PENDING, 'b', 'a'));
    acknowledge(true, version_entry(5, 1, PENDING, 'b', 'a'), active(6, 2, 'b'));
    acknowledge(true, version_entry(5, 1, PENDING, 'b', 'a'), active(6, 2, 'a'));
    acknowledge(true, version_entry(5, 1, PENDING, 'b', 0), version_entry(6, 2, NONE, 'b', 0));
    acknowledge(true, active(5, 1, 'a'), version_entry(6, 2, DROPPING, 'a', 0));
    acknowledge(true, version_entry(5, 1, DROPPING, 'a', 0), active(6, 2, 'a'));
    acknowledge(true, version_entry(5, 1, DROPPING, 'a', 0), version_entry(6, 2, NONE, 'a', 0));
    acknowledge(true, version_entry(5, 1, NONE, 'a', 0), active(6, 2, 'a'));
    acknowledge(false, active(5, 1, 'a'), active(5, 1, 'a'));
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(edges_that_are_not) {
    /* All others are violations, and so are steps with another body than theirs. */
    enum { PENDING = CATALOG_PENDING_ADD, DROPPING = CATALOG_PENDING_DROP, NONE = CATALOG_DROPPED };
    acknowledge(true, active(5, 1, 'a'), active(6, 2, 'a'));
    sim_kit_verdict(&kit, "S7", "from active to active");
    acknowledge(true, version_entry(5, 1, DROPPING, 'a', 0), version_entry(6, 2, PENDING, 'b', 0));
    sim_kit_verdict(&kit, "S7", "from pending_drop to pending_add");
    acknowledge(true, version_entry(5, 1, PENDING, 'b', 'a'), active(6, 2, 'c'));
    sim_kit_verdict(&kit, "S7", "from pending_add to active");
    acknowledge(true, version_entry(5, 1, PENDING, 'b', 'a'), version_entry(6, 2, NONE, 'b', 0));
    sim_kit_verdict(&kit, "S7", "from pending_add to dropped");
    acknowledge(true, active(5, 1, 'a'), version_entry(6, 2, PENDING, 'b', 0));
    sim_kit_verdict(&kit, "S7", "from active to pending_add");
    acknowledge(true, active(5, 1, 'a'), version_entry(6, 2, DROPPING, 'b', 0));
    sim_kit_verdict(&kit, "S7", "from active to pending_drop");
    acknowledge(true, version_entry(5, 1, NONE, 'a', 0), version_entry(6, 2, NONE, 'a', 0));
    sim_kit_verdict(&kit, "S7", "from absent to dropped");
    acknowledge(false, active(5, 1, 'a'), active(6, 2, 'b'));
    sim_kit_verdict(&kit, "S7", "changed nothing");
}
END_TEST

START_TEST(stamps_of_writes) {
    /* A write replaces all that it has seen, under the origin of this start, a higher clock and the next number. */
    acknowledge(true, active(5, 1, 'a'), active(6, 3, 'b'));
    sim_kit_verdict(&kit, "S7", "number");
    acknowledge(true, active(7, 1, 'a'), active(6, 2, 'b'));
    sim_kit_verdict(&kit, "S7", "clock");
    node->origin = entry_maker_id(2);
    acknowledge(true, active(5, 1, 'a'), active(6, 2, 'b'));
    sim_kit_verdict(&kit, "S7", "origin");
    node->origin = entry_maker_id(1);
    acknowledge(true, active(5, 1, 'a'), ENTRY({1, 5, A, 'a'}, {2, 6, A, 'b'}));
    sim_kit_verdict(&kit, "S7", "leaves a version");
}
END_TEST

/* --- S9: bytes ------------------------------------------------------------------------------------------------------- */

/* A version with `size` elements behind the body, the last a letter. */
static struct catalog_entry *newer_entry(uint16_t kind, char last) {
    const char tail[] = {(char)0xc0, (char)0xa1, last};
    struct made_version version = {.clock = 5, .origin = 1, .node = "n", .number = 1, .state = A};
    struct made_pair pair = {1, 5};
    struct catalog_key key = entry_maker_key(kind, "a", "c");
    version.body = entry_maker_body('a', &version.body_size_bytes);
    version.tail = tail;
    version.tail_size_bytes = sizeof tail;
    version.tail_count = 2;
    return entry_maker_entry(&key, &version, 1, &pair, 1);
}

START_TEST(carried_byte_for_byte) {
    /* G10: fields and kinds that this version does not know have the same bytes wherever they land. */
    put(&sim_check_s9, NULL, newer_entry(CATALOG_CONSTRAINT, 'x'));
    put(&sim_check_s9, NULL, newer_entry(CATALOG_CONSTRAINT, 'x'));
    put(&sim_check_s9, NULL, newer_entry(9, 'x'));
    sim_kit_verdict(&kit, NULL, "");
    put(&sim_check_s9, NULL, newer_entry(CATALOG_CONSTRAINT, 'y'));
    sim_kit_verdict(&kit, "S9", "to be carried");
    put(&sim_check_s9, NULL, ENTRY({1, 5, A, 'a'}));
    sim_kit_verdict(&kit, "S9", "to be carried");
    put(&sim_check_s9, NULL, newer_entry(9, 'y'));
    sim_kit_verdict(&kit, "S9", "to be carried");
}
END_TEST

START_TEST(bytes_are_the_one_encoding) {
    /* An entry is what its parts are when they are put together: neither another digest nor other bytes. */
    put(&sim_check_s9, NULL, ENTRY({1, 5, A, 'a'}, {2, 6, A, 'b'}));
    sim_kit_verdict(&kit, NULL, "");
    for (unsigned i = 0; i < 7; i++) {
        put(&sim_check_s9, NULL, ENTRY({1, 5, A, 'a'})); /* each eighth is looked at */
    }
    struct catalog_entry *entry = ENTRY({1, 5, A, 'a'});
    entry->digest.bytes[3] ^= 1;
    put(&sim_check_s9, NULL, entry);
    sim_kit_verdict(&kit, "S9", "put together");
}
END_TEST

/* --- S12 ------------------------------------------------------------------------------------------------------------- */

static void land(const struct sim_checker *checker, const struct catalog_node_state *before,
                 const struct sim_batch *batch) {
    checker->landed(sim, node, batch, before);
}

START_TEST(clocks_only_rise) {
    /* What one lineage makes has clocks above all that it made before, until its disk is replaced; what replaces another is
     * newer; nothing is past the year 2200; the stored mark does not fall. */
    struct sim_batch batch = {.state.high_water = 9};
    put(&sim_check_s12, NULL, ENTRY({1, 5, A, 'a'}));
    land(&sim_check_s12, NULL, &batch);
    put(&sim_check_s12, ENTRY({1, 5, A, 'a'}), ENTRY({1, 6, A, 'a'}));
    land(&sim_check_s12, &batch.state, &batch);
    sim_kit_verdict(&kit, NULL, "");
    put(&sim_check_s12, NULL, ENTRY({1, 6, A, 'b'}));
    sim_kit_verdict(&kit, "S12", "above all it made");
    sim_check_s12.disk_replaced(sim, node);
    put(&sim_check_s12, NULL, ENTRY({1, 6, A, 'b'}));
    sim_kit_verdict(&kit, NULL, "");
    struct catalog_entry *older = ENTRY({1, 6, GONE, 'b'}, {2, 7, A, 'b'});
    older->clock = 6;
    put(&sim_check_s12, NULL, older);
    sim_kit_verdict(&kit, "S12", "not newer");
    struct catalog_entry *far = ENTRY({2, 6, A, 'b'});
    far->clock_highest = CATALOG_CLOCK_MAX + 1;
    put(&sim_check_s12, NULL, far);
    sim_kit_verdict(&kit, "S12", "2200");
    land(&sim_check_s12, &(struct catalog_node_state){.high_water = 10}, &batch);
    sim_kit_verdict(&kit, "S12", "lower clock");
    batch.state.high_water = CATALOG_CLOCK_MAX + 1;
    land(&sim_check_s12, NULL, &batch);
    sim_kit_verdict(&kit, "S12", "2200");
}
END_TEST

/* --- S11: clusters --------------------------------------------------------------------------------------------------- */

START_TEST(clusters_stay_apart) {
    /* A version lands only on disks of the cluster in which it was made. */
    struct catalog_entry *entry = ENTRY({1, 5, A, 'a'});
    struct sim_batch batch = {
        .entries = &entry, .entry_count = 1, .state.cluster_id = entry_maker_id(7)};
    land(&sim_check_s11, NULL, &batch);
    land(&sim_check_s11, NULL, &batch);
    sim_kit_verdict(&kit, NULL, "");
    batch.state.cluster_id = entry_maker_id(8);
    land(&sim_check_s11, NULL, &batch);
    sim_kit_verdict(&kit, "S11", "another cluster");
    catalog_entry_release(entry);
}
END_TEST

/* --- S13: removed ids ------------------------------------------------------------------------------------------------ */

static struct sim_batch rows_batch(struct catalog_member_row *row, uint8_t state) {
    *row = (struct catalog_member_row){.id = entry_maker_id(3), .name = "x", .state = state};
    return (struct sim_batch){.members = row, .member_count = 1};
}

START_TEST(removed_is_for_good) {
    /* An id whose removal is on a disk is stored there as nothing else, until the disk is replaced or left. */
    struct catalog_member_row row;
    struct sim_batch batch = rows_batch(&row, 2);
    land(&sim_check_s13, NULL, &batch);
    batch = rows_batch(&row, 6);
    land(&sim_check_s13, NULL, &batch);
    land(&sim_check_s13, NULL, &batch);
    sim_kit_verdict(&kit, NULL, "");
    batch = rows_batch(&row, 2);
    land(&sim_check_s13, NULL, &batch);
    sim_kit_verdict(&kit, "S13", "member again");
    sim_check_s13.disk_replaced(sim, node);
    land(&sim_check_s13, NULL, &batch);
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

START_TEST(nothing_comes_of_the_removed) {
    /* What an id writes after all others have stored its removal lands nowhere else. */
    struct catalog_member_row row;
    struct catalog_entry *entry = ENTRY({1, 5, A, 'a'});
    struct sim_batch removal = rows_batch(&row, 6);
    struct sim_batch write = {.entries = &entry,
                              .entry_count = 1,
                              .state = {.node_id = entry_maker_id(3), .ready = true}};
    for (size_t i = 0; i < 3; i++) {
        sim->nodes[i].disk.exists = true;
    }
    sim_check_s13.landed(sim, &sim->nodes[1], &removal, NULL);
    sim_check_s13.landed(sim, node, &write, NULL); /* n3 has not stored it yet */
    sim_check_s13.landed(sim, &sim->nodes[2], &write, NULL);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s13.landed(sim, &sim->nodes[2], &removal, NULL);
    sim_check_s13.put(sim, node, entry,
                      entry); /* again, merged with something: it was made before */
    sim_check_s13.landed(sim, node, &write, NULL);
    sim_check_s13.landed(sim, &sim->nodes[2], &write, NULL);
    sim_kit_verdict(&kit, NULL, "");
    catalog_entry_release(entry);
    entry = ENTRY({1, 6, A, 'a'});
    sim_check_s13.put(sim, node, NULL, entry);
    sim_check_s13.landed(sim, node, &write, NULL);
    sim_kit_verdict(&kit, NULL, "");
    write.state.ready = false; /* who joins has not been told yet */
    sim_check_s13.landed(sim, &sim->nodes[2], &write, NULL);
    sim_kit_verdict(&kit, NULL, "");
    write.state.ready = true;
    sim_check_s13.landed(sim, &sim->nodes[2], &write, NULL);
    sim_kit_verdict(&kit, "S13", "after all had removed it");
    catalog_entry_release(entry);
}
END_TEST

/* --- the suite ------------------------------------------------------------------------------------------------------- */

static void add(Suite *suite, const char *name, const TTest *const *tests, size_t count) {
    TCase *tcase = tcase_create(name);
    tcase_add_checked_fixture(tcase, setup, teardown);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
}
#define ADD(suite, name, ...)                                                                      \
    add(suite, name, (const TTest *const[]){__VA_ARGS__},                                          \
        sizeof((const TTest *const[]){__VA_ARGS__}) / sizeof(const TTest *))

Suite *sim_checkers_suite(void);
Suite *sim_checkers_suite(void) {
    Suite *suite = suite_create("sim_checkers");
    ADD(suite, "check_merges", merges_that_are_right, merges_that_are_wrong, what_nobody_saw_made,
        in_force_by_clock_and_origin);
    ADD(suite, "check_writes", edges_that_are_allowed, edges_that_are_not, stamps_of_writes);
    ADD(suite, "check_bytes", carried_byte_for_byte, bytes_are_the_one_encoding);
    ADD(suite, "check_clocks", clocks_only_rise);
    ADD(suite, "check_clusters", clusters_stay_apart);
    ADD(suite, "check_removed", removed_is_for_good, nothing_comes_of_the_removed);
    return suite;
}
