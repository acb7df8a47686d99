/* report_kit.h - reports for tests: a made-up cluster of any size loses, delays and heals; and what is well-formed. */
#ifndef TEST_UNIT_SUPPORT_REPORT_KIT_H
#define TEST_UNIT_SUPPORT_REPORT_KIT_H

#include "test/sim/report.h"

enum report_kit_end { REPORT_KIT_HELD, REPORT_KIT_VIOLATED, REPORT_KIT_DIVERGED };

/* The same arguments give the same report. A sample every `sample_ms`; faults in the first 60 % of the time. */
void report_kit_fill(struct report *report, size_t nodes, uint64_t length_ms, uint64_t sample_ms,
                     enum report_kit_end end);
/* An empty one. */
void report_kit_open(struct report *report, size_t nodes);

typedef bool report_kit_writer(const struct report *report, FILE *file);
/* What a writer writes, for free(). */
char *report_kit_text(const struct report *report, report_kit_writer *writer);
/* NULL if all tags are closed in order, all attributes are quoted, and '<' and '&' stand only where they may; else the
 * place that is wrong. */
const char *report_kit_unbalanced(const char *html);

#endif
