/* main.c - attuned: reads flags, environment and configuration file, and runs the daemon. */
#include "bin/attuned/config.h"
#include "bin/attuned/ev_main.h"

#include <argp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* argp takes keys above 255 for options without a short form. */
enum { KEY_FIRST = 0x100, KEY_JOIN = 0x1000, KEY_CONFIG, KEY_CHECK_CONFIG, EXIT_USAGE = 2 };

const char *argp_program_version = "attuned " ATTUNE_VERSION;

static const char documentation[] =
    "Keeps the catalog of a clustered store identical on all nodes."
    "\vEvery option can also be given as an environment variable (ATTUNE_DATA_DIR) or as a key of "
    "the configuration file (data_dir); flags beat the environment, the environment beats the "
    "file. "
    "SIGTERM stops after the peers were told, SIGHUP reloads the log's level and format.";

static const struct argp_option argp_options[] = {
#define X(option, key, flag, argument, help) {flag, KEY_FIRST + option, argument, 0, help, 0},
    OPTIONS(X)
#undef X
        {"join", KEY_JOIN, "HOST:PORT", 0, "Join the cluster of this member; may be repeated", 0},
    {"config", KEY_CONFIG, "FILE", 0, "Read options from this YAML file", 0},
    {"check-config", KEY_CHECK_CONFIG, NULL, 0, "Check all options, start nothing", 0},
    {0},
};

/* What the command line said; the other layers are read again on each reload. */
struct program {
    struct settings flags;
    const char *config;
    bool check_config;
    struct settings current; /* what `options` of the last reload point into */
};

static error_t parse_option(int key, char *argument, struct argp_state *state) {
    struct program *program = state->input;
    bool taken = true;
    if (key >= KEY_FIRST && key < KEY_FIRST + (int)OPTION_COUNT) {
        taken = settings_set(&program->flags, (enum option_number)(key - KEY_FIRST),
                             argument == NULL ? "true" : argument, OPTION_FLAG);
    } else if (key == KEY_JOIN) {
        taken = settings_join(&program->flags, argument, OPTION_FLAG);
    } else if (key == KEY_CONFIG) {
        program->config = argument;
    } else if (key == KEY_CHECK_CONFIG) {
        program->check_config = true;
    } else if (key == ARGP_KEY_ARG) {
        argp_error(state, "'%s' is no option", argument);
    } else {
        return ARGP_ERR_UNKNOWN;
    }
    if (!taken)
        argp_error(state, "too many addresses to join, or out of memory");
    return 0;
}

static bool copy_flags(const struct settings *flags, struct settings *settings) {
    for (unsigned option = 0; option < OPTION_COUNT; option++) {
        if (flags->values[option] != NULL &&
            !settings_set(settings, (enum option_number)option, flags->values[option], OPTION_FLAG))
            return false;
    }
    for (size_t i = 0; i < flags->join_count; i++) {
        if (!settings_join(settings, flags->joins[i], OPTION_FLAG))
            return false;
    }
    return true;
}

/* Reads the three layers anew. */
static bool gather(const struct program *program, struct settings *settings,
                   struct options *options, char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    const char *config = program->config != NULL ? program->config : getenv("ATTUNE_CONFIG");
    if (config != NULL && !config_read(config, settings, message))
        return false;
    if (!settings_environment(settings, getenv, message))
        return false;
    if (!copy_flags(&program->flags, settings)) {
        snprintf(message, OPTIONS_MESSAGE_SIZE_MAX, "out of memory");
        return false;
    }
    return options_resolve(settings, options, message);
}

static bool reload(void *context, struct options *options, char message[OPTIONS_MESSAGE_SIZE_MAX]) {
    struct program *program = context;
    settings_close(&program->current);
    return gather(program, &program->current, options, message);
}

/* Else the first files and sockets would take the numbers 0 to 2, and the log would be written into one of them. */
static bool open_standard_streams(void) {
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++) {
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", O_RDWR) != stream)
            return false;
    }
    return true;
}

int main(int argument_count, char **arguments) {
    static const struct argp argp = {argp_options, parse_option, NULL, documentation,
                                     NULL,         NULL,         NULL};
    struct program program = {0};
    struct settings settings = {0};
    struct options options;
    char message[OPTIONS_MESSAGE_SIZE_MAX];
    int exit_code = 0;
    if (!open_standard_streams())
        return 1;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argument_count, arguments, 0, NULL, &program);
    if (!gather(&program, &settings, &options, message)) {
        log_refusal(message);
        exit_code = EXIT_USAGE;
    } else if (!program.check_config) {
        exit_code = ev_main_run(&options, reload, &program);
    }
    settings_close(&program.current);
    settings_close(&program.flags);
    settings_close(&settings);
    return exit_code;
}
