/* real_random.h - chance for real runs: splitmix64 from the scenario's seed (private to bin/chaos/).
 *
 * Real processes do not repeat their timing, so one seed does not give one run. It does give the same damage to the same
 * file, and a proxy that loses as many frames.
 */
#ifndef CHAOS_REAL_RANDOM_H
#define CHAOS_REAL_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct real_random {
    uint64_t state;
};

uint64_t real_random_next(struct real_random *random);
/* 0 <= result < bound, bound > 0 */
uint64_t real_random_below(struct real_random *random, uint64_t bound);
bool real_random_percent(struct real_random *random, unsigned percent);
/* Roughly exponential around the mean, at most 16 times the mean. */
double real_random_delay(struct real_random *random, double mean);
void real_random_fill(struct real_random *random, uint8_t *bytes, size_t size_bytes);

#endif
