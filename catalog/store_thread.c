/* store_thread.c - commits off the event loop: one thread owns the store and takes batches that nobody changes any more.
 *
 *                 submit                                  a commit fails: all that waits fails
 *      +------+  ---------->  +------------+  ---------------------------------------+
 *      | idle |               | committing |                                         v
 *      +------+  <----------  +------------+                    failed  +--------------------------+
 *         ^       all stored   (takes all that waits,          +------- | broken: reopens, at once |
 *         |                     up to a bound, as one          +------> | and then once a second   |
 *         |                     transaction)                            +--------------------------+
 *         |                                                                          | reopened
 *         |       `reopened` is taken                     +---------------+          |
 *         +---------------------------------------------- | reopened, and | <--------+
 *                                                         | not yet taken |
 *                                                         +---------------+
 *      stop: idle, broken and reopened end; committing commits what was submitted before, and ends.
 *
 * From the failure until the owner has taken `reopened`, whatever is submitted fails at once: it was computed on top of
 * batches that are not on disk, by an owner who does not know that yet. That is why `reopened` comes after all results.
 *
 * An order holds the copy of its batch and becomes the result, so nothing is allocated after submit.
 */
#include "catalog/store.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
    COMMIT_BATCHES_MAX = 1024,                /* taken by one commit */
    COMMIT_SIZE_BYTES_MAX = 16 * 1024 * 1024, /* of entries; about 0.1 s of work */
    REOPEN_INTERVAL_S = 1,
};

const double catalog_store_bounds[CATALOG_STORE_BUCKETS] = {
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0,
};

struct order {
    struct order *next;
    struct catalog_batch batch; /* its entries are held */
    size_t size_bytes;          /* of the entries */
    int result;
};

struct queue {
    struct order *first;
    struct order *last;
};

struct catalog_store_thread {
    const struct merkle_allocator *allocator;
    struct catalog_store *store; /* the thread's alone while it runs */
    void (*notify)(void *context);
    void *context;
    pthread_t thread;
    struct catalog_batch *taken[COMMIT_BATCHES_MAX]; /* the thread's alone */

    pthread_mutex_t mutex; /* guards all that follows */
    pthread_cond_t wake;
    struct queue waiting;
    struct queue done;
    int broken;                    /* 0, or the code with which everything fails */
    struct catalog_load *reopened; /* not taken yet */
    bool stopping;
    bool unnoticed; /* something was put into `done` by submit, the owner is still to be woken */
    struct catalog_store_times times;
};

/* --- orders -------------------------------------------------------------------------------------------------------- */

static void queue_append(struct queue *queue, struct order *first, struct order *last) {
    assert(last->next == NULL);
    if (queue->last != NULL) {
        queue->last->next = first;
    } else {
        queue->first = first;
    }
    queue->last = last;
}

static struct order *queue_take(struct queue *queue) {
    struct order *order = queue->first;
    queue->first = order->next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    order->next = NULL;
    return order;
}

static void entries_release(const struct merkle_allocator *allocator,
                            struct catalog_entry **entries, size_t count) {
    for (size_t i = 0; i < count; i++) {
        catalog_entry_release(entries[i]);
    }
    merkle_release(allocator, entries);
}

static void order_free(const struct merkle_allocator *allocator, struct order *order) {
    struct catalog_batch *batch = &order->batch;
    entries_release(allocator, batch->kept, batch->kept_count);
    entries_release(allocator, batch->removed, batch->removed_count);
    entries_release(allocator, batch->entries, batch->entry_count);
    merkle_release(allocator, (void *)(uintptr_t)batch->members);
    merkle_release(allocator, order);
}

/* Copies a list of entries, and holds them; counts their bytes. False if memory is short. */
static bool entries_copy(const struct merkle_allocator *allocator,
                         struct catalog_entry *const *from, size_t count,
                         struct catalog_entry ***to, size_t *to_count, size_t *size_bytes) {
    *to = NULL;
    *to_count = 0;
    if (count == 0) {
        return true;
    }
    struct catalog_entry **copy = merkle_allocate(allocator, count, sizeof(struct catalog_entry *));
    if (copy == NULL) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        copy[i] = catalog_entry_hold(from[i]);
        *size_bytes += from[i]->size_bytes;
    }
    *to = copy;
    *to_count = count;
    return true;
}

static bool members_copy(const struct merkle_allocator *allocator,
                         const struct catalog_batch *batch, struct catalog_batch *to) {
    if (batch->member_count == 0) {
        return true;
    }
    struct catalog_member_row *members =
        merkle_allocate(allocator, batch->member_count, sizeof *members);
    if (members == NULL) {
        return false;
    }
    memcpy(members, batch->members, batch->member_count * sizeof *members);
    to->members = members;
    to->member_count = batch->member_count;
    return true;
}

static struct order *order_new(const struct merkle_allocator *allocator,
                               const struct catalog_batch *batch) {
    struct order *order = merkle_allocate(allocator, 1, sizeof *order);
    if (order == NULL) {
        return NULL;
    }
    /* The lists are copied one after the other; what is not yet is empty, so that it can be freed at any time. */
    *order = (struct order){.batch = {.ticket = batch->ticket,
                                      .reset = batch->reset,
                                      .kept_cleared = batch->kept_cleared,
                                      .members_cleared = batch->members_cleared,
                                      .state = batch->state}};
    struct catalog_batch *own = &order->batch;
    if (entries_copy(allocator, batch->kept, batch->kept_count, &own->kept, &own->kept_count,
                     &order->size_bytes) &&
        entries_copy(allocator, batch->removed, batch->removed_count, &own->removed,
                     &own->removed_count, &order->size_bytes) &&
        entries_copy(allocator, batch->entries, batch->entry_count, &own->entries,
                     &own->entry_count, &order->size_bytes) &&
        members_copy(allocator, batch, own)) {
        return order;
    }
    order_free(allocator, order);
    return NULL;
}

static void queue_free(const struct merkle_allocator *allocator, struct queue *queue) {
    while (queue->first != NULL) {
        order_free(allocator, queue_take(queue));
    }
}

/* --- the thread ---------------------------------------------------------------------------------------------------- */

static struct timespec monotonic_now(void) {
    struct timespec now;
    int result = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(result == 0);
    return now;
}

static double seconds_since(const struct timespec *start) {
    struct timespec now = monotonic_now();
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

static void count_commit(struct catalog_store_times *times, double seconds, int result) {
    if (result != 0) {
        times->failed_count++;
        return;
    }
    times->count++;
    times->sum_seconds += seconds;
    for (size_t i = 0; i < CATALOG_STORE_BUCKETS; i++) {
        if (seconds <= catalog_store_bounds[i]) {
            times->buckets[i]++;
            return;
        }
    }
}

/* Moves what the next commit takes from `waiting` to `chosen`: all, or as much as the bounds allow, at least one. */
static size_t choose(struct catalog_store_thread *thread, struct queue *chosen) {
    size_t count = 0, size_bytes = 0;
    while (thread->waiting.first != NULL && count < COMMIT_BATCHES_MAX) {
        size_t next_size_bytes = thread->waiting.first->size_bytes;
        if (count > 0 && next_size_bytes > COMMIT_SIZE_BYTES_MAX - size_bytes) {
            break;
        }
        struct order *order = queue_take(&thread->waiting);
        thread->taken[count++] = &order->batch;
        size_bytes += next_size_bytes;
        queue_append(chosen, order, order);
        if (size_bytes >= COMMIT_SIZE_BYTES_MAX) {
            break;
        }
    }
    return count;
}

static void finish(struct catalog_store_thread *thread, struct queue *orders, int result) {
    for (struct order *order = orders->first; order != NULL; order = order->next) {
        order->result = result;
    }
    if (orders->first != NULL) {
        queue_append(&thread->done, orders->first, orders->last);
    }
    *orders = (struct queue){.first = NULL, .last = NULL};
}

/* The functions below are called with the mutex held, and let it go while they wait for the disk or wake the owner. */

static void notify_owner(struct catalog_store_thread *thread) {
    thread->unnoticed = false;
    (void)pthread_mutex_unlock(&thread->mutex);
    thread->notify(thread->context);
    (void)pthread_mutex_lock(&thread->mutex);
}

static void commit_waiting(struct catalog_store_thread *thread) {
    struct queue chosen = {.first = NULL, .last = NULL};
    size_t count = choose(thread, &chosen);
    (void)pthread_mutex_unlock(&thread->mutex);
    struct timespec start = monotonic_now();
    int result = catalog_store_commit(thread->store, thread->taken, count);
    double seconds = seconds_since(&start);
    (void)pthread_mutex_lock(&thread->mutex);

    count_commit(&thread->times, seconds, result);
    finish(thread, &chosen, result);
    if (result != 0) {
        thread->broken = result;
        finish(thread, &thread->waiting, result);
    }
    notify_owner(thread);
}

static void wait_a_second(struct catalog_store_thread *thread) {
    struct timespec until = monotonic_now();
    until.tv_sec += REOPEN_INTERVAL_S;
    int result = 0;
    while (!thread->stopping && result == 0) {
        if (thread->unnoticed) {
            notify_owner(thread);
            continue; /* it may have been told to stop meanwhile */
        }
        result = pthread_cond_timedwait(&thread->wake, &thread->mutex, &until);
    }
}

static void reopen(struct catalog_store_thread *thread) {
    (void)pthread_mutex_unlock(&thread->mutex);
    struct catalog_load *load = NULL;
    int result = catalog_store_reopen(thread->store, &load, NULL);
    (void)pthread_mutex_lock(&thread->mutex);
    if (result == 0) {
        thread->reopened = load;
        notify_owner(thread);
    } else {
        wait_a_second(thread);
    }
}

static void *run(void *argument) {
    struct catalog_store_thread *thread = argument;
    (void)pthread_mutex_lock(&thread->mutex);
    for (;;) {
        if (thread->unnoticed) {
            notify_owner(thread);
        } else if (thread->waiting.first != NULL) {
            assert(thread->broken == 0);
            commit_waiting(thread);
        } else if (thread->stopping) {
            break;
        } else if (thread->broken != 0 && thread->reopened == NULL) {
            reopen(thread);
        } else {
            (void)pthread_cond_wait(&thread->wake, &thread->mutex);
        }
    }
    (void)pthread_mutex_unlock(&thread->mutex);
    return NULL;
}

/* --- the owner's side ---------------------------------------------------------------------------------------------- */

/* Signals are the loop's: none may be delivered to this thread. */
static int start_thread(struct catalog_store_thread *thread) {
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&thread->thread, NULL, run, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int catalog_store_thread_start(const struct merkle_allocator *allocator,
                               struct catalog_store *store, void (*notify)(void *context),
                               void *context, struct catalog_store_thread **thread) {
    struct catalog_store_thread *made = merkle_allocate(allocator, 1, sizeof *made);
    if (made == NULL) {
        return CATALOG_ENOMEM;
    }
    *made = (struct catalog_store_thread){
        .allocator = allocator, .store = store, .notify = notify, .context = context};
    pthread_condattr_t attributes;
    if (pthread_mutex_init(&made->mutex, NULL) != 0) {
        goto free_thread;
    }
    if (pthread_condattr_init(&attributes) != 0) {
        goto close_mutex;
    }
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    int result = pthread_cond_init(&made->wake, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    if (result != 0) {
        goto close_mutex;
    }
    if (start_thread(made) != 0) {
        goto close_wake;
    }
    *thread = made;
    return 0;
close_wake:
    (void)pthread_cond_destroy(&made->wake);
close_mutex:
    (void)pthread_mutex_destroy(&made->mutex);
free_thread:
    merkle_release(allocator, made);
    return CATALOG_ENOMEM;
}

int catalog_store_thread_submit(struct catalog_store_thread *thread,
                                const struct catalog_batch *batch) {
    struct order *order = order_new(thread->allocator, batch);
    if (order == NULL) {
        return CATALOG_ENOMEM;
    }
    (void)pthread_mutex_lock(&thread->mutex);
    assert(!thread->stopping);
    if (thread->broken != 0) {
        order->result = thread->broken;
        queue_append(&thread->done, order, order);
        thread->unnoticed = true;
    } else {
        queue_append(&thread->waiting, order, order);
    }
    (void)pthread_cond_signal(&thread->wake);
    (void)pthread_mutex_unlock(&thread->mutex);
    return 0;
}

size_t catalog_store_thread_take(struct catalog_store_thread *thread,
                                 struct catalog_store_done *done, size_t max) {
    struct queue taken = {.first = NULL, .last = NULL};
    size_t count = 0;
    (void)pthread_mutex_lock(&thread->mutex);
    while (count < max && thread->done.first != NULL) {
        struct order *order = queue_take(&thread->done);
        done[count++] = (struct catalog_store_done){
            .ticket = order->batch.ticket, .result = order->result, .reopened = NULL};
        queue_append(&taken, order, order);
    }
    if (count < max && thread->reopened != NULL) {
        done[count++] =
            (struct catalog_store_done){.ticket = 0, .result = 0, .reopened = thread->reopened};
        thread->reopened = NULL;
        thread->broken = 0;
    }
    (void)pthread_mutex_unlock(&thread->mutex);
    queue_free(thread->allocator, &taken);
    return count;
}

void catalog_store_thread_stop(struct catalog_store_thread *thread) {
    if (thread == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&thread->mutex);
    thread->stopping = true;
    (void)pthread_cond_signal(&thread->wake);
    (void)pthread_mutex_unlock(&thread->mutex);
    (void)pthread_join(thread->thread, NULL);
    queue_free(thread->allocator, &thread->waiting);
    queue_free(thread->allocator, &thread->done);
    catalog_load_free(thread->reopened);
    (void)pthread_cond_destroy(&thread->wake);
    (void)pthread_mutex_destroy(&thread->mutex);
    merkle_release(thread->allocator, thread);
}

struct catalog_store_times catalog_store_thread_times(struct catalog_store_thread *thread) {
    (void)pthread_mutex_lock(&thread->mutex);
    struct catalog_store_times times = thread->times;
    (void)pthread_mutex_unlock(&thread->mutex);
    return times;
}
