/* test_sim_upgrade.c - what a newer version leaves on a disk: entries that this one can read and did not write. */
#include "catalog/entry.h"
#include "test/unit/support/sim_kit.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 6, UPGRADES = 30 };

#define CLOCK (UINT64_C(0x18bcfe568000000))

static struct sim_kit kit;
static struct sim_node *node;

static void setup(void) {
    sim_kit_open(&kit, 2);
    node = &kit.sim.nodes[0];
    for (unsigned i = 0; i < ENTRIES; i++) {
        char entity[16];
        (void)snprintf(entity, sizeof entity, "e%u", i);
        struct catalog_entry *entry = sim_kit_entry(entity, CLOCK + i);
        sim_kit_put(&node->disk, entry);
        catalog_entry_release(entry);
    }
    node->disk.state.high_water = CLOCK + ENTRIES;
    node->disk.state.ready = true;
    node->disk.state.cluster_id.bytes[0] = 1;
    node->disk.state.sum = node->disk.sum;
}

static void teardown(void) {
    sim_kit_close(&kit);
}

/* A version with something behind `previous` ends later than what is known of it. */
static bool has_tail(const struct catalog_entry *entry) {
    static const char tail[] = "\xa5newer";
    struct catalog_version version = catalog_entry_in_force(entry);
    return version.size_bytes > sizeof tail &&
           memcmp(version.bytes + version.size_bytes - (sizeof tail - 1), tail, sizeof tail - 1) ==
               0;
}

START_TEST(what_it_writes) {
    /* Versions with a tail over what was there and entries of an unknown kind, above the old high-water mark, which rises;
     * the state says of the rows what is true; and each start has an origin of its own. */
    unsigned tails = 0, unknown_kinds = 0;
    catalog_clock highest = node->disk.state.high_water;
    for (unsigned i = 0; i < UPGRADES; i++) {
        node->starts++;
        if (!sim_upgrade(&kit.sim, node)) {
            continue;
        }
        sim_kit_verdict(&kit, NULL, NULL);
        ck_assert_uint_gt(node->disk.state.high_water, highest);
        highest = node->disk.state.high_water;
        ck_assert_uint_eq(node->disk.state.sum.entry_count, node->disk.entry_count);
        ck_assert(
            merkle_digest_equal(&node->disk.state.sum.digest_sum, &node->disk.sum.digest_sum));
    }
    for (size_t i = 0; i < node->disk.entry_count; i++) {
        const struct catalog_entry *entry = node->disk.entries[i];
        ck_assert_uint_le(entry->clock_highest, highest);
        tails += has_tail(entry);
        unknown_kinds += entry->kind > CATALOG_INDEX;
    }
    ck_assert_uint_gt(tails, 3);
    ck_assert_uint_gt(unknown_kinds, 0);
    ck_assert_uint_lt(unknown_kinds, tails);
}
END_TEST

START_TEST(who_cannot_be_upgraded) {
    /* An empty disk, a newcomer's, one that heals: there is nothing to write over, or nothing that stays. */
    ck_assert(sim_upgrade_possible(node));
    ck_assert(!sim_upgrade_possible(&kit.sim.nodes[1]));
    node->disk.state.ready = false;
    ck_assert(!sim_upgrade_possible(node));
    node->disk.state.ready = true;
    node->disk.state.healing = true;
    ck_assert(!sim_upgrade_possible(node));
    node->disk.state.healing = false;
    node->disk.state.cluster_id.bytes[0] = 0;
    ck_assert(!sim_upgrade_possible(node));
}
END_TEST

START_TEST(a_run_with_upgrades_holds) {
    /* What the newer version wrote reaches all nodes as it is. */
    struct sim_result result;
    sim_kit_run(SIM_KIT_HEAD SIM_KIT_WRITES "  - {at: 7s, do: upgrade, nodes: [n1], for: 500ms}\n"
                                            "  - {at: 9s, do: upgrade, nodes: [n2], for: 500ms}\n",
                NULL, &result);
    ck_assert_msg(result.verdict == CHAOS_HELD, "%s", result.reason);
    ck_assert_uint_eq(result.stats.fired[SCENARIO_CLASS_UPGRADE], 2);
}
END_TEST

Suite *sim_upgrade_suite(void);
Suite *sim_upgrade_suite(void) {
    Suite *suite = suite_create("sim_upgrade");
    TCase *upgrade = tcase_create("sim_upgrade");
    tcase_add_checked_fixture(upgrade, setup, teardown);
    tcase_add_test(upgrade, what_it_writes);
    tcase_add_test(upgrade, who_cannot_be_upgraded);
    tcase_add_test(upgrade, a_run_with_upgrades_holds);
    suite_add_tcase(suite, upgrade);
    return suite;
}
