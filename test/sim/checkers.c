/* checkers.c - the table of all checkers, and what they have in common. */
#include "test/sim/checker.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Looked at by god.c and operation.c themselves. */
static const struct sim_checker check_s2 = {
    .id = "S2", .statement = "no acknowledged write is missing but what the god's view excuses"};
static const struct sim_checker check_l6 = {
    .id = "L6",
    .statement = "one bad peer costs the others at most twice the time (pairs of runs: paired.c)",
    .liveness = true};

const struct sim_checker *const sim_checkers[] = {
#define X(name) &sim_check_##name,
    SIM_CHECKERS(X)
#undef X
        & check_s2,
    &check_l6};
const size_t sim_checker_count = sizeof sim_checkers / sizeof *sim_checkers;

static size_t index_of(const struct sim_checker *checker) {
    size_t index = 0;
    while (sim_checkers[index] != checker) {
        index++;
    }
    return index;
}

void sim_checkers_open(struct sim *sim) {
    sim->check_states = sim_allocate(sim_checker_count, sizeof *sim->check_states);
    sim->check_looks = sim_allocate(sim_checker_count, sizeof *sim->check_looks);
    for (size_t i = 0; i < sim_checker_count; i++) {
        if (sim_checkers[i]->state_size_bytes > 0) {
            sim->check_states[i] = sim_allocate(1, sim_checkers[i]->state_size_bytes);
        }
    }
}

void sim_checkers_close(struct sim *sim) {
    for (size_t i = 0; i < sim_checker_count; i++) {
        if (sim_checkers[i]->close != NULL) {
            sim_checkers[i]->close(sim);
        }
        free(sim->check_states[i]);
    }
    free(sim->check_states);
    free(sim->check_looks);
}

uint64_t sim_checkers_begin(const struct sim *sim) {
    return sim->options->nanoseconds == NULL ? 0 : sim->options->nanoseconds();
}

void sim_checkers_end(struct sim *sim, uint64_t begun_ns) {
    if (sim->options->nanoseconds != NULL) {
        sim->result->check_ns += sim->options->nanoseconds() - begun_ns;
    }
}

void *sim_checker_state(struct sim *sim, const struct sim_checker *checker) {
    return sim->check_states[index_of(checker)];
}

void sim_checker_looked(struct sim *sim, const struct sim_checker *checker) {
    sim->check_looks[index_of(checker)]++;
}

void sim_violated(struct sim *sim, const struct sim_checker *checker, const struct sim_node *node,
                  const char *format, ...) {
    char text[440];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    sim_fail(sim, checker->id, checker->liveness ? CHAOS_DIVERGED : CHAOS_VIOLATED, node, text);
}

bool sim_checker_is_hollow(const struct sim *sim, const char *id) {
    size_t size = strlen(id);
    for (const char *at = sim->options->hollow; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (size > 0 && strncmp(at, id, size) == 0 && (at[size] == ',' || at[size] == '\0')) {
            return true;
        }
    }
    return false;
}

const struct sim_invariant *sim_invariants(size_t *count) {
    static struct sim_invariant list[sizeof sim_checkers / sizeof *sim_checkers];
    for (size_t i = 0; i < sim_checker_count; i++) {
        list[i] = (struct sim_invariant){sim_checkers[i]->id, sim_checkers[i]->statement,
                                         sim_checkers[i]->later};
    }
    *count = sim_checker_count;
    return list;
}
