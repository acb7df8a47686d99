/* ev_real_proxy_flow.c - a half's queue: what the rule does to each frame, and the pace at which it goes out.
 *
 * The queue is in order of the times at which pieces are due. A frame that is only delayed is never due before the one
 * ahead of it, as on a TCP connection. A frame that is to be overtaken is held back for HOLD_S or until others have passed;
 * a repetition comes later by its own time. What has begun to be written is finished first.
 */
#include "bin/chaos/ev_real_proxy.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HOLD_S 0.3
#define PAUSE_S 0.001
#define RATE_STEP_S 0.02 /* bytes are paid out so often */
enum {
    BURST_PIECES = 32, /* fragments between two pauses */
    WRITES_PER_TURN = 64,
};

static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events) {
    struct real_half *half = watcher->data;
    (void)loop, (void)events;
    half->burst = half->burst >= BURST_PIECES ? 0 : half->burst;
    if (!real_half_flow(half))
        real_half_listen(half);
}

void real_half_init(struct real_half *half, struct real_pair *pair, size_t source) {
    *half = (struct real_half){.pair = pair,
                               .source = source,
                               .sink = 1 - source,
                               .from = REAL_PROXY_NOBODY,
                               .to = REAL_PROXY_NOBODY,
                               .budget_at = pair->born};
    ev_timer_init(&half->timer, on_timer, 0, 0);
    half->timer.data = half;
}

void real_half_clear(struct real_half *half) {
    ev_timer_stop(half->pair->proxy->loop, &half->timer);
    while (half->first != NULL) {
        struct real_piece *piece = half->first;
        half->first = piece->next;
        free(piece);
    }
    free(half->input);
    half->input = NULL;
    half->last = NULL;
}

/* --- in ---------------------------------------------------------------------------------------------------------- */

static void insert(struct real_half *half, struct real_piece *piece) {
    struct real_piece **place = &half->first;
    if (half->last != NULL && half->last->due <= piece->due)
        place = &half->last->next;
    else if (half->first != NULL && half->first->written > 0)
        place = &half->first->next;
    while (*place != NULL && (*place)->due <= piece->due)
        place = &(*place)->next;
    for (struct real_piece *behind = *place; behind != NULL; behind = behind->next) {
        if (behind->held)
            real_count(&half->pair->proxy->counters.reordered, 1);
        behind->held = false;
    }
    piece->next = *place;
    *place = piece;
    if (piece->next == NULL)
        half->last = piece;
    half->queued_bytes += piece->size_bytes;
}

static struct real_piece *piece_new(const uint8_t *bytes, size_t size_bytes, double due) {
    struct real_piece *piece = real_allocate(sizeof *piece + size_bytes);
    piece->due = due;
    piece->size_bytes = size_bytes;
    memcpy(piece->bytes, bytes, size_bytes);
    return piece;
}

void real_half_append(struct real_half *half, const uint8_t *bytes, size_t size_bytes, double due) {
    half->due_last = due > half->due_last ? due : half->due_last;
    insert(half, piece_new(bytes, size_bytes, half->due_last));
}

static void repeat(struct real_half *half, const struct real_piece *piece, uint64_t span_ms) {
    struct real_random *random = &half->pair->proxy->random;
    double later = (double)real_random_below(random, span_ms + 1) / 1000;
    insert(half, piece_new(piece->bytes, piece->size_bytes, piece->due + later));
    real_count(&half->pair->proxy->counters.repeated, 1);
}

/* The rule of the link, after hello. */
static void apply(struct real_half *half, const struct real_rule *rule, const uint8_t *bytes,
                  size_t size_bytes) {
    struct real_random *random = &half->pair->proxy->random;
    struct real_counters *counters = &half->pair->proxy->counters;
    double now = ev_now(half->pair->proxy->loop), due = now;
    if (real_random_percent(random, rule->loss_percent)) {
        real_count(&counters->lost, 1);
        return;
    }
    if (rule->delay_ms > 0) {
        due += real_random_delay(random, (double)rule->delay_ms / 1000);
        real_count(&counters->delayed, 1);
    }
    due = due > half->due_last ? due : half->due_last;
    struct real_piece *piece = piece_new(bytes, size_bytes, due);
    if (real_random_percent(random, rule->corrupt_percent)) {
        real_frame_spoil(piece->bytes, size_bytes);
        real_count(&counters->corrupted, 1);
    }
    piece->held = real_random_percent(random, rule->reorder_percent);
    if (piece->held)
        piece->due += HOLD_S;
    else
        half->due_last = due;
    insert(half, piece);
    if (real_random_percent(random, rule->repeat_percent))
        repeat(half, piece, rule->repeat_ms);
}

void real_half_take(struct real_half *half, const uint8_t *bytes, size_t size_bytes) {
    const struct real_rule *rule = real_half_rule(half);
    bool is_first = !half->greeted;
    half->greeted = true;
    if (is_first || half->raw || half->from == REAL_PROXY_NOBODY)
        real_half_append(half, bytes, size_bytes, ev_now(half->pair->proxy->loop));
    else
        apply(half, rule, bytes, size_bytes);
}

/* --- out --------------------------------------------------------------------------------------------------------- */

static void later(struct real_half *half, double seconds) {
    struct ev_loop *loop = half->pair->proxy->loop;
    ev_timer_stop(loop, &half->timer);
    ev_timer_set(&half->timer, seconds, 0);
    ev_timer_start(loop, &half->timer);
}

/* How many bytes of the first piece may go now; 0: none, and the timer is armed. */
static size_t allowance(struct real_half *half, double now) {
    const struct real_rule *rule = real_half_rule(half);
    const struct real_piece *piece = half->first;
    size_t size_bytes = piece->size_bytes - piece->written;
    if (piece->due > now && piece->written == 0) {
        later(half, piece->due - now);
        return 0;
    }
    if (rule->fragment > 0 && size_bytes > rule->fragment)
        size_bytes = (size_t)rule->fragment;
    if (rule->rate == 0) {
        half->budget_bytes = (double)size_bytes; /* what passes now is no debt of a slow link */
        half->budget_at = now;
        return size_bytes;
    }
    double step = (double)rule->rate * RATE_STEP_S;
    half->budget_bytes += (now - half->budget_at) * (double)rule->rate;
    half->budget_at = now;
    if (half->budget_bytes > step + 1)
        half->budget_bytes = step + 1;
    if (half->budget_bytes >= 1)
        return half->budget_bytes < (double)size_bytes ? (size_t)half->budget_bytes : size_bytes;
    real_count(&half->pair->proxy->counters.stalled[SCENARIO_CLASS_SLOW_LINK], 1);
    later(half, (1 - half->budget_bytes) / (double)rule->rate + RATE_STEP_S);
    return 0;
}

static void advance(struct real_half *half, size_t size_bytes) {
    struct real_counters *counters = &half->pair->proxy->counters;
    struct real_piece *piece = half->first;
    piece->written += size_bytes;
    half->queued_bytes -= size_bytes;
    half->budget_bytes -= (double)size_bytes;
    real_count(&counters->bytes, size_bytes);
    if (piece->written < piece->size_bytes)
        return;
    half->first = piece->next;
    half->last = half->first == NULL ? NULL : half->last;
    free(piece);
    real_count(&counters->frames, half->raw ? 0 : 1);
}

/* One piece to the sink. False: no more for now. */
static bool write_some(struct real_half *half, bool *failed) {
    struct real_proxy *proxy = half->pair->proxy;
    struct real_socket *sink = &half->pair->sockets[half->sink];
    const struct real_piece *piece = half->first;
    size_t size_bytes = allowance(half, ev_now(proxy->loop));
    if (size_bytes == 0)
        return false;
    ssize_t sent = send(sink->descriptor, piece->bytes + piece->written, size_bytes, MSG_NOSIGNAL);
    if (sent < 0) {
        *failed = errno != EAGAIN && errno != EINTR;
        if (!*failed)
            ev_io_start(proxy->loop, &sink->write);
        return false;
    }
    advance(half, (size_t)sent);
    if (real_half_rule(half)->fragment == 0)
        return true;
    real_count(&proxy->counters.fragments, 1);
    later(half, ++half->burst >= BURST_PIECES ? PAUSE_S : 0);
    return false;
}

bool real_half_flow(struct real_half *half) {
    struct real_pair *pair = half->pair;
    bool failed = false;
    if (!pair->dialled && half->ended) {
        real_pair_close(pair, false);
        return true;
    }
    if (!pair->connected || pair->doomed || real_half_rule(half)->blocked != SCENARIO_CLASS_NONE)
        return false;
    for (unsigned turn = 0; half->first != NULL; turn++) {
        if (turn >= WRITES_PER_TURN) {
            later(half, 0);
            break;
        }
        if (!write_some(half, &failed))
            break;
    }
    if (failed || (half->ended && half->first == NULL)) {
        real_pair_close(pair, failed);
        return true;
    }
    return false;
}
