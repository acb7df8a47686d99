/* operation.h - what the files of the clients share (private to test/sim/operation*.c). */
#ifndef SIM_OPERATION_H
#define SIM_OPERATION_H

#include "test/sim/checker.h"

#include <assert.h>

/* The token says what was asked, so that no table is needed: enum sim_operation, or that it is a removal. */
enum { SIM__TOKEN_KINDS = 16, SIM__TOKEN_GHOST = 14, SIM__TOKEN_REMOVE = 15 };
static_assert((int)SIM_OPERATION_COUNT <= (int)SIM__TOKEN_GHOST, "an operation for each token");

uint64_t sim__token_make(struct sim *sim, unsigned kind);
void sim__submit(struct sim *sim, struct sim_node *node, struct gossip_operation *operation);
struct catalog_text sim__text_of(const char *text); /* of NULL an empty one */

/* operation_wait.c: waits for agreement on this key (NULL: on all). */
void sim__agree(struct sim *sim, struct sim_node *node, const struct catalog_key *key,
                uint64_t wait_ms, bool skip_dead);
/* Checks a record of this schema, if the node has been in touch with a majority within that time. */
void sim__check(struct sim *sim, struct sim_node *node, const char *entity, uint64_t staleness_ms);
/* This write is to wait for agreement once it is acknowledged. */
void sim__wait_note(struct sim *sim, const struct sim_node *node,
                    const struct scenario_action *action, uint64_t token);
void sim__wait_forget(struct sim *sim, uint64_t token);
/* It is acknowledged: it waits from the next event on. */
void sim__wait_begin(struct sim *sim, struct sim_node *node, const struct gossip_reply *reply);

#endif
