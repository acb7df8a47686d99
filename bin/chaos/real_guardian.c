/* real_guardian.c - removes what a run has made: at its end, and when it was killed in the middle.
 *
 *   attune-chaos ----pipe----> guardian (forked first, in a session of its own, deaf to signals)
 *       |                          |
 *       ends, however it ends      reads the end of the pipe, sweeps, exits
 *
 * The guardian is told nothing in between. It looks for the marks that everything bears (real_parts.h), so nothing is
 * missed that was made and not yet reported. An orderly end takes the same way, which is thereby tried in every run.
 */
#include "bin/chaos/real_parts.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT_SIZE_MAX = 256 * 1024, MOUNTS_MAX = 512, SWEEPS = 100, PAUSE_MS = 20 };
#define NAMESPACES "/run/netns"

/* --- processes --------------------------------------------------------------------------------------------------- */

/* Whether the process was started with NAME=VALUE in its environment. */
static bool bears(pid_t pid, const char *mark) {
    char path[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return false;
    char *text = real_allocate(ENVIRONMENT_SIZE_MAX);
    size_t size_bytes = 0;
    ssize_t size;
    while (size_bytes < ENVIRONMENT_SIZE_MAX - 1 &&
           (size = read(descriptor, text + size_bytes, ENVIRONMENT_SIZE_MAX - 1 - size_bytes)) > 0)
        size_bytes += (size_t)size;
    for (size_t at = 0; at < size_bytes && !found; at += strlen(text + at) + 1)
        found = strcmp(text + at, mark) == 0;
    free(text);
    close(descriptor);
    return found;
}

/* How many there were. */
static size_t kill_marked(const char *mark) {
    DIR *all = opendir("/proc");
    const struct dirent *entry;
    size_t count = 0;
    while (all != NULL && (entry = readdir(all)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid > 1 && pid != getpid() && bears(pid, mark)) {
            (void)kill(pid, SIGKILL);
            count++;
        }
    }
    if (all != NULL)
        closedir(all);
    return count;
}

static void sweep_processes(const char *directory) {
    char mark[REAL_PATH_SIZE_MAX + sizeof REAL_MARK + 1];
    snprintf(mark, sizeof mark, "%s=%s", REAL_MARK, directory);
    for (unsigned i = 0; i < SWEEPS && kill_marked(mark) > 0; i++)
        real_sleep_ms(PAUSE_MS);
}

/* --- mounts, names ------------------------------------------------------------------------------------------------ */

static void sweep_mounts(const char *directory) {
    char *mounts[MOUNTS_MAX];
    size_t count = 0, length = strlen(directory);
    FILE *file = setmntent("/proc/self/mounts", "re");
    const struct mntent *entry;
    while (file != NULL && count < MOUNTS_MAX && (entry = getmntent(file)) != NULL)
        if (strncmp(entry->mnt_dir, directory, length) == 0 && entry->mnt_dir[length] == '/')
            mounts[count++] = strdup(entry->mnt_dir);
    if (file != NULL)
        endmntent(file);
    while (count > 0) {
        (void)umount2(mounts[--count], MNT_DETACH);
        free(mounts[count]);
    }
}

/* Calls `each` for every name in the folder. */
static void for_names(const char *folder, void (*each)(const char *name, void *context),
                      void *context) {
    DIR *all = opendir(folder);
    const struct dirent *entry;
    while (all != NULL && (entry = readdir(all)) != NULL)
        if (entry->d_name[0] != '.')
            each(entry->d_name, context);
    if (all != NULL)
        closedir(all);
}

struct links {
    char bridge[16];
    FILE *file;
};

static void remove_namespace(const char *name, void *context) {
    char path[300];
    if (strncmp(name, context, strlen(context)) != 0)
        return;
    snprintf(path, sizeof path, NAMESPACES "/%s", name);
    (void)umount2(path, MNT_DETACH);
    (void)unlink(path);
}

/* Veth pairs end with their namespaces as well, but at some later time. */
static void print_link(const char *name, void *context) {
    const struct links *links = context;
    size_t length = strlen(links->bridge);
    if (strncmp(name, links->bridge, length) == 0 && name[length] == 'v')
        fprintf(links->file, "link delete %s\n", name);
}

static void sweep_network(pid_t pid) {
    char prefix[32], table[40], path[64], message[REAL_MESSAGE_SIZE_MAX], *batch = NULL;
    size_t size_bytes;
    struct links links = {0};
    snprintf(prefix, sizeof prefix, "attune-%ld-", (long)pid);
    snprintf(links.bridge, sizeof links.bridge, "atch%ld", (long)pid);
    snprintf(table, sizeof table, "attune_chaos_%ld", (long)pid);
    snprintf(path, sizeof path, "/sys/class/net/%s", links.bridge);
    if (access(path, F_OK) == 0) {
        (void)REAL_COMMAND(message, NULL, "nft", "delete", "table", "ip", table);
        links.file = open_memstream(&batch, &size_bytes);
        assert(links.file != NULL);
        for_names("/sys/class/net", print_link, &links);
        fprintf(links.file, "link delete %s\n", links.bridge);
        fclose(links.file);
        (void)REAL_COMMAND(message, batch, "ip", "-force", "-batch", "-");
        free(batch);
    }
    for_names(NAMESPACES, remove_namespace, prefix);
}

void real_sweep(pid_t pid, const char *directory, bool removed) {
    if (directory != NULL)
        sweep_processes(directory);
    sweep_network(pid);
    if (directory == NULL)
        return;
    sweep_mounts(directory);
    if (removed)
        (void)real_files_remove(directory);
}

/* --- dead runs --------------------------------------------------------------------------------------------------- */

/* The number after the prefix is a process that is no more. */
static bool is_dead(const char *name, const char *prefix, pid_t *pid) {
    size_t length = strlen(prefix);
    if (strncmp(name, prefix, length) != 0 || name[length] < '1' || name[length] > '9')
        return false;
    *pid = (pid_t)strtol(name + length, NULL, 10);
    return kill(*pid, 0) != 0 && errno == ESRCH;
}

static void sweep_if_dead(const char *name, void *context) {
    pid_t pid;
    if (is_dead(name, context, &pid))
        real_sweep(pid, NULL, false);
}

static void sweep_directory(const char *name, void *context) {
    char path[REAL_PATH_SIZE_MAX], kept[REAL_PATH_SIZE_MAX];
    const char *parent = context;
    pid_t pid;
    if (!is_dead(name, "attune-chaos-", &pid) ||
        snprintf(path, sizeof path, "%s/%s", parent, name) >= (int)sizeof path ||
        !real_path(kept, path, "/kept") || access(kept, F_OK) == 0)
        return;
    real_sweep(pid, path, true);
}

void real_sweep_dead(void) {
    const char *parent = getenv("TMPDIR");
    char prefix[] = "attune-", bridge[] = "atch", folder[REAL_PATH_SIZE_MAX];
    for_names(NAMESPACES, sweep_if_dead, prefix);
    for_names("/sys/class/net", sweep_if_dead, bridge);
    snprintf(folder, sizeof folder, "%s", parent == NULL || *parent == '\0' ? "/tmp" : parent);
    for_names(folder, sweep_directory, folder);
}

/* --- the guardian ------------------------------------------------------------------------------------------------ */

static void guard(int pipe, pid_t pid, const char *directory, bool removed) {
    char byte;
    sigset_t all;
    setsid();
    prctl(PR_SET_NAME, "attune-guardian");
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    /* Whoever reads our output must not wait for the guardian. */
    int nothing = open("/dev/null", O_RDWR);
    for (int i = 0; i < 3; i++)
        (void)dup2(nothing, i);
    int kept = fcntl(pipe, F_DUPFD, 3);
    (void)dup2(kept, 3);
    close_range(4, ~0U, 0);
    ssize_t size;
    while ((size = read(3, &byte, 1)) > 0 || (size < 0 && errno == EINTR)) {
    }
    real_sweep(pid, directory, removed);
    _exit(0);
}

bool real_guardian_start(struct real_ground *ground, bool removes,
                         char message[REAL_MESSAGE_SIZE_MAX]) {
    int ends[2];
    pid_t pid = getpid();
    if (pipe2(ends, O_CLOEXEC) != 0) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "no pipe: %s", strerror(errno));
        return false;
    }
    ground->guardian = fork();
    if (ground->guardian == 0) {
        close(ends[1]);
        guard(ends[0], pid, ground->directory, removes);
    }
    close(ends[0]);
    ground->guardian_pipe = ends[1];
    if (ground->guardian > 0)
        return true;
    snprintf(message, REAL_MESSAGE_SIZE_MAX, "no guardian: %s", strerror(errno));
    close(ends[1]);
    ground->guardian_pipe = -1;
    return false;
}

void real_guardian_end(struct real_ground *ground) {
    if (ground->guardian <= 0)
        return;
    close(ground->guardian_pipe);
    while (waitpid(ground->guardian, NULL, 0) < 0 && errno == EINTR) {
    }
    ground->guardian = 0;
}
