/* node_disk.c - the disk of a simulated node: commits that take time, fail, lie or are cut off, and what is found after.
 *
 *   batches on their way   b1 b2 b3        the engine waits for `stored`
 *                          |               at its time the first lands: on the model (god's view), and in the real store
 *                          v
 *   disk                   ...b1           a crash lets a prefix of the rest land, though nobody was told
 */
#include "test/sim/checker.h"

#include <assert.h>
#include <stdlib.h>

enum { COMMIT_MS_MEAN = 4, REOPEN_MS = 1000 };

void sim_node_take_batch(struct sim *sim, struct sim_node *node,
                         const struct catalog_batch *batch) {
    struct sim_batch **end = &node->batches;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = sim_batch_new(sim, batch);
    uint64_t delay_ms = sim->loading ? choice_delay(sim->choice, COMMIT_MS_MEAN, "commit") : 1;
    uint64_t time_ms = sim->now_ms + delay_ms;
    if (node->disk_slow_until_ms > time_ms) {
        time_ms = node->disk_slow_until_ms;
        sim_fired(sim, SCENARIO_CLASS_DISK_SLOW);
    }
    sim_event_node(sim, SIM_EVENT_STORED, node, 0, time_ms);
    if (node->crash_until_ms != 0) {
        sim_event_node(sim, SIM_EVENT_CRASH, node, 0, sim->now_ms);
    }
}

static struct sim_batch *batch_take(struct sim_node *node) {
    struct sim_batch *batch = node->batches;
    node->batches = batch->next;
    return batch;
}

/* --- commits ---------------------------------------------------------------------------------------------------------------- */

/* The disk fails this commit, and takes nothing until it has been opened again. */
static void fail(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    node->disk_broken = true;
    sim_fired(sim, node->disk_failure == CATALOG_EFULL ? SCENARIO_CLASS_DISK_FULL
                                                       : SCENARIO_CLASS_DISK_ERROR);
    sim_event_node(sim, SIM_EVENT_REOPEN, node, 0, sim->now_ms + REOPEN_MS);
    if (node->disk_failure == CATALOG_EIO &&
        choice_percent(sim->choice, 50, "durable though failed")) {
        PROBE("sim.durable_though_failed");
        sim_disk_apply(sim, node, batch);
    }
}

static int commit(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    if (node->disk_broken) {
        return CATALOG_EIO;
    }
    if (node->store != NULL) {
        return sim_node_store_commit(sim, node, batch);
    }
    if (node->disk_failure != 0) {
        int result = node->disk_failure;
        fail(sim, node, batch);
        return result;
    }
    sim_disk_apply(sim, node, batch);
    return 0;
}

void sim_node_stored(struct sim *sim, struct sim_node *node) {
    if (node->batches == NULL) {
        return;
    }
    struct sim_batch *batch = batch_take(node);
    int result = commit(sim, node, batch);
    uint64_t ticket = batch->ticket;
    node->catching_up = node->catching_up && node->batches != NULL;
    sim_batch_free(batch);
    sim_trace(sim, node, "stored %llu: %d", (unsigned long long)ticket, result);
    if (!sim->failed) {
        sim_node_step(sim, node,
                      &(struct gossip_event){.type = GOSSIP_STORED, .stored = {ticket, result}});
    }
}

/* --- opening again ------------------------------------------------------------------------------------------------------------ */

void sim_node_reopen(struct sim *sim, struct sim_node *node) {
    struct catalog_load load;
    bool waits = node->batches != NULL || (node->store == NULL && node->disk_failure != 0);
    if (waits || (node->store != NULL && !sim_node_store_reopen(sim, node))) {
        sim_event_node(sim, SIM_EVENT_REOPEN, node, 0, sim->now_ms + REOPEN_MS);
        return;
    }
    sim_disk_load(&node->disk, &load);
    node->disk_broken = false;
    node->catching_up = true;
    sim_trace(sim, node, "reopened");
    sim_node_step(sim, node, &(struct gossip_event){.type = GOSSIP_REOPENED, .reopened = &load});
    free(load.entries);
    free(load.kept);
    free(load.members);
}

bool sim_node_disk_open(struct sim *sim, struct sim_node *node, struct catalog_load *load) {
    node->disk_broken = false;
    node->catching_up = false;
    if (sim->scenario->real_store && !sim_node_store_open(sim, node)) {
        return false;
    }
    sim_disk_load(&node->disk, load);
    return true;
}

void sim_node_disk_opened(struct sim_node *node, struct catalog_load *load) {
    (void)node;
    free(load->entries);
    free(load->kept);
    free(load->members);
}

/* --- the end of a process ------------------------------------------------------------------------------------------------------- */

void sim_node_disk_crash(struct sim *sim, struct sim_node *node) {
    size_t count = 0;
    for (struct sim_batch *batch = node->batches; batch != NULL; batch = batch->next) {
        count++;
    }
    sim->stats.crashes_in_commit += count > 0;
    if (node->store != NULL) {
        sim_node_store_crash(sim, node);
    } else {
        size_t durable = node->disk_broken || count == 0
                             ? 0
                             : (size_t)choice_below(sim->choice, count + 1, "durable at crash");
        for (size_t i = 0; i < durable; i++) {
            PROBE("sim.durable_and_not_told");
            struct sim_batch *batch = batch_take(node);
            sim_disk_apply(sim, node, batch);
            sim_batch_free(batch);
        }
        sim_trace(sim, node, "crash, %zu of %zu batches durable", durable, count);
    }
    while (node->batches != NULL) {
        sim_batch_free(batch_take(node));
    }
    node->disk_broken = false;
    node->catching_up = false;
}

/* --- faults outside the promises -------------------------------------------------------------------------------------------------- */

static void replaced(struct sim *sim, struct sim_node *node) {
    node->outside_promises = true;
    node->replaced_ms = sim->now_ms;
    SIM_CHECK(sim, disk_replaced, sim, node);
}

void sim_node_wipe(struct sim *sim, struct sim_node *node) {
    assert(node->engine == NULL);
    sim_god_disk_replaced(sim, node, NULL);
    sim_disk_close(&node->disk);
    if (node->store != NULL) {
        sim_node_store_wipe(sim, node);
    }
    replaced(sim, node);
    sim_trace(sim, node, "disk emptied");
}

void sim_node_backup(struct sim *sim, struct sim_node *node) {
    assert(node->engine == NULL);
    if (node->store != NULL) {
        sim_node_store_backup(sim, node); /* settles what stands on the disk */
    }
    sim_disk_close(&node->backup);
    sim_disk_copy(&node->backup, &node->disk);
    node->backup_exists = true;
    sim_trace(sim, node, "disk copied");
}

void sim_node_restore(struct sim *sim, struct sim_node *node) {
    assert(node->engine == NULL && node->backup_exists);
    sim_god_disk_replaced(sim, node, &node->backup);
    sim_disk_close(&node->disk);
    sim_disk_copy(&node->disk, &node->backup);
    if (node->store != NULL) {
        sim_node_store_restore(sim, node);
    }
    replaced(sim, node);
    sim_trace(sim, node, "disk put back");
}

/* What god knows is what will be found: of a real store only once it is opened. */
void sim_node_damage(struct sim *sim, struct sim_node *node, uint64_t bits) {
    assert(node->engine == NULL);
    if (node->store != NULL) {
        (void)sim_node_store_damage(sim, node, bits);
        return;
    }
    struct sim_disk before;
    sim_disk_copy(&before, &node->disk);
    sim_disk_damage(sim, node, (size_t)bits);
    struct sim_disk after = node->disk;
    node->disk = before;
    sim_god_disk_replaced(sim, node, &after);
    node->disk = after;
    sim_disk_close(&before);
    replaced(sim, node);
    sim_trace(sim, node, "%zu rows damaged", node->disk.quarantined);
}
