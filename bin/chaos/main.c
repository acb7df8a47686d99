/* main.c - attune-chaos: finds the command and runs it.
 *
 *      attune-chaos sim --seeds 1000          simulated nodes
 *      attune-chaos run scenario.yaml         real processes
 *      attune-chaos explore removal           every state of a small world
 *      attune-chaos list                      faults, actions, probes
 *
 * Ends with 0 if all that was promised held, else as test/sim/verdict.h says.
 */
#include "bin/chaos/chaos.h"

#include <argp.h>
#include <errno.h>
#include <string.h>

static const struct command commands[] = {
    {"sim", "simulated nodes on a virtual network, disk and clock", command_sim},
    {"run", "real attuned processes", command_run},
    {"explore", "every state of a small world", command_explore},
    {"list", "classes of faults, actions and their arguments, probes", command_list},
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

const char *argp_program_version = "attune-chaos " ATTUNE_VERSION;

static const char documentation[] =
    "Looks for what breaks the promises of attune: draws faults from a seed or reads them from a "
    "scenario, and checks that "
    "every node still ends with the same catalog, and with everything that was acknowledged."
    "\v"
    "Exit codes: 0 held; 1 a safety promise broken; 2 usage; 3 no convergence; 4 crashed; 5 "
    "unknown: proved nothing.";

static const struct command *find(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* Puts the table of commands in front of what follows the options. */
static char *with_commands(int key, const char *text, void *input) {
    char *help = NULL;
    size_t size_bytes = 0;
    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC) {
        return (char *)(uintptr_t)text; /* as argp wants what is not replaced */
    }
    FILE *memory = open_memstream(&help, &size_bytes);
    if (memory == NULL) {
        return (char *)(uintptr_t)text;
    }
    fputs("Commands (each has its own --help):\n", memory);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        fprintf(memory, "  %-8s %s\n", commands[i].name, commands[i].what);
    }
    fprintf(memory, "\n%s", text);
    fclose(memory);
    return help;
}

/* The first word that is no option ends the program's own arguments. */
static error_t parse_option(int key, char *value, struct argp_state *state) {
    int *at = state->input;
    (void)value;
    if (key != ARGP_KEY_ARG) {
        return ARGP_ERR_UNKNOWN;
    }
    *at = state->next - 1;
    state->next = state->argc;
    return 0;
}

int main(int argc, char **argv) {
    static const struct argp argp = {
        NULL, parse_option, "COMMAND [ARGUMENT...]", documentation, NULL, with_commands, NULL};
    int at = argc;
    argp_err_exit_status = CHAOS_USAGE;
    argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &at);
    if (at >= argc) {
        chaos_complain("a command is missing: sim, run, explore or list; see attune-chaos --help");
        return CHAOS_USAGE;
    }
    const struct command *command = find(argv[at]);
    if (command == NULL) {
        chaos_complain("\"%.60s\" is no command; see attune-chaos --help", argv[at]);
        return CHAOS_USAGE;
    }
    char name[64];
    snprintf(name, sizeof(name), "attune-chaos %s", command->name);
    argv[at] = name;
    int code = command->run(argc - at, argv + at);
    /* A verdict that nobody could read is none; one that is bad is told by the exit code as well. */
    if (code == CHAOS_HELD && (fflush(stdout) != 0 || ferror(stdout))) {
        chaos_complain("standard output cannot be written: %s", strerror(errno));
        code = CHAOS_USAGE;
    }
    return code;
}
