/* event.c - the queue of what will happen: a binary heap by (time, order of making), so that equal times keep their order. */
#include "test/sim/world.h"

static bool before(const struct sim_event *a, const struct sim_event *b) {
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->order < b->order;
}

static void swap(struct sim_event *a, struct sim_event *b) {
    struct sim_event kept = *a;
    *a = *b;
    *b = kept;
}

void sim_event_push(struct sim *sim, const struct sim_event *event) {
    sim->heap = sim_grow(sim->heap, sim->heap_count, &sim->heap_capacity, sizeof *sim->heap);
    size_t i = sim->heap_count++;
    sim->heap[i] = *event;
    sim->heap[i].order = sim->order++;
    for (; i > 0 && before(&sim->heap[i], &sim->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        swap(&sim->heap[i], &sim->heap[(i - 1) / 2]);
    }
}

static void sift_down(struct sim *sim, size_t i) {
    for (;;) {
        size_t least = i;
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < sim->heap_count; child++) {
            least = before(&sim->heap[child], &sim->heap[least]) ? child : least;
        }
        if (least == i) {
            return;
        }
        swap(&sim->heap[i], &sim->heap[least]);
        i = least;
    }
}

bool sim_event_pop(struct sim *sim, struct sim_event *event) {
    if (sim->heap_count == 0) {
        return false;
    }
    *event = sim->heap[0];
    sim->heap[0] = sim->heap[--sim->heap_count];
    sift_down(sim, 0);
    return true;
}

void sim_event_hasten(struct sim *sim, uint64_t time_ms) {
    for (size_t i = 0; i < sim->heap_count; i++) {
        struct sim_event *event = &sim->heap[i];
        if (event->type == SIM_EVENT_FRAME && event->time_ms > time_ms) {
            event->time_ms = time_ms;
        }
    }
    for (size_t i = sim->heap_count / 2; i > 0; i--) {
        sift_down(sim, i - 1);
    }
}

void sim_event_node(struct sim *sim, enum sim_event_type type, const struct sim_node *node,
                    uint32_t connection, uint64_t time_ms) {
    sim_event_push(sim, &(struct sim_event){.time_ms = time_ms,
                                            .type = type,
                                            .node = node->index,
                                            .start = node->starts,
                                            .connection = connection});
}

const char *sim_event_name(uint8_t type) {
    static const char *const names[] = {"?",      "frame",   "connected", "disconnected", "stored",
                                        "reopen", "tick",    "kept",      "action",       "undo",
                                        "start",  "stopped", "crash",     "wait"};
    return type < sizeof names / sizeof *names ? names[type] : "?";
}
