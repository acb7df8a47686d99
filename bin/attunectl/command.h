/* command.h - what all commands of attunectl share: the arguments, the exit codes, one request.
 *
 *   main.c: argp --> struct arguments --> table of commands --> command_*.c --> client.c (libcurl) --> attuned
 *                                                                   |
 *                                                    table.c (a terminal) or the answer as it came (JSON)
 *
 * Data goes to stdout, messages to stderr. A command returns its exit code.
 */
#ifndef ATTUNECTL_COMMAND_H
#define ATTUNECTL_COMMAND_H

#include "bin/attunectl/client.h"

#include <jansson.h>

enum exit_code {
    EXIT_DONE = 0,
    EXIT_OTHER = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_REFUSED = 4,
    EXIT_NOT_AGREED = 5,
    EXIT_UNREACHABLE = 6,
    EXIT_DIVERGED = 7,
    EXIT_INVALID = 8,
    EXIT_STALE = 9,
};

/* Flags that only some commands take. */
enum flag {
    FLAG_FILE = 1 << 0,
    FLAG_DATA = 1 << 1,
    FLAG_CASCADE = 1 << 2,
    FLAG_NAME = 1 << 3,
    FLAG_UNIQUE = 1 << 4,
    FLAG_FK = 1 << 5,
    FLAG_NOT_NULL = 1 << 6,
    FLAG_FIELDS = 1 << 7,
    FLAG_IF_NUMBER = 1 << 8,
    FLAG_DRY_RUN = 1 << 9,
    FLAG_MAX_STALENESS = 1 << 10,
    FLAG_CHECK = 1 << 11,
    FLAG_WAIT = 1 << 12,
    FLAG_STAGED = 1 << 13,
    FLAG_ABORT = 1 << 14,
    FLAG_SKIP_DEAD = 1 << 15,
    FLAG_TIMEOUT = 1 << 16,
    FLAG_TAKE = 1 << 17,
    FLAG_SINCE = 1 << 18,
};

enum { ARGUMENTS_MAX = 8, FILE_SIZE_MAX = 256 * 1024 * 1024 };

struct arguments {
    struct client *client;
    bool json; /* print answers as they came */
    unsigned flags;
    const char *words[ARGUMENTS_MAX]; /* after noun and verb */
    size_t word_count;
    const char *file, *data, *name, *unique, *fk, *not_null, *fields, *if_number, *max_staleness;
    const char *wait, *timeout, *take, *since; /* `wait` NULL: --wait without a value */
};

/* "attunectl: ..." on stderr. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Sends and receives. EXIT_DONE with `*answer` for a status of 2xx; else the message was printed and this is the exit code.
 * The caller closes the answer in both cases. */
int command_request(struct arguments *arguments, const char *method, const char *path,
                    const char *body, size_t body_size_bytes, struct answer *answer);
/* The same without a message for a refusal: EXIT_DONE for any status. */
int command_send(struct arguments *arguments, const char *method, const char *path,
                 const char *body, size_t body_size_bytes, struct answer *answer);
/* Prints what a refusal says, and returns its exit code. */
int command_refused(const struct answer *answer);
/* The exit code that a refusal stands for. */
int command_exit_code(long status, const char *error_code);
/* Reads an answer as JSON; NULL: it is none, and said so. */
json_t *command_parse(const struct answer *answer);
/* Prints the answer as it came. */
int command_print(const struct answer *answer);
/* A write: as command_request, with the flags of writes appended to `path`, and with --wait and --staged followed until
 * their end. `key` is what the write is about; kind NULL: the whole catalog. */
struct written_key {
    const char *kind, *entity, *name; /* name NULL: none */
};
int command_write(struct arguments *arguments, const char *method, struct text *path,
                  const struct text *body, const struct written_key *key, struct answer *answer);

/* Reads a file ("-": stdin) whole. False: said so. The caller frees `*text`. */
bool read_file(const char *path, char **text, size_t *size_bytes);

/* --- commands */

int command_schema_set(struct arguments *arguments);
int command_schema_get(struct arguments *arguments);
int command_schema_list(struct arguments *arguments);
int command_schema_drop(struct arguments *arguments);
int command_constraint_add(struct arguments *arguments);
int command_constraint_get(struct arguments *arguments);
int command_constraint_list(struct arguments *arguments);
int command_constraint_remove(struct arguments *arguments);
int command_index_add(struct arguments *arguments);
int command_index_get(struct arguments *arguments);
int command_index_list(struct arguments *arguments);
int command_index_remove(struct arguments *arguments);
int command_check(struct arguments *arguments);
int command_import(struct arguments *arguments);
int command_export(struct arguments *arguments);
int command_status(struct arguments *arguments);
int command_members(struct arguments *arguments);
int command_members_remove(struct arguments *arguments);
int command_digest(struct arguments *arguments);
int command_diff(struct arguments *arguments);
int command_conflicts(struct arguments *arguments);
int command_sync(struct arguments *arguments);
int command_wait(struct arguments *arguments);
int command_why(struct arguments *arguments);
int command_resolve(struct arguments *arguments);
int command_watch(struct arguments *arguments);
int command_doctor(struct arguments *arguments);

#endif
