/* report.h - what a run looked like over time: one self-contained HTML file, and the same figures as JSON.
 *
 *   distinct roots  |‾‾‾\___/‾‾\________        over all nodes that are up
 *   missing on n3   |__/‾‾‾‾‾‾\_________        acknowledged writes that are not on its disk, a row for each node
 *   faults          | ▒▒▒▒partition▒▒  ▒crash▒  a band for each action that lasts, a mark for each that does not
 *                   +------------------------> time        | load ends   | all equal
 *
 * Simulator and real runs fill the same structure: samples at regular times, bands as they end. It is made for up to 1,000
 * nodes: above 32 the rows of single nodes are shaded lines, and long runs are thinned when they are written (the worst of
 * the samples that fall together stays).
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include "test/sim/scenario.h"

struct report_sample {
    uint64_t time_ms;
    uint32_t distinct_roots, up;
    uint32_t *missing; /* node_count numbers; UINT32_MAX: the node is down or did not answer */
};

struct report_band {
    uint64_t from_ms, until_ms; /* equal: a mark */
    enum scenario_class class;
    char text[120]; /* scenario_action_describe() */
    bool fired; /* it had an effect; else the report says that it had none, and why (`why_not`) */
    char why_not[120];
};

/* A named figure in the table of the report: "frames lost" = 1023. */
struct report_figure {
    char name[48];
    double value;
    char unit[16]; /* "ms", "bytes", ""; */
};

/* What was checked, one row each. */
struct report_check {
    char id[8];          /* "S2" */
    char statement[160]; /* in one sentence */
    uint64_t evaluations;
    bool violated;
};

struct report {
    char title[SCENARIO_LINE_SIZE_MAX];
    char mode[8];              /* "sim", "run" */
    char verdict[16];          /* "held", "violated", "diverged", "crashed", "unknown" */
    char reason[600];          /* why not held; empty */
    char again[300];           /* the command that repeats it */
    uint64_t seed, trace_hash; /* of a simulation */
    size_t node_count;
    uint64_t load_ms, equal_ms,
        end_ms; /* equal_ms: when all roots were equal after the last heal; 0: never */
    uint64_t interval_ms;
    struct report_sample *samples;
    size_t sample_count, sample_capacity;
    struct report_band *bands;
    size_t band_count, band_capacity;
    struct report_figure *figures;
    size_t figure_count, figure_capacity;
    struct report_check *checks;
    size_t check_count, check_capacity;
    /* the acknowledged write that took longest to be on the last node that needed it */
    char slowest_key[280];
    uint64_t slowest_written_ms, slowest_everywhere_ms; /* equal: none; everywhere 0: never */
    char content_root
        [33]; /* digest of the export at the end, the same in every mode; empty: not equal */
};

void report_open(struct report *report, const struct scenario *scenario, const char *mode);
void report_close(struct report *report);
/* `missing` has node_count numbers and is copied. */
void report_sample(struct report *report, uint64_t time_ms, uint32_t distinct_roots, uint32_t up,
                   const uint32_t *missing);
void report_band(struct report *report, const struct report_band *band);
void report_figure(struct report *report, const char *name, double value, const char *unit);
void report_check(struct report *report, const struct report_check *check);
/* False (errno says why): the file could not be written whole. */
bool report_write_html(const struct report *report, FILE *file);
bool report_write_json(const struct report *report, FILE *file);

#endif
