/* real_hostile.h - what strangers and liars send (private to bin/chaos/). FAULTS.md 1.4 in bytes.
 *
 * None of it carries an entry, a clock or a member's state: such things are believed from a member, and would make the run
 * show what attune does not promise to withstand.
 */
#ifndef CHAOS_REAL_HOSTILE_H
#define CHAOS_REAL_HOSTILE_H

#include "bin/chaos/real_random.h"

enum { REAL_HOSTILE_SIZE_MAX = 8192 };

struct real_hostile {
    uint8_t bytes[REAL_HOSTILE_SIZE_MAX];
    size_t size_bytes;
    bool silent; /* stays connected afterwards and says nothing more */
};

/* The n-th thing that a stranger says; they come round again with other random bytes. */
void real_hostile_stranger(struct real_hostile *hostile, uint64_t number,
                           struct real_random *random);
/* The n-th frame of a liar. */
void real_hostile_liar(struct real_hostile *hostile, uint64_t number);
uint64_t real_hostile_stranger_kinds(void);
uint64_t real_hostile_liar_kinds(void);

#endif
