/* scenario_kit.h - scenarios for tests: any at all from a number, and whether two are the same. */
#ifndef TEST_UNIT_SUPPORT_SCENARIO_KIT_H
#define TEST_UNIT_SUPPORT_SCENARIO_KIT_H

#include "test/sim/scenario.h"

/* What differs, as the name of the member; NULL: nothing. Lines of the file do not count. */
const char *scenario_kit_difference(const struct scenario *a, const struct scenario *b);
/* A scenario that a file could hold, with every kind of action, odd texts and long lists in some of them. */
void scenario_kit_random(struct scenario *scenario, uint64_t seed);
/* As scenario_print() writes it; free it with free(). */
char *scenario_kit_printed(const struct scenario *scenario);

/* Parses what must be right; `path` is "f" in messages. */
void scenario_kit_parse(const char *text, struct scenario *scenario);
/* Parses what must be refused, with a message that begins like this. */
void scenario_kit_refused(const char *text, size_t size_bytes, const char *expected);

struct scenario_mistake {
    const char *text, *message;
};
#define SCENARIO_ALL_REFUSED(mistakes)                                                             \
    for (size_t each = 0; each < sizeof(mistakes) / sizeof *(mistakes); each++) {                  \
        scenario_kit_refused((mistakes)[each].text, strlen((mistakes)[each].text),                 \
                             (mistakes)[each].message);                                            \
    }

#endif
