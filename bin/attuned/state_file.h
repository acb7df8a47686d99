/* state_file.h - DIR/attuned.json: where this process can be reached, for scripts and tests that let it choose ports. */
#ifndef ATTUNED_STATE_FILE_H
#define ATTUNED_STATE_FILE_H

#include "gossip/gossip.h"

struct state_file {
    long pid;
    const char *name;
    struct catalog_id id;
    const char *cluster;
    const char *gossip;
    const char *http;
    const char *metrics; /* NULL: none */
};

/* Appends {pid, name, id, cluster, gossip, http, metrics} and a newline. */
void state_file_print(const struct state_file *state, struct merkle_buffer *json);
enum state_file_result { STATE_FILE_WRITTEN = 0, STATE_FILE_NO_SPACE = 1, STATE_FILE_FAILED = 2 };

/* Writes the text to DIR/attuned.json by rename, so that a reader sees all of it or nothing. NO_SPACE and FAILED: `message`;
 * what an earlier process left there is gone then, for it says what is not true. */
enum state_file_result state_file_write(const char *directory, const struct merkle_buffer *json,
                                        char message[300]);
void state_file_remove(const char *directory);

#endif
