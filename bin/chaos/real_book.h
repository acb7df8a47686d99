/* real_book.h - what nodes have shown and what they have acknowledged, seen from outside: the memory behind S2, S3, S12.
 *
 *   key ------ for each node: the version it shows now, the highest it has shown, and above which one that comes back must be
 *    |
 *    +-------- writes: who acknowledged what, and which nodes have been seen to hold it
 *
 * A version is (clock, origin); that of a dropped entry is never shown by HTTP, so of a drop only bounds are known:
 *   above what it dropped, and above the wall clock of the moment at which it was asked, if no clock was moved;
 *   not above the wall clock of the moment at which it was answered, if no clock was moved.
 *
 * A lineage is the life of one disk: it ends when the disk is wiped, replaced, damaged or has lied. What a node showed in
 * one lineage says nothing about the next.
 *
 * Moments order questions and answers: an answer may be compared with what was known before its question was asked.
 */
#ifndef CHAOS_REAL_BOOK_H
#define CHAOS_REAL_BOOK_H

#include "catalog/catalog.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REAL_BOOK_NODES_MAX = 64, REAL_BOOK_MESSAGE_SIZE_MAX = 300 };

struct real_version {
    catalog_clock clock; /* 0: none */
    struct catalog_id origin;
};
int real_version_compare(const struct real_version *a, const struct real_version *b);

enum real_write_type { REAL_WRITE_SET = 1, REAL_WRITE_DROP = 2, REAL_WRITE_IMPORT = 3 };

struct real_write {
    enum real_write_type type;
    size_t key, node;
    bool acknowledged; /* else perhaps: there was no answer */
    /* SET: its version. IMPORT: at least this clock. DROP: what has this version or a lower one is dropped. */
    struct real_version version;
    uint64_t at_ms, everywhere_ms; /* of the run; 0: not yet */
    uint64_t held; /* nodes that were seen to have it, in their lineage, one bit each */
};

/* A key at a node, in this lineage. */
struct real_shown {
    bool known;
    struct real_version now;     /* none: not there */
    struct real_version highest; /* ever shown */
    struct real_version gone;    /* was dropped: what comes back must be above it */
    uint64_t moment;             /* of the last answer that said so */
    uint64_t scan;
};

struct real_key {
    uint16_t kind;
    char *entity, *name; /* name "" of a schema */
    catalog_clock
        drop_clock_max; /* no drop that was asked for can have a clock above; 0: none was */
    struct real_shown shown[REAL_BOOK_NODES_MAX];
};

/* One promise: how often it was evaluated, and the first time that it did not hold. */
struct real_tally {
    uint64_t evaluations;
    bool violated;
    char message[REAL_BOOK_MESSAGE_SIZE_MAX];
};
void real_tally(struct real_tally *tally, bool holds, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct real_book {
    size_t node_count;
    bool clocks_moved; /* wall clocks of nodes are not ours: bounds from them do not count */
    struct real_key **keys;
    size_t key_count, key_capacity;
    size_t *places; /* hash table: index + 1 */
    size_t place_count;
    struct real_write *writes;
    size_t write_count, write_capacity;
    unsigned lineages[REAL_BOOK_NODES_MAX];
    catalog_clock clock_highest[REAL_BOOK_NODES_MAX]; /* shown by the node, in this lineage, */
    uint64_t clock_moment[REAL_BOOK_NODES_MAX];       /* at this moment */
    uint64_t moment, scan;
    uint64_t excused; /* writes that only disks held which were lost */
    struct real_tally acknowledged, never_back, clocks; /* S2, S3, S12 */
};

void real_book_open(struct real_book *book, size_t node_count);
void real_book_close(struct real_book *book);
/* For a question: compare its answer with what was known now. */
uint64_t real_book_moment(struct real_book *book);
void real_book_lineage_ends(struct real_book *book, size_t node);
size_t real_book_key(struct real_book *book, uint16_t kind, const char *entity, const char *name);

/* --- what nodes show --------------------------------------------------------------------------------------------- */

/* A list of all entries of one kind, asked at `moment`: begin, each entry, end. */
void real_book_list_begin(struct real_book *book);
void real_book_list_entry(struct real_book *book, size_t node, size_t key,
                          const struct real_version *version, uint64_t moment);
void real_book_list_end(struct real_book *book, size_t node, uint16_t kind, uint64_t moment);

/* --- what nodes acknowledge -------------------------------------------------------------------------------------- */

/* Who was asked, when (on the book's clock, the run's and the wall's), and when the answer came. */
struct real_asked {
    size_t node;
    uint64_t moment, run_ms, wall_asked_ms, wall_answered_ms;
};

/* `created`: the answer says that nothing was in force before, so it is a new version. */
void real_book_set(struct real_book *book, const struct real_asked *asked, size_t key,
                   const struct real_version *version, bool created);
/* `all_new`: the answer says that nothing of the batch was there already. */
void real_book_import(struct real_book *book, const struct real_asked *asked, size_t key,
                      bool all_new);
/* `before`: what was dropped; NULL: not known. */
void real_book_drop(struct real_book *book, const struct real_asked *asked, size_t key,
                    const struct real_version *before);
/* Nobody knows whether these were done. */
void real_book_perhaps_drop(struct real_book *book, size_t key);

/* --- what is missing (real_book_end.c) --------------------------------------------------------------------------- */

/* Whether what the node shows now is what this write made, or something that came after it. */
bool real_book_satisfied(const struct real_book *book, const struct real_write *write, size_t node);
/* Acknowledged writes that this node does not show. */
uint32_t real_book_missing(const struct real_book *book, size_t node);
/* Notes, for each write, when all of these nodes (bits) had it. */
void real_book_settle(struct real_book *book, uint64_t required, uint64_t now_ms);
/* The write that took longest to be everywhere, or that never was; NULL: none. */
const struct real_write *real_book_slowest(const struct real_book *book);
/* S2 at the end, after each required node has shown its lists. `alone`: each is asked for its own writes only. */
void real_book_end(struct real_book *book, uint64_t required, bool alone);
/* "schema/users", "index/posts/by_day" */
void real_book_key_print(const struct real_book *book, size_t key, char *text, size_t size_bytes);

#endif
