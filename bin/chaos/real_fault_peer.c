/* real_fault_peer.c - what others do: strangers who connect, liars among the members, and who joins and leaves. */
#include "bin/chaos/real_fault.h"
#include "bin/chaos/real_hostile.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECT_MS = 200,
    UNANSWERED_MAX = 3, /* then the other strangers stay away: the run waits for each */
    REQUEST_MS = 5000,
    LIES_AT_ONCE = 8,
    LIE_PAUSE_MS = 50,
    LIE_MS_MAX = 30000, /* for all of them */
    SILENT_MAX = sizeof((struct real_faults *)0)->silent / sizeof(int),
};

/* --- sockets ----------------------------------------------------------------------------------------------------- */

static bool await(int descriptor, short events, int wait_ms) {
    struct pollfd wait = {.fd = descriptor, .events = events};
    return poll(&wait, 1, wait_ms) == 1;
}

/* -1: nobody answers there in time. */
static int connect_to(const char *text) {
    struct sockaddr_in address;
    if (!real_address_parse(text, &address))
        return -1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = 0;
    socklen_t size = sizeof error;
    if (descriptor < 0)
        return -1;
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0 ||
        (errno == EINPROGRESS && await(descriptor, POLLOUT, CONNECT_MS) &&
         getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0))
        return descriptor;
    close(descriptor);
    return -1;
}

/* --- strangers and liars ----------------------------------------------------------------------------------------- */

static void keep_silent(struct real_faults *faults, int descriptor) {
    int *place = &faults->silent[faults->silent_next++ % SILENT_MAX];
    if (*place >= 0)
        close(*place);
    *place = descriptor;
}

void real_fault_hang_up(struct real_faults *faults) {
    for (size_t i = 0; i < SILENT_MAX; i++) {
        if (faults->silent[i] >= 0)
            close(faults->silent[i]);
        faults->silent[i] = -1;
    }
}

bool real_fault_stranger(struct real_faults *faults, const struct real_node *node, uint64_t count,
                         char why_not[120]) {
    struct real_hostile hostile;
    bool any = false;
    unsigned unanswered = 0;
    for (uint64_t i = 0; i < count && unanswered < UNANSWERED_MAX; i++) {
        uint64_t number = faults->strangers++, kinds = real_hostile_stranger_kinds();
        real_hostile_stranger(&hostile, number, &faults->random);
        /* Each kind to the port for members, and every other time round to that for people. */
        const char *address = number / kinds % 2 == 0 ? node->gossip : node->http;
        int descriptor = node->state == REAL_UP ? connect_to(address) : -1;
        unanswered = descriptor < 0 ? unanswered + 1 : 0;
        if (descriptor < 0)
            continue;
        any = true;
        faults->done[SCENARIO_CLASS_STRANGER]++;
        (void)send(descriptor, hostile.bytes, hostile.size_bytes, MSG_NOSIGNAL);
        if (hostile.silent)
            keep_silent(faults, descriptor);
        else
            close(descriptor);
    }
    if (!any)
        snprintf(why_not, 120, "%s takes no connections", node->name);
    return any;
}

/* One lie to each of the nodes, if it has a connection just now: some lies end it, and members dial again. */
void real_fault_liar_go_on(struct real_faults *faults, struct real_fault *fault) {
    struct real_hostile hostile;
    for (unsigned i = 0; i < LIES_AT_ONCE && fault->left > 0; i++) {
        bool any = false;
        for (size_t node = 0; node < faults->ground->node_count && fault->left > 0; node++) {
            real_hostile_liar(&hostile, faults->done[SCENARIO_CLASS_LIAR]);
            if (!real_fault_holds(&fault->action.nodes, node) ||
                real_fault_node(faults, node)->state != REAL_UP ||
                !real_proxy_inject(faults->ground->proxy, node, hostile.bytes, hostile.size_bytes))
                continue;
            faults->done[SCENARIO_CLASS_LIAR]++;
            fault->left--;
            any = true;
        }
        if (!any)
            break;
    }
    fault->next_ms = faults->now_ms + LIE_PAUSE_MS;
    if (fault->left == 0)
        fault->until_ms = faults->now_ms;
}

bool real_fault_liar(struct real_faults *faults, struct real_fault *fault, char why_not[120]) {
    size_t nodes = 0;
    for (size_t node = 0; node < faults->ground->node_count; node++)
        nodes += real_fault_holds(&fault->action.nodes, node);
    uint64_t count = fault->action.count > 0 ? fault->action.count : 1, all = count * nodes;
    fault->left = all;
    fault->until_ms = faults->now_ms + LIE_MS_MAX;
    real_fault_liar_go_on(faults, fault);
    if (fault->left == all)
        snprintf(why_not, 120, "no member is connected to them");
    return fault->left < all;
}

/* --- membership -------------------------------------------------------------------------------------------------- */

/* The status of the answer; 0: none in time. */
static int request(const char *address, const char *method, const char *path) {
    char text[300], answer[64] = "";
    int status = 0, descriptor = connect_to(address);
    if (descriptor < 0)
        return 0;
    int size_bytes = snprintf(text, sizeof text,
                              "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n"
                              "Content-Length: 0\r\n\r\n",
                              method, path, address);
    if (send(descriptor, text, (size_t)size_bytes, MSG_NOSIGNAL) == size_bytes &&
        await(descriptor, POLLIN, REQUEST_MS) &&
        recv(descriptor, answer, sizeof answer - 1, 0) > 12)
        status = (int)strtol(answer + strlen("HTTP/1.1 "), NULL, 10);
    close(descriptor);
    return status;
}

bool real_fault_remove(struct real_faults *faults, const struct scenario_action *action,
                       char why_not[120]) {
    char path[64];
    if (action->nodes.count == 0 || action->to.count == 0) {
        snprintf(why_not, 120, "who is to be removed by whom is not said");
        return false;
    }
    const struct real_node *by = real_fault_node(faults, action->nodes.indexes[0]);
    const struct real_node *whom = real_fault_node(faults, action->to.indexes[0]);
    snprintf(path, sizeof path, "/v1/members/%s", whom->name);
    int status = by->state == REAL_UP ? request(by->http, "DELETE", path) : 0;
    bool removed = status >= 200 && status < 300;
    if (removed)
        faults->done[SCENARIO_CLASS_REMOVE]++;
    else
        snprintf(why_not, 120, "DELETE %s at %s: %d", path, by->name, status);
    return removed;
}

bool real_fault_join(struct real_faults *faults, struct real_node *node, char why_not[120]) {
    char message[REAL_MESSAGE_SIZE_MAX];
    if (node->state != REAL_DOWN || real_process_of(faults->ground, node)->child > 0) {
        snprintf(why_not, 120, "%s is up already", node->name);
        return false;
    }
    if (real_node_restart_spawn(faults->ground, node, message) &&
        real_node_await(faults->ground, node, message)) {
        faults->done[SCENARIO_CLASS_LATE_JOIN]++;
        return true;
    }
    snprintf(why_not, 120, "%.119s", message);
    return false;
}

/* The first founds, the next join it. */
bool real_fault_other_cluster(struct real_faults *faults, struct real_fault *fault,
                              struct real_node *node, char why_not[120]) {
    char message[REAL_MESSAGE_SIZE_MAX];
    (void)fault;
    if (real_node_kill(faults->ground, node) && !real_files_empty(node->directory)) {
        snprintf(why_not, 120, "the directory of %s could not be emptied", node->name);
        return false;
    }
    real_process_of(faults->ground, node)->cluster = REAL_CLUSTER_OWN;
    if (real_node_restart_spawn(faults->ground, node, message) &&
        real_node_await(faults->ground, node, message))
        return true;
    snprintf(why_not, 120, "%.119s", message);
    return false;
}

/* Its command line gets the others' addresses, which takes a restart. */
bool real_fault_dial_others(struct real_faults *faults, struct real_node *node,
                            char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_ground *ground = faults->ground;
    uint16_t indexes[REAL_NODES_MAX];
    struct scenario_nodes seeds = {.indexes = indexes};
    for (size_t i = 0; i < ground->node_count; i++)
        if (ground->nodes[i].starts > 0 && ground->processes[i].cluster == 0)
            indexes[seeds.count++] = (uint16_t)i;
    (void)real_node_kill(ground, node);
    if (node->state == REAL_DIED)
        return true;
    return real_node_start(ground, node, &seeds, message);
}
