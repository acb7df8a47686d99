/* test_sim_check_removal.c - the checkers of what is forgotten, of beginning anew, and of freshness: silent where all is as it
 * must be, and not where something of it is false. (check_horizon.c, check_lineage.c, check_fresh.c) */
#include "test/sim/check_agreement.h"
#include "test/unit/support/entry_maker.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <string.h>

enum { A = CATALOG_ACTIVE, DROP = CATALOG_DROPPED, GONE = 0 };

static struct sim_kit kit;
static struct sim *const sim = &kit.sim;
static struct sim_node *node, *other;

static void setup(void) {
    sim_kit_open(&kit, 2);
    node = &sim->nodes[0];
    other = &sim->nodes[1];
    for (size_t i = 0; i < 2; i++) {
        sim->nodes[i].disk.exists = true;
        sim->nodes[i].disk.state =
            (struct catalog_node_state){.node_id = entry_maker_id((uint8_t)(i + 1)),
                                        .ready = true,
                                        .high_water = 20,
                                        .seen = 10,
                                        .horizon = 5};
    }
}

static void teardown(void) {
    sim_kit_close(&kit);
}

static struct catalog_entry *entry_of(const char *entity, const struct made_line *made,
                                      size_t count) {
    struct catalog_key key = entry_maker_key(CATALOG_CONSTRAINT, entity, "c");
    return entry_maker_lines(&key, made, count);
}

#define ENTRY(entity, ...)                                                                         \
    entry_of(entity, (const struct made_line[]){__VA_ARGS__},                                      \
             sizeof((const struct made_line[]){__VA_ARGS__}) / sizeof(struct made_line))

static void put(struct sim_node *on, struct catalog_entry *entry) {
    struct catalog_node_state state = on->disk.state;
    sim_kit_put(&on->disk, entry);
    on->disk.state = state;
    catalog_entry_release(entry);
}

/* --- HORIZON --------------------------------------------------------------------------------------------------------- */

/* The node stores this horizon. */
static void raise_to(catalog_clock horizon) {
    struct catalog_node_state before = node->disk.state;
    struct sim_batch batch = {.state = node->disk.state};
    batch.state.horizon = node->disk.state.horizon = horizon;
    sim_check_horizon.landed(sim, node, &batch, &before);
    node->disk.state = before;
}

START_TEST(raises) {
    /* Up to what all members have seen, and never down; whoever is removed, or whose disk a fault changed, does not count. */
    raise_to(10);
    sim_kit_verdict(&kit, NULL, "");
    other->disk.state.seen = 9;
    raise_to(10); /* it has not heard of that one yet */
    sim_kit_verdict(&kit, NULL, "");
    sim__disk_member_set(&node->disk, &(struct catalog_member_row){.id = entry_maker_id(2),
                                                                   .state = GOSSIP_MEMBER_ALIVE});
    raise_to(10);
    sim_kit_verdict(&kit, "HORIZON", "n2, a member, has seen all up to 9 only");
    other->removals_asked = 1;
    raise_to(10);
    other->removals_asked = 0;
    other->outside_promises = true;
    raise_to(10);
    other->outside_promises = false;
    other->disk.state.ready = false;
    raise_to(10);
    sim_kit_verdict(&kit, NULL, "");
    raise_to(11);
    sim_kit_verdict(&kit, "HORIZON", "above what it has seen");
    raise_to(4);
    sim_kit_verdict(&kit, "HORIZON", "falls");
}
END_TEST

START_TEST(what_is_left_behind) {
    /* The batch that raises takes along what it passes: tombstones, and pairs without a version. */
    sim_kit_start(&kit, 0);
    node->disk.state.seen = node->disk.state.horizon = 5;
    other->disk.state.seen = 10;
    node->disk.state.seen = 10;
    put(node, ENTRY("a", {1, 4, GONE, 'a'}, {2, 9, A, 'a'}));
    node->disk.state.horizon = 3;
    raise_to(4);
    sim_kit_verdict(&kit, "HORIZON", "keeps what that has passed");
    put(node, ENTRY("a", {2, 9, A, 'a'}));
    put(node, ENTRY("b", {1, 4, DROP, 'a'}));
    raise_to(4);
    sim_kit_verdict(&kit, "HORIZON", "keeps what that has passed");
}
END_TEST

START_TEST(at_rest) {
    /* In the end nothing is left to forget, all horizons are equal, and nobody has an older disk than that. */
    for (size_t i = 0; i < 2; i++) {
        sim->nodes[i].disk.state.seen = sim->nodes[i].disk.state.horizon = 20;
        put(&sim->nodes[i], ENTRY("a", {2, 9, A, 'a'}));
    }
    sim_check_horizon.finished(sim);
    ck_assert(sim_horizon_is_at_rest(sim));
    sim_kit_verdict(&kit, NULL, "");
    other->disk.state.horizon = 19;
    sim_check_horizon.finished(sim);
    sim_kit_verdict(&kit, "HORIZON", "another horizon");
    ck_assert(!sim_horizon_is_at_rest(sim));
    other->disk.state.seen = 19;
    sim_check_horizon.finished(sim);
    sim_kit_verdict(&kit, "HORIZON", "older than what it once confirmed");
    other->disk.state.seen = other->disk.state.horizon = 20;
    put(other, ENTRY("b", {1, 30, DROP, 'a'}));
    sim_check_horizon.finished(sim);
    sim_kit_verdict(&kit, "HORIZON", "keeps 1 tombstones and 0 contexts");
    sim->core_only = true;
    sim_check_horizon.finished(sim);
    sim_kit_verdict(&kit, NULL, "");
}
END_TEST

/* --- S3 behind the horizon ------------------------------------------------------------------------------------------- */

/* A set and its drop land on n1; then the horizon passes both, and the row leaves. */
static void come_and_go(void) {
    struct catalog_entry *set = ENTRY("a", {1, 6, A, 'a'});
    struct catalog_entry *drop = ENTRY("a", {1, 6, GONE, 'a'}, {2, 7, DROP, 'a'});
    struct sim_batch batch = {.entries = &set, .entry_count = 1, .state = node->disk.state};
    batch.state.high_water = 20;
    batch.state.horizon = 5;
    sim_disk_apply(sim, node, &batch);
    batch.entries = &drop;
    sim_disk_apply(sim, node, &batch);
    batch = (struct sim_batch){.removed = &drop, .removed_count = 1, .state = batch.state};
    batch.state.horizon = 10;
    sim_disk_apply(sim, node, &batch);
    ck_assert_uint_eq(node->disk.entry_count, 0);
    ck_assert(sim_disk_holds(sim, &node->disk, set) && sim_disk_holds(sim, &node->disk, drop));
    ck_assert(!sim_disk_holds(sim, &other->disk, set)); /* its horizon has not passed it */
    catalog_entry_release(set);
    catalog_entry_release(drop);
}

START_TEST(nothing_comes_back) {
    /* The shadow of what was forgotten outlives its row: what was dropped is not live again behind the horizon. */
    static const char *const hollow = "S8,S13,S7,S6,S12,SEEN,S9,S11,G6,G11,HORIZON";
    kit.options.hollow = hollow;
    come_and_go();
    sim_kit_verdict(&kit, NULL, "");
    struct catalog_entry *newer = ENTRY("a", {3, 12, A, 'a'});
    struct catalog_entry *old = ENTRY("a", {1, 6, A, 'a'});
    node->disk.landing_horizon = node->disk.state.horizon = 10;
    sim_check_s3.put(sim, node, NULL, newer);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s3.put(sim, node, NULL, old);
    sim_kit_verdict(&kit, "S3", "live again");
    sim_check_s3.put(sim, node, newer, old);
    sim_kit_verdict(&kit, "S3", "live again");
    sim_check_s3.taken(sim, node, old); /* damage had put it there again */
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s3.taken(sim, node, newer);
    sim_kit_verdict(&kit, "S3", "was not dropped");
    struct catalog_entry *drop = ENTRY("a", {2, 11, DROP, 'a'});
    sim_check_s3.taken(sim, node, drop);
    sim_kit_verdict(&kit, "S3", "before the horizon has passed it");
    catalog_entry_release(drop);
    catalog_entry_release(newer);
    catalog_entry_release(old);
}
END_TEST

START_TEST(old_page_lives_until_healed) {
    /* Damage has put a dropped version back. While the disk heals its row may be written again; nobody else may take it, and it
     * must be gone when the disk has healed. */
    kit.options.hollow = "S8,S13,S7,S6,S12,SEEN,S9,S11,G6,G11,HORIZON";
    come_and_go();
    struct catalog_entry *newer = ENTRY("a", {3, 12, A, 'a'});
    struct catalog_entry *old = ENTRY("a", {1, 6, A, 'a'});
    struct catalog_node_state before = node->disk.state;
    struct sim_batch batch = {.state = before};
    node->disk.landing_horizon = before.horizon = batch.state.horizon = 10;
    node->disk.state.healing = before.healing = batch.state.healing = true;
    sim_check_s3.put(sim, node, old, old);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_s3.put(sim, node, newer, old);
    sim_kit_verdict(&kit, "S3", "live again");
    sim_check_s3.put(sim, node, NULL, old);
    sim_kit_verdict(&kit, "S3", "live again");
    node->disk.state.healing = false;
    sim_check_s3.put(sim, node, old, old);
    sim_kit_verdict(&kit, "S3", "live again");
    put(node, old); /* takes it over */
    sim_check_s3.landed(sim, node, &batch, &before);
    sim_kit_verdict(&kit, NULL, "");
    batch.state.healing = false;
    sim_check_s3.landed(sim, node, &batch, &before);
    sim_kit_verdict(&kit, "S3", "live again");
    catalog_entry_release(newer);
}
END_TEST

/* --- LINEAGE --------------------------------------------------------------------------------------------------------- */

static struct sim_batch anew(struct catalog_entry **kept, size_t count) {
    struct sim_batch batch = {.reset = true, .kept = kept, .kept_count = count};
    batch.state = (struct catalog_node_state){
        .node_id = entry_maker_id(9), .replaced_id = node->disk.state.node_id, .high_water = 20};
    return batch;
}

START_TEST(who_begins_anew) {
    /* Who must, under another id, and with all that stood above its horizon kept. */
    struct catalog_entry *kept = ENTRY("a", {1, 7, A, 'a'});
    put(node, ENTRY("a", {1, 7, A, 'a'}));
    put(node, ENTRY("b", {1, 5, A, 'a'}));
    put(node, ENTRY("c", {1, 8, DROP, 'a'}));
    struct sim_batch batch = anew(&kept, 1);
    sim_check_lineage.reset(sim, node, &batch);
    sim_kit_verdict(&kit, "LINEAGE", "need not");
    other->disk.state.horizon = 11;
    sim_check_lineage.reset(sim, node, &batch);
    sim_kit_verdict(&kit, NULL, "");
    batch.kept_count = 0;
    sim_check_lineage.reset(sim, node, &batch);
    sim_kit_verdict(&kit, "LINEAGE", "does not keep");
    batch.kept_count = 1;
    batch.state.high_water = 19;
    sim_check_lineage.reset(sim, node, &batch);
    sim_kit_verdict(&kit, "LINEAGE", "lower clock");
    batch.state.node_id = node->disk.state.node_id;
    sim_check_lineage.reset(sim, node, &batch);
    sim_kit_verdict(&kit, "LINEAGE", "same id");
    catalog_entry_release(kept);
}
END_TEST

START_TEST(what_is_handed_over) {
    /* What was kept is forgotten once it is on this disk again, or was handed over; not before. */
    struct catalog_entry *kept = ENTRY("a", {1, 7, A, 'a'});
    struct sim_batch batch = anew(&kept, 1);
    struct sim_batch cleared = {.kept_cleared = true, .state = {.ready = true}};
    other->disk.state.horizon = 11;
    sim_check_lineage.reset(sim, node, &batch);
    sim_check_lineage.landed(sim, node, &cleared, NULL);
    sim_kit_verdict(&kit, "LINEAGE", "did not hand it over: a");
    sim_check_lineage.reset(sim, node, &batch);
    const struct gossip_update update = {.kept = &kept, .kept_count = 1};
    sim_check_lineage.handed_over(sim, node, &update);
    sim_check_lineage.landed(sim, node, &cleared, NULL);
    sim_check_lineage.reset(sim, node, &batch);
    put(node, ENTRY("a", {1, 7, A, 'a'}));
    sim_check_lineage.landed(sim, node, &cleared, NULL);
    sim_kit_verdict(&kit, NULL, "");
    node->disk.state.ready = false;
    sim_check_lineage.handed_over(sim, node, &update);
    sim_kit_verdict(&kit, "LINEAGE", "cannot know yet");
    catalog_entry_release(kept);
}
END_TEST

/* --- FRESH ----------------------------------------------------------------------------------------------------------- */

START_TEST(what_freshness_claims) {
    /* All that a majority had then: what came there later does not matter, what was there before does. */
    sim_kit_start(&kit, 0);
    struct catalog_member_row row = {
        .id = entry_maker_id(2), .name = "n2", .address = "x:1", .ready = true};
    ck_assert_ptr_nonnull(gossip__member_add(node->engine, &row, GOSSIP_MEMBER_ALIVE));
    struct catalog_entry *entry = sim_kit_entry("a", 7);
    sim->now_ms = 5000;
    sim_check_fresh.put(sim, other, NULL, entry);
    sim->now_ms = 8000;
    sim_check_fresh.fresh(sim, node, 3001);
    sim_kit_verdict(&kit, NULL, "");
    sim_check_fresh.fresh(sim, node, 3000);
    sim_kit_verdict(&kit, "FRESH", "of 1 of 2 members only");
    sim_kit_put(&node->disk, entry);
    sim_check_fresh.fresh(sim, node, 3000);
    sim_kit_verdict(&kit, NULL, "");
    catalog_entry_release(entry);
}
END_TEST

Suite *sim_check_removal_suite(void);
Suite *sim_check_removal_suite(void) {
    Suite *suite = suite_create("sim_check_removal");
    TCase *removal = tcase_create("sim_check_horizon");
    tcase_add_checked_fixture(removal, setup, teardown);
    tcase_add_test(removal, raises);
    tcase_add_test(removal, what_is_left_behind);
    tcase_add_test(removal, at_rest);
    tcase_add_test(removal, nothing_comes_back);
    tcase_add_test(removal, old_page_lives_until_healed);
    suite_add_tcase(suite, removal);
    TCase *lineage = tcase_create("sim_check_lineage");
    tcase_add_checked_fixture(lineage, setup, teardown);
    tcase_add_test(lineage, who_begins_anew);
    tcase_add_test(lineage, what_is_handed_over);
    suite_add_tcase(suite, lineage);
    TCase *fresh = tcase_create("sim_check_fresh");
    tcase_add_checked_fixture(fresh, setup, teardown);
    tcase_add_test(fresh, what_freshness_claims);
    suite_add_tcase(suite, fresh);
    return suite;
}
