/* watch.h - changes of this node's catalog as a stream of server-sent events, for many clients at once.
 *
 *   notice: an entry was stored --> watch_change() --> ring of the newest changes
 *                                                        |  each watcher has its own place in it
 *   client's socket is writable --> watcher_read() <-----+  behind the ring: the catalog itself, by a cursor
 *
 * A watcher begins live, at a change that the ring still has, or with a reset: then it gets all entries as they are, schemas
 * first, and the changes since the reset began. What changed meanwhile comes twice, the newer one last.
 *
 *   event: reset            forget what you know; then one event for each entry, without id
 *   event: live             from here on changes as they come; id: where to resume
 *   (no event name)         one change; id: its number; data: the entry as GET shows it, dropped ones with that state
 *   : comment               nothing happened for WATCH_HEARTBEAT_S
 *
 *   RESET --> ENTRIES --> LIVE --> ENDED (too far behind, or the daemon stops)
 *     ^          |          |
 *     +----------+----------+  the node began anew under another id
 *
 * Nothing is kept for a client but its place and one piece of text, so a client that does not read costs no memory (G8).
 * What it has not read is counted all the same: above WATCH_BACKLOG_SIZE_MAX it is disconnected, and can resume. One that
 * has yet to catch up, after a reset or a resumption, is held to the ring alone: it would only come back for the same.
 */
#ifndef ATTUNED_WATCH_H
#define ATTUNED_WATCH_H

#include "catalog/catalog.h"

enum {
    WATCH_CHANGES_MAX = 4096,               /* kept, for those who resume */
    WATCH_RING_SIZE_MAX = 16 * 1024 * 1024, /* their entries, and what of them was printed */
    /* encoded bytes of entries that one client has not read: above, it is disconnected */
    WATCH_BACKLOG_SIZE_MAX = 1024 * 1024,
    WATCH_CLIENTS_MAX = 128,          /* half of HTTP_CONNECTIONS_MAX: others are served too */
    WATCH_PIECE_SIZE_MAX = 16 * 1024, /* of entries, printed at a time */
    WATCH_HEARTBEAT_S = 15,
    WATCH_SEND_BUFFER_SIZE = 256 * 1024, /* of a client's socket: what the system holds for it */
    WATCH_ORIGIN_SIZE = 9,               /* the first 8 hex digits of this start's origin */
};

enum watcher_state {
    WATCHER_RESET = 1,
    WATCHER_ENTRIES = 2,
    WATCHER_LIVE = 3,
    WATCHER_ENDED = 4,
};

struct watch;

struct watcher {
    struct watch *watch;
    struct watcher *next, **link;
    enum watcher_state state;
    uint64_t sent; /* number of the last change that it has, or that its reset began after */
    /* while ENTRIES: the last key, kind 0 before the first */
    uint16_t after_kind;
    char after_entity[CATALOG_NAME_SIZE_MAX], after_name[CATALOG_NAME_SIZE_MAX];
    size_t after_entity_size_bytes, after_name_size_bytes;
    struct merkle_buffer piece; /* what goes out next */
    size_t piece_offset;
    bool catching_up; /* has not been at the newest change yet: held to the ring only */
    bool too_slow;    /* ENDED for that: its socket is full */
    bool hello;       /* the event `live` is due */
    bool heartbeat;   /* a comment is due */
    void *context;    /* the caller's */
};

/* Where a client was: nothing known, all wanted, or behind this change of that start. */
struct watch_since {
    bool given, all;
    char origin[WATCH_ORIGIN_SIZE];
    uint64_t number;
};

/* `since`: "0" for all, or the id of an event. False if it is neither. */
bool watch_since_parse(struct catalog_text text, struct watch_since *since);

/* NULL: out of memory. `origin` is this start's. */
struct watch *watch_new(const struct catalog_id *origin);
/* No watcher may be left. NULL is allowed. */
void watch_free(struct watch *watch);
/* An entry became stored; it is held. Afterwards those who are too far behind have ENDED. */
void watch_change(struct watch *watch, struct catalog_entry *entry);
/* The catalog is another one now: everybody begins with a reset. */
void watch_restart(struct watch *watch);
/* The stream of each watcher ends with what is printed already. */
void watch_end(struct watch *watch);
/* A comment is due to each watcher. */
void watch_heartbeat(struct watch *watch);

enum watch_result { WATCH_OPENED = 0, WATCH_NO_MEMORY = 1, WATCH_TOO_MANY = 2, WATCH_NO_SUCH = 3 };
/* WATCH_NO_SUCH: `since` names a change of this start that has not been made. */
enum watch_result watcher_open(struct watch *watch, const struct watch_since *since,
                               struct watcher **watcher);
void watcher_close(struct watcher *watcher);
/* Writes up to `max` bytes of the stream; 0: nothing is there now, or, in ENDED, nothing will come any more. */
size_t watcher_read(struct watcher *watcher, const struct catalog *catalog, char *bytes,
                    size_t max);
/* Whether watcher_read would write something, or has ended. */
bool watcher_is_due(const struct watcher *watcher);

struct watcher *watch_first(const struct watch *watch);
/* For metrics. */
struct watch_counts {
    size_t clients;
    uint64_t changes;      /* since the start */
    uint64_t disconnected; /* clients that were too far behind */
    uint64_t resets;
};
struct watch_counts watch_count(const struct watch *watch);

#endif
