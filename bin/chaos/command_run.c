/* command_run.c - attune-chaos run: the course of a run of real processes.
 *
 *   start      the cluster is ready and equal: what memory and descriptors are compared with
 *   load       t = 0: the scenario's operations and faults at their times
 *   heal       all faults end, what is down is started
 *   settle     until all required roots are equal
 *   quiet      nothing is asked of anybody but how he is
 *   end        lists, exports, metrics of all; SIGTERM; verdict, report
 *
 * Time is real. One thread does all of it but HTTP (real_client.c) and the proxies.
 */
#include "bin/chaos/chaos.h"
#include "bin/chaos/real_run.h"

#include <stdlib.h>
#include <string.h>

enum {
    REST_MS_MAX = 15000, /* until what was under way when the roots became equal has ended */
    SETTLE_FACTOR = 2,   /* so many times K(n) are waited for, and this, to say how long it took */
    SETTLE_MS = 5000,
    RESIDUE_MS_MAX = 120000, /* Linux's longest wait between two tries of TCP */
};

/* --- load -------------------------------------------------------------------------------------------------------- */

/* What an action means for the disks of its nodes: from now on, or from the next start. */
static void note_disks(struct real_run *run, const struct scenario_action *action) {
    for (size_t i = 0; i < action->nodes.count; i++) {
        size_t node = action->nodes.indexes[i];
        struct real_watch *watch = &run->watches[node];
        if (action->type == SCENARIO_DISK_LIE)
            watch->disk_lies = true;
        else if (action->type == SCENARIO_DAMAGE)
            watch->disk_damaged = true;
        else if (action->type == SCENARIO_OTHER_CLUSTER)
            run->foreign |= UINT64_C(1) << node;
        if (action->type == SCENARIO_WIPE || action->type == SCENARIO_RESTORE ||
            action->type == SCENARIO_DAMAGE || action->type == SCENARIO_OTHER_CLUSTER)
            real_book_lineage_ends(&run->book, node);
    }
    /* Who is removed keeps what it alone has in a file, and begins anew. */
    bool removes = action->type == SCENARIO_REMOVE || action->type == SCENARIO_REMOVE_LIVE;
    if (removes && action->to.count > 0) {
        real_book_lineage_ends(&run->book, action->to.indexes[0]);
        /* Who comes back is required in the end like all others. */
        if (action->for_ms == SCENARIO_FOREVER)
            run->removed |= UINT64_C(1) << action->to.indexes[0];
    }
}

static void note_counters(struct real_run *run, const struct scenario_action *action) {
    static const bool kills[SCENARIO_ACTION_COUNT] = {
        [SCENARIO_CRASH] = true,       [SCENARIO_STOP] = true,    [SCENARIO_WIPE] = true,
        [SCENARIO_BACKUP] = true,      [SCENARIO_RESTORE] = true, [SCENARIO_DAMAGE] = true,
        [SCENARIO_MASS_RESTART] = true};
    bool all = action->nodes.count == 0;
    for (size_t i = 0; kills[action->type] && i < run->book.node_count; i++) {
        if (all || scenario_nodes_hold(&action->nodes, i))
            real_watch_last(run, i);
    }
}

static void perform_fault(struct real_run *run, const struct scenario_action *action) {
    enum scenario_class class = scenario_action_class(action->type);
    uint64_t now_ms = real_now(run);
    bool lasts = (scenario_action_takes(action->type) & SCENARIO_TAKES_FOR) != 0;
    struct real_band band = {
        .band = {.from_ms = now_ms, .until_ms = now_ms, .class = class},
        .fired_before = real_faults_fired(run->faults)[class],
    };
    if (lasts)
        band.band.until_ms =
            action->for_ms == SCENARIO_FOREVER ? run->scenario.load_ms : now_ms + action->for_ms;
    note_counters(run, action);
    scenario_action_describe(action, band.band.text, sizeof band.band.text);
    real_note(run, "%s", band.band.text);
    band.performed = real_faults_perform(run->faults, action, now_ms, band.band.why_not);
    if (band.performed) {
        note_disks(run, action);
        run->clone_count += action->type == SCENARIO_CLONE;
    } else {
        real_note(run, "  not performed: %s", band.band.why_not);
    }
    run->tick_due_ms = 0;
    real_look(run);
    run->bands = real_grow(run->bands, run->band_count, &run->band_capacity, sizeof *run->bands);
    run->bands[run->band_count++] = band;
}

static bool load(struct real_run *run) {
    const struct scenario *scenario = &run->scenario;
    run->begin_ms = real_clock_ms();
    run->running = run->faulty = true;
    real_watch_sample(run);
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        if (action->at_ms > real_now(run) && !real_pass(run, action->at_ms))
            return false;
        if (scenario_action_is_operation(action->type))
            real_load_perform(run, action);
        else
            perform_fault(run, action);
    }
    return real_pass(run, scenario->load_ms);
}

/* --- after the load ---------------------------------------------------------------------------------------------- */

static bool heal(struct real_run *run) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    const struct scenario_nodes *core = run->scenario.core.count > 0 ? &run->scenario.core : NULL;
    run->report.load_ms = real_now(run);
    real_note(run, "heal");
    run->faulty = false;
    if (!real_faults_heal(run->faults, core, message)) {
        if (!real_interrupted())
            real_tally(&run->tallies[REAL_S15], false, "after the heal: %s", message);
        return false;
    }
    real_look(run);
    run->required = real_required(run);
    run->healed_ms = real_now(run);
    real_note(run, "healed");
    return true;
}

static void note_newcomers(struct real_run *run) {
    for (size_t i = 0; i < run->book.node_count; i++) {
        const struct real_watch *watch = &run->watches[i];
        if ((run->required >> i & 1) != 0 && watch->ready_known && !watch->ready)
            run->newcomers = true;
    }
}

static bool settle(struct real_run *run) {
    const struct scenario *scenario = &run->scenario;
    /* Two clusters stay two: what is waited for is the time alone. */
    if (scenario->expect.stale_roots_allowed)
        return real_pass(run, run->healed_ms + real_intervals_allowed(run) * scenario->interval_ms);
    while (run->load.open_count > 0 || !real_equal(run, run->required, run->healed_ms)) {
        uint64_t waited_ms = real_now(run) - run->healed_ms;
        if (waited_ms >
            SETTLE_FACTOR * real_intervals_allowed(run) * scenario->interval_ms + SETTLE_MS)
            return true;
        if (!real_pass(run, real_now(run) + 1))
            return false;
        note_newcomers(run);
    }
    run->equal_ms = real_now(run);
    real_note(run, "all equal");
    return true;
}

/* Nothing waits in any node of those that must agree. */
static bool is_at_rest(struct real_run *run) {
    double waiting = 0;
    for (size_t i = 0; i < run->book.node_count; i++) {
        if ((run->required >> i & 1) == 0)
            continue;
        char *text = real_ask(run, i, "/metrics");
        waiting += text == NULL ? 1
                                : real_metric(text, "attune_store_batches_in_flight", NULL) +
                                      real_metric(text, "attune_member_push_queue", NULL);
        free(text);
    }
    return waiting == 0;
}

/* What TCP still holds of a black hole comes out after it: a connection that was silent for a minute sends again up to a
 * minute later, and brings a push of then. Until that is over the quiet intervals may begin anew. */
static uint64_t residue_ms(const struct scenario *scenario) {
    uint64_t longest_ms = 0;
    for (size_t i = 0; i < scenario->action_count; i++) {
        const struct scenario_action *action = &scenario->actions[i];
        uint64_t for_ms = action->for_ms == SCENARIO_FOREVER &&
                                  (scenario_action_takes(action->type) & SCENARIO_TAKES_FOR) != 0
                              ? scenario->load_ms - action->at_ms
                              : action->for_ms;
        longest_ms = for_ms > longest_ms ? for_ms : longest_ms;
    }
    return longest_ms < RESIDUE_MS_MAX ? longest_ms : RESIDUE_MS_MAX;
}

static bool await_rest(struct real_run *run) {
    uint64_t deadline_ms = real_now(run) + REST_MS_MAX;
    do {
        if (!real_pass(run, real_now(run) + run->scenario.interval_ms))
            return false;
    } while (!is_at_rest(run) && real_now(run) < deadline_ms);
    real_rest_begin(run);
    real_note(run, "quiet");
    return true;
}

static bool quiet(struct real_run *run) {
    uint64_t interval_ms = run->scenario.interval_ms;
    uint64_t last_ms = run->healed_ms + residue_ms(&run->scenario);
    if (!await_rest(run))
        return false;
    for (uint64_t left = run->scenario.quiet_intervals; left > 0;) {
        if (!real_pass(run, real_now(run) + interval_ms))
            return false;
        left--;
        if (run->rest_ms < last_ms && !real_rest_held(run)) {
            run->rests_broken++;
            left = run->scenario.quiet_intervals;
            if (!await_rest(run))
                return false;
        }
    }
    return true;
}

static void course(struct real_run *run) {
    if (!real_start(run))
        return;
    printf("%d nodes are ready and equal (%s)\n", __builtin_popcountll(run->required),
           real_ground_network(run->ground) == REAL_NETWORK_NAMESPACES ? "network namespaces"
                                                                       : "loopback");
    fflush(stdout);
    if (load(run) && heal(run) && settle(run)) {
        run->ended = run->equal_ms == 0 && !run->scenario.expect.stale_roots_allowed;
        /* Of nodes that differ there is no rest to look at. */
        if (run->ended || quiet(run)) {
            run->ended = true;
            real_checks_end(run);
        }
    }
}

/* --- the command ------------------------------------------------------------------------------------------------- */

static bool prepare(struct real_run *run) {
    struct scenario *scenario = &run->scenario;
    char message[SCENARIO_MESSAGE_SIZE_MAX];
    if (!scenario_read(run->arguments.scenario, scenario, message)) {
        chaos_complain("%s", message);
        return false;
    }
    if (scenario->sim_only)
        (void)snprintf(message, sizeof message, "is for the simulator only (modes: [sim])");
    else if (scenario->node_count > REAL_NODES_MAX)
        (void)snprintf(message, sizeof message, "has %zu nodes; real processes are run up to %d",
                       scenario->node_count, REAL_NODES_MAX);
    else
        message[0] = '\0';
    if (message[0] != '\0') {
        chaos_complain("%s: %s", run->arguments.scenario, message);
        scenario_close(scenario);
        return false;
    }
    if (run->arguments.seed_given)
        scenario->seed = run->arguments.seed;
    scenario_expand(scenario);
    return true;
}

static void run_close(struct real_run *run) {
    real_client_free(run->client);
    if (run->faults != NULL)
        real_faults_free(run->faults);
    if (run->ground != NULL)
        real_ground_close(run->ground);
    real_book_close(&run->book);
    report_close(&run->report);
    scenario_close(&run->scenario);
    free(run->bands);
    free(run->roots);
    free(run->latencies_us);
    free(run);
}

int command_run(int argc, char **argv) {
    struct real_run *run = real_allocate(sizeof *run);
    if (!real_options_read(argc, argv, &run->arguments) || !output_possible(run->arguments.html) ||
        !output_possible(run->arguments.json) || !prepare(run)) {
        free(run);
        return CHAOS_USAGE;
    }
    run->entries = run->conflicts = -1;
    real_book_open(&run->book, run->scenario.node_count);
    run->book.clocks_moved = run->scenario.classes[SCENARIO_CLASS_CLOCK];
    report_open(&run->report, &run->scenario, "run");
    real_interrupts_catch();
    course(run);
    int code = real_summary(run);
    run_close(run);
    return code;
}
