/* causal.h - a dumb model of entries: what each version had seen, as god knows it (private to test/sim/).
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
 * forgets or invents what it has seen makes an entry of which one of the three is false. S7 looks at it.
 *
 * On a disk with a horizon (DESIGN 4.7) pairs at or below it say nothing any more, where no version survives at them: what is
 * said of the context holds above the horizon. What such pairs said is asked of this table: a version is *known* to all whose
 * past holds it, and to those whose past holds one of these, and so on. Nothing is believed because the horizon says it: an
 * entry accounts for a version if it survives there, or is known to one that does, or to a drop that *has passed*: one that
 * left a disk by the horizon. A drop that only lost disks knew has not.
 */
#ifndef SIM_CAUSAL_H
#define SIM_CAUSAL_H

#include "catalog/entry.h"

#include <stdbool.h>
#include <stdio.h>

struct sim_past; /* what one version had seen */

struct sim_causal {
    struct sim_past *pasts; /* in the order in which they were noted: none has seen a later one */
    size_t count, capacity;
    uint32_t *
        places; /* an open hash table of places in `pasts`, and one of the newest of each slot; 0 is free */
    uint32_t *newest;
    size_t place_count;   /* of either */
    uint8_t passed[4096]; /* of slots with a drop that has passed: a bit of their hash */
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

/* Notes the versions of an entry that is new on a disk. `before`: what a write by this very node has replaced (it may bear less
 * than it has seen: the horizon had passed that already); else NULL. */
void sim_causal_note(struct sim_causal *causal, const struct catalog_entry *before,
                     const struct catalog_entry *entry);
/* Whether the version in force was noted before. */
bool sim_causal_knows(const struct sim_causal *causal, const struct catalog_entry *entry);
/* A disk with this horizon lets go of an entry (`after` NULL: its row is taken), or of drops in it: they have passed. */
void sim_causal_pass(struct sim_causal *causal, const struct catalog_entry *before,
                     const struct catalog_entry *after, catalog_clock horizon);
/* Looks at an entry by itself, on a disk with this horizon, and notes its versions. */
enum sim_causal_verdict sim_causal_look(struct sim_causal *causal,
                                        const struct catalog_entry *entry, catalog_clock horizon);
/* Whether an entry may take the place of another: RIGHT or BACK. */
enum sim_causal_verdict sim_causal_compare(const struct sim_causal *causal,
                                           const struct catalog_entry *before,
                                           const struct catalog_entry *after,
                                           catalog_clock horizon);
/* Whether each version that survives in `entry` is accounted for by what stands in its place (NULL: nothing) on a disk with
 * this horizon. */
bool sim_causal_accounts(const struct sim_causal *causal, const struct catalog_entry *stored,
                         const struct catalog_entry *entry, catalog_clock horizon);
/* Whether a drop of this slot may have passed: false is certain. */
bool sim_causal_any_passed(const struct sim_causal *causal, uint64_t slot);
/* Whether this version was dropped, as far as the horizon has passed: it is a drop at or below it that has passed, or known to
 * one. */
bool sim_causal_is_gone(const struct sim_causal *causal, uint64_t slot,
                        const struct catalog_id *origin, catalog_clock clock,
                        catalog_clock horizon);
/* For who reads a trace: all versions of the key, which of them had seen which, and what stands there (NULL: nothing). */
void sim_causal_print(const struct sim_causal *causal, const struct catalog_entry *stored,
                      uint64_t slot, FILE *file);
void sim_causal_close(struct sim_causal *causal);

#endif
