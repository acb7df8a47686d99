/* scenario_parse.c - a scenario file as a whole: its head, loads, expectations, and what holds between its actions. */
#include "test/sim/scenario_parts.h"

#include "gossip/gossip.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A node sends at least once in this time; a shorter interval would only measure the machine. */
enum { INTERVAL_MS_MIN = 10, INTERVAL_MS_MAX = 3600 * 1000, QUIET_MAX = 10000 };
/* Bytes of all bodies that a load is expanded to, in memory. */
enum { LOAD_SIZE_MAX = 256 * 1024 * 1024 };

/* --- the head --------------------------------------------------------------------------------------------------------- */

static bool take_modes(struct scenario_reading *reading) {
    size_t count = 0;
    char *const *modes = scenario__values(reading, "modes", &count);
    bool sim = count == 0;
    bool run = count == 0;
    for (size_t i = 0; i < count; i++) {
        bool is_sim = strcmp(modes[i], "sim") == 0;
        bool is_run = strcmp(modes[i], "run") == 0;
        if (!is_sim && !is_run) {
            return scenario__refuse(reading, "modes", "'modes' are sim and run, not '%.40s'",
                                    modes[i]);
        }
        sim = sim || is_sim;
        run = run || is_run;
    }
    reading->scenario->sim_only = !run;
    reading->scenario->realtime_only = !sim;
    return true;
}

static bool take_core(struct scenario_reading *reading) {
    struct scenario_nodes *core = &reading->scenario->core;
    return scenario__take_nodes(reading, "core", core) &&
           (core->count != 1 ||
            scenario__refuse(reading, "core", "'core' must name at least two nodes"));
}

static bool take_head(struct scenario_reading *reading) {
    struct scenario *scenario = reading->scenario;
    uint64_t nodes = 0;
    if (scenario__value(reading, "nodes") == NULL) {
        return scenario__refuse_at(reading, 1, "'nodes' is missing: how many there are");
    }
    if (!scenario__take_number(reading, "nodes", 1, SCENARIO_NODES_MAX, &nodes)) {
        return false;
    }
    scenario->node_count = nodes;
    return scenario__take_line(reading, "name", scenario->name, sizeof scenario->name) &&
           scenario__take_line(reading, "report", scenario->report, sizeof scenario->report) &&
           scenario__take_number(reading, "seed", 0, UINT64_MAX, &scenario->seed) &&
           scenario__take_time(reading, "interval", INTERVAL_MS_MIN, INTERVAL_MS_MAX,
                               &scenario->interval_ms, NULL) &&
           scenario__take_time(reading, "load_ends", 1, SCENARIO_TIME_MS_MAX, &scenario->load_ms,
                               NULL) &&
           scenario__take_number(reading, "quiet", 0, QUIET_MAX, &scenario->quiet_intervals) &&
           take_modes(reading) &&
           scenario__take_word(reading, "store", "real", "memory", &scenario->real_store) &&
           take_core(reading) && scenario__take_kept(reading);
}

/* --- loads ------------------------------------------------------------------------------------------------------------ */

/* Either so many schemas, or writes at a pace: what is said of the one has no meaning for the other. */
static bool check_load_keys(struct scenario_reading *reading) {
    static const char *const paced[] = {"every", "entities", "drops", "imports"};
    bool entries = scenario__value(reading, "entries") != NULL;
    bool cycles = scenario__value(reading, "cycles") != NULL;
    if (!scenario__need(reading, "a load", "from") || !scenario__need(reading, "a load", "until")) {
        return false;
    }
    if (!entries && !cycles && scenario__value(reading, "every") == NULL) {
        return scenario__refuse(reading, "", "a load needs 'every', 'entries' or 'cycles'");
    }
    if (entries && cycles) {
        return scenario__refuse(reading, "cycles", "a load with 'entries' takes no 'cycles'");
    }
    for (size_t i = 0; i < sizeof paced / sizeof *paced; i++) {
        if ((entries || cycles) && scenario__value(reading, paced[i]) != NULL) {
            return scenario__refuse(reading, paced[i], "a load with '%s' takes no '%s'",
                                    entries ? "entries" : "cycles", paced[i]);
        }
    }
    return true;
}

static bool take_load_numbers(struct scenario_reading *reading, struct scenario_load *load) {
    uint64_t entities = load->entities;
    uint64_t drops = load->drops_percent;
    uint64_t imports = load->imports_percent;
    bool taken =
        scenario__take_time(reading, "from", 0, SCENARIO_TIME_MS_MAX, &load->from_ms, NULL) &&
        scenario__take_time(reading, "until", 0, SCENARIO_TIME_MS_MAX, &load->until_ms, NULL) &&
        scenario__take_time(reading, "every", 1, SCENARIO_TIME_MS_MAX, &load->every_ms, NULL) &&
        scenario__take_number(reading, "entries", 1, SCENARIO_ACTIONS_MAX, &load->entries) &&
        scenario__take_number(reading, "cycles", 1, SCENARIO_ACTIONS_MAX / 2, &load->cycles) &&
        scenario__take_number(reading, "entities", 1, SCENARIO_ACTIONS_MAX, &entities) &&
        scenario__take_number(reading, "drops", 0, 100, &drops) &&
        scenario__take_number(reading, "imports", 0, 100, &imports) &&
        scenario__take_number(reading, "body_size", 0, SCENARIO__BODY_SIZE_MAX,
                              &load->body_size_bytes) &&
        scenario__take_nodes(reading, "writers", &load->writers);
    load->entities = (unsigned)entities;
    load->drops_percent = (unsigned)drops;
    load->imports_percent = (unsigned)imports;
    return taken;
}

static bool check_load_times(struct scenario_reading *reading, const struct scenario_load *load) {
    uint64_t load_ms = reading->scenario->load_ms;
    if (load->until_ms < load->from_ms) {
        return scenario__refuse(reading, "until", "'until' is before 'from'");
    }
    if (load_ms > 0 && load->until_ms > load_ms) {
        return scenario__refuse(reading, "until", "'until' is after 'load_ends'");
    }
    return true;
}

/* What it will be at most, roughly: paced writes are drawn around their pace. */
static uint64_t writes_of(const struct scenario_load *load) {
    uint64_t paced = load->every_ms == 0 ? 0 : (load->until_ms - load->from_ms) / load->every_ms;
    if (load->cycles > 0) {
        return 2 * load->cycles;
    }
    return load->entries > 0 ? load->entries : paced + paced / 2 + 1;
}

static bool check_load_amount(struct scenario_reading *reading, const struct scenario_load *load) {
    uint64_t writes = 0;
    for (size_t i = 0; i < reading->scenario->load_count; i++) {
        writes += writes_of(&reading->scenario->loads[i]);
    }
    if (writes > SCENARIO_ACTIONS_MAX) {
        return scenario__refuse(reading,
                                load->entries > 0  ? "entries"
                                : load->cycles > 0 ? "cycles"
                                                   : "every",
                                "the loads make more than %d writes", SCENARIO_ACTIONS_MAX);
    }
    return writes_of(load) * load->body_size_bytes <= LOAD_SIZE_MAX ||
           scenario__refuse(reading, "body_size", "the load is larger than %d MiB",
                            LOAD_SIZE_MAX / 1024 / 1024);
}

static bool take_loads(struct scenario_reading *reading, size_t count) {
    struct scenario *scenario = reading->scenario;
    assert(count <= SCENARIO_LOADS_MAX);
    for (unsigned i = 0; i < count; i++) {
        scenario__item_begin(reading, SECTION_LOAD, i);
        struct scenario_load *load = &scenario->loads[scenario->load_count++];
        *load = (struct scenario_load){.entities = 12,
                                       .drops_percent = 20,
                                       .imports_percent = 10,
                                       .line = scenario__line_of(reading, "")};
        if (!check_load_keys(reading) || !take_load_numbers(reading, load) ||
            !check_load_times(reading, load) || !check_load_amount(reading, load)) {
            return false;
        }
    }
    return true;
}

/* --- actions ---------------------------------------------------------------------------------------------------------- */

/* Notes who joins. */
static bool check_join(struct scenario_reading *reading, const struct scenario_action *action,
                       bool joins[SCENARIO_NODES_MAX]) {
    for (size_t i = 0; i < action->nodes.count; i++) {
        uint16_t index = action->nodes.indexes[i];
        if (joins[index]) {
            return scenario__refuse(reading, "nodes", "n%u joins a second time", index + 1U);
        }
        joins[index] = true;
    }
    return true;
}

static bool take_actions(struct scenario_reading *reading, size_t count) {
    bool joins[SCENARIO_NODES_MAX] = {0};
    struct scenario *scenario = reading->scenario;
    uint64_t writes = 0;
    for (size_t i = 0; i < scenario->load_count; i++) {
        writes += writes_of(&scenario->loads[i]);
    }
    if (count > 0 && writes + count > SCENARIO_ACTIONS_MAX) {
        scenario__item_begin(reading, SECTION_ACTION, 0);
        return scenario__refuse(reading, "", "loads and actions are more than %d together",
                                SCENARIO_ACTIONS_MAX);
    }
    for (unsigned i = 0; i < count; i++) {
        scenario__item_begin(reading, SECTION_ACTION, i);
        if (!scenario__action_take(reading)) {
            return false;
        }
        const struct scenario_action *action = &scenario->actions[scenario->action_count - 1];
        if (action->type == SCENARIO_JOIN && !check_join(reading, action, joins)) {
            return false;
        }
    }
    return true;
}

/* --- expectations ----------------------------------------------------------------------------------------------------- */

static bool is_counter(const char *name) {
    const char *known = NULL;
    bool found = false;
    for (unsigned i = 1; !found && (known = gossip_close_reason_name(i)) != NULL; i++) {
        found = strcmp(known, name) == 0;
    }
    for (unsigned i = 0; !found && i < GOSSIP_CAUSE_COUNT; i++) {
        found = strcmp(gossip_cause_name(i), name) == 0;
    }
    for (unsigned i = 0; !found && i < GOSSIP_PUSH_RESULT_COUNT; i++) {
        found = strcmp(gossip_push_result_name(i), name) == 0;
    }
    for (unsigned i = 0; !found && i < GOSSIP_REJECT_COUNT; i++) {
        found = strcmp(gossip_rejection_name(i), name) == 0;
    }
    return found;
}

/* -1 stays, if it is not said. */
static bool take_expected(struct scenario_reading *reading, const char *key, int64_t *expected) {
    uint64_t number = (uint64_t)*expected;
    bool taken = scenario__take_number(reading, key, 0, SCENARIO__COUNT_MAX, &number);
    *expected = (int64_t)number;
    return taken;
}

static bool take_expect(struct scenario_reading *reading) {
    struct scenario_expectations *expect = &reading->scenario->expect;
    scenario__item_begin(reading, SECTION_EXPECT, 0);
    const char *seen = scenario__value(reading, "seen");
    if (seen != NULL && !is_counter(seen)) {
        return scenario__refuse(reading, "seen", "there is no counter '%.40s'", seen);
    }
    return take_expected(reading, "entries", &expect->entries) &&
           take_expected(reading, "conflicts", &expect->conflicts) &&
           take_expected(reading, "intervals", &expect->intervals) &&
           scenario__take_line(reading, "seen", expect->seen, sizeof expect->seen) &&
           scenario__take_word(reading, "diverging", "yes", "no", &expect->stale_roots_allowed);
}

/* In this order, whatever that of the text is. What the whole says is asked before a part is at hand. */
static bool take_all(struct scenario_reading *reading) {
    size_t load_count = scenario__count(reading, "load");
    size_t action_count = scenario__count(reading, "actions");
    bool expects = scenario__line_of(reading, "expect") > 0;
    return take_head(reading) && take_loads(reading, load_count) &&
           take_actions(reading, action_count) && (!expects || take_expect(reading));
}

/* --- the file --------------------------------------------------------------------------------------------------------- */

static void put_message(const struct scenario_reading *reading, const char *path,
                        char message[SCENARIO_MESSAGE_SIZE_MAX]) {
    if (reading->problem_line > 0) {
        (void)snprintf(message, SCENARIO_MESSAGE_SIZE_MAX, "%.150s: line %u: %.230s", path,
                       reading->problem_line, reading->problem);
    } else {
        (void)snprintf(message, SCENARIO_MESSAGE_SIZE_MAX, "%.150s: %.230s", path,
                       reading->problem);
    }
    /* What a file holds may not steer the terminal. */
    for (char *c = message; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            *c = '?';
        }
    }
}

bool scenario_parse(const char *path, const char *text, size_t size_bytes,
                    struct scenario *scenario, char message[SCENARIO_MESSAGE_SIZE_MAX]) {
    struct scenario_reading reading = {.scenario = scenario};
    scenario_init(scenario);
    bool fits = size_bytes <= SCENARIO_FILE_SIZE_MAX ||
                scenario__refuse_at(&reading, 0, "larger than %d MiB",
                                    SCENARIO_FILE_SIZE_MAX / 1024 / 1024);
    bool taken = fits && scenario__lines_read(&reading, text, size_bytes) && take_all(&reading);
    assert(taken == (reading.problem[0] == '\0'));
    if (taken) {
        scenario_sort(scenario);
    } else {
        put_message(&reading, path, message);
        scenario_close(scenario);
    }
    scenario__lines_free(&reading);
    return taken;
}

/* A pipe would be waited for without end. */
static FILE *open_file(const char *path, char message[SCENARIO_MESSAGE_SIZE_MAX]) {
    struct stat status;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    bool opened = fd >= 0 && fstat(fd, &status) == 0;
    bool regular = opened && S_ISREG(status.st_mode);
    FILE *file = regular ? fdopen(fd, "r") : NULL;
    if (file == NULL) {
        (void)snprintf(message, SCENARIO_MESSAGE_SIZE_MAX, "%.300s: %s", path,
                       opened && !regular ? "is no file" : strerror(errno));
    }
    if (file == NULL && fd >= 0) {
        close(fd);
    }
    return file;
}

/* split-31s of test/scenarios/split-31s.yaml: the name of a scenario that gives itself none. */
static void name_after(const char *path, struct scenario *scenario) {
    const char *slash = strrchr(path, '/');
    const char *base = slash == NULL ? path : slash + 1;
    size_t length = strcspn(base, ".");
    (void)snprintf(scenario->name, sizeof scenario->name, "%.*s",
                   (int)(length < 100 ? length : 100), base);
}

bool scenario_read(const char *path, struct scenario *scenario,
                   char message[SCENARIO_MESSAGE_SIZE_MAX]) {
    FILE *file = open_file(path, message);
    if (file == NULL) {
        return false;
    }
    bool read = false;
    char *text = scenario__allocate(SCENARIO_FILE_SIZE_MAX + 1, 1);
    size_t size_bytes = fread(text, 1, SCENARIO_FILE_SIZE_MAX + 1, file);
    if (ferror(file)) {
        (void)snprintf(message, SCENARIO_MESSAGE_SIZE_MAX, "%.300s: cannot be read", path);
    } else {
        read = scenario_parse(path, text, size_bytes, scenario, message);
    }
    if (read && scenario->name[0] == '\0') {
        name_after(path, scenario);
    }
    free(text);
    (void)fclose(file);
    return read;
}
