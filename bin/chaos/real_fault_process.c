/* real_fault_process.c - faults of processes: killed, stopped, frozen, put back to an older state, twice there at once. */
#include "bin/chaos/real_fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { RETRY_MS = 1000 };

static bool down(const struct real_node *node, char why_not[120]) {
    snprintf(why_not, 120, "%s is down", node->name);
    return false;
}

/* Beside the node's directory: n1.backup, n1.lie. */
static bool path_beside(const struct real_node *node, const char *ending,
                        char path[REAL_PATH_SIZE_MAX], char why_not[120]) {
    if (real_path(path, node->directory, ending))
        return true;
    snprintf(why_not, 120, "the path is too long");
    return false;
}

bool real_fault_crash(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                      char why_not[120]) {
    (void)fault;
    return real_node_kill(faults->ground, node) || down(node, why_not);
}

bool real_fault_stop(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                     char why_not[120]) {
    (void)fault;
    return real_node_stop(faults->ground, node) || down(node, why_not);
}

bool real_fault_freeze(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                       char why_not[120]) {
    (void)fault;
    return real_node_freeze(faults->ground, node) || down(node, why_not);
}

bool real_fault_wipe(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                     char why_not[120]) {
    (void)fault;
    (void)real_node_kill(faults->ground, node);
    if (node->starts == 0)
        return down(node, why_not);
    return real_files_empty(node->directory);
}

bool real_fault_backup(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                       char why_not[120]) {
    char path[REAL_PATH_SIZE_MAX];
    (void)fault;
    if (!path_beside(node, ".backup", path, why_not))
        return false;
    (void)real_node_kill(faults->ground, node);
    return real_files_copy(node->directory, path);
}

bool real_fault_restore(struct real_faults *faults, struct real_fault *fault,
                        struct real_node *node, char why_not[120]) {
    char path[REAL_PATH_SIZE_MAX];
    (void)fault;
    if (!path_beside(node, ".backup", path, why_not))
        return false;
    if (real_files_names(path) == 0) {
        snprintf(why_not, 120, "%s has no backup", node->name);
        return false;
    }
    (void)real_node_kill(faults->ground, node);
    return real_files_copy(path, node->directory);
}

/* --- clones ------------------------------------------------------------------------------------------------------ */

/* A copy of a running machine's disk, as of one moment. */
static bool copy_frozen(struct real_faults *faults, struct real_node *node, const char *to) {
    bool frozen = real_node_freeze(faults->ground, node);
    bool copied = real_files_copy(node->directory, to);
    if (frozen)
        real_node_thaw(faults->ground, node);
    return copied;
}

bool real_fault_clone(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                      char why_not[120]) {
    char message[REAL_MESSAGE_SIZE_MAX] = "its disk could not be copied";
    (void)fault;
    if (node->starts == 0)
        return down(node, why_not);
    struct real_node *clone = real_node_add_clone(faults->ground, node, message);
    if (clone == NULL || !copy_frozen(faults, node, clone->directory) ||
        !real_node_restart_spawn(faults->ground, clone, message) ||
        !real_node_await(faults->ground, clone, message)) {
        snprintf(why_not, 120, "%.119s", message);
        return false;
    }
    real_fault_links(faults); /* what holds for all links holds for its links */
    return true;
}

void real_fault_end_clones(struct real_faults *faults, const struct real_node *original) {
    for (size_t i = faults->ground->node_count; i < faults->ground->count; i++)
        if (faults->ground->processes[i].like == original->index)
            (void)real_node_kill(faults->ground, real_fault_node(faults, i));
}

/* --- clocks ------------------------------------------------------------------------------------------------------ */

bool real_fault_set_clock(struct real_faults *faults, const struct real_node *node,
                          int64_t offset_ms) {
    char path[REAL_PATH_SIZE_MAX], text[40];
    (void)faults;
    uint64_t size_ms = offset_ms < 0 ? -(uint64_t)offset_ms : (uint64_t)offset_ms;
    snprintf(text, sizeof text, "%c%" PRIu64 ".%03u\n", offset_ms < 0 ? '-' : '+', size_ms / 1000,
             (unsigned)(size_ms % 1000));
    return real_path(path, node->directory, ".clock") && real_files_write(path, text);
}

bool real_fault_clock(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                      char why_not[120]) {
    if (!real_process_of(faults->ground, node)->clocked) {
        snprintf(why_not, 120, "%s was started without a clock of its own", node->name);
        return false;
    }
    return real_fault_set_clock(faults, node, fault->action.span_ms);
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* A node that cannot start because its disk fails is tried again, as a supervisor would. */
static bool failed(struct real_faults *faults, struct real_node *node) {
    if (node->state != REAL_DIED || !real_fault_disk_fails(faults, node->index))
        return true;
    node->state = REAL_DOWN;
    faults->retry[node->index] = true;
    faults->retry_ms = faults->now_ms + RETRY_MS;
    return false;
}

bool real_fault_start(struct real_faults *faults, const bool *marked,
                      char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_ground *ground = faults->ground;
    bool spawned[REAL_PROXY_NODES_MAX] = {false}, all = true;
    char later[REAL_MESSAGE_SIZE_MAX];
    for (size_t i = 0; i < ground->node_count; i++) {
        struct real_node *node = &ground->nodes[i];
        if (!marked[i] || node->state != REAL_DOWN || ground->processes[i].child > 0)
            continue;
        spawned[i] = real_node_restart_spawn(ground, node, all ? message : later);
        all = all && spawned[i];
    }
    for (size_t i = 0; i < ground->node_count; i++)
        if (spawned[i] && !real_node_await(ground, &ground->nodes[i], all ? message : later))
            all = !failed(faults, &ground->nodes[i]) && all;
    return all;
}

bool real_fault_retry(struct real_faults *faults, char message[REAL_MESSAGE_SIZE_MAX]) {
    bool marked[REAL_PROXY_NODES_MAX];
    memcpy(marked, faults->retry, sizeof marked);
    memset(faults->retry, 0, sizeof faults->retry);
    faults->retry_ms = UINT64_MAX;
    return real_fault_start(faults, marked, message);
}
