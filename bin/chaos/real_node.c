/* real_node.c - a node's process from its command line to the line by which it says where it listens. */
#include "bin/chaos/real_parts.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 96, LINE_SIZE_MAX = 4096, EXIT_MS_MAX = 1000, POLL_MS = 10, LOOK_MS = 100 };

struct call {
    const char *arguments[ARGUMENTS_MAX];
    size_t count;
    char interval[32];
};

static void add(struct call *call, const char *argument) {
    assert(call->count + 1 < ARGUMENTS_MAX);
    call->arguments[call->count++] = argument;
    call->arguments[call->count] = NULL;
}

static void add_pair(struct call *call, const char *flag, const char *value) {
    add(call, flag);
    add(call, value);
}

static void call_make(struct call *call, const struct real_ground *ground,
                      const struct real_node *node, const struct scenario_nodes *seeds,
                      const char *const *under) {
    size_t joins = 0;
    call->count = 0;
    for (size_t i = 0; under != NULL && under[i] != NULL; i++)
        add(call, under[i]);
    snprintf(call->interval, sizeof call->interval, "%" PRIu64 "ms", ground->interval_ms);
    add(call, ground->program);
    add_pair(call, "--data-dir", node->directory);
    add_pair(call, "--name", ground->nodes[ground->processes[node->index].like].name);
    add_pair(call, "--gossip", node->gossip);
    add_pair(call, "--advertise", node->advertised);
    add_pair(call, "--http", node->http);
    add_pair(call, "--interval", call->interval);
    if (ground->network == REAL_NETWORK_NAMESPACES)
        add(call, "--insecure");
    for (size_t i = 0; seeds != NULL && i < seeds->count && joins < REAL_JOINS_MAX; i++) {
        size_t seed = seeds->indexes[i];
        if (seed != node->index && seed < ground->count && ++joins > 0)
            add_pair(call, "--join", ground->nodes[seed].advertised);
    }
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* The wall clock of the process is what the file says, and only that clock: live, in either direction. */
static bool clock_environment(const struct real_ground *ground, const struct real_node *node,
                              char variables[5][REAL_PATH_SIZE_MAX + 40]) {
    char path[REAL_PATH_SIZE_MAX];
    if (!real_path(path, node->directory, ".clock"))
        return false;
    if (access(path, F_OK) != 0 && !real_files_write(path, "+0\n"))
        return false;
    snprintf(variables[0], sizeof variables[0], "LD_PRELOAD=%s", ground->faketime);
    snprintf(variables[1], sizeof variables[1], "FAKETIME_TIMESTAMP_FILE=%s", path);
    snprintf(variables[2], sizeof variables[2], "FAKETIME_NO_CACHE=1");
    snprintf(variables[3], sizeof variables[3], "FAKETIME_DONT_FAKE_MONOTONIC=1");
    snprintf(variables[4], sizeof variables[4], "DONT_FAKE_MONOTONIC=1"); /* its older name */
    return true;
}

static bool make_disk(struct real_ground *ground, const struct real_node *node,
                      char message[REAL_MESSAGE_SIZE_MAX]) {
    char options[64];
    snprintf(options, sizeof options, "size=%d,mode=700", (int)REAL_DISK_SIZE);
    if (mkdir(node->directory, 0700) == 0) {
        if (!ground->processes[node->index].own_disk ||
            mount("tmpfs", node->directory, "tmpfs", MS_NODEV | MS_NOSUID, options) == 0)
            return true;
    } else if (errno == EEXIST) {
        return true; /* and mounted, at an earlier start */
    }
    snprintf(message, REAL_MESSAGE_SIZE_MAX, "no disk for %s: %s", node->name, strerror(errno));
    return false;
}

bool real_node_spawn(struct real_ground *ground, struct real_node *node,
                     const struct scenario_nodes *seeds, const char *const *under,
                     char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_process *process = real_process_of(ground, node);
    char variables[5][REAL_PATH_SIZE_MAX + 40];
    const char *const environment[] = {variables[0], variables[1], variables[2],
                                       variables[3], variables[4], NULL};
    struct call call;
    int ends[2];
    assert(process->child == 0 && process->output < 0);
    bool clocked = process->clocked && under == NULL;
    if (!make_disk(ground, node, message))
        return false;
    if (clocked && !clock_environment(ground, node, variables)) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s gets no clock: %s", node->name,
                 strerror(errno));
        return false;
    }
    int log = open(node->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log < 0 || pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s cannot be started: %s", node->name,
                 strerror(errno));
        if (log >= 0)
            close(log);
        return false;
    }
    call_make(&call, ground, node, seeds, under);
    process->child = real_spawn(&(struct real_spawn){.arguments = call.arguments,
                                                     .environment = clocked ? environment : NULL,
                                                     .mark = ground->directory,
                                                     .input = -1,
                                                     .output = ends[1],
                                                     .error = log,
                                                     .namespace = process->namespace});
    close(ends[1]);
    close(log);
    process->output = ends[0];
    process->ending = process->killed = process->stopped = false;
    node->state = REAL_DOWN;
    if (process->child > 0)
        return true;
    snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s cannot be started: %s", node->name,
             strerror(errno));
    close(process->output);
    process->output = -1;
    process->child = 0;
    return false;
}

/* --- the line ---------------------------------------------------------------------------------------------------- */

static bool read_line(int descriptor, char line[LINE_SIZE_MAX]) {
    size_t size_bytes = 0;
    uint64_t until = real_clock_ms() + REAL_START_MS_MAX, now;
    while (size_bytes < LINE_SIZE_MAX - 1 && (now = real_clock_ms()) < until &&
           !real_interrupted()) {
        struct pollfd wait = {.fd = descriptor, .events = POLLIN};
        if (poll(&wait, 1, until - now < LOOK_MS ? (int)(until - now) : LOOK_MS) <= 0)
            continue;
        ssize_t size = read(descriptor, line + size_bytes, LINE_SIZE_MAX - 1 - size_bytes);
        if (size <= 0)
            return false;
        size_bytes += (size_t)size;
        line[size_bytes] = '\0';
        if (strchr(line, '\n') != NULL)
            return true;
    }
    return false;
}

static bool understand(struct real_node *node, const char *line) {
    json_t *state = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    const char *gossip = json_string_value(json_object_get(state, "gossip"));
    const char *http = json_string_value(json_object_get(state, "http"));
    json_int_t pid = json_integer_value(json_object_get(state, "pid"));
    bool good = gossip != NULL && http != NULL && pid > 0 && strlen(gossip) < sizeof node->gossip &&
                strlen(http) < sizeof node->http;
    if (good) {
        snprintf(node->gossip, sizeof node->gossip, "%s", gossip);
        snprintf(node->http, sizeof node->http, "%s", http);
        node->pid = (pid_t)pid;
    }
    json_decref(state);
    return good;
}

/* It did not start: why, and what is left of it. */
static void give_up(struct real_ground *ground, struct real_node *node, bool spoke,
                    char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_process *process = real_process_of(ground, node);
    char last[250];
    int status = 0;
    bool exited = false;
    for (unsigned waited = 0; !spoke && !exited && waited < EXIT_MS_MAX; waited += POLL_MS) {
        exited = waitpid(process->child, &status, WNOHANG) == process->child;
        real_sleep_ms(exited ? 0 : POLL_MS);
    }
    if (!exited) {
        (void)kill(process->child, SIGKILL);
        (void)waitpid(process->child, NULL, 0);
    }
    process->child = 0;
    close(process->output);
    process->output = -1;
    node->pid = 0;
    node->state = exited ? REAL_DIED : REAL_DOWN;
    node->exit_status = status;
    real_files_last_line(node->log, last, sizeof last);
    if (exited)
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s ended with %s %d when it was started%s%s",
                 node->name, WIFSIGNALED(status) ? "signal" : "code",
                 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
                 last[0] == '\0' ? "" : ": ", last);
    else
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s did not say where it listens%s%s%s",
                 node->name, spoke ? " in a line that can be read" : " within 30 s",
                 last[0] == '\0' ? "" : ": ", last);
}

bool real_node_await(struct real_ground *ground, struct real_node *node,
                     char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_process *process = real_process_of(ground, node);
    char line[LINE_SIZE_MAX] = "";
    assert(process->child > 0 && process->output >= 0);
    bool spoke = read_line(process->output, line);
    if (!spoke || !understand(node, line)) {
        give_up(ground, node, spoke, message);
        return false;
    }
    close(process->output);
    process->output = -1;
    node->state = REAL_UP;
    node->starts++;
    real_say(ground, "%s is up: pid %ld, gossip %s behind %s, HTTP %s", node->name, (long)node->pid,
             node->gossip, node->advertised, node->http);
    return real_proxy_up(ground->proxy, node->index, node->gossip, message);
}

bool real_node_start_under(struct real_ground *ground, struct real_node *node,
                           const struct scenario_nodes *seeds, const char *const *strace_arguments,
                           char message[REAL_MESSAGE_SIZE_MAX]) {
    /* -D: strace is the child, so the process that we wait for is the daemon, and dies when we do. */
    const char *under[ARGUMENTS_MAX / 2] = {"strace", "-D", "-f", "-q"};
    size_t count = 4;
    for (; strace_arguments != NULL && *strace_arguments != NULL; strace_arguments++) {
        assert(count + 1 < sizeof under / sizeof *under);
        under[count++] = *strace_arguments;
    }
    return real_node_spawn(ground, node, seeds, strace_arguments == NULL ? NULL : under, message) &&
           real_node_await(ground, node, message);
}

bool real_node_start(struct real_ground *ground, struct real_node *node,
                     const struct scenario_nodes *seeds, char message[REAL_MESSAGE_SIZE_MAX]) {
    return real_node_spawn(ground, node, seeds, NULL, message) &&
           real_node_await(ground, node, message);
}

bool real_node_restart_spawn(struct real_ground *ground, struct real_node *node,
                             char message[REAL_MESSAGE_SIZE_MAX]) {
    uint16_t indexes[REAL_NODES_MAX];
    struct scenario_nodes seeds = {.indexes = indexes};
    int cluster = real_process_of(ground, node)->cluster;
    for (size_t i = 0; i < ground->node_count; i++)
        if (i != node->index && ground->nodes[i].starts > 0 &&
            ground->processes[i].cluster == cluster)
            indexes[seeds.count++] = (uint16_t)i;
    return real_node_spawn(ground, node, &seeds, NULL, message);
}

/* --- figures ----------------------------------------------------------------------------------------------------- */

struct real_usage real_node_usage(const struct real_node *node) {
    struct real_usage usage = {0};
    char path[64], text[1024];
    unsigned long user, system, resident;
    if (node->pid <= 0)
        return usage;
    snprintf(path, sizeof path, "/proc/%ld/stat", (long)node->pid);
    real_files_last_line(path, text, sizeof text);
    const char *rest = strrchr(text, ')');
    if (rest != NULL && sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                               &user, &system) == 2)
        usage.cpu_ms = (user + system) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
    snprintf(path, sizeof path, "/proc/%ld/statm", (long)node->pid);
    real_files_last_line(path, text, sizeof text);
    if (sscanf(text, "%*u %lu", &resident) == 1)
        usage.resident_bytes = (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
    snprintf(path, sizeof path, "/proc/%ld/fd", (long)node->pid);
    usage.descriptors = real_files_names(path);
    return usage;
}
