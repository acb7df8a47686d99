/* choice.h - the one source of every random decision of a simulation (FAULTS.md 1.0).
 *
 * A run is a function of its choices. They come from a seed, or from a list of bytes (a fuzzer's, or a shrunk run's);
 * when the bytes are used up every choice is 0, and 0 always means "no fault", so that shortening a list gives a valid,
 * milder run.
 */
#ifndef SIM_CHOICE_H
#define SIM_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct choice {
    uint64_t state[4];    /* of the generator, if bytes is NULL */
    const uint8_t *bytes; /* borrowed */
    size_t size_bytes, offset;
    uint64_t made; /* how many choices so far */
};

void choice_seed(struct choice *choice, uint64_t seed);
void choice_bytes(struct choice *choice, const uint8_t *bytes, size_t size_bytes);
/* 0 <= result < bound, bound > 0. `label` names the decision in a trace. */
uint64_t choice_below(struct choice *choice, uint64_t bound, const char *label);
/* True in `percent` of 100 cases. */
bool choice_percent(struct choice *choice, unsigned percent, const char *label);
/* A span around `mean_ms`, roughly exponential, at most 16 times the mean. */
uint64_t choice_delay(struct choice *choice, uint64_t mean_ms, const char *label);

#endif
