/* real_fault_disk.c - faults of disks.
 *
 *   full    the node's directory is a tmpfs of its own, and a file takes all the space that is left
 *   error   strace is attached to the running daemon and lets its writes and syncs fail
 *   slow    the same, and each sync takes its time
 *   lie     the same, and syncs do nothing; at the end the power is cut: the process is killed, and its files are again as
 *           they were when the lie began, as nothing since has reached the disk
 *   damage  bits of a killed node's files are flipped
 */
#include "bin/chaos/real_fault.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TRACED_ERROR "pwrite64,fdatasync,fsync,ftruncate"
#define FULL_TEXT                                                                                  \
    "the disk is full" /* as the daemon's log says it: the only sign that a write met it */
#define TRACED_SYNC "fdatasync,fsync"

bool real_fault_is_counted_by_disk(enum scenario_action_type type) {
    return type == SCENARIO_DISK_ERROR || type == SCENARIO_DISK_SLOW || type == SCENARIO_DISK_LIE ||
           type == SCENARIO_DISK_FULL;
}

bool real_fault_disk_fails(const struct real_faults *faults, size_t index) {
    for (size_t i = 0; i < faults->count; i++)
        if (real_fault_is_counted_by_disk(faults->list[i].action.type) &&
            real_fault_holds(&faults->list[i].action.nodes, index))
            return true;
    return false;
}

static bool path_of(const struct real_node *node, const char *ending, char path[REAL_PATH_SIZE_MAX],
                    char why_not[120]) {
    if (real_path(path, node->directory, ending))
        return true;
    snprintf(why_not, 120, "the path is too long");
    return false;
}

bool real_fault_full(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                     char why_not[120]) {
    char path[REAL_PATH_SIZE_MAX];
    if (!real_process_of(faults->ground, node)->own_disk || node->starts == 0) {
        snprintf(why_not, 120, "%s has no disk of its own", node->name);
        return false;
    }
    if (!path_of(node, "/ballast", path, why_not))
        return false;
    fault->full_before[node->index] = real_files_count(node->log, FULL_TEXT);
    return real_files_fill(path);
}

static bool trace(struct real_faults *faults, struct real_node *node, const char *calls,
                  const char *inject, char why_not[120]) {
    char path[REAL_PATH_SIZE_MAX], traced[80], injected[120];
    if (!path_of(node, ".trace", path, why_not))
        return false;
    (void)unlink(path);
    snprintf(traced, sizeof traced, "trace=%s", calls);
    snprintf(injected, sizeof injected, "inject=%s:%s", calls, inject);
    return real_node_trace(faults->ground, node, traced, injected, path, why_not);
}

bool real_fault_error(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                      char why_not[120]) {
    (void)fault;
    return trace(faults, node, TRACED_ERROR, "error=EIO", why_not);
}

bool real_fault_slow(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                     char why_not[120]) {
    char inject[60];
    int64_t span_ms = fault->action.span_ms > 0 ? fault->action.span_ms : 1000;
    snprintf(inject, sizeof inject, "delay_enter=%" PRId64, span_ms * 1000);
    return trace(faults, node, TRACED_SYNC, inject, why_not);
}

bool real_fault_lie(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                    char why_not[120]) {
    char path[REAL_PATH_SIZE_MAX];
    (void)fault;
    if (!path_of(node, ".lie", path, why_not))
        return false;
    bool frozen = real_node_freeze(faults->ground, node);
    bool begun = frozen && real_files_copy(node->directory, path);
    if (!begun)
        snprintf(why_not, 120, "%s is %s", node->name, frozen ? "not copied" : "down or frozen");
    begun = begun && trace(faults, node, TRACED_SYNC, "retval=0", why_not);
    if (frozen)
        real_node_thaw(faults->ground, node);
    return begun;
}

bool real_fault_damage(struct real_faults *faults, struct real_fault *fault, struct real_node *node,
                       char why_not[120]) {
    uint64_t count = fault->action.count > 0 ? fault->action.count : 1;
    (void)real_node_kill(faults->ground, node);
    if (real_files_damage(node->directory, &faults->random, count) > 0)
        return true;
    snprintf(why_not, 120, "%s has no files yet", node->name);
    return false;
}

/* --- ending and counting ----------------------------------------------------------------------------------------- */

static uint64_t count_effects(const struct real_fault *fault, const struct real_node *node) {
    enum scenario_action_type type = fault->action.type;
    char path[REAL_PATH_SIZE_MAX];
    if (type == SCENARIO_DISK_FULL)
        return real_files_count(node->log, FULL_TEXT) - fault->full_before[node->index];
    if (!real_path(path, node->directory, ".trace"))
        return 0;
    return real_files_count(path, type == SCENARIO_DISK_SLOW ? "(DELAYED)" : "(INJECTED)");
}

void real_fault_disk_end(struct real_faults *faults, struct real_fault *fault,
                         struct real_node *node) {
    enum scenario_action_type type = fault->action.type;
    char path[REAL_PATH_SIZE_MAX];
    faults->done[scenario_action_class(type)] += count_effects(fault, node);
    if (type == SCENARIO_DISK_FULL) {
        if (real_path(path, node->directory, "/ballast"))
            (void)unlink(path);
        return;
    }
    if (type == SCENARIO_DISK_LIE) {
        (void)real_node_kill(faults->ground, node);
        if (real_path(path, node->directory, ".lie"))
            (void)real_files_copy(path, node->directory);
    }
    real_node_untrace(faults->ground, node);
}

uint64_t real_fault_injected(struct real_faults *faults, enum scenario_class class) {
    uint64_t count = 0;
    for (size_t i = 0; i < faults->count; i++) {
        const struct real_fault *fault = &faults->list[i];
        const struct scenario_action *action = &fault->action;
        if (!real_fault_is_counted_by_disk(action->type) ||
            scenario_action_class(action->type) != class)
            continue;
        for (size_t node = 0; node < faults->ground->node_count; node++)
            if (real_fault_holds(&action->nodes, node))
                count += count_effects(fault, real_fault_node(faults, node));
    }
    return count;
}
