/* real_run.h - one run of attune-chaos run: what the files of its course share.
 *
 *   command_run.c    the course
 *   real_options.c   its flags
 *   real_start.c     from nothing to a cluster that is ready and equal
 *   real_pass.c      lets time pass
 *   real_watch.c     asks every node again and again; real_take.c, real_lists.c: what the answers mean
 *   real_load.c      the operations of the scenario
 *   real_check*.c    the promises (a table), at the end of the run; real_book.c remembers what they need
 *   real_summary.c   verdict, report and what is printed
 */
#ifndef CHAOS_REAL_RUN_H
#define CHAOS_REAL_RUN_H

#include "bin/chaos/real.h"
#include "bin/chaos/real_book.h"
#include "bin/chaos/real_client.h"

enum {
    REAL_WATCHED_MAX = 2 * REAL_NODES_MAX, /* clones too */
    REAL_PERIOD_MS = 200,                  /* between two questions for a digest */
    REAL_LIST_PERIOD_MS = 1000,
    REAL_STATUS_PERIOD_MS = 1000,
    REAL_EXPORT_PERIOD_MS = 2000,
    REAL_READY_MS_MAX = 60000,  /* until a cluster without faults is ready and equal */
    REAL_LATENCY_MS_MAX = 1000, /* L8 */
    REAL_REASON_SIZE_MAX = 512,
};

struct real_arguments {
    const char *scenario; /* path */
    struct real_options options;
    const char *attuned;     /* NULL: not given */
    const char *html, *json; /* NULL: not written */
    bool seed_given;
    uint64_t seed;
};

/* --- what is known of a node ------------------------------------------------------------------------------------- */

enum real_what {
    REAL_ASK_DIGEST = 0,
    REAL_ASK_READY,
    REAL_ASK_STATUS,
    REAL_ASK_METRICS,
    REAL_ASK_SCHEMAS,
    REAL_ASK_CONSTRAINTS,
    REAL_ASK_INDEXES,
    REAL_ASK_EXPORT,
    REAL_ASK_COUNT,
};

/* Counters of a node, over all its starts. */
enum real_counter {
    REAL_COUNT_REPAIRED = 0,
    REAL_COUNT_RECEIVED,
    REAL_COUNT_SENT,
    REAL_COUNT_FUTILE,
    REAL_COUNT_DUPLICATE_ID,
    REAL_COUNT_PUSHES_DROPPED,
    REAL_COUNT_PUSHES_RETRIED,
    REAL_COUNT_SEEN, /* what the scenario expects to be seen */
    REAL_COUNT_COUNT,
};

struct real_watch {
    /* Rises with each start, freeze, thaw and end: an answer from before says nothing about the node of now. */
    unsigned epoch;
    enum real_state state;
    unsigned starts;
    bool disk_lies;    /* the disk of its next start is another one than it believes */
    bool disk_damaged; /* what it sets aside at a start comes back: each start is a lineage */
    bool was_up;
    bool asked[REAL_ASK_COUNT];
    uint64_t asked_ms[REAL_ASK_COUNT];
    bool digest_known, ready_known, status_known, listed; /* in this epoch */
    bool ready, status_ready, duplicate_id;
    struct merkle_digest root, listed_root, exported_root;
    uint64_t entries, digest_asked_ms, members_alive;
    uint64_t status_moment,
        ready_moment;    /* when the answer had come; ready_moment only if it was not to be */
    bool export_sampled; /* of exported_root */
    struct merkle_digest export_content;
    uint64_t export_moment;
    double counters[REAL_COUNT_COUNT], counters_before[REAL_COUNT_COUNT];
    unsigned counters_starts;
    struct real_usage baseline;
    double baseline_connections;
};

/* --- operations -------------------------------------------------------------------------------------------------- */

struct real_operations {
    uint64_t asked, succeeded, refused, unanswered, skipped;
};
enum { REAL_CODES_MAX = 48 };
struct real_code {
    char name[40];
    uint64_t count;
};

struct real_load {
    struct real_operations operations[SCENARIO_ACTION_COUNT];
    struct real_code codes[REAL_CODES_MAX];
    size_t code_count;
    size_t open_count; /* not answered yet */
};

/* --- checks ------------------------------------------------------------------------------------------------------ */

/* id, what holds, in one sentence, the function that looks at the end (S2, S3 and S12 are in the book) */
#define REAL_CHECKS(X)                                                                             \
    X(S1, "nodes with equal roots have equal exports, byte for byte", real_check_roots)            \
    X(S2, "each acknowledged write, or what came after it, is on all nodes", real_check_book)      \
    X(S3, "no entry goes back, and what was dropped stays dropped", NULL)                          \
    X(S10, "memory, descriptors and connections come back to where they were", real_check_usage)   \
    X(S12, "clocks rise, and none is past the year 2200", NULL)                                    \
    X(S13, "two live processes with one id are seen and shown", real_check_identity)               \
    X(S14, "who says ready is ready, and metrics say what the catalog says", real_check_metrics)   \
    X(S15, "no process ends by itself, and on SIGTERM each exits with 0", real_check_exits)        \
    X(L1, "all roots are equal within K(n) intervals of the last heal", real_check_converged)      \
    X(L3, "at rest nothing waits: no batch, no exchange, no push", real_check_queues)              \
    X(L8, "HTTP answers within a second in 99 of 100 cases under faults", real_check_latency)      \
    X(L9, "at rest no entry is transferred", real_check_quiet)                                     \
    X(EXPECT, "what the scenario expects", real_check_expectations)

enum real_check_id {
#define X(id, statement, look) REAL_##id,
    REAL_CHECKS(X)
#undef X
        REAL_CHECK_COUNT,
};

/* A root, and the content of the export that a node had under it. */
struct real_root {
    struct merkle_digest root, content;
    size_t node;
};

/* Counters at the begin of the quiet intervals. */
struct real_rest {
    bool known;
    double repaired, transferred, entry_bytes, all_bytes;
};

/* An action of the scenario, as the report will show it. */
struct real_band {
    struct report_band band;
    bool performed;
    uint64_t fired_before; /* of its class, when it began */
};

struct real_run {
    struct real_arguments arguments;
    struct scenario scenario;
    struct report report;
    struct real_ground *ground;
    struct real_faults *faults;
    struct real_client *client;
    struct real_node *nodes;
    size_t all_count; /* of nodes, with clones */
    struct real_watch watches[REAL_WATCHED_MAX];
    struct real_book book;
    struct real_load load;
    struct real_tally tallies[REAL_CHECK_COUNT];
    struct real_root *roots;
    size_t root_count, root_capacity;
    uint32_t *latencies_us; /* of UP nodes under faults */
    size_t latency_count, latency_capacity;
    uint64_t begin_ms; /* monotonic: t = 0 */
    bool running;      /* t has begun */
    bool faulty;       /* the time of load and faults */
    bool ended;        /* the whole course was run, and the checks of the end with it */
    uint64_t sampled_ms, tick_due_ms;
    uint64_t healed_ms, equal_ms; /* of the run; equal_ms 0: never */
    uint64_t rest_ms;             /* when the quiet intervals began */
    struct real_usage usage_start,
        usage_end;             /* the largest of all nodes, without our connections */
    uint64_t emptied_ms;       /* from rest until every node had had nothing to do */
    uint64_t start_took_ms;    /* from nothing to ready and equal */
    uint64_t end_took_ms;      /* from SIGTERM to the last exit */
    unsigned rests_broken;     /* how often they began anew */
    uint64_t required;         /* nodes that must agree at the end, a bit each */
    uint64_t removed, foreign; /* by the operator; founders of a cluster of their own */
    bool newcomers;            /* after the heal a required node had to join first */
    struct real_band *bands;
    size_t band_count, band_capacity;
    struct real_rest rests[REAL_NODES_MAX];
    size_t clone_count;
    double interval_bytes;      /* sent by a node in an interval at rest */
    int64_t entries, conflicts; /* at the end; -1: not known */
    bool usage_error;           /* this machine cannot do it: exit 2 */
    bool failed;                /* could not go on, and no promise says why */
    char content_root[33];
    char reason[REAL_REASON_SIZE_MAX];
};

/* --- shared ------------------------------------------------------------------------------------------------------ */

/* real_options.c: false: it has said why, exit with 2; for --help and the like it ends the process. */
bool real_options_read(int argc, char **argv, struct real_arguments *arguments);

/* real_pass.c */
uint64_t real_now(const struct real_run *run); /* ms of the run; 0 before it begins */
void real_note(const struct real_run *run, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* --verbose */
/* Lets time pass: questions, answers, what faults are due to end. False: interrupted, or a process died. */
bool real_pass(struct real_run *run, uint64_t until_ms);
/* After anything that may have started, ended, frozen or thawed processes. */
void real_look(struct real_run *run);

/* real_start.c */
bool real_start(struct real_run *run);
uint64_t real_required(const struct real_run *run);
/* All of these answer, are ready, and have one root. */
bool real_equal(const struct real_run *run, uint64_t nodes, uint64_t since_ms);

/* real_watch.c */
void real_watch_ask(struct real_run *run);
void real_watch_sample(struct real_run *run);
/* Before a node is killed: what it has counted would be gone with it. */
void real_watch_last(struct real_run *run, size_t node);
bool real_watch_is_up(const struct real_run *run, size_t node);
/* Asks one question and waits for the answer: at rest. The caller frees it; NULL: there was none, or not 200. */
char *real_ask(struct real_run *run, size_t node, const char *path);
void real_watch_root(struct real_run *run, size_t node, const struct merkle_digest *root,
                     const struct merkle_digest *content);
struct real_question *real_question_new(const struct real_run *run, size_t node, const char *method,
                                        const char *path);

/* real_take.c: what answers mean, to the run and its checks. */
void real_take_digest(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer);
void real_take_ready(struct real_run *run, struct real_question *question,
                     const struct real_answer *answer);
void real_take_status(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer);
void real_take_metrics(struct real_run *run, struct real_question *question,
                       const struct real_answer *answer);
void real_take_export(struct real_run *run, struct real_question *question,
                      const struct real_answer *answer);
void real_take_counters(struct real_run *run, size_t node, const char *metrics);

/* real_lists.c: "GET /v1/schemas" and its like; false: it is no such list. */
bool real_lists_take(struct real_run *run, size_t node, uint16_t kind, const char *text,
                     uint64_t moment);
bool real_lists_version(const void *json_object, struct real_version *version);
extern const char *const real_list_names[4]; /* by kind: "schemas" ... */

/* real_metrics.c: the sum of a family's series, all or those whose labels hold this text; 0 if there are none. */
double real_metric(const char *text, const char *family, const char *label);

/* real_load.c */
void real_load_perform(struct real_run *run, const struct scenario_action *action);
/* real_load_words.c: path and body are the caller's to free; `body` NULL: none; a deadline of 0: that of the client. */
struct real_words {
    const char *method;
    char *path, *body;
    unsigned deadline_ms;
};
struct real_words real_load_words(const struct scenario_action *action);

/* real_check.c and its like */
void real_checks_end(struct real_run *run);
const char *real_check_name(enum real_check_id id);
const char *real_check_statement(enum real_check_id id);
bool real_is_required(const struct real_run *run, size_t node);
void real_check_roots(struct real_run *run);
void real_check_book(struct real_run *run);
void real_check_usage(struct real_run *run);
void real_check_identity(struct real_run *run);
void real_check_metrics(struct real_run *run);
void real_check_exits(struct real_run *run);
void real_check_converged(struct real_run *run);
void real_check_queues(struct real_run *run);
void real_check_latency(struct real_run *run);
void real_check_quiet(struct real_run *run);
void real_check_expectations(struct real_run *run);
void real_rest_begin(struct real_run *run);
bool real_rest_held(struct real_run *run); /* no entry was moved since */
/* At the start, when all are equal: what S10 compares with. */
void real_usage_baseline(struct real_run *run);
unsigned real_intervals_allowed(const struct real_run *run);

/* real_summary.c */
int real_summary(struct real_run *run);

#endif
