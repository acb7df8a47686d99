/* causal.h - a dumb model of entries, for S7: what each version had seen, as god knows it (private to test/sim/).
 *
 * A version is known from the moment it first lands on a disk. There it stands alone, since a write replaces all that its
 * writer had seen: the context of that entry is the version's past, itself included. From then on every entry, wherever and
 * by whatever path it came about, must be what the set of writes that it knows makes of it:
 *
 *   survivors   none of them is in the past of another
 *   context     for each origin the largest clock in the pasts of the survivors, no more and no less
 *   in force    the survivor with the largest (clock, origin)
 *
 * This says what DESIGN 4.2 says of a merge without merging anything: one that loses a version, keeps one that was replaced,
 * forgets or invents what it has seen makes an entry of which one of the three is false.
 */
#ifndef SIM_CAUSAL_H
#define SIM_CAUSAL_H

#include "catalog/entry.h"

#include <stdbool.h>

struct sim_past; /* what one version had seen */

struct sim_causal {
    struct sim_past *pasts; /* open hash table */
    size_t count, capacity;
};

enum sim_causal_verdict {
    SIM_CAUSAL_RIGHT = 0,
    SIM_CAUSAL_UNKNOWN, /* a version was first seen in company (a commit that nobody watched): nothing can be said */
    SIM_CAUSAL_NOT_IN_FORCE,
    SIM_CAUSAL_KEPT, /* a survivor was replaced by another */
    SIM_CAUSAL_LOST, /* the context has seen more than the survivors account for: a version is gone */
    SIM_CAUSAL_FORGOT, /* the context lacks what a survivor had seen */
    SIM_CAUSAL_BACK,   /* it knows less than what stood there before */
};
const char *sim_causal_text(enum sim_causal_verdict verdict);

/* Looks at an entry by itself, and notes its versions. */
enum sim_causal_verdict sim_causal_look(struct sim_causal *causal,
                                        const struct catalog_entry *entry);
/* Whether an entry may take the place of another: RIGHT or BACK. */
enum sim_causal_verdict sim_causal_compare(const struct catalog_entry *before,
                                           const struct catalog_entry *after);
void sim_causal_close(struct sim_causal *causal);

#endif
