/* metrics.c - every series of DESIGN 10.4, each present from the start.
 *
 * Labels come from the names of enumerations and from member names alone, so the number of series is bounded by the
 * cluster. What is not known is NaN where a gauge would lie with a number.
 */
#include "bin/attuned/metrics.h"
#include "bin/attuned/http_handlers.h"
#include "bin/attuned/log.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double truth_of(enum gossip_truth truth) {
    return truth == GOSSIP_UNKNOWN ? NAN : (double)truth;
}

/* The low 48 bits: a float64 holds them exactly, so two nodes can be compared in Prometheus. */
static uint64_t root_number(const struct merkle_digest *root) {
    uint64_t number = 0;
    for (size_t i = MERKLE_DIGEST_SIZE_BYTES - 6; i < MERKLE_DIGEST_SIZE_BYTES; i++)
        number = number << 8 | root->bytes[i];
    return number;
}

static void print_agreement(struct merkle_buffer *text, const struct metrics *metrics) {
    const struct gossip_status *status = metrics->status;
    metrics_single_real(text, "agreement",
                        "All members have the root of this node: 1, 0, NaN unknown.",
                        truth_of(status->agreed));
    metrics_single(text, "members_disagreeing", "gauge", "Members known to have another root.",
                   status->disagreeing_count);
    metrics_single(text, "distinct_roots", "gauge",
                   "Different roots among members, this node included.", status->distinct_roots);
    metrics_single_real(text, "agreement_age_seconds",
                        "Age of the moment since which a majority had the root of this node.",
                        status->agreement_age_ms < 0 ? NAN
                                                     : (double)status->agreement_age_ms / 1000);
    metrics_single_real(text, "last_agreement_timestamp_seconds",
                        "When all members last agreed, since the start of this process.",
                        (double)status->agreed_last_wall_ms / 1000);
}

static void print_catalog_entries(struct merkle_buffer *text, const struct gossip_status *status) {
    metrics_family(text, "catalog_entries", "gauge", "Stored entries by kind and state in force.");
    for (uint16_t kind = 0; kind < 4; kind++) {
        const char *kind_name = kind == 0 ? "other" : catalog_kind_name(kind);
        for (unsigned state = CATALOG_ACTIVE; state < CATALOG_STATE_COUNT; state++)
            http_print(text, "attune_catalog_entries{kind=\"%s\",state=\"%s\"} %" PRIu64 "\n",
                       kind_name, catalog_state_name((enum catalog_state)state),
                       status->counts.by_kind_and_state[kind][state]);
    }
}

static void print_catalog(struct merkle_buffer *text, const struct metrics *metrics) {
    const struct gossip_status *status = metrics->status;
    print_catalog_entries(text, status);
    metrics_single(text, "catalog_root", "gauge",
                   "Low 48 bits of the root: equal on nodes that agree.",
                   root_number(&status->root));
    metrics_single(text, "conflicts", "gauge", "Entries in conflict.", status->counts.conflicts);
    metrics_single(text, "quarantined_entries", "gauge", "Damaged rows set aside.",
                   status->quarantined_count);
    metrics_single(text, "tombstones", "gauge", "Dropped entries that are still kept.",
                   status->counts.tombstones);
    metrics_single(text, "broken_rules", "gauge", "Rules of the catalog that merges have broken.",
                   metrics->broken_rule_count);
    metrics_single_real(text, "horizon_age_seconds",
                        "Since when the horizon has been behind what was written; 0: it is not.",
                        (double)status->horizon_age_ms / 1000);
}

static void print_member_states(struct merkle_buffer *text, const struct metrics *metrics) {
    uint64_t by_state[GOSSIP_MEMBER_STATE_COUNT] = {0};
    for (size_t i = 0; i < metrics->member_count; i++)
        by_state[metrics->members[i].state]++;
    metrics_family(text, "members", "gauge", "Members by state, this node included.");
    for (unsigned state = GOSSIP_MEMBER_JOINING; state < GOSSIP_MEMBER_STATE_COUNT; state++)
        metrics_sample(text, "members", "state",
                       gossip_member_state_name((enum gossip_member_state)state), by_state[state]);
}

/* Series must be distinct, but a replaced member keeps its name for a while beside the one that took it over: of each
 * name the first is shown, and the list is sorted by name. */
static bool has_series(const struct metrics *metrics, size_t index) {
    const struct gossip_member_status *member = &metrics->members[index];
    if (member->self || member->state == GOSSIP_MEMBER_REMOVED)
        return false;
    for (size_t i = index; i-- > 0 && strcmp(metrics->members[i].name, member->name) == 0;) {
        if (!metrics->members[i].self && metrics->members[i].state != GOSSIP_MEMBER_REMOVED)
            return false;
    }
    return true;
}

static void print_members(struct merkle_buffer *text, const struct metrics *metrics) {
    print_member_states(text, metrics);
    metrics_family(text, "member_agrees", "gauge", "The member has the root of this node.");
    for (size_t i = 0; i < metrics->member_count; i++) {
        if (has_series(metrics, i))
            metrics_sample_real(text, "member_agrees", "member", metrics->members[i].name,
                                truth_of(metrics->members[i].agrees));
    }
    metrics_family(text, "member_push_queue", "gauge",
                   "Keys that wait to be pushed to the member.");
    for (size_t i = 0; i < metrics->member_count; i++) {
        if (has_series(metrics, i))
            metrics_sample(text, "member_push_queue", "member", metrics->members[i].name,
                           metrics->members[i].push_queue_count);
    }
    metrics_single_real(text, "clock_skew_seconds_max", "Largest clock difference to a member.",
                        (double)metrics->counters->clock_skew_ms_max / 1000);
}

static void print_round_trips(struct merkle_buffer *text, const struct gossip_counters *counters) {
    double bounds[GOSSIP_ROUND_TRIP_BUCKETS];
    for (size_t i = 0; i < GOSSIP_ROUND_TRIP_BUCKETS; i++)
        bounds[i] = gossip_round_trip_bounds[i];
    metrics_histogram(text, "exchange_round_trips", "Round trips of finished exchanges.",
                      &(struct metrics_histogram){
                          .bounds = bounds,
                          .buckets = counters->round_trips_buckets,
                          .bucket_count = GOSSIP_ROUND_TRIP_BUCKETS,
                          .count = counters->round_trips_count,
                          .sum = (double)counters->round_trips_sum,
                      });
}

static void print_propagation(struct merkle_buffer *text, const struct gossip_counters *counters) {
    double bounds[GOSSIP_PROPAGATION_BUCKETS];
    for (size_t i = 0; i < GOSSIP_PROPAGATION_BUCKETS; i++)
        bounds[i] = (double)gossip_propagation_bounds_ms[i] / 1000;
    metrics_histogram(text, "propagation_seconds", "From the write at its origin to stored here.",
                      &(struct metrics_histogram){
                          .bounds = bounds,
                          .buckets = counters->propagation_buckets,
                          .bucket_count = GOSSIP_PROPAGATION_BUCKETS,
                          .count = counters->propagation_count,
                          .sum = (double)counters->propagation_sum_ms / 1000,
                      });
}

static void print_exchanges(struct merkle_buffer *text, const struct gossip_counters *counters) {
    metrics_single(text, "exchanges_started_total", "counter", "Exchanges begun by this node.",
                   counters->exchanges_started);
    metrics_family(text, "exchanges_total", "counter", "Exchanges begun by this node, by result.");
    for (unsigned i = 0; i < GOSSIP_EXCHANGE_RESULT_COUNT; i++)
        metrics_sample(text, "exchanges_total", "result",
                       gossip_exchange_result_name((enum gossip_exchange_result)i),
                       counters->exchanges[i]);
    metrics_family(text, "exchange_bytes_total", "counter",
                   "Bytes of frames, by direction and phase.");
    for (unsigned direction = 0; direction < 2; direction++) {
        for (unsigned phase = 0; phase < GOSSIP_PHASE_COUNT; phase++)
            http_print(
                text, "attune_exchange_bytes_total{direction=\"%s\",phase=\"%s\"} %" PRIu64 "\n",
                direction == 0 ? "received" : "sent", gossip_phase_name((enum gossip_phase)phase),
                counters->exchange_bytes[direction][phase]);
    }
    print_round_trips(text, counters);
    metrics_family(text, "entries_repaired_total", "counter",
                   "Entries that exchanges repaired, by cause.");
    for (unsigned i = 0; i < GOSSIP_CAUSE_COUNT; i++)
        metrics_sample(text, "entries_repaired_total", "cause",
                       gossip_cause_name((enum gossip_cause)i), counters->entries_repaired[i]);
    metrics_single(text, "futile_exchanges_total", "counter",
                   "Finished walks that left roots unequal for no reason: must stay 0.",
                   counters->exchanges[GOSSIP_EXCHANGE_FUTILE]);
    metrics_family(text, "entries_transferred_total", "counter", "Entries in walks and pushes.");
    metrics_sample(text, "entries_transferred_total", "direction", "received",
                   counters->entries_received);
    metrics_sample(text, "entries_transferred_total", "direction", "sent", counters->entries_sent);
}

static void print_pushes(struct merkle_buffer *text, const struct gossip_counters *counters) {
    metrics_family(text, "pushes_total", "counter", "Pushes of committed writes, by result.");
    for (unsigned i = 0; i < GOSSIP_PUSH_RESULT_COUNT; i++)
        metrics_sample(text, "pushes_total", "result",
                       gossip_push_result_name((enum gossip_push_result)i), counters->pushes[i]);
    print_propagation(text, counters);
}

static void print_peers(struct merkle_buffer *text, const struct metrics *metrics) {
    const struct gossip_counters *counters = metrics->counters;
    metrics_family(text, "rejected_total", "counter",
                   "What peers sent and was not taken, by reason.");
    for (unsigned i = 0; i < GOSSIP_REJECT_COUNT; i++)
        metrics_sample(text, "rejected_total", "reason",
                       gossip_rejection_name((enum gossip_rejection)i), counters->rejected[i]);
    metrics_family(text, "connections_closed_total", "counter",
                   "Connections closed here, by reason.");
    for (unsigned i = GOSSIP_CLOSE_IDLE; i < GOSSIP_CLOSE_REASON_COUNT; i++)
        metrics_sample(text, "connections_closed_total", "reason",
                       gossip_close_reason_name((enum gossip_close_reason)i),
                       counters->closed[i] + metrics->closed_by_driver[i]);
    metrics_family(text, "connections_refused_total", "counter",
                   "What peers refused us for, by reason.");
    for (unsigned i = GOSSIP_CLOSE_IDLE; i < GOSSIP_CLOSE_REASON_COUNT; i++)
        metrics_sample(text, "connections_refused_total", "reason",
                       gossip_close_reason_name((enum gossip_close_reason)i),
                       counters->refused_by[i]);
    metrics_single(text, "connections", "gauge", "Gossip connections.",
                   metrics->status->connection_count);
    metrics_family(text, "messages_total", "counter", "Gossip messages.");
    metrics_sample(text, "messages_total", "direction", "received", counters->messages_received);
    metrics_sample(text, "messages_total", "direction", "sent", counters->messages_sent);
    metrics_single(text, "clock_skew_alarms_total", "counter",
                   "Members first seen over a minute off.", counters->skew_alarms);
}

static void print_store(struct merkle_buffer *text, const struct metrics *metrics) {
    const struct gossip_counters *counters = metrics->counters;
    const struct catalog_store_times *times = metrics->store_times;
    metrics_histogram(text, "store_commit_seconds", "Time that commits took.",
                      &(struct metrics_histogram){
                          .bounds = catalog_store_bounds,
                          .buckets = times->buckets,
                          .bucket_count = CATALOG_STORE_BUCKETS,
                          .count = times->count,
                          .sum = times->sum_seconds,
                      });
    metrics_single(text, "store_commits_failed_total", "counter", "Commits that failed.",
                   times->failed_count);
    metrics_family(text, "store_batches_total", "counter",
                   "Batches given to the store, by result.");
    metrics_sample(text, "store_batches_total", "result", "stored", counters->batches_stored);
    metrics_sample(text, "store_batches_total", "result", "failed", counters->batches_failed);
    metrics_single(text, "store_batches_in_flight", "gauge",
                   "Batches that the store has not answered.",
                   metrics->status->store_batches_in_flight);
    metrics_single(text, "store_up", "gauge", "The store takes batches.",
                   metrics->status->store_error == 0 ? 1 : 0);
    metrics_family(text, "writes_total", "counter", "Writes asked of this node, by result.");
    metrics_sample(text, "writes_total", "result", "accepted", counters->writes);
    metrics_sample(text, "writes_total", "result", "refused", counters->writes_refused);
}

static void print_callers(struct merkle_buffer *text, const struct metrics *metrics) {
    static const char *const results[HTTP_AGREEMENT_COUNT] = {
        [HTTP_AGREEMENT_AGREED] = "agreed",
        [HTTP_AGREEMENT_NOT_AGREED] = "not_agreed",
        [HTTP_AGREEMENT_FAILED] = "failed",
    };
    metrics_family(text, "agreement_waits_total", "counter",
                   "Waits for agreement and staged changes asked of this node, by result.");
    for (unsigned i = 0; i < HTTP_AGREEMENT_COUNT; i++)
        metrics_sample(text, "agreement_waits_total", "result", results[i],
                       metrics->http->agreements[i]);
    metrics_single(text, "stale_answers_total", "counter",
                   "Checks refused because this node was cut off for longer than max_staleness.",
                   metrics->http->stale);
    metrics_single(text, "watch_clients", "gauge", "Clients of /v1/watch.", metrics->watch.clients);
    metrics_single(text, "watch_changes_total", "counter", "Changes told to those who watch.",
                   metrics->watch.changes);
    metrics_single(text, "watch_disconnected_total", "counter",
                   "Clients of /v1/watch disconnected because they did not read.",
                   metrics->watch.disconnected);
    metrics_single(text, "watch_resets_total", "counter",
                   "Streams of /v1/watch that began with all entries.", metrics->watch.resets);
}

static void print_process(struct merkle_buffer *text, const struct metrics *metrics) {
    static const char *const classes[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};
    metrics_single(text, "ready", "gauge", "This node has joined.", metrics->status->ready ? 1 : 0);
    metrics_single(text, "healing", "gauge", "This node fetches entries that it lost.",
                   metrics->status->healing ? 1 : 0);
    metrics_family(text, "http_answers_total", "counter", "HTTP answers by class of status.");
    for (unsigned i = 2; i < 6; i++)
        metrics_sample(text, "http_answers_total", "status", classes[i], metrics->http->answers[i]);
    metrics_single(text, "log_suppressed_total", "counter", "Lines that the log left out.",
                   metrics->log_suppressed_count);
    metrics_family(text, "build_info", "gauge", "Version of the program; always 1.");
    metrics_sample(text, "build_info", "version", ATTUNE_VERSION, 1);
}

void metrics_print(struct merkle_buffer *text, const struct metrics *metrics) {
    print_agreement(text, metrics);
    print_catalog(text, metrics);
    print_members(text, metrics);
    print_exchanges(text, metrics->counters);
    print_pushes(text, metrics->counters);
    print_peers(text, metrics);
    print_store(text, metrics);
    print_callers(text, metrics);
    print_process(text, metrics);
}

void http_metrics(struct http_request *request) {
    struct gossip_service *service = request->server->service;
    struct gossip *engine = gossip_service_engine(service);
    size_t count;
    struct gossip_member_status *members = http_members_read(request, &count);
    if (members == NULL) {
        http_refuse(request, GOSSIP_ENOMEM, NULL);
        return;
    }
    uint64_t wall_ms = gossip_service_wall(service);
    struct gossip_status status = gossip_status(engine, gossip_service_now(service), wall_ms);
    struct catalog_store_times times = gossip_service_store_times(service);
    http_audit_refresh(request->server);
    metrics_print(&request->answer, &(struct metrics){
                                        .status = &status,
                                        .counters = gossip_counters(engine),
                                        .closed_by_driver = gossip_service_closed(service),
                                        .members = members,
                                        .member_count = count,
                                        .store_times = &times,
                                        .http = &request->server->counters,
                                        .watch = watch_count(request->server->watch),
                                        .broken_rule_count = request->server->audit.problem_count,
                                        .wall_ms = wall_ms,
                                        .log_suppressed_count = log_suppressed_count(),
                                    });
    free(members);
    request->content_type = "text/plain; version=0.0.4; charset=utf-8";
    http_answer(request, 200);
}
