/* node_store.c - a simulated node on the real store (store.h), and the model that follows what is found in its file.
 *
 *   acknowledged      the model: what the store must hold
 *   in doubt          batches of a commit that failed, or that was under way when the power went: all of them, or none
 *   outside promises  the disk lied or was damaged: less may be there, but nothing that never was
 *
 * Whenever the store is opened, it must hold the model, or the model with what is in doubt (S8); the model becomes what was
 * found, and the checkers are shown the difference as if it had just landed.
 */
#include "test/sim/checker.h"
#include "test/sim/store.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS_BEFORE_FAILURE = 12, BATCHES_MAX = 64, FLIPS_MAX = 64 };

static void doubt_clear(struct sim_node *node) {
    while (node->store_doubt != NULL) {
        struct sim_batch *next = node->store_doubt->next;
        sim_batch_free(node->store_doubt);
        node->store_doubt = next;
    }
}

static void doubt_add(struct sim_node *node, struct sim_batch *batch) {
    struct sim_batch **end = &node->store_doubt;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    batch->next = NULL;
    *end = batch;
}

static struct catalog_batch batch_view(const struct sim_batch *batch) {
    return (struct catalog_batch){.ticket = batch->ticket,
                                  .reset = batch->reset,
                                  .kept = batch->kept,
                                  .kept_count = batch->kept_count,
                                  .kept_cleared = batch->kept_cleared,
                                  .removed = batch->removed,
                                  .removed_count = batch->removed_count,
                                  .entries = batch->entries,
                                  .entry_count = batch->entry_count,
                                  .members_cleared = batch->members_cleared,
                                  .members = batch->members,
                                  .member_count = batch->member_count,
                                  .state = batch->state};
}

/* --- what was found --------------------------------------------------------------------------------------------------------- */

static struct merkle_digest digest_of(const struct sim_disk *disk) {
    struct catalog_sum kept = sim_sum_of(disk->kept, disk->kept_count);
    return sim_holding_of(&disk->state, &disk->sum, &kept, disk->members, disk->member_count)
        .digest;
}

/* The model with all that is in doubt, without showing it to anybody. */
static void doubted_disk(const struct sim_node *node, struct sim_disk *disk) {
    sim_disk_copy(disk, &node->disk);
    for (const struct sim_batch *batch = node->store_doubt; batch != NULL; batch = batch->next) {
        sim_disk_take(disk, batch);
    }
}

static void doubt_lands(struct sim *sim, struct sim_node *node) {
    PROBE("sim.store_doubt_landed");
    for (const struct sim_batch *batch = node->store_doubt; batch != NULL; batch = batch->next) {
        sim_disk_apply(sim, node, batch);
    }
}

/* Outside the promises: what is there was there once (D5), and the rest is gone. */
static void less_found(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    struct sim_disk after = {.exists = false};
    sim_disk_from_load(&after, load);
    sim_god_disk_replaced(sim, node, &after);
    sim_disk_close(&node->disk);
    node->disk = after;
    node->outside_promises = true;
    node->replaced_ms = sim->now_ms;
    sim_trace(sim, node, "found after damage: %zu entries, %zu set aside%s", after.entry_count,
              after.quarantined, load->damaged ? ", the file was set aside" : "");
    SIM_CHECK(sim, disk_replaced, sim, node);
}

static void found(struct sim *sim, struct sim_node *node, const struct catalog_load *load) {
    struct sim_holding holding = sim_holding_of_load(load);
    struct sim_disk doubted;
    doubted_disk(node, &doubted);
    bool as_model = load->fresh ? !node->disk.exists : false;
    struct merkle_digest model = digest_of(&node->disk);
    struct merkle_digest with_doubt = digest_of(&doubted);
    as_model = as_model || (!load->fresh && merkle_digest_equal(&holding.digest, &model));
    bool as_doubted = node->store_doubt != NULL && !load->fresh &&
                      merkle_digest_equal(&holding.digest, &with_doubt);
    sim_disk_close(&doubted);
    sim_checker_looked(sim, &sim_check_s8);
    if (!load->fresh && !holding.sums_agree) {
        sim_violated(sim, &sim_check_s8, node, "its store gives rows that its sum is not of");
    } else if (as_doubted && !as_model) {
        doubt_lands(sim, node);
    } else if (!as_model && node->store_damaged) {
        less_found(sim, node, load);
    } else if (!as_model) {
        sim_violated(sim, &sim_check_s8, node,
                     "its store holds no state that was committed: %zu entries, %zu are known%s",
                     load->entry_count, node->disk.entry_count,
                     load->damaged ? "; the file was set aside" : "");
    }
    /* What hides on a page that was not read yet may be met much later; a new file has nothing of it. But it may be the file
     * itself that is not on the disk yet. */
    bool is_new = (load->fresh || load->damaged) && !node->store_lied;
    node->store_damaged = node->store_damaged && !is_new;
    doubt_clear(node);
}

/* --- the store's calls ---------------------------------------------------------------------------------------------------------- */

static bool store_make(struct sim *sim, struct sim_node *node) {
    node->store = sim_allocate(1, sizeof *node->store);
    if (!sim_store_init(node->store, &merkle_allocator_libc, NULL,
                        choice_identity(sim->choice, node->index, 0, 200))) {
        free(node->store);
        node->store = NULL;
        sim_fail(sim, "", CHAOS_USAGE, node, "there is no directory for its store");
    }
    return node->store != NULL;
}

bool sim_node_store_open(struct sim *sim, struct sim_node *node) {
    struct catalog_load *load;
    struct catalog_problem problem;
    if (node->store == NULL && !store_make(sim, node)) {
        return false;
    }
    if (node->store->store != NULL) {
        return true;
    }
    int result = sim_store_open(node->store, "sim", &load, &problem);
    if (result != 0) {
        sim_violated(sim, &sim_check_s8, node, "its store does not open: %.300s", problem.message);
        return false;
    }
    sim->stats.store_crashes += node->store->end.steps > 0;
    found(sim, node, load);
    catalog_load_free(load);
    return !sim->failed;
}

static void faults_arm(struct sim *sim, struct sim_node *node) {
    if (node->disk_failure == 0) {
        sim_store_fail(node->store, 0, 0, false, false);
    } else if (node->store->vfs.fault.calls == 0) {
        sim_store_fail(
            node->store, VFS_FAIL_WRITES | VFS_FAIL_SYNCS,
            (size_t)choice_below(sim->choice, STEPS_BEFORE_FAILURE, "steps before failure"), true,
            node->disk_failure == CATALOG_EFULL);
    }
}

int sim_node_store_commit(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    struct catalog_batch view = batch_view(batch);
    struct catalog_batch *order[] = {&view};
    faults_arm(sim, node);
    int result = sim_store_commit(node->store, order, 1);
    if (result == 0) {
        sim_disk_apply(sim, node, batch);
        return 0;
    }
    if (node->disk_failure == 0 && !node->store_damaged) {
        sim_violated(sim, &sim_check_s8, node, "its store fails without a fault: %d", result);
        return result;
    }
    node->disk_broken = true;
    doubt_add(node, sim_batch_new(sim, &view));
    sim_fired(sim, result == CATALOG_EFULL ? SCENARIO_CLASS_DISK_FULL : SCENARIO_CLASS_DISK_ERROR);
    sim_event_node(sim, SIM_EVENT_REOPEN, node, 0, sim->now_ms + 1000);
    return result;
}

bool sim_node_store_reopen(struct sim *sim, struct sim_node *node) {
    struct catalog_load *load;
    struct catalog_problem problem;
    faults_arm(sim, node);
    if (sim_store_reopen(node->store, &load, &problem) != 0) {
        PROBE("sim.store_reopen_failed");
        return false;
    }
    found(sim, node, load);
    catalog_load_free(load);
    return !sim->failed;
}

/* --- ends ------------------------------------------------------------------------------------------------------------------------- */

void sim_node_store_crash(struct sim *sim, struct sim_node *node) {
    struct catalog_batch views[BATCHES_MAX];
    struct catalog_batch *order[BATCHES_MAX];
    size_t count = 0;
    if (node->store->store == NULL) {
        return;
    }
    for (struct sim_batch *batch = node->batches;
         batch != NULL && count < BATCHES_MAX && !node->disk_broken; batch = batch->next) {
        views[count] = batch_view(batch);
        order[count] = &views[count];
        count++;
    }
    count = count == 0 ? 0 : (size_t)choice_below(sim->choice, count + 1, "commit under way");
    for (size_t i = 0; i < count; i++) {
        struct sim_batch *batch = node->batches;
        assert(batch != NULL);
        node->batches = batch->next;
        doubt_add(node, batch);
    }
    node->store_damaged = node->store_damaged || node->disk_lies;
    if (choice_percent(sim->choice, 50, "power cut")) {
        sim_store_crash(node->store, sim->choice, order, count);
        node->store_lied = node->disk_lies;
    } else {
        sim_store_kill(node->store, sim->choice, order, count);
    }
    sim_trace(sim, node, "store: %zu of %zu steps lost, %zu sectors in doubt",
              node->store->end.steps_lost, node->store->end.steps, node->store->end.in_doubt);
}

void sim_node_store_close(struct sim_node *node) {
    if (node->store != NULL) {
        sim_store_free(node->store);
        free(node->store);
    }
    if (node->store_backup != NULL) {
        sim_backup_close(node->store_backup);
        free(node->store_backup);
    }
    doubt_clear(node);
}

/* --- faults outside the promises ---------------------------------------------------------------------------------------------------- */

void sim_node_store_wipe(struct sim *sim, struct sim_node *node) {
    (void)sim;
    doubt_clear(node);
    node->store_damaged = node->disk_lies; /* a lying disk may not have it tomorrow */
    sim_store_wipe(node->store);
}

/* Opens it, so that nothing is in doubt, and closes it in order. */
static bool settle(struct sim *sim, struct sim_node *node) {
    if (!sim_node_store_open(sim, node)) {
        return false;
    }
    sim_store_close(node->store);
    return true;
}

void sim_node_store_backup(struct sim *sim, struct sim_node *node) {
    if (!settle(sim, node)) {
        return;
    }
    if (node->store_backup == NULL) {
        node->store_backup = sim_allocate(1, sizeof *node->store_backup);
    } else {
        sim_backup_close(node->store_backup);
    }
    sim_store_backup(node->store, node->store_backup);
    node->store_backup->damaged = node->store_damaged;
}

void sim_node_store_restore(struct sim *sim, struct sim_node *node) {
    (void)sim;
    doubt_clear(node);
    node->store_damaged = node->disk_lies || node->store_backup->damaged;
    sim_store_restore(node->store, node->store_backup);
}

bool sim_node_store_damage(struct sim *sim, struct sim_node *node, uint64_t bits) {
    if (!settle(sim, node) || !node->disk.exists) {
        return false;
    }
    unsigned flips = (unsigned)(bits < FLIPS_MAX ? bits : FLIPS_MAX);
    node->store_damaged = true;
    return sim_store_damage(node->store, sim->choice, VFS_DATABASE, flips);
}

void sim_node_store_lie(struct sim_node *node, bool lies) {
    if (node->store == NULL) {
        return;
    }
    node->store->vfs.lie = lies;
    node->store_lied = node->store_lied || lies;
    node->store_damaged = node->store_damaged || !lies;
}
