/* real_signal.c - what is done to running processes: killed, stopped, frozen, traced; and how their end is seen. And what
 * is done to us. */
#include "bin/chaos/real_parts.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ATTACH_MS_MAX = 3000, POLL_MS = 5 };

/* --- to us ------------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t interrupted;

static void note_signal(int number) {
    (void)number;
    interrupted = 1;
}

void real_interrupts_catch(void) {
    struct sigaction action = {.sa_handler = note_signal};
    sigemptyset(&action.sa_mask);
    interrupted = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool real_interrupted(void) {
    return interrupted != 0;
}

/* --- to others --------------------------------------------------------------------------------------------------- */

/* It has ended, however: what is told of it. */
static void ended(struct real_ground *ground, struct real_node *node, int status) {
    struct real_process *process = real_process_of(ground, node);
    bool as_told =
        process->killed || (process->ending && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    if (process->output >= 0)
        close(process->output);
    process->output = -1;
    process->child = 0;
    process->stopped = false;
    node->pid = 0;
    node->state = as_told ? REAL_DOWN : REAL_DIED;
    node->exit_status = status;
    if (node->starts > 0)
        real_proxy_down(ground->proxy, node->index);
    real_node_untrace(ground, node);
    if (!as_told)
        real_say(ground, "%s ended by itself: status %#x", node->name, (unsigned)status);
}

void real_ground_reap(struct real_ground *ground) {
    for (size_t i = 0; i < ground->count; i++) {
        int status;
        pid_t child = ground->processes[i].child;
        if (child > 0 && waitpid(child, &status, WNOHANG) == child)
            ended(ground, &ground->nodes[i], status);
        (void)real_node_is_ending(ground, &ground->nodes[i]);
    }
}

bool real_node_kill(struct real_ground *ground, struct real_node *node) {
    struct real_process *process = real_process_of(ground, node);
    int status = 0;
    if (process->child <= 0)
        return false;
    if (waitpid(process->child, &status, WNOHANG) == process->child) {
        ended(ground, node, status); /* it was faster: that is not our doing */
        return false;
    }
    process->killed = true;
    if (node->pid > 0)
        (void)kill(node->pid, SIGKILL);
    (void)kill(process->child, SIGKILL);
    while (waitpid(process->child, &status, 0) < 0 && errno == EINTR) {
    }
    ended(ground, node, status);
    return true;
}

bool real_node_stop(struct real_ground *ground, struct real_node *node) {
    struct real_process *process = real_process_of(ground, node);
    if (process->child <= 0 || process->ending || kill(node->pid, SIGTERM) != 0)
        return false;
    process->ending = true;
    process->ended_ms = real_clock_ms();
    node->state = REAL_DOWN;
    return true;
}

bool real_node_is_ending(struct real_ground *ground, struct real_node *node) {
    struct real_process *process = real_process_of(ground, node);
    if (process->child <= 0 || !process->ending)
        return false;
    if (process->stopped || real_clock_ms() - process->ended_ms < REAL_STOP_MS_MAX)
        return true;
    (void)real_node_kill(ground, node);
    node->state = REAL_DIED; /* it had time enough */
    return false;
}

bool real_node_freeze(struct real_ground *ground, struct real_node *node) {
    struct real_process *process = real_process_of(ground, node);
    if (process->child <= 0 || process->stopped || kill(node->pid, SIGSTOP) != 0)
        return false;
    process->stopped = true;
    node->state = node->state == REAL_UP ? REAL_FROZEN : node->state;
    return true;
}

void real_node_thaw(struct real_ground *ground, struct real_node *node) {
    struct real_process *process = real_process_of(ground, node);
    if (process->child <= 0 || !process->stopped)
        return;
    (void)kill(node->pid, SIGCONT);
    process->stopped = false;
    process->ended_ms = real_clock_ms();
    node->state = node->state == REAL_FROZEN ? REAL_UP : node->state;
}

/* --- strace ------------------------------------------------------------------------------------------------------ */

static bool is_traced(const char *task, void *context) {
    char path[96], line[128];
    bool traced = false;
    snprintf(path, sizeof path, "/proc/%ld/task/%s/status", (long)*(pid_t *)context, task);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, "TracerPid:", 10) == 0)
            traced = strtol(line + 10, NULL, 10) != 0;
    if (file != NULL)
        fclose(file);
    return traced;
}

/* All threads, as the one that writes is not the first. */
static bool await_attached(pid_t pid, pid_t tracer) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%ld/task", (long)pid);
    for (unsigned waited = 0; waited < ATTACH_MS_MAX; waited += POLL_MS) {
        siginfo_t ended = {0};
        if (real_files_all(path, is_traced, &pid))
            return true;
        if (waitid(P_PID, (id_t)tracer, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
            ended.si_pid != 0)
            return false;
        real_sleep_ms(POLL_MS);
    }
    return false;
}

bool real_node_trace(struct real_ground *ground, struct real_node *node, const char *trace,
                     const char *inject, const char *file, char why_not[120]) {
    struct real_process *process = real_process_of(ground, node);
    char pid[24];
    if (process->child <= 0 || process->tracer > 0) {
        snprintf(why_not, 120, "%s %s", node->name,
                 process->child <= 0 ? "is down" : "is being traced already");
        return false;
    }
    snprintf(pid, sizeof pid, "%ld", (long)node->pid);
    const char *const arguments[] = {"strace", "-f", "-q",   "-o", file, "-e",
                                     trace,    "-e", inject, "-p", pid,  NULL};
    process->tracer = real_spawn(&(struct real_spawn){.arguments = arguments,
                                                      .mark = ground->directory,
                                                      .input = -1,
                                                      .output = -1,
                                                      .error = -1,
                                                      .namespace = -1});
    if (process->tracer > 0 && await_attached(node->pid, process->tracer))
        return true;
    snprintf(why_not, 120, "strace could not be attached to %s", node->name);
    real_node_untrace(ground, node);
    return false;
}

void real_node_untrace(struct real_ground *ground, struct real_node *node) {
    struct real_process *process = real_process_of(ground, node);
    if (process->tracer <= 0)
        return;
    (void)kill(process->tracer, SIGTERM); /* it lets go of the daemon and ends */
    while (waitpid(process->tracer, NULL, 0) < 0 && errno == EINTR) {
    }
    process->tracer = 0;
}
