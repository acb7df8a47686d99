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
/* Writes the text to DIR/attuned.json by rename, so that a reader sees all of it or nothing. False: `message`. */
bool state_file_write(const char *directory, const struct merkle_buffer *json, char message[300]);
void state_file_remove(const char *directory);

#endif
