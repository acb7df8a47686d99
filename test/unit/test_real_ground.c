/* test_real_ground.c - the ground of real runs: processes are started clean, their end is seen, and nothing is left of a
 * run however it ended.
 */
#include "test/unit/support/fake_daemon.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has_died(void *context) {
    const struct real_node *node = context;
    real_ground_reap(fake.ground);
    return node->state == REAL_DIED;
}

static bool is_down(void *context) {
    const struct real_node *node = context;
    real_ground_reap(fake.ground);
    return node->state == REAL_DOWN && fake.ground->processes[node->index].child == 0;
}

/* --- starting ---------------------------------------------------------------------------------------------------- */

/* A node is told its own directory, the address of its proxy and its seeds' proxies, never its own. */
START_TEST(tells_addresses) {
    char join[120];
    fake_ground(3);
    (void)snprintf(join, sizeof join, "--advertise %s", fake.nodes[1].advertised);
    ck_assert(fake_holds(&fake.nodes[1], "arguments", join));
    (void)snprintf(join, sizeof join, "--join %s", fake.nodes[0].advertised);
    ck_assert(fake_holds(&fake.nodes[1], "arguments", join));
    ck_assert(!fake_holds(&fake.nodes[0], "arguments", "--join"));
    ck_assert(!fake_holds(&fake.nodes[1], "arguments", "--insecure"));
    ck_assert_int_eq(fake.nodes[1].state, REAL_UP);
    ck_assert_uint_eq(fake.nodes[1].starts, 1);
    ck_assert_str_eq(fake.nodes[1].gossip, "127.0.0.1:9");
}
END_TEST

/* A process has none of our ATTUNE_ variables and none of our descriptors, bears the mark, and dies when we do. */
START_TEST(starts_clean) {
    char mark[REAL_PATH_SIZE_MAX + 40];
    ck_assert_int_eq(setenv("ATTUNE_NAME", "wrong", 1), 0);
    int leaked = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(fcntl(leaked, F_DUPFD, 77), 77);
    fake_ground(1);
    (void)snprintf(mark, sizeof mark, "%s=%s", REAL_MARK, fake.ground->directory);
    ck_assert(!fake_holds(&fake.nodes[0], "environment", "ATTUNE_NAME"));
    ck_assert(fake_holds(&fake.nodes[0], "environment", mark));
    ck_assert(fake_holds(&fake.nodes[0], "descriptors", "2"));
    ck_assert(!fake_holds(&fake.nodes[0], "descriptors", "77"));
    close(77);
    close(leaked);
}
END_TEST

/* Who exits instead of saying where it listens is reported with its last words; whoever speaks nonsense too. */
START_TEST(reports_failed_starts) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    fake_ground(1);
    ck_assert(real_node_kill(fake.ground, &fake.nodes[0]));
    fake_script("echo no such cluster >&2; exit 3", "");
    ck_assert(!real_node_start(fake.ground, &fake.nodes[0], NULL, message));
    ck_assert_ptr_nonnull(strstr(message, "code 3"));
    ck_assert_ptr_nonnull(strstr(message, "no such cluster"));
    ck_assert_int_eq(fake.nodes[0].state, REAL_DIED);
    ck_assert_int_eq(WEXITSTATUS(fake.nodes[0].exit_status), 3);
    fake_script("echo hello", "");
    ck_assert(!real_node_start(fake.ground, &fake.nodes[0], NULL, message));
    ck_assert_ptr_nonnull(strstr(message, "line that can be read"));
    ck_assert_int_eq(fake.nodes[0].state, REAL_DOWN);
}
END_TEST

/* A program that is not there, a directory that holds something, no nodes: a clear word, and nothing is left. */
START_TEST(refuses_to_open) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    struct real_ground *ground;
    struct real_options options = {.program = "/nowhere/attuned", .network = REAL_NETWORK_LOOPBACK};
    ck_assert(!real_ground_open(&options, 1, &ground, message));
    ck_assert_str_eq(message, "cannot run /nowhere/attuned: No such file or directory");
    options = (struct real_options){.program = fake.program, .directory = fake.directory};
    ck_assert(!real_ground_open(&options, 1, &ground, message));
    ck_assert_ptr_nonnull(strstr(message, "must be an empty directory"));
    ck_assert(!real_ground_open(&options, 0, &ground, message));
    ck_assert(!real_ground_open(&options, REAL_NODES_MAX + 1, &ground, message));
    ck_assert_ptr_null(ground);
}
END_TEST

/* A directory that was given stays, with what is in it. */
START_TEST(leaves_given_directory) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    char directory[100];
    char log[120];
    struct real_ground *ground;
    (void)snprintf(directory, sizeof directory, "%s/given", fake.directory);
    (void)snprintf(log, sizeof log, "%s/n1.log", directory);
    struct real_options options = {
        .program = fake.program, .directory = directory, .network = REAL_NETWORK_LOOPBACK};
    size_t count;
    ck_assert_msg(real_ground_open(&options, 1, &ground, message), "%s", message);
    ck_assert(real_node_start(ground, real_ground_nodes(ground, &count), NULL, message));
    real_ground_close(ground);
    ck_assert_int_eq(access(log, F_OK), 0);
    ck_assert(real_files_remove(directory));
}
END_TEST

/* Below strace the process that is waited for is the daemon itself, and what strace does to it is seen. */
START_TEST(starts_under_strace) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    const char *const arguments[] = {"-o", "/dev/null", "-e", "inject=kill:signal=KILL:when=1",
                                     NULL};
    fake_ground(1);
    if (!real_ground_can(fake.ground, SCENARIO_DISK_ERROR, message)) {
        return; /* no strace here */
    }
    ck_assert(real_node_kill(fake.ground, &fake.nodes[0]));
    fake_script("", "sleep 0.1; kill -0 $$");
    ck_assert_msg(real_node_start_under(fake.ground, &fake.nodes[0], NULL, arguments, message),
                  "%s", message);
    ck_assert_int_eq(fake.nodes[0].pid, fake.ground->processes[0].child);
    ck_assert(fake_until(has_died, &fake.nodes[0]));
    ck_assert(WIFSIGNALED(fake.nodes[0].exit_status));
    ck_assert_int_eq(WTERMSIG(fake.nodes[0].exit_status), SIGKILL);
}
END_TEST

/* --- ending ------------------------------------------------------------------------------------------------------ */

/* A process that ends by itself has died, and how is known. */
START_TEST(sees_deaths) {
    fake_ground(2);
    ck_assert_int_eq(kill(fake.nodes[1].pid, SIGSEGV), 0);
    ck_assert(fake_until(has_died, &fake.nodes[1]));
    ck_assert(WIFSIGNALED(fake.nodes[1].exit_status));
    ck_assert_int_eq(WTERMSIG(fake.nodes[1].exit_status), SIGSEGV);
    ck_assert_int_eq(fake.nodes[1].pid, 0);
    ck_assert_int_eq(fake.nodes[0].state, REAL_UP);
}
END_TEST

/* One that we ended has not; after SIGTERM it must end with 0, though. */
START_TEST(knows_its_own_doing) {
    fake_script("trap 'exit 0' TERM", "");
    fake_ground(2);
    ck_assert(real_node_kill(fake.ground, &fake.nodes[0]));
    ck_assert_int_eq(fake.nodes[0].state, REAL_DOWN);
    ck_assert(!real_node_kill(fake.ground, &fake.nodes[0]));
    ck_assert(real_node_stop(fake.ground, &fake.nodes[1]));
    ck_assert(!real_node_stop(fake.ground, &fake.nodes[1]));
    ck_assert(fake_until(is_down, &fake.nodes[1]));
}
END_TEST

START_TEST(minds_exit_codes) {
    fake_script("trap 'exit 4' TERM", "");
    fake_ground(1);
    ck_assert(real_node_stop(fake.ground, &fake.nodes[0]));
    ck_assert(fake_until(has_died, &fake.nodes[0]));
    ck_assert_int_eq(WEXITSTATUS(fake.nodes[0].exit_status), 4);
}
END_TEST

/* A frozen process is stopped, goes on when thawed, and can be killed as it is. */
START_TEST(freezes) {
    fake_ground(1);
    pid_t pid = fake.nodes[0].pid;
    ck_assert(real_node_freeze(fake.ground, &fake.nodes[0]));
    ck_assert_int_eq(fake.nodes[0].state, REAL_FROZEN);
    ck_assert(fake_until(fake_is_stopped, &pid));
    real_node_thaw(fake.ground, &fake.nodes[0]);
    ck_assert_int_eq(fake.nodes[0].state, REAL_UP);
    ck_assert(!fake_is_stopped(&pid));
    ck_assert(real_node_freeze(fake.ground, &fake.nodes[0]));
    ck_assert(real_node_kill(fake.ground, &fake.nodes[0]));
    ck_assert_str_eq(fake_status(pid, "State:"), "");
}
END_TEST

/* A running process has memory, descriptors and time; one that is down has none. */
START_TEST(measures) {
    fake_ground(1);
    struct real_usage usage = real_node_usage(&fake.nodes[0]);
    ck_assert_uint_gt(usage.resident_bytes, 100000);
    ck_assert_uint_ge(usage.descriptors, 3);
    ck_assert(real_node_kill(fake.ground, &fake.nodes[0]));
    ck_assert_uint_eq(real_node_usage(&fake.nodes[0]).resident_bytes, 0);
}
END_TEST

/* --- sweeping ---------------------------------------------------------------------------------------------------- */

enum { MADE = 3 };

static bool is_nothing_left(void *context) {
    const pid_t *pids = context;
    size_t left = fake_things();
    for (size_t i = 0; i < MADE; i++) {
        char state = fake_status(pids[i], "State:")[0];
        left += state != '\0' && state != 'Z'; /* init may be slow to hear of its dead */
    }
    return left == 0;
}

/* Two nodes, one of them frozen, and a child of the other, who does not die with its parent. */
static void make_things(int result) {
    char path[REAL_PATH_SIZE_MAX];
    char child[32];
    fake_ground(2);
    (void)real_node_freeze(fake.ground, &fake.nodes[1]);
    (void)snprintf(path, sizeof path, "%.200s/child", fake.nodes[0].directory);
    real_files_last_line(path, child, sizeof child);
    pid_t pids[MADE] = {fake.nodes[0].pid, fake.nodes[1].pid, (pid_t)strtol(child, NULL, 10)};
    _exit(write(result, pids, sizeof pids) == sizeof pids ? pause() : 1);
}

/* A harness that is ended by the signal leaves nothing: no process (not even one that ignores everything), no directory. */
START_TEST(leaves_nothing) {
    static const int signals[] = {SIGKILL, SIGTERM, SIGINT, SIGABRT};
    pid_t pids[MADE];
    int ends[2];
    fake_script("trap '' TERM INT HUP; sleep 300 & echo $! >$2/child", "");
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t harness = fork();
    if (harness == 0) {
        for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
            (void)signal(signals[i], SIG_DFL); /* not as the runner of the tests has it */
        }
        make_things(ends[1]);
    }
    ck_assert_int_eq(read(ends[0], pids, sizeof pids), sizeof pids);
    for (size_t i = 0; i < MADE; i++) {
        ck_assert_int_gt(pids[i], 1);
        ck_assert_int_ne(fake_status(pids[i], "State:")[0], '\0');
    }
    ck_assert_uint_eq(fake_things(), 1);
    ck_assert_int_eq(kill(harness, signals[_i]), 0);
    ck_assert_int_eq(waitpid(harness, NULL, 0), harness);
    ck_assert(fake_until(is_nothing_left, pids));
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* The directory of a run that is dead is removed by the next, that of one that lives and one that is kept are not. */
START_TEST(sweeps_dead_runs) {
    char dead[120];
    char kept[120];
    char alive[120];
    char mark[140];
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    (void)snprintf(dead, sizeof dead, "%s/attune-chaos-%ld-a", fake.directory, (long)pid);
    (void)snprintf(kept, sizeof kept, "%s/attune-chaos-%ld-b", fake.directory, (long)pid);
    (void)snprintf(alive, sizeof alive, "%s/attune-chaos-%ld-c", fake.directory, (long)getppid());
    (void)snprintf(mark, sizeof mark, "%s/kept", kept);
    ck_assert_int_eq(mkdir(dead, 0700) | mkdir(kept, 0700) | mkdir(alive, 0700), 0);
    ck_assert(real_files_write(mark, ""));
    real_sweep_dead();
    ck_assert_int_ne(access(dead, F_OK), 0);
    ck_assert_int_eq(access(kept, F_OK), 0);
    ck_assert_int_eq(access(alive, F_OK), 0);
    ck_assert(real_files_remove(kept) && real_files_remove(alive));
}
END_TEST

/* --- programs and files ------------------------------------------------------------------------------------------ */

/* A command's failure is told with what it said; what it wrote can be had. */
START_TEST(runs_commands) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    ck_assert(REAL_COMMAND(message, "a\nb\n", "grep", "-q", "b"));
    ck_assert(!REAL_COMMAND(message, NULL, "ls", "/nowhere"));
    ck_assert_ptr_nonnull(strstr(message, "ls /nowhere: "));
    ck_assert_ptr_nonnull(strstr(message, "No such file"));
    ck_assert(!REAL_COMMAND(message, NULL, "attune-no-such-program"));
    ck_assert_str_eq(message, "attune-no-such-program: not found");
    char *text = real_command_output((const char *const[]){"echo", "text", NULL});
    ck_assert_str_eq(text, "text\n");
    free(text);
    ck_assert_ptr_null(real_command_output((const char *const[]){"false", NULL}));
}
END_TEST

/* Copies hold the same; damage flips as many bits as were asked for and changes no size; emptied is empty. */
START_TEST(handles_files) {
    enum { SIZE = 4096, FLIPS = 5 };
    char from[100];
    char to[100];
    char path[120];
    uint8_t bytes[SIZE];
    struct real_random random = {.state = 1};
    unsigned flipped = 0;
    (void)snprintf(from, sizeof from, "%s/from", fake.directory);
    (void)snprintf(to, sizeof to, "%s/to", fake.directory);
    (void)snprintf(path, sizeof path, "%s/catalog.db", from);
    ck_assert_int_eq(mkdir(from, 0700), 0);
    int file = open(path, O_WRONLY | O_CREAT, 0600);
    memset(bytes, 0, SIZE);
    ck_assert_int_eq(write(file, bytes, SIZE), SIZE);
    close(file);
    ck_assert(real_files_copy(from, to));
    ck_assert_uint_eq(real_files_damage(to, &random, FLIPS), FLIPS);
    (void)snprintf(path, sizeof path, "%s/catalog.db", to);
    file = open(path, O_RDONLY);
    ck_assert_int_eq(read(file, bytes, SIZE), SIZE);
    ck_assert_int_eq(read(file, bytes, 0), 0);
    close(file);
    for (size_t i = 0; i < SIZE; i++) {
        flipped += (unsigned)__builtin_popcount(bytes[i]);
    }
    ck_assert_uint_eq(flipped, FLIPS);
    ck_assert_uint_eq(real_files_names(to), 1);
    ck_assert(real_files_empty(to));
    ck_assert_uint_eq(real_files_names(to), 0);
    ck_assert_uint_eq(real_files_damage(to, &random, FLIPS), 0);
    ck_assert(real_files_remove(from) && real_files_remove(to));
}
END_TEST

static TCase *group(Suite *suite, const char *name) {
    TCase *made = tcase_create(name);
    tcase_add_checked_fixture(made, fake_setup, fake_teardown);
    suite_add_tcase(suite, made);
    return made;
}

Suite *real_ground_suite(void);
Suite *real_ground_suite(void) {
    Suite *suite = suite_create("real_ground");
    TCase *start = group(suite, "real_node_start");
    tcase_add_test(start, tells_addresses);
    tcase_add_test(start, starts_clean);
    tcase_add_test(start, reports_failed_starts);
    tcase_add_test(start, starts_under_strace);
    TCase *open = group(suite, "real_ground_open");
    tcase_add_test(open, refuses_to_open);
    tcase_add_test(open, leaves_given_directory);
    TCase *reap = group(suite, "real_ground_reap");
    tcase_add_test(reap, sees_deaths);
    tcase_add_test(reap, knows_its_own_doing);
    tcase_add_test(reap, minds_exit_codes);
    tcase_add_test(reap, freezes);
    tcase_add_test(reap, measures);
    TCase *sweep = group(suite, "real_sweep");
    tcase_add_loop_test(sweep, leaves_nothing, 0, 4);
    tcase_add_test(sweep, sweeps_dead_runs);
    TCase *rest = group(suite, "real_files");
    tcase_add_test(rest, runs_commands);
    tcase_add_test(rest, handles_files);
    return suite;
}
