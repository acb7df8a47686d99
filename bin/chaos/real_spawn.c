/* real_spawn.c - starts other programs, without what they should not have: our descriptors, our signals, our settings. */
#include "bin/chaos/real_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUTPUT_SIZE_MAX = 256 * 1024, EXIT_NO_PROGRAM = 127 };

void real_say(const struct real_ground *ground, const char *format, ...) {
    char text[REAL_MESSAGE_SIZE_MAX * 2];
    va_list arguments;
    if (!ground->options.verbose)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "attune-chaos: %s\n", text);
}

/* Ours without ATTUNE_*, and what is added. The strings are borrowed but for the mark, which comes first. */
static char **environment_new(const struct real_spawn *spawn) {
    size_t count = 0, more = 0;
    while (environ[count] != NULL)
        count++;
    while (spawn->environment != NULL && spawn->environment[more] != NULL)
        more++;
    char **made = real_allocate((count + more + 2) * sizeof *made);
    size_t used = 0;
    if (spawn->mark != NULL && asprintf(&made[used++], "%s=%s", REAL_MARK, spawn->mark) < 0)
        abort();
    for (size_t i = 0; i < count; i++)
        if (strncmp(environ[i], "ATTUNE_", 7) != 0)
            made[used++] = environ[i];
    for (size_t i = 0; i < more; i++)
        made[used++] = (char *)(uintptr_t)spawn->environment[i];
    return made;
}

static void environment_free(const struct real_spawn *spawn, char **environment) {
    if (spawn->mark != NULL)
        free(environment[0]);
    free(environment);
}

/* Between fork and exec: calls of the system only. */
static void become(const struct real_spawn *spawn, pid_t parent, char **environment) {
    const int given[3] = {spawn->input, spawn->output, spawn->error};
    int moved[3];
    sigset_t none;
    setpgid(0, 0);
    if (spawn->mark != NULL && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        _exit(EXIT_NO_PROGRAM);
    if (spawn->namespace >= 0 && setns(spawn->namespace, CLONE_NEWNET) != 0)
        _exit(EXIT_NO_PROGRAM);
    for (int i = 0; i < 3; i++) {
        int from = given[i] >= 0 ? given[i] : open("/dev/null", i == 0 ? O_RDONLY : O_WRONLY);
        moved[i] = fcntl(from, F_DUPFD, 3); /* out of the way of 0 to 2 */
    }
    for (int i = 0; i < 3; i++)
        if (dup2(moved[i], i) < 0)
            _exit(EXIT_NO_PROGRAM);
    close_range(3, ~0U, 0);
    for (int number = 1; number < NSIG; number++)
        (void)signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvpe(spawn->arguments[0], (char *const *)(uintptr_t)spawn->arguments, environment);
    _exit(EXIT_NO_PROGRAM);
}

pid_t real_spawn(const struct real_spawn *spawn) {
    char **environment = environment_new(spawn);
    pid_t parent = getpid(), child = fork();
    if (child == 0)
        become(spawn, parent, environment);
    int reason = errno;
    environment_free(spawn, environment);
    errno = reason;
    return child;
}

static int scratch(const char *text) {
    int descriptor = memfd_create("attune-chaos", MFD_CLOEXEC);
    size_t size_bytes = text == NULL ? 0 : strlen(text);
    if (descriptor < 0 || (size_bytes > 0 && (write(descriptor, text, size_bytes) < 0 ||
                                              lseek(descriptor, 0, SEEK_SET) < 0))) {
        fprintf(stderr, "attune-chaos: no memory for a file: %s\n", strerror(errno));
        abort();
    }
    return descriptor;
}

static void read_all(int descriptor, char *text, size_t size_bytes) {
    ssize_t size = pread(descriptor, text, size_bytes - 1, 0);
    text[size < 0 ? 0 : size] = '\0';
}

/* The exit status as of waitpid. */
static int run(const char *const *arguments, int input, int output, int error) {
    int status = -1;
    pid_t child = real_spawn(&(struct real_spawn){
        .arguments = arguments, .input = input, .output = output, .error = error, .namespace = -1});
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

bool real_command(const char *const *arguments, const char *input,
                  char message[REAL_MESSAGE_SIZE_MAX]) {
    char said[200], call[120] = "";
    int in = scratch(input), error = scratch(NULL);
    int status = run(arguments, in, error, error);
    if (status != 0) {
        read_all(error, said, sizeof said);
        said[strcspn(said, "\n")] = '\0';
        for (size_t i = 0; arguments[i] != NULL; i++) {
            size_t used = strlen(call);
            snprintf(call + used, sizeof call - used, "%s%s", i > 0 ? " " : "", arguments[i]);
        }
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s: %s", call,
                 said[0] != '\0'                                               ? said
                 : WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_PROGRAM ? "not found"
                                                                               : "failed");
    }
    close(in);
    close(error);
    return status == 0;
}

char *real_command_output(const char *const *arguments) {
    char *text = NULL;
    int output = scratch(NULL);
    if (run(arguments, -1, output, -1) == 0) {
        text = real_allocate(OUTPUT_SIZE_MAX);
        read_all(output, text, OUTPUT_SIZE_MAX);
    }
    close(output);
    return text;
}
