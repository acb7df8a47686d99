/* main.c - attunectl: reads the command line, finds the command, runs it.
 *
 * One set of options for all commands, which may stand anywhere; a command's row says which of them it takes, so a flag
 * that would be without effect is refused.
 */
#include "bin/attunectl/command.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct command {
    const char *noun, *verb; /* verb NULL: none */
    size_t words_min, words_max;
    unsigned flags;
    int (*run)(struct arguments *arguments);
    const char *usage; /* what follows noun and verb */
};

#define WAIT (FLAG_WAIT | FLAG_SKIP_DEAD)
#define WRITE (FLAG_IF_NUMBER | FLAG_DRY_RUN | WAIT | FLAG_STAGED | FLAG_ABORT)
static const struct command commands[] = {
    {"schema", "set", 1, 1, WRITE | FLAG_FILE, command_schema_set, "ENTITY -f FILE|-"},
    {"schema", "get", 1, 1, 0, command_schema_get, "ENTITY"},
    {"schema", "list", 0, 0, 0, command_schema_list, ""},
    {"schema", "drop", 1, 1, WRITE | FLAG_CASCADE, command_schema_drop, "ENTITY [--cascade]"},
    {"constraint", "add", 1, 1, WRITE | FLAG_NAME | FLAG_UNIQUE | FLAG_FK | FLAG_NOT_NULL,
     command_constraint_add,
     "ENTITY [--name N] (--unique F[,F...] | --fk FIELD:ENTITY:FIELD[:ACTION] | --not-null F)"},
    {"constraint", "get", 2, 2, 0, command_constraint_get, "ENTITY NAME"},
    {"constraint", "list", 0, 1, 0, command_constraint_list, "[ENTITY]"},
    {"constraint", "remove", 2, 2, WRITE, command_constraint_remove, "ENTITY NAME"},
    {"index", "add", 1, 1, WRITE | FLAG_NAME | FLAG_FIELDS, command_index_add,
     "ENTITY [--name N] --fields F[,F...]"},
    {"index", "get", 2, 2, 0, command_index_get, "ENTITY NAME"},
    {"index", "list", 0, 1, 0, command_index_list, "[ENTITY]"},
    {"index", "remove", 2, 2, WRITE, command_index_remove, "ENTITY NAME"},
    {"check", NULL, 1, 1, FLAG_DATA | FLAG_FILE | FLAG_MAX_STALENESS, command_check,
     "ENTITY -d JSON | -f FILE"},
    {"import", NULL, 1, 1, FLAG_DRY_RUN | WAIT, command_import, "FILE|-"},
    {"export", NULL, 0, 1, 0, command_export, "[FILE]"},
    {"status", NULL, 0, 0, FLAG_CHECK, command_status, "[--check]"},
    {"members", "remove", 1, 1, 0, command_members_remove, "NAME|ID"},
    {"members", NULL, 0, 0, 0, command_members, ""},
    {"digest", NULL, 0, 0, 0, command_digest, ""},
    {"diff", NULL, 0, 1, 0, command_diff, "[MEMBER]"},
    {"conflicts", NULL, 0, 0, 0, command_conflicts, ""},
    {"why", NULL, 2, 3, 0, command_why, "KIND ENTITY [NAME]"},
    {"resolve", NULL, 2, 3, FLAG_TAKE | FLAG_DRY_RUN | WAIT, command_resolve,
     "KIND ENTITY [NAME] --take NODE"},
    {"wait", NULL, 0, 3, FLAG_TIMEOUT | FLAG_SKIP_DEAD, command_wait,
     "[KIND ENTITY [NAME]] [--timeout 30s] [--skip-dead]"},
    {"watch", NULL, 0, 0, FLAG_SINCE, command_watch, "[--since ID]"},
    {"doctor", NULL, 0, 0, 0, command_doctor, ""},
    {"sync", NULL, 0, 1, 0, command_sync, "[MEMBER]"},
};

const char *argp_program_version = "attunectl " ATTUNE_VERSION;

static const char documentation[] =
    "Shows and changes the catalog of an attuned node."
    "\vCommands:\n"
    "  schema set ENTITY -f FILE|-       schema get ENTITY     schema list     schema drop ENTITY\n"
    "  constraint add ENTITY (--unique F[,F...] | --fk FIELD:ENTITY:FIELD[:ACTION] | --not-null "
    "F)\n"
    "  constraint get ENTITY NAME        constraint list [ENTITY]     constraint remove ENTITY "
    "NAME\n"
    "  index add ENTITY --fields F[,F...]    index get ENTITY NAME    index list [ENTITY]\n"
    "  index remove ENTITY NAME          check ENTITY -d JSON | -f FILE\n"
    "  import FILE|-    export [FILE]    status [--check]    members [remove NAME|ID]    digest\n"
    "  diff [MEMBER]    conflicts        sync [MEMBER]    watch [--since ID]    doctor\n"
    "  why KIND ENTITY [NAME]            resolve KIND ENTITY [NAME] --take NODE\n"
    "  wait [KIND ENTITY [NAME]] [--timeout 30s] [--skip-dead]\n"
    "Writes take --wait[=5s], --staged, --abort, --skip-dead, --if-number N, --dry-run.\n\n"
    "Exit codes: 0 done; 1 other failure; 2 usage; 3 not found; 4 refused; 5 not agreed in time; "
    "6 daemon unreachable; 7 diverged; 8 record invalid; 9 stale.";

enum {
    KEY_HTTP = 0x100,
    KEY_FORMAT,
    KEY_CASCADE,
    KEY_NAME,
    KEY_UNIQUE,
    KEY_FK,
    KEY_NOT_NULL,
    KEY_FIELDS,
    KEY_IF_NUMBER,
    KEY_DRY_RUN,
    KEY_MAX_STALENESS,
    KEY_CHECK,
    KEY_WAIT,
    KEY_STAGED,
    KEY_ABORT,
    KEY_SKIP_DEAD,
    KEY_TIMEOUT,
    KEY_TAKE,
    KEY_SINCE
};

static const struct argp_option argp_options[] = {
    {"http", KEY_HTTP, "URL", 0,
     "Where attuned listens: http://HOST:PORT or unix:PATH (default: ATTUNE_HTTP, or "
     "http://127.0.0.1:7741)",
     0},
    {"format", KEY_FORMAT, "table|json", 0, "Default: table on a terminal, else json", 0},
    {"file", 'f', "FILE", 0, "Read from FILE, - is standard input", 0},
    {"data", 'd', "JSON", 0, "The record to check", 0},
    {"cascade", KEY_CASCADE, NULL, 0, "Also drop the foreign keys that reference the schema", 0},
    {"name", KEY_NAME, "NAME", 0, "Name of the constraint or index", 0},
    {"unique", KEY_UNIQUE, "F[,F...]", 0, "A unique constraint", 0},
    {"fk", KEY_FK, "FIELD:ENTITY:FIELD[:ACTION]", 0,
     "A foreign key; ACTION is restrict, cascade or set_null", 0},
    {"not-null", KEY_NOT_NULL, "F", 0, "A not-null constraint", 0},
    {"fields", KEY_FIELDS, "F[,F...]", 0, "Fields of an index", 0},
    {"if-number", KEY_IF_NUMBER, "N", 0, "Only if this number is in force; 0: if there is none", 0},
    {"dry-run", KEY_DRY_RUN, NULL, 0, "Check, and change nothing", 0},
    {"max-staleness", KEY_MAX_STALENESS, "DURATION", 0, "Refuse if the node was cut off longer", 0},
    {"check", KEY_CHECK, NULL, 0, "Exit with 7 unless all members agree", 0},
    {"wait", KEY_WAIT, "DURATION", OPTION_ARG_OPTIONAL,
     "Until all members have it on disk; exit with 5 if not in time (default: 5s)", 0},
    {"staged", KEY_STAGED, NULL, 0,
     "In steps, so that no two nodes are more than one apart; again: goes on", 0},
    {"abort", KEY_ABORT, NULL, 0, "Take a staged change back that is not done", 0},
    {"skip-dead", KEY_SKIP_DEAD, NULL, 0,
     "Do not wait for members that are dead or were stopped, if a majority has it", 0},
    {"timeout", KEY_TIMEOUT, "DURATION", 0, "How long `wait` waits (default: 30s)", 0},
    {"take", KEY_TAKE, "NODE", 0, "Whose version is to stand", 0},
    {"since", KEY_SINCE, "ID", 0, "Go on after this event; 0: everything first", 0},
    {0},
};

struct command_line {
    struct arguments arguments;
    const char *http;
    const char *format;
    const char *words[ARGUMENTS_MAX];
    size_t word_count;
};

static error_t parse_option(int key, char *value, struct argp_state *state) {
    struct command_line *line = state->input;
    struct arguments *arguments = &line->arguments;
    const struct {
        int key;
        unsigned flag;
        const char **value;
    } known[] = {
        {'f', FLAG_FILE, &arguments->file},
        {'d', FLAG_DATA, &arguments->data},
        {KEY_CASCADE, FLAG_CASCADE, NULL},
        {KEY_NAME, FLAG_NAME, &arguments->name},
        {KEY_UNIQUE, FLAG_UNIQUE, &arguments->unique},
        {KEY_FK, FLAG_FK, &arguments->fk},
        {KEY_NOT_NULL, FLAG_NOT_NULL, &arguments->not_null},
        {KEY_FIELDS, FLAG_FIELDS, &arguments->fields},
        {KEY_IF_NUMBER, FLAG_IF_NUMBER, &arguments->if_number},
        {KEY_DRY_RUN, FLAG_DRY_RUN, NULL},
        {KEY_MAX_STALENESS, FLAG_MAX_STALENESS, &arguments->max_staleness},
        {KEY_CHECK, FLAG_CHECK, NULL},
        {KEY_WAIT, FLAG_WAIT, &arguments->wait},
        {KEY_STAGED, FLAG_STAGED, NULL},
        {KEY_ABORT, FLAG_ABORT, NULL},
        {KEY_SKIP_DEAD, FLAG_SKIP_DEAD, NULL},
        {KEY_TIMEOUT, FLAG_TIMEOUT, &arguments->timeout},
        {KEY_TAKE, FLAG_TAKE, &arguments->take},
        {KEY_SINCE, FLAG_SINCE, &arguments->since},
        {KEY_HTTP, 0, &line->http},
        {KEY_FORMAT, 0, &line->format},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].key != key)
            continue;
        arguments->flags |= known[i].flag;
        if (known[i].value != NULL)
            *known[i].value = value;
        return 0;
    }
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (line->word_count == ARGUMENTS_MAX)
        argp_error(state, "too many arguments");
    else
        line->words[line->word_count++] = value;
    return 0;
}

static const struct command *find(const struct command_line *line) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *command = &commands[i];
        if (line->word_count == 0 || strcmp(line->words[0], command->noun) != 0)
            continue;
        if (command->verb == NULL ||
            (line->word_count > 1 && strcmp(line->words[1], command->verb) == 0))
            return command;
    }
    return NULL;
}

/* Splits the words into the command and its own; false: said why. */
static bool prepare(struct command_line *line, const struct command **found) {
    struct arguments *arguments = &line->arguments;
    const struct command *command = *found = find(line);
    if (command == NULL) {
        complain("%s%s%s is no command; see attunectl --help",
                 line->word_count == 0 ? "nothing" : line->words[0],
                 line->word_count > 1 ? " " : "", line->word_count > 1 ? line->words[1] : "");
        return false;
    }
    size_t used = command->verb == NULL ? 1 : 2;
    arguments->word_count = line->word_count - used;
    memcpy(arguments->words, line->words + used, arguments->word_count * sizeof line->words[0]);
    if (arguments->word_count < command->words_min || arguments->word_count > command->words_max ||
        (arguments->flags & ~command->flags) != 0) {
        complain("usage: attunectl %s%s%s %s", command->noun, command->verb == NULL ? "" : " ",
                 command->verb == NULL ? "" : command->verb, command->usage);
        return false;
    }
    for (size_t i = 0; i < arguments->word_count; i++) {
        if (arguments->words[i][0] == '\0') {
            complain("an argument is empty");
            return false;
        }
    }
    if (line->format != NULL && strcmp(line->format, "table") != 0 &&
        strcmp(line->format, "json") != 0) {
        complain("--format is table or json");
        return false;
    }
    arguments->json =
        line->format == NULL ? !isatty(STDOUT_FILENO) : strcmp(line->format, "json") == 0;
    return true;
}

int main(int argument_count, char **argument_values) {
    static const struct argp argp = {
        argp_options, parse_option, "COMMAND [ARGUMENT...]", documentation, NULL, NULL, NULL};
    struct command_line line = {0};
    const struct command *command;
    argp_err_exit_status = EXIT_USAGE;
    argp_parse(&argp, argument_count, argument_values, 0, NULL, &line);
    if (!prepare(&line, &command))
        return EXIT_USAGE;
    const char *url = line.http != NULL ? line.http : getenv("ATTUNE_HTTP");
    line.arguments.client = client_new(url == NULL || *url == '\0' ? "http://127.0.0.1:7741" : url);
    if (line.arguments.client == NULL) {
        complain("libcurl cannot start");
        return EXIT_OTHER;
    }
    int exit_code = command->run(&line.arguments);
    client_free(line.arguments.client);
    return exit_code;
}
