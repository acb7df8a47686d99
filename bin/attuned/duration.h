/* duration.h - spans of time as operators and HTTP clients write them: "250ms", "5s", "1m", "1h". */
#ifndef ATTUNED_DURATION_H
#define ATTUNED_DURATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DURATION_MS_MAX UINT64_C(3600000) /* 1h: DESIGN 10.2 */

/* What was expected, for the message of a refusal. */
#define DURATION_EXPECTED "an integer with ms, s, m or h, at most 1h"

/* Reads a whole number with a unit. False if it is anything else, or above 1h; `*duration_ms` is then untouched. */
bool duration_parse(const char *text, size_t size_bytes, uint64_t *duration_ms);

#endif
