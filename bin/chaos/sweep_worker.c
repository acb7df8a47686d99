/* sweep_worker.c - one process of a sweep, from both sides.
 *
 * Seeds and results pass a socket that keeps messages whole. The end of the socket is the end of either side: a worker
 * whose parent is gone ends, a worker that is gone is read as an end. Hits of probes lie in memory that both see, so that
 * they are not lost with a worker. What a worker says on stderr goes to a file in memory, because it is needed when the
 * worker has just died of it.
 */
#include "bin/chaos/sweep.h"
#include "merkle/instrument.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { END_MS_MAX = 60000 };

/* --- in the worker ---------------------------------------------------------------------------------------------------- */

/* What this seed has hit. The parent takes it with the result, before it gives the next seed. */
static void hits_publish(const struct sweep_worker *worker) {
    for (size_t i = 0; i < probes_count(); i++) {
        worker->hits[i] = probes_at(i)->hits;
        probes_at(i)->hits = 0;
    }
}

static void seed_run(const struct sweep_options *options, uint64_t seed,
                     struct sweep_result *result) {
    *result = (struct sweep_result){.seed = seed, .verdict = CHAOS_UNKNOWN};
    options->run(seed, result, options->context);
    assert(result->seed == seed);
    assert((unsigned)result->verdict < CHAOS_VERDICT_COUNT);
    result->invariant[sizeof(result->invariant) - 1] = '\0';
    result->reason[sizeof(result->reason) - 1] = '\0';
}

/* exit(), not _exit(): what counts lines or looks for leaks does so at exit. */
static _Noreturn void serve(const struct sweep_options *options, const struct sweep_worker *worker,
                            int socket) {
    static struct sweep_result result;
    uint64_t seed;
    for (size_t i = 0; i < probes_count(); i++) {
        probes_at(i)->hits = 0;
    }
    while (recv(socket, &seed, sizeof(seed), 0) == (ssize_t)sizeof(seed)) {
        seed_run(options, seed, &result);
        hits_publish(worker);
        if (send(socket, &result, sizeof(result), MSG_NOSIGNAL) != (ssize_t)sizeof(result)) {
            break;
        }
    }
    exit(0);
}

/* What a process must not keep of its parent. Interrupts are the parent's affair: it ends its workers by their id. */
static void become_worker(const struct sweep_worker *worker, pid_t parent,
                          const struct sweep_worker *others, size_t other_count) {
    sigset_t none;
    sigemptyset(&none);
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) {
        _exit(0);
    }
    for (size_t i = 0; i < other_count; i++) {
        if (others[i].pid != 0) {
            close(others[i].socket);
            close(others[i].says);
        }
    }
    close(worker->socket);
    dup2(worker->says, STDERR_FILENO);
    close(worker->says);
}

/* --- in the parent ---------------------------------------------------------------------------------------------------- */

static size_t hits_size_bytes(void) {
    return (probes_count() + 1) * sizeof(uint64_t);
}

/* Adds what the worker's last seed has hit to what this process has. */
static void hits_collect(struct sweep_worker *worker) {
    for (size_t i = 0; i < probes_count(); i++) {
        probes_at(i)->hits += worker->hits[i];
        worker->hits[i] = 0;
    }
}

static void worker_forget(struct sweep_worker *worker) {
    close(worker->socket);
    close(worker->says);
    munmap(worker->hits, hits_size_bytes());
    *worker = (struct sweep_worker){.pid = 0};
}

bool sweep_worker_start(const struct sweep_options *options, struct sweep_worker *worker,
                        const struct sweep_worker *others, size_t other_count) {
    int ends[2] = {-1, -1};
    *worker = (struct sweep_worker){.says = -1};
    void *hits =
        mmap(NULL, hits_size_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (hits == MAP_FAILED) {
        goto failed;
    }
    worker->hits = hits;
    worker->says = memfd_create("attune-chaos", MFD_CLOEXEC);
    if (worker->says < 0 || fcntl(worker->says, F_SETFL, O_APPEND) != 0) {
        goto failed_says;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        goto failed_says;
    }
    worker->socket = ends[0];
    fflush(NULL); /* or the worker would write it again */
    pid_t parent = getpid();
    worker->pid = fork();
    if (worker->pid == 0) {
        become_worker(worker, parent, others, other_count);
        serve(options, worker, ends[1]);
    }
    if (worker->pid < 0) {
        goto failed_fork;
    }
    close(ends[1]);
    return true;

failed_fork:
    close(ends[0]);
    close(ends[1]);
failed_says:
    if (worker->says >= 0) {
        close(worker->says); /* closing what is open leaves errno alone */
    }
    munmap(hits, hits_size_bytes());
failed:
    chaos_complain("a process cannot be started: %s", strerror(errno));
    *worker = (struct sweep_worker){.pid = 0};
    return false;
}

/* Whether it arrived is not looked at: if the worker is gone, the next thing read from it is its end. */
void sweep_worker_give(struct sweep_worker *worker, uint64_t seed) {
    assert(worker->pid != 0 && !worker->busy);
    worker->busy = true;
    worker->seed = seed;
    worker->begun_ms = sweep_now_ms();
    int emptied = ftruncate(worker->says, 0);
    assert(emptied == 0); /* it is memory */
    (void)send(worker->socket, &seed, sizeof(seed), MSG_NOSIGNAL);
}

/* How it ended, waiting for it. */
static bool wait_for(const struct sweep_worker *worker, char *reason, size_t size_bytes) {
    int status = 0;
    while (waitpid(worker->pid, &status, 0) < 0) {
        if (errno != EINTR) {
            snprintf(reason, size_bytes, "waitpid: %s", strerror(errno));
            return false;
        }
    }
    if (WIFSIGNALED(status)) {
        snprintf(reason, size_bytes, "signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
        return false;
    }
    snprintf(reason, size_bytes, "exit code %d", WEXITSTATUS(status));
    return WEXITSTATUS(status) == 0;
}

bool sweep_worker_take(struct sweep_worker *worker, struct sweep_progress *progress,
                       struct sweep_result *result) {
    assert(worker->busy);
    ssize_t size_bytes = recv(worker->socket, result, sizeof(*result), 0);
    bool alive = size_bytes == (ssize_t)sizeof(*result);
    char *said = sweep_words_read(worker);
    if (alive) {
        assert(result->seed == worker->seed);
        worker->busy = false;
        hits_collect(worker);
    } else {
        char how[80];
        kill(worker->pid,
             SIGKILL); /* if it closed the socket and lives; of the dead it changes nothing */
        (void)wait_for(worker, how, sizeof(how));
        sweep_words_of_crash(worker, how, said, result);
        hits_collect(worker);
    }
    sweep_words_pass_on(worker, progress, said);
    free(said);
    if (!alive) {
        worker_forget(worker);
    }
    return alive;
}

void sweep_worker_end(struct sweep_worker *worker) {
    char how[80];
    kill(worker->pid, SIGKILL);
    (void)wait_for(worker, how, sizeof(how));
    hits_collect(worker);
    worker_forget(worker);
}

void sweep_worker_hung(struct sweep_worker *worker, struct sweep_progress *progress,
                       struct sweep_result *result) {
    char how[80];
    char *said = sweep_words_read(worker);
    snprintf(how, sizeof(how), "hung: ended after %" PRIu64 " s",
             (sweep_now_ms() - worker->begun_ms) / 1000);
    sweep_words_of_crash(worker, how, said, result);
    sweep_words_pass_on(worker, progress, said);
    free(said);
    sweep_worker_end(worker);
}

bool sweep_worker_finish(struct sweep_worker *worker, struct sweep_progress *progress,
                         struct sweep_result *result) {
    char how[64], late[80];
    assert(!worker->busy);
    shutdown(worker->socket, SHUT_WR);
    struct pollfd end = {.fd = worker->socket, .events = POLLIN};
    if (poll(&end, 1, END_MS_MAX) == 0) {
        kill(worker->pid, SIGKILL);
    }
    bool fine = wait_for(worker, how, sizeof(how));
    if (!fine) {
        char *said = sweep_words_read(worker);
        snprintf(late, sizeof(late), "%s, at its end", how);
        sweep_words_of_crash(worker, late, said, result);
        sweep_words_pass_on(worker, progress, said);
        free(said);
    }
    hits_collect(worker);
    worker_forget(worker);
    return fine;
}
