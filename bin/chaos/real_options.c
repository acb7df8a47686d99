/* real_options.c - the flags of `attune-chaos run`. */
#include "bin/chaos/chaos.h"
#include "bin/chaos/real_run.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KEY_ATTUNED = 0x100, KEY_NETWORK, KEY_REPORT, KEY_JSON, KEY_SEED, KEY_KEEP };

static const struct argp_option argp_options[] = {
    {"attuned", KEY_ATTUNED, "PATH", 0,
     "The daemon to run: attuned, or another program that takes its flags (default: beside "
     "attune-chaos, else in PATH)",
     0},
    {"network", KEY_NETWORK, "auto|namespaces|loopback", 0,
     "Where the nodes stand (default: namespaces if this user may make them, else loopback)", 0},
    {"report", KEY_REPORT, "FILE", 0, "Write what happened over time as HTML", 0},
    {"json", KEY_JSON, "FILE", 0, "Write the same figures as JSON", 0},
    {"seed", KEY_SEED, "S", 0, "Other values for the load than those of the scenario's seed", 0},
    {"keep", KEY_KEEP, "DIR", 0, "Work in DIR, and leave data directories and logs there", 0},
    {"verbose", 'v', NULL, 0, "Show each action on standard error", 0},
    {0},
};

static const char documentation[] =
    "Runs real attuned processes through the faults and writes of a scenario, and checks the "
    "promises from outside."
    "\vExit codes: 0 every promise held; 1 a safety promise was broken; 2 usage, or this machine "
    "cannot do it; 3 the nodes did not become equal in time; 4 a process died by itself; 5 "
    "unknown: nothing was broken, and too little happened to say that it holds.";

static bool read_network(const char *text, enum real_network *network) {
    static const char *const names[] = {"auto", "namespaces", "loopback"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i]) == 0) {
            *network = (enum real_network)i;
            return true;
        }
    }
    return false;
}

#define REFUSE(...) (chaos_complain(__VA_ARGS__), exit(CHAOS_USAGE))

static error_t take_option(int key, char *value, struct argp_state *state) {
    struct real_arguments *arguments = state->input;
    switch (key) {
    case KEY_ATTUNED:
        arguments->attuned = value;
        return 0;
    case KEY_NETWORK:
        if (!read_network(value, &arguments->options.network))
            REFUSE("--network takes auto, namespaces or loopback, not \"%.60s\"", value);
        return 0;
    case KEY_REPORT:
        arguments->html = value;
        return 0;
    case KEY_JSON:
        arguments->json = value;
        return 0;
    case KEY_SEED:
        if (!argument_number("--seed", value, 0, UINT64_MAX, &arguments->seed))
            exit(CHAOS_USAGE);
        arguments->seed_given = true;
        return 0;
    case KEY_KEEP:
        arguments->options.directory = value;
        arguments->options.keep = true;
        return 0;
    case 'v':
        arguments->options.verbose = true;
        return 0;
    case ARGP_KEY_ARG:
        if (arguments->scenario != NULL)
            REFUSE("one scenario at a time: \"%.60s\" is another", value);
        arguments->scenario = value;
        return 0;
    case ARGP_KEY_END:
        if (arguments->scenario == NULL)
            REFUSE("a scenario file is needed; see attune-chaos run --help");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* attuned beside this program, else the name alone, which is looked for in PATH. */
static const char *program_find(void) {
    static char path[REAL_PATH_SIZE_MAX];
    ssize_t size_bytes = readlink("/proc/self/exe", path, sizeof path - sizeof "attuned");
    if (size_bytes > 0) {
        path[size_bytes] = '\0';
        char *slash = strrchr(path, '/');
        strcpy(slash == NULL ? path : slash + 1, "attuned");
        if (access(path, X_OK) == 0)
            return path;
    }
    return "attuned";
}

bool real_options_read(int argc, char **argv, struct real_arguments *arguments) {
    static const struct argp argp = {
        .options = argp_options,
        .parser = take_option,
        .args_doc = "SCENARIO.yaml",
        .doc = documentation,
    };
    *arguments = (struct real_arguments){.scenario = NULL};
    argp_err_exit_status = CHAOS_USAGE;
    if (argp_parse(&argp, argc, argv, 0, NULL, arguments) != 0)
        return false;
    arguments->options.program = arguments->attuned != NULL ? arguments->attuned : program_find();
    return true;
}
