/* real_ground.c - the place of a run: its directory, its network, and what can be done in it. */
#include "bin/chaos/real_parts.h"

#include <assert.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAKETIME_PATTERN "/usr/lib/*/faketime/libfaketimeMT.so.1"
enum { INTERVAL_MS = 1000 };

/* --- directories ------------------------------------------------------------------------------------------------- */

/* As a shell would find it. */
static bool find_program(struct real_ground *ground, char message[REAL_MESSAGE_SIZE_MAX]) {
    const char *name = ground->options.program, *places = getenv("PATH");
    char path[REAL_PATH_SIZE_MAX * 2], absolute[4096];
    while (strchr(name, '/') == NULL && places != NULL && *places != '\0') {
        int length = (int)strcspn(places, ":");
        snprintf(path, sizeof path, "%.*s/%s", length, places, name);
        if (length > 0 && access(path, X_OK) == 0) {
            name = path;
            break;
        }
        places += length + (places[length] == ':');
    }
    struct stat status;
    if (realpath(name, absolute) != NULL && access(absolute, X_OK) == 0 &&
        stat(absolute, &status) == 0 && real_path(ground->program, absolute, "")) {
        if (S_ISREG(status.st_mode))
            return true;
        errno = EISDIR;
    }
    snprintf(message, REAL_MESSAGE_SIZE_MAX, "cannot run %s: %s", ground->options.program,
             strerror(errno));
    return false;
}

static bool make_directory(struct real_ground *ground, char message[REAL_MESSAGE_SIZE_MAX]) {
    const char *parent = getenv("TMPDIR"), *given = ground->options.directory;
    char absolute[4096], name[64];
    if (given != NULL) {
        if (((mkdir(given, 0700) == 0 || errno == EEXIST) && realpath(given, absolute) != NULL &&
             real_path(ground->directory, absolute, "") && rmdir(given) == 0 &&
             mkdir(given, 0700) == 0))
            return true;
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s must be an empty directory: %s", given,
                 strerror(errno));
        return false;
    }
    snprintf(name, sizeof name, "/attune-chaos-%ld-XXXXXX", (long)getpid());
    parent = parent == NULL || *parent == '\0' ? "/tmp" : parent;
    if (realpath(parent, absolute) != NULL && real_path(ground->directory, absolute, name) &&
        mkdtemp(ground->directory) != NULL)
        return true;
    snprintf(message, REAL_MESSAGE_SIZE_MAX, "no directory in %.200s: %s", parent, strerror(errno));
    return false;
}

/* --- what can be done -------------------------------------------------------------------------------------------- */

static void cannot(struct real_ground *ground, enum scenario_action_type type, const char *why) {
    snprintf(ground->why_not[type], sizeof ground->why_not[type], "%.119s", why);
}

static void look_for_faketime(struct real_ground *ground) {
    glob_t found;
    if (glob(FAKETIME_PATTERN, 0, NULL, &found) == 0 && found.gl_pathc > 0)
        (void)real_path(ground->faketime, found.gl_pathv[0], "");
    globfree(&found);
    if (ground->faketime[0] == '\0')
        cannot(ground, SCENARIO_CLOCK, "libfaketime is not installed: " FAKETIME_PATTERN);
}

static void look_for_strace(struct real_ground *ground) {
    char message[REAL_MESSAGE_SIZE_MAX];
    static const enum scenario_action_type need[] = {SCENARIO_DISK_ERROR, SCENARIO_DISK_SLOW,
                                                     SCENARIO_DISK_LIE};
    if (REAL_COMMAND(message, NULL, "strace", "-o", "/dev/null", "true"))
        return;
    for (size_t i = 0; i < sizeof need / sizeof *need; i++)
        cannot(ground, need[i], message);
}

static void look_for_mount(struct real_ground *ground) {
    char path[REAL_PATH_SIZE_MAX], why[120];
    bool mounted = real_path(path, ground->directory, "/probe") && mkdir(path, 0700) == 0 &&
                   mount("tmpfs", path, "tmpfs", MS_NODEV | MS_NOSUID, "size=65536") == 0;
    snprintf(why, sizeof why, "a small disk cannot be mounted: %s", strerror(errno));
    if (mounted)
        (void)umount(path);
    else
        cannot(ground, SCENARIO_DISK_FULL, why);
    (void)rmdir(path);
}

bool real_ground_can(const struct real_ground *ground, enum scenario_action_type type,
                     char why_not[120]) {
    assert(type < SCENARIO_ACTION_COUNT);
    snprintf(why_not, 120, "%s", ground->why_not[type]);
    return why_not[0] == '\0';
}

enum real_network real_ground_network(const struct real_ground *ground) {
    return ground->network;
}

struct real_node *real_ground_nodes(struct real_ground *ground, size_t *count) {
    *count = ground->count;
    return ground->nodes;
}

struct real_traffic real_ground_traffic(const struct real_ground *ground) {
    return real_proxy_traffic(ground->proxy);
}

/* --- opening and closing ----------------------------------------------------------------------------------------- */

/* Each connection costs the proxy two descriptors. */
static void raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool node_init(struct real_ground *ground, size_t index,
                      char message[REAL_MESSAGE_SIZE_MAX]) {
    struct real_node *node = &ground->nodes[index];
    char name[40];
    *node = (struct real_node){.index = index};
    ground->processes[index] = (struct real_process){.output = -1, .namespace = -1, .like = index};
    snprintf(node->name, sizeof node->name, "n%u", (unsigned)index + 1);
    snprintf(name, sizeof name, "/%s", node->name);
    if (!real_path(node->directory, ground->directory, name) ||
        !real_path(node->log, node->directory, ".log")) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s is too long a path", ground->directory);
        return false;
    }
    ground->count = index + 1;
    return real_network_node(ground, node, message);
}

struct real_node *real_node_add_clone(struct real_ground *ground, const struct real_node *original,
                                      char message[REAL_MESSAGE_SIZE_MAX]) {
    size_t index = ground->count;
    if (index >= REAL_PROXY_NODES_MAX) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "there are %d nodes and clones already",
                 (int)index);
        return NULL;
    }
    if (!node_init(ground, index, message))
        return NULL;
    snprintf(ground->nodes[index].name, sizeof ground->nodes[index].name, "%.8sc", original->name);
    ground->processes[index].like = original->index;
    ground->processes[index].clocked = ground->processes[original->index].clocked;
    return &ground->nodes[index];
}

/* Without the right to make namespaces AUTO does with loopback, and says so. */
static bool open_network(struct real_ground *ground, char message[REAL_MESSAGE_SIZE_MAX]) {
    enum real_network wanted = ground->options.network;
    ground->network =
        wanted == REAL_NETWORK_LOOPBACK ? REAL_NETWORK_LOOPBACK : REAL_NETWORK_NAMESPACES;
    if (real_network_open(ground, message))
        return true;
    if (wanted != REAL_NETWORK_AUTO)
        return false;
    fprintf(
        stderr,
        "attune-chaos: no network namespaces (%s); all nodes are on loopback, and links are cut "
        "by proxies alone: packets do not vanish, a cut dial is accepted and hears nothing\n",
        message);
    ground->network = REAL_NETWORK_LOOPBACK;
    return real_network_open(ground, message);
}

static bool open_all(struct real_ground *ground, char message[REAL_MESSAGE_SIZE_MAX]) {
    bool temporary = ground->options.directory == NULL;
    char kept[REAL_PATH_SIZE_MAX];
    if (!find_program(ground, message) || !make_directory(ground, message))
        return false;
    if (!real_guardian_start(ground, temporary && !ground->options.keep, message))
        return false;
    if (temporary && ground->options.keep && real_path(kept, ground->directory, "/kept"))
        (void)real_files_write(kept, "");
    look_for_faketime(ground);
    look_for_strace(ground);
    look_for_mount(ground);
    cannot(ground, SCENARIO_MEMORY, "a process's allocations cannot be made to fail from outside");
    cannot(ground, SCENARIO_UPGRADE, "there is no newer version to run");
    if (!real_proxy_new(1, &ground->proxy, message) || !open_network(ground, message))
        return false;
    for (size_t i = 0; i < ground->node_count; i++)
        if (!node_init(ground, i, message))
            return false;
    return true;
}

bool real_ground_open(const struct real_options *options, size_t node_count,
                      struct real_ground **made, char message[REAL_MESSAGE_SIZE_MAX]) {
    *made = NULL;
    if (node_count == 0 || node_count > REAL_NODES_MAX) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "real runs have 1 to %d nodes", REAL_NODES_MAX);
        return false;
    }
    struct real_ground *ground = real_allocate(sizeof *ground);
    ground->options = *options;
    ground->node_count = node_count;
    ground->interval_ms = INTERVAL_MS;
    ground->guardian_pipe = -1;
    real_sweep_dead();
    raise_descriptors();
    if (!open_all(ground, message)) {
        real_ground_close(ground);
        return false;
    }
    *made = ground;
    return true;
}

void real_ground_close(struct real_ground *ground) {
    if (ground == NULL)
        return;
    for (size_t i = 0; i < ground->count; i++) {
        (void)real_node_kill(ground, &ground->nodes[i]);
        if (ground->processes[i].namespace >= 0)
            close(ground->processes[i].namespace);
    }
    real_proxy_free(ground->proxy);
    real_guardian_end(ground);
    free(ground);
}
