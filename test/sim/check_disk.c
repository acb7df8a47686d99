/* check_disk.c - what stands on a disk after each commit (S8): one whole state, whose parts tell the truth about each other. */
#include "test/sim/checker.h"

static void s8_landed(struct sim *sim, struct sim_node *node, const struct sim_batch *batch,
                      const struct catalog_node_state *before) {
    const struct sim_disk *disk = &node->disk;
    sim_checker_looked(sim, &sim_check_s8);
    if (before != NULL && batch->state.high_water < before->high_water) {
        sim_violated(sim, &sim_check_s8, node, "stores a lower clock than before");
    }
    /* Who begins anew under another id starts with what the member that admits it can give. */
    bool anew = before != NULL && batch->reset && !before->ready;
    anew = anew || (before != NULL && !catalog_id_equal(&batch->state.node_id, &before->node_id));
    if (before != NULL && batch->state.seen < before->seen && !before->healing && !anew) {
        sim_violated(sim, &sim_check_s8, node, "`seen` falls");
    }
    if (before != NULL && batch->state.incarnation < before->incarnation &&
        catalog_id_equal(&batch->state.node_id, &before->node_id)) {
        sim_violated(sim, &sim_check_s8, node, "its incarnation falls");
    }
    for (size_t i = 0; i < batch->entry_count; i++) {
        if (batch->entries[i]->clock_highest > batch->state.high_water) {
            sim_violated(sim, &sim_check_s8, node, "stores a clock above its high-water mark");
        }
    }
    if (disk->sum.entry_count != disk->state.sum.entry_count ||
        !merkle_digest_equal(&disk->sum.digest_sum, &disk->state.sum.digest_sum)) {
        sim_violated(sim, &sim_check_s8, node, "the stored sum is not that of the stored rows");
    }
}

const struct sim_checker sim_check_s8 = {
    .id = "S8",
    .statement =
        "a disk holds the state of one commit: entries, sum, clock and incarnation together",
    .landed = s8_landed,
};
