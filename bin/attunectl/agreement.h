/* agreement.h - POST /v1/agreement, for `wait` and for what follows a write. */
#ifndef ATTUNECTL_AGREEMENT_H
#define ATTUNECTL_AGREEMENT_H

#include "bin/attunectl/command.h"

/* Waits, in slices if somebody watches; kind NULL: for the whole catalog. EXIT_DONE or EXIT_NOT_AGREED with the answer as
 * the daemon gave it at the end; else the message was printed. */
int agreement_wait(struct arguments *arguments, const struct written_key *key, int64_t timeout_ms,
                   struct answer *answer);
/* Says who has not confirmed. */
void agreement_complain(const struct answer *answer);

#endif
