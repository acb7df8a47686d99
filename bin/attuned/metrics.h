/* metrics.h - the answer of /metrics, in the text format of Prometheus 0.0.4. */
#ifndef ATTUNED_METRICS_H
#define ATTUNED_METRICS_H

#include "bin/attuned/http.h"

/* All that is shown, read in one moment. */
struct metrics {
    const struct gossip_status *status;
    const struct gossip_counters *counters;
    const uint64_t *closed_by_driver; /* GOSSIP_CLOSE_REASON_COUNT, besides counters->closed */
    const struct gossip_member_status *members;
    size_t member_count;
    const struct catalog_store_times *store_times;
    const struct http_counters *http;
    struct watch_counts watch;
    size_t broken_rule_count;
    uint64_t wall_ms;
    uint64_t log_suppressed_count;
};

void metrics_print(struct merkle_buffer *text, const struct metrics *metrics);

/* --- the parts (metrics_print.c) */

/* The two lines of help and type; `name` without the prefix attune_. */
void metrics_family(struct merkle_buffer *text, const char *name, const char *type,
                    const char *help);
/* One sample. `label` NULL: none. The value of a label is escaped. */
void metrics_sample(struct merkle_buffer *text, const char *name, const char *label,
                    const char *value, uint64_t number);
/* With a fraction; NaN is printed as Prometheus reads it. */
void metrics_sample_real(struct merkle_buffer *text, const char *name, const char *label,
                         const char *value, double number);
/* A family of one sample. */
void metrics_single(struct merkle_buffer *text, const char *name, const char *type,
                    const char *help, uint64_t number);
void metrics_single_real(struct merkle_buffer *text, const char *name, const char *help,
                         double number);

/* A histogram, from buckets that are not cumulative. */
struct metrics_histogram {
    const double *bounds;
    const uint64_t *buckets;
    size_t bucket_count;
    uint64_t count;
    double sum;
};
void metrics_histogram(struct merkle_buffer *text, const char *name, const char *help,
                       const struct metrics_histogram *histogram);

#endif
