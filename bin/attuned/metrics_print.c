/* metrics_print.c - families, samples and histograms in the text format of Prometheus. */
#include "bin/attuned/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

void metrics_family(struct merkle_buffer *text, const char *name, const char *type,
                    const char *help) {
    http_print(text, "# HELP attune_%s %s\n# TYPE attune_%s %s\n", name, help, name, type);
}

/* Backslash, quote and newline are escaped; names hold no control characters, so there is no newline. */
static void print_label(struct merkle_buffer *text, const char *label, const char *value) {
    http_print(text, "{%s=\"", label);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"')
            merkle_buffer_append(text, "\\", 1);
        merkle_buffer_append(text, value, 1);
    }
    http_print(text, "\"}");
}

static void print_name(struct merkle_buffer *text, const char *name, const char *label,
                       const char *value) {
    http_print(text, "attune_%s", name);
    if (label != NULL)
        print_label(text, label, value);
}

static void print_real(struct merkle_buffer *text, double number) {
    if (isnan(number))
        http_print(text, " NaN\n");
    else
        http_print(text, " %.15g\n", number);
}

void metrics_sample(struct merkle_buffer *text, const char *name, const char *label,
                    const char *value, uint64_t number) {
    print_name(text, name, label, value);
    http_print(text, " %" PRIu64 "\n", number);
}

void metrics_sample_real(struct merkle_buffer *text, const char *name, const char *label,
                         const char *value, double number) {
    print_name(text, name, label, value);
    print_real(text, number);
}

void metrics_single(struct merkle_buffer *text, const char *name, const char *type,
                    const char *help, uint64_t number) {
    metrics_family(text, name, type, help);
    metrics_sample(text, name, NULL, NULL, number);
}

void metrics_single_real(struct merkle_buffer *text, const char *name, const char *help,
                         double number) {
    metrics_family(text, name, "gauge", help);
    metrics_sample_real(text, name, NULL, NULL, number);
}

void metrics_histogram(struct merkle_buffer *text, const char *name, const char *help,
                       const struct metrics_histogram *histogram) {
    uint64_t cumulative = 0;
    metrics_family(text, name, "histogram", help);
    for (size_t i = 0; i < histogram->bucket_count; i++) {
        cumulative += histogram->buckets[i];
        http_print(text, "attune_%s_bucket{le=\"%.15g\"} %" PRIu64 "\n", name, histogram->bounds[i],
                   cumulative);
    }
    http_print(text, "attune_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, histogram->count);
    http_print(text, "attune_%s_sum %.15g\n", name, histogram->sum);
    http_print(text, "attune_%s_count %" PRIu64 "\n", name, histogram->count);
}
