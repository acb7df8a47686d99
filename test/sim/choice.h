/* choice.h - the one source of every random decision of a simulation (FAULTS.md 1.0).
 *
 * A run is a function of its choices. They come from a seed or from a list of bytes (a fuzzer's); when the bytes are used up
 * every choice is 0, and 0 always means "no fault", so that shortening a list gives a valid, milder run.
 *
 * The n-th choice of a seed is a function of (seed, n) alone: no state is carried from one to the next. So a run can be
 * repeated in which only some choices keep their values and all others are 0, which is how a failure is shrunk.
 *
 * Identities (ids, origins, the engines' own seeds) are drawn beside: they must differ, and 0 is no mild value of them.
 */
#ifndef SIM_CHOICE_H
#define SIM_CHOICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scenario_kept;

struct choice {
    uint64_t seed;
    const uint8_t *bytes; /* borrowed; NULL: from the seed */
    size_t size_bytes, offset;
    uint64_t made;                    /* how many choices so far */
    const struct scenario_kept *kept; /* borrowed; choices outside are 0 */
    size_t kept_count, kept_at;
};

void choice_seed(struct choice *choice, uint64_t seed);
void choice_bytes(struct choice *choice, const uint8_t *bytes, size_t size_bytes);
/* From here on only choices in these ranges keep their value; count 0: all. Counted from choice->made = 0. */
void choice_keep(struct choice *choice, const struct scenario_kept *kept, size_t count);
/* 0 <= result < bound, bound > 0. `label` names the decision for readers. */
uint64_t choice_below(struct choice *choice, uint64_t bound, const char *label);
/* True in `percent` of 100 cases. */
bool choice_percent(struct choice *choice, unsigned percent, const char *label);
/* A span around `mean_ms`, roughly exponential, at most 16 times the mean. */
uint64_t choice_delay(struct choice *choice, uint64_t mean_ms, const char *label);
/* A number for the what-th identity of a node's start: never 0, never masked, not counted as a choice. */
uint64_t choice_identity(const struct choice *choice, uint64_t node, uint64_t start, uint64_t what);

#endif
