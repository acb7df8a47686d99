/* test_metrics.c - the text of /metrics, read back by a small parser of its own. */
#include "bin/attuned/metrics.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SAMPLES_MAX = 400 };

struct sample {
    char series[200];
    double value;
};
static struct sample samples[SAMPLES_MAX];
static size_t sample_count;

/* Reads a text into `samples`: every sample's family has one HELP and one TYPE before it, and no series stands twice. */
static void parse(char *text) {
    char family[100] = "", *position = NULL;
    sample_count = 0;
    for (char *line = strtok_r(text, "\n", &position); line != NULL;
         line = strtok_r(NULL, "\n", &position)) {
        if (strncmp(line, "# HELP ", 7) == 0)
            continue;
        if (strncmp(line, "# TYPE ", 7) == 0) {
            ck_assert_int_eq(sscanf(line + 7, "%99s", family), 1);
            continue;
        }
        char *space = strrchr(line, ' ');
        ck_assert_ptr_nonnull(space);
        *space = '\0';
        ck_assert_msg(strncmp(line, family, strlen(family)) == 0, "%s is not of %s", line, family);
        for (size_t i = 0; i < sample_count; i++)
            ck_assert_str_ne(samples[i].series, line);
        ck_assert_uint_lt(sample_count, SAMPLES_MAX);
        snprintf(samples[sample_count].series, sizeof samples[0].series, "%s", line);
        char *end;
        samples[sample_count++].value = strtod(space + 1, &end);
        ck_assert_int_eq(*end, '\0');
    }
}

static double value_of(const char *series) {
    for (size_t i = 0; i < sample_count; i++) {
        if (strcmp(samples[i].series, series) == 0)
            return samples[i].value;
    }
    ck_abort_msg("%s is missing", series);
    return 0;
}

static void print(const struct gossip_status *status, const struct gossip_counters *counters,
                  const struct gossip_member_status *members, size_t member_count) {
    static const uint64_t closed[GOSSIP_CLOSE_REASON_COUNT] = {[GOSSIP_CLOSE_TOO_BIG] = 2};
    const struct catalog_store_times times = {.count = 6, .sum_seconds = 0.5, .buckets = {1, 2}};
    const struct http_counters http = {
        .answers = {[2] = 9}, .agreements = {[HTTP_AGREEMENT_NOT_AGREED] = 3}, .stale = 5};
    struct merkle_buffer text;
    merkle_buffer_init(&text, &merkle_allocator_libc);
    metrics_print(&text, &(struct metrics){
                             .status = status,
                             .counters = counters,
                             .closed_by_driver = closed,
                             .members = members,
                             .member_count = member_count,
                             .store_times = &times,
                             .http = &http,
                             .watch = {.clients = 7, .disconnected = 1},
                             .wall_ms = 10000,
                         });
    merkle_buffer_append(&text, "", 1);
    ck_assert(!text.failed);
    parse((char *)text.data);
    merkle_buffer_close(&text);
}

/* Every series of DESIGN 10.4 is there from the start. */
START_TEST(all_series_from_the_start) {
    static const char *const series[] = {
        "attune_agreement",
        "attune_members_disagreeing",
        "attune_distinct_roots",
        "attune_agreement_age_seconds",
        "attune_last_agreement_timestamp_seconds",
        "attune_catalog_entries{kind=\"index\",state=\"dropped\"}",
        "attune_catalog_root",
        "attune_conflicts",
        "attune_quarantined_entries",
        "attune_tombstones",
        "attune_members{state=\"suspect\"}",
        "attune_exchanges_total{result=\"repaired\"}",
        "attune_exchange_bytes_total{direction=\"received\",phase=\"walk\"}",
        "attune_exchange_round_trips_count",
        "attune_entries_repaired_total{cause=\"missed_push\"}",
        "attune_entries_repaired_total{cause=\"late_join\"}",
        "attune_entries_repaired_total{cause=\"restart\"}",
        "attune_entries_repaired_total{cause=\"corruption\"}",
        "attune_entries_repaired_total{cause=\"conflict\"}",
        "attune_futile_exchanges_total",
        "attune_pushes_total{result=\"acknowledged\"}",
        "attune_propagation_seconds_sum",
        "attune_rejected_total{reason=\"horizon\"}",
        "attune_clock_skew_seconds_max",
        "attune_horizon_age_seconds",
        "attune_store_commit_seconds_count",
        "attune_agreement_waits_total{result=\"agreed\"}",
        "attune_agreement_waits_total{result=\"failed\"}",
        "attune_stale_answers_total",
        "attune_watch_clients",
        "attune_watch_disconnected_total",
        "attune_build_info{version=\"" ATTUNE_VERSION "\"}",
    };
    const struct gossip_status status = {.agreed = GOSSIP_UNKNOWN, .agreement_age_ms = -1};
    const struct gossip_counters counters = {0};
    print(&status, &counters, NULL, 0);
    for (size_t i = 0; i < sizeof series / sizeof *series; i++)
        value_of(series[i]);
    ck_assert(isnan(value_of("attune_agreement")));
    ck_assert(isnan(value_of("attune_agreement_age_seconds")));
    ck_assert_double_eq(value_of("attune_horizon_age_seconds"), 0);
}
END_TEST

/* Values are in base units; the root's low 48 bits are whole in a double; what driver and engine closed is added up. */
START_TEST(values) {
    struct gossip_status status = {
        .agreed = GOSSIP_NO,
        .agreement_age_ms = 1500,
        .agreed_last_wall_ms = 2500,
        .disagreeing_count = 2,
        .horizon_age_ms = 6000,
        .counts = {.conflicts = 4, .by_kind_and_state = {[CATALOG_INDEX] = {[CATALOG_ACTIVE] = 8}}},
    };
    memset(status.root.bytes, 0xff, sizeof status.root.bytes);
    const struct gossip_counters counters = {
        .closed = {[GOSSIP_CLOSE_TOO_BIG] = 1},
        .rejected = {[GOSSIP_REJECT_FRAME] = 7},
        .exchange_bytes = {[1] = {[GOSSIP_PHASE_WALK] = 99}},
        .clock_skew_ms_max = 250,
    };
    print(&status, &counters, NULL, 0);
    ck_assert_double_eq(value_of("attune_agreement"), 0);
    ck_assert_double_eq(value_of("attune_agreement_age_seconds"), 1.5);
    ck_assert_double_eq(value_of("attune_last_agreement_timestamp_seconds"), 2.5);
    ck_assert_double_eq(value_of("attune_catalog_root"), 281474976710655.0);
    ck_assert_double_eq(value_of("attune_horizon_age_seconds"), 6);
    ck_assert_double_eq(value_of("attune_clock_skew_seconds_max"), 0.25);
    ck_assert_double_eq(value_of("attune_catalog_entries{kind=\"index\",state=\"active\"}"), 8);
    ck_assert_double_eq(value_of("attune_connections_closed_total{reason=\"too_big\"}"), 3);
    ck_assert_double_eq(value_of("attune_rejected_total{reason=\"frame\"}"), 7);
    ck_assert_double_eq(value_of("attune_exchange_bytes_total{direction=\"sent\",phase=\"walk\"}"),
                        99);
    ck_assert_double_eq(value_of("attune_agreement_waits_total{result=\"not_agreed\"}"), 3);
    ck_assert_double_eq(value_of("attune_stale_answers_total"), 5);
    ck_assert_double_eq(value_of("attune_watch_clients"), 7);
    ck_assert_double_eq(value_of("attune_watch_disconnected_total"), 1);
    ck_assert_double_eq(value_of("attune_http_answers_total{status=\"2xx\"}"), 9);
}
END_TEST

/* Buckets of a histogram are cumulative, end with +Inf, which equals the count, and never fall. */
START_TEST(histograms_are_cumulative) {
    const struct gossip_status status = {0};
    const struct gossip_counters counters = {
        .propagation_count = 10,
        .propagation_sum_ms = 1234,
        .propagation_buckets = {1, 2, 3},
    };
    print(&status, &counters, NULL, 0);
    ck_assert_double_eq(value_of("attune_propagation_seconds_bucket{le=\"+Inf\"}"), 10);
    ck_assert_double_eq(value_of("attune_propagation_seconds_count"), 10);
    ck_assert_double_eq(value_of("attune_propagation_seconds_sum"), 1.234);
    double last = -1, bound_last = -1;
    size_t buckets = 0;
    for (size_t i = 0; i < sample_count; i++) {
        static const char prefix[] = "attune_propagation_seconds_bucket{le=\"";
        if (strncmp(samples[i].series, prefix, sizeof prefix - 1) != 0)
            continue;
        double bound = strtod(samples[i].series + sizeof prefix - 1, NULL);
        ck_assert_double_ge(samples[i].value, last);
        ck_assert_double_gt(bound, bound_last);
        last = samples[i].value;
        bound_last = bound;
        buckets++;
    }
    ck_assert_uint_eq(buckets, GOSSIP_PROPAGATION_BUCKETS + 1);
    ck_assert_double_eq(value_of("attune_store_commit_seconds_bucket{le=\"+Inf\"}"), 6);
}
END_TEST

/* Members are labelled by name, escaped; of two with one name one series stands, and removed ones have none. */
START_TEST(member_labels) {
    const struct gossip_status status = {0};
    const struct gossip_counters counters = {0};
    const struct gossip_member_status members[] = {
        {.name = "n1", .self = true, .state = GOSSIP_MEMBER_ALIVE},
        {.name = "a\"\\",
         .state = GOSSIP_MEMBER_ALIVE,
         .agrees = GOSSIP_YES,
         .push_queue_count = 3},
        {.name = "n2", .state = GOSSIP_MEMBER_REMOVED},
        {.name = "n2", .state = GOSSIP_MEMBER_DEAD, .agrees = GOSSIP_NO},
        {.name = "n2", .state = GOSSIP_MEMBER_JOINING, .agrees = GOSSIP_UNKNOWN},
    };
    print(&status, &counters, members, 5);
    ck_assert_double_eq(value_of("attune_member_push_queue{member=\"a\\\"\\\\\"}"), 3);
    ck_assert_double_eq(value_of("attune_member_agrees{member=\"n2\"}"), 0);
    ck_assert_double_eq(value_of("attune_members{state=\"alive\"}"), 2);
    ck_assert_double_eq(value_of("attune_members{state=\"removed\"}"), 1);
    for (size_t i = 0; i < sample_count; i++)
        ck_assert_str_ne(samples[i].series, "attune_member_agrees{member=\"n1\"}");
}
END_TEST

Suite *metrics_suite(void);
Suite *metrics_suite(void) {
    Suite *suite = suite_create("metrics");
    TCase *print_case = tcase_create("metrics_print");
    tcase_add_test(print_case, all_series_from_the_start);
    tcase_add_test(print_case, values);
    tcase_add_test(print_case, member_labels);
    suite_add_tcase(suite, print_case);
    TCase *histogram = tcase_create("metrics_histogram");
    tcase_add_test(histogram, histograms_are_cumulative);
    suite_add_tcase(suite, histogram);
    return suite;
}
