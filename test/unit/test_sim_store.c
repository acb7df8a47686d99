/* test_sim_store.c - the real store of a simulated node: it ends in every way, and finds what it may find. */
#include "test/sim/store.h"
#include "test/unit/support/store_kit.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A node's disk, and what must stand on it: what was acknowledged, or what was started since. */
struct node {
    struct sim_store store;
    struct choice choice;
    struct store_kit_model acked, pending;
    bool is_pending;
    struct catalog_entry *entries[8];
    struct catalog_batch batch;
    struct catalog_batch *order[1];
    size_t found_pending, lost_pending, refused; /* how often */
};

static struct node node, other;

static void node_open(struct node *made, uint64_t seed) {
    *made = (struct node){.is_pending = false};
    ck_assert(sim_store_init(&made->store, &merkle_allocator_libc, NULL, seed));
    choice_seed(&made->choice, seed);
}

static void node_close(struct node *closed) {
    sim_store_free(&closed->store);
    store_kit_model_close(&closed->acked);
    store_kit_model_close(&closed->pending);
}

static void setup(void) {
    node_open(&node, 1);
    node_open(&other, 2);
}

static void teardown(void) {
    node_close(&node);
    node_close(&other);
}

static struct sim_holding holding_of_model(const struct store_kit_model *model) {
    struct catalog_sum kept = sim_sum_of(model->kept, model->kept_count);
    return sim_holding_of(&model->state, &model->state.sum, &kept, NULL, 0);
}

static bool is_model(const struct store_kit_model *model, const struct sim_holding *holding) {
    struct sim_holding expected = holding_of_model(model);
    return merkle_digest_equal(&expected.digest, &holding->digest);
}

/* --- one step ------------------------------------------------------------------------------------------------------ */

/* Makes a batch that is the pending one from now on. */
static void prepare(struct node *at) {
    store_kit_model_copy(&at->pending, &at->acked);
    at->is_pending = true;
    at->pending.state.incarnation++;
    at->batch = (struct catalog_batch){.entries = at->entries};
    unsigned key = (unsigned)choice_below(&at->choice, STORE_KIT_KEYS, "key");
    for (uint64_t left = choice_below(&at->choice, 8, "entries"); left > 0; left--) {
        size_t size_bytes = 32 + choice_below(&at->choice, 700, "size");
        store_kit_model_put(&at->pending, key++ % STORE_KIT_KEYS, size_bytes, &at->batch);
    }
    at->batch.state = at->pending.state;
    at->order[0] = &at->batch;
}

static void settle(struct node *at, bool pending) {
    if (pending) {
        store_kit_model_copy(&at->acked, &at->pending);
    }
    at->is_pending = false;
}

static int commit(struct node *at) {
    prepare(at);
    int result = sim_store_commit(&at->store, at->order, 1);
    if (result == 0) {
        settle(at, true);
    }
    return result;
}

/* What a load shows is one of those that may be: S8. */
static void check_load(struct node *at, struct catalog_load *load) {
    ck_assert(!load->damaged);
    ck_assert(!load->rows_missing);
    ck_assert_uint_eq(load->quarantined_count, 0);
    struct sim_holding holding = sim_holding_of_load(load);
    ck_assert(holding.sums_agree);
    bool pending = at->is_pending && is_model(&at->pending, &holding);
    ck_assert_msg(pending || is_model(&at->acked, &holding),
                  "acked %lu, pending %d, found %lu with %zu entries", at->acked.state.incarnation,
                  at->is_pending, load->state.incarnation, load->entry_count);
    at->found_pending += pending;
    at->lost_pending += at->is_pending && !pending;
    settle(at, pending);
    catalog_load_free(load);
}

static void open_and_check(struct node *at) {
    struct catalog_load *load = NULL;
    struct catalog_problem problem;
    int result = sim_store_open(&at->store, "", &load, &problem);
    ck_assert_msg(result == 0, "%d: %s", result, problem.message);
    check_load(at, load);
}

/* Until it succeeds; the second attempt finds a disk that works. */
static void reopen_and_check(struct node *at) {
    struct catalog_load *load = NULL;
    int result = sim_store_reopen(&at->store, &load, NULL);
    if (result != 0) {
        ck_assert(result == CATALOG_EFULL || result == CATALOG_EIO);
        at->refused++;
        sim_store_fail(&at->store, 0, 0, false, false);
        result = sim_store_reopen(&at->store, &load, NULL);
    }
    ck_assert_int_eq(result, 0);
    check_load(at, load);
}

/* --- ends of all kinds --------------------------------------------------------------------------------------------- */

static void arm(struct node *at) {
    unsigned kinds = 1 + (unsigned)choice_below(&at->choice, 3, "kinds");
    size_t allowed = choice_below(&at->choice, 16, "allowed");
    sim_store_fail(&at->store, kinds, allowed, choice_percent(&at->choice, 50, "repeat"),
                   choice_percent(&at->choice, 50, "full"));
}

static void end_somehow(struct node *at) {
    /* A commit that failed is pending, and the store takes no other. */
    bool under_way = !at->is_pending && choice_percent(&at->choice, 70, "under way");
    if (under_way) {
        prepare(at);
    }
    uint64_t how = choice_below(&at->choice, 3, "how it ends");
    if (how == 0 && !under_way) {
        sim_store_fail(&at->store, 0, 0, false, false);
        sim_store_close(&at->store);
    } else if (how == 1) {
        sim_store_kill(&at->store, &at->choice, at->order, under_way);
    } else {
        sim_store_crash(&at->store, &at->choice, at->order, under_way);
    }
}

static void cycle(struct node *at) {
    for (uint64_t left = choice_below(&at->choice, 6, "commits"); left > 0; left--) {
        if (choice_percent(&at->choice, 10, "fault")) {
            arm(at);
        }
        if (commit(at) == 0) {
            continue;
        }
        at->refused++;
        if (choice_percent(&at->choice, 30, "no reopen")) {
            break;
        }
        reopen_and_check(at);
    }
    end_somehow(at);
    open_and_check(at);
}

static size_t cycles_wanted(void) {
    const char *wanted = getenv("ATTUNE_SIM_STORE_CYCLES");
    return wanted != NULL ? strtoul(wanted, NULL, 10) : 300;
}

/* S8: however a node ends, with disks that fail before, it finds the state of the last acknowledged commit or of the one
 * that was started since; what an open has shown stays, whatever ends it next. Both ends of the doubt are seen. */
START_TEST(every_end_leaves_a_started_state) {
    size_t cycles = cycles_wanted();
    open_and_check(&node);
    for (size_t i = 0; i < cycles; i++) {
        cycle(&node);
        ck_assert_uint_eq(node.store.vfs.step_first, node.store.vfs.step_count);
    }
    ck_assert_uint_gt(node.found_pending, cycles / 20);
    ck_assert_uint_gt(node.lost_pending, cycles / 20);
    ck_assert_uint_gt(node.refused, cycles / 50);
}
END_TEST

static void compare_files(const struct sim_store *left, const struct sim_store *right) {
    struct sim_backup a, b;
    sim_store_backup(left, &a);
    sim_store_backup(right, &b);
    for (size_t i = 0; i < VFS_FILE_COUNT; i++) {
        ck_assert_int_eq(a.exist[i], b.exist[i]);
        ck_assert_uint_eq(a.files[i].size_bytes, b.files[i].size_bytes);
        ck_assert(a.files[i].size_bytes == 0 ||
                  memcmp(a.files[i].bytes, b.files[i].bytes, a.files[i].size_bytes) == 0);
    }
    sim_backup_close(&a);
    sim_backup_close(&b);
}

/* The same seed and choices give the same bytes in the files after every cycle, whatever another store does in between; and
 * another seed gives others, so that this compares something. */
START_TEST(same_choices_give_the_same_bytes) {
    struct node again;
    node_open(&again, 1);
    open_and_check(&node);
    open_and_check(&other);
    for (size_t i = 0; i < 30; i++) {
        cycle(&node);
        cycle(&other);
    }
    open_and_check(&again);
    for (size_t i = 0; i < 30; i++) {
        cycle(&again);
    }
    compare_files(&node.store, &again.store);
    struct sim_holding mine = holding_of_model(&node.acked);
    ck_assert(is_model(&again.acked, &mine));
    ck_assert(!is_model(&other.acked, &mine));
    node_close(&again);
}
END_TEST

/* Choices of 0 are the mildest: a commit that is under way when the power goes is there. */
START_TEST(zeros_lose_nothing) {
    open_and_check(&node);
    choice_bytes(&node.choice, (const uint8_t *)"", 0);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(commit(&node), 0);
        prepare(&node);
        sim_store_crash(&node.store, &node.choice, node.order, 1);
        ck_assert_uint_gt(node.store.end.steps, 2);
        ck_assert_uint_eq(node.store.end.steps_lost, 0);
        ck_assert_uint_eq(node.store.end.openings, 0);
        open_and_check(&node);
    }
    ck_assert_uint_eq(node.found_pending, 5);
}
END_TEST

/* G11: what an open has shown after a kill is on the disk by name, too: the first commit of a life makes the WAL, and a
 * power cut may take a name whose directory was not synced. */
START_TEST(shown_after_a_kill_stays_shown) {
    size_t found = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct node killed;
        node_open(&killed, seed);
        open_and_check(&killed);
        ck_assert_int_eq(commit(&killed), 0);
        sim_store_close(&killed.store);
        open_and_check(&killed);
        prepare(&killed);
        sim_store_kill(&killed.store, &killed.choice, killed.order, 1);
        open_and_check(&killed);
        sim_store_crash(&killed.store, &killed.choice, NULL, 0);
        open_and_check(&killed);
        found += killed.found_pending;
        node_close(&killed);
    }
    ck_assert_uint_gt(found, 20);
}
END_TEST

/* FAULTS D7: a disk that lies may lose any number of acknowledged commits in a power cut. What is found is then one state
 * of before, or it is found out: never a mixture that passes for sound. */
START_TEST(lies_lose_commits_but_are_no_mixture) {
    size_t regressed = 0, kept = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct node lied;
        node_open(&lied, seed);
        open_and_check(&lied);
        struct merkle_digest digests[21];
        digests[0] = holding_of_model(&lied.acked).digest;
        size_t count = 1;
        for (; count <= 20; count++) {
            lied.store.vfs.lie = count > 10;
            ck_assert_int_eq(commit(&lied), 0);
            digests[count] = holding_of_model(&lied.acked).digest;
        }
        sim_store_crash(&lied.store, &lied.choice, NULL, 0);
        lied.store.vfs.lie = false;
        struct catalog_load *load = NULL;
        ck_assert_int_eq(sim_store_open(&lied.store, "", &load, NULL), 0);
        struct sim_holding holding = sim_holding_of_load(load);
        size_t which = 0;
        while (which < count && !merkle_digest_equal(&digests[which], &holding.digest)) {
            which++;
        }
        bool told = load->damaged || load->rows_missing || load->quarantined_count > 0 ||
                    load->kept_lost_count > 0;
        ck_assert(which < count || told);
        ck_assert(which >= 10 || told); /* what was honest is there */
        regressed += which < count - 1;
        kept += which == count - 1;
        catalog_load_free(load);
        node_close(&lied);
    }
    ck_assert_uint_gt(regressed, 10);
    ck_assert_uint_gt(kept, 10);
}
END_TEST

/* --- the disk behind the store's back ------------------------------------------------------------------------------ */

/* FAULTS D5: a damaged file is either found out, or what is damaged carries nothing: no load is wrong without a sign.
 * A file that was cut to nothing is a fresh one: the node starts under a new id. */
START_TEST(damage_is_noticed) {
    size_t damages = 0, noticed = 0;
    for (size_t i = 0; i < 200; i++) {
        struct catalog_load *load = NULL;
        struct catalog_problem problem;
        ck_assert_int_eq(sim_store_open(&node.store, "", &load, &problem), 0);
        struct sim_holding holding = sim_holding_of_load(load);
        bool told = load->fresh || load->damaged || load->rows_missing ||
                    load->quarantined_count > 0 || load->kept_lost_count > 0;
        ck_assert_msg(told || is_model(&node.acked, &holding), "damage %zu was not noticed", i);
        noticed += told;
        catalog_load_free(load);
        if (told) {
            sim_store_close(&node.store);
            sim_store_wipe(&node.store);
            store_kit_model_close(&node.acked);
            node.acked = (struct store_kit_model){.state = {.incarnation = 0}};
            open_and_check(&node);
        }
        for (size_t k = 0; k < 5; k++) {
            ck_assert_int_eq(commit(&node), 0);
        }
        sim_store_close(&node.store);
        damages += sim_store_damage(&node.store, &node.choice, VFS_DATABASE, 1 + i % 8);
    }
    ck_assert_uint_gt(damages, 150);
    ck_assert_uint_gt(noticed, damages / 4);
}
END_TEST

/* A wiped disk is a fresh one, and can be used. */
START_TEST(wipe_gives_a_fresh_store) {
    open_and_check(&node);
    ck_assert_int_eq(commit(&node), 0);
    sim_store_crash(&node.store, &node.choice, NULL, 0);
    sim_store_wipe(&node.store);
    struct catalog_load *load = NULL;
    ck_assert_int_eq(sim_store_open(&node.store, "", &load, NULL), 0);
    ck_assert(load->fresh);
    ck_assert(!load->damaged);
    catalog_load_free(load);
    store_kit_model_close(&node.acked);
    node.acked = (struct store_kit_model){.state = {.incarnation = 0}};
    for (size_t i = 0; i < 10; i++) {
        cycle(&node);
    }
}
END_TEST

/* A backup of an open store holds what had been committed then; it can be put back, and given to another node. */
START_TEST(backup_can_be_restored) {
    open_and_check(&node);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(commit(&node), 0);
    }
    struct sim_backup backup;
    sim_store_backup(&node.store, &backup);
    struct store_kit_model then = {.state = {.incarnation = 0}};
    store_kit_model_copy(&then, &node.acked);
    for (size_t i = 0; i < 5; i++) {
        cycle(&node);
    }
    sim_store_close(&node.store);
    sim_store_restore(&node.store, &backup);
    sim_store_restore(&other.store, &backup);
    sim_backup_close(&backup);
    store_kit_model_copy(&node.acked, &then);
    store_kit_model_copy(&other.acked, &then);
    store_kit_model_close(&then);
    open_and_check(&node);
    open_and_check(&other);
    ck_assert_uint_gt(node.acked.state.sum.entry_count, 0);
    cycle(&node);
    cycle(&other);
}
END_TEST

/* --- digests, directories ------------------------------------------------------------------------------------------ */

/* Every field of the state, the sum and every field of a member changes the digest; the order of members does not. */
START_TEST(digest_covers_all_fields) {
    struct catalog_node_state state = {.node_name = "n"};
    struct catalog_member_row members[2] = {{.id = {.bytes = {1}}}, {.id = {.bytes = {2}}}};
    struct catalog_sum sum = {.entry_count = 0}, kept = {.entry_count = 0};
    struct sim_holding first = sim_holding_of(&state, &sum, &kept, members, 2);
    ck_assert(first.sums_agree);
    const struct catalog_member_row swapped[2] = {members[1], members[0]};
    struct sim_holding second = sim_holding_of(&state, &sum, &kept, swapped, 2);
    ck_assert(merkle_digest_equal(&first.digest, &second.digest));
    enum { STATES = 13 };
    struct catalog_node_state states[STATES];
    for (size_t i = 0; i < STATES; i++) {
        states[i] = state;
    }
    states[0].node_id.bytes[15] = 1;
    states[1].cluster_id.bytes[0] = 1;
    states[2].cluster_name[0] = 'a';
    states[3].node_name[1] = 'n';
    states[4].incarnation = states[5].high_water = states[6].seen = states[7].horizon = 1;
    states[8].ready = true;
    states[9].healing = true;
    states[10].removed = true;
    states[11].admitter_id.bytes[15] = 1;
    states[12].replaced_id.bytes[0] = 1;
    for (size_t i = 0; i < STATES; i++) {
        second = sim_holding_of(&states[i], &sum, &kept, members, 2);
        ck_assert_msg(!merkle_digest_equal(&first.digest, &second.digest), "state %zu", i);
    }
    sum.entry_count = 1;
    second = sim_holding_of(&state, &sum, &kept, members, 2);
    ck_assert(!second.sums_agree);
    ck_assert(!merkle_digest_equal(&first.digest, &second.digest));
    sum.entry_count = 0;
    kept.entry_count = 1;
    second = sim_holding_of(&state, &sum, &kept, members, 2);
    ck_assert(!merkle_digest_equal(&first.digest, &second.digest));
    kept.entry_count = 0;
    members[1].ready = true;
    second = sim_holding_of(&state, &sum, &kept, members, 2);
    ck_assert(!merkle_digest_equal(&first.digest, &second.digest));
    second = sim_holding_of(&state, &sum, &kept, members, 1);
    ck_assert(!merkle_digest_equal(&first.digest, &second.digest));
}
END_TEST

/* A store leaves nothing behind, also when it is freed while it is open; and says why it cannot be made. */
START_TEST(free_removes_the_directory) {
    struct node gone;
    node_open(&gone, 3);
    open_and_check(&gone);
    ck_assert_int_eq(commit(&gone), 0);
    char base[VFS_PATH_SIZE_MAX];
    memcpy(base, gone.store.base, sizeof base);
    ck_assert_int_eq(access(base, F_OK), 0);
    node_close(&gone);
    ck_assert_int_ne(access(base, F_OK), 0);
    ck_assert(!sim_store_init(&gone.store, &merkle_allocator_libc, "/absent/base", 1));
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

Suite *sim_store_suite(void);

Suite *sim_store_suite(void) {
    Suite *suite = suite_create("sim_store");
    TCase *ends = tcase_create("sim_store_crash");
    tcase_add_checked_fixture(ends, setup, teardown);
    tcase_set_timeout(ends, 3600);
    tcase_add_test(ends, every_end_leaves_a_started_state);
    tcase_add_test(ends, same_choices_give_the_same_bytes);
    tcase_add_test(ends, zeros_lose_nothing);
    tcase_add_test(ends, shown_after_a_kill_stays_shown);
    tcase_add_test(ends, lies_lose_commits_but_are_no_mixture);
    suite_add_tcase(suite, ends);
    TCase *damage = tcase_create("sim_store_damage");
    tcase_add_checked_fixture(damage, setup, teardown);
    tcase_set_timeout(damage, 60);
    tcase_add_test(damage, damage_is_noticed);
    tcase_add_test(damage, wipe_gives_a_fresh_store);
    tcase_add_test(damage, backup_can_be_restored);
    suite_add_tcase(suite, damage);
    TCase *rest = tcase_create("sim_holding_of");
    tcase_add_checked_fixture(rest, setup, teardown);
    tcase_add_test(rest, digest_covers_all_fields);
    tcase_add_test(rest, free_removes_the_directory);
    suite_add_tcase(suite, rest);
    return suite;
}
