/* fake_daemon.h - a shell script that says where it listens as attuned does, and a ground of it, for tests of real runs.
 *
 * All of it lives in one directory, which is $TMPDIR while a test runs: what a ground leaves behind is seen there.
 */
#ifndef TEST_UNIT_SUPPORT_FAKE_DAEMON_H
#define TEST_UNIT_SUPPORT_FAKE_DAEMON_H

#include "bin/chaos/real_parts.h"

enum { FAKE_WAIT_MS = 5000 };

struct fake_place {
    char directory[64]; /* holds `program` and nothing else when no ground is open */
    char program[80];
    struct real_ground *ground;
    struct real_node *nodes;
};
extern struct fake_place fake;

/* What the script does after its line: "" means to sleep until it is ended. */
void fake_setup(void);
void fake_teardown(void);
void fake_script(const char *before_line, const char *after_line);
/* A ground on loopback of so many fake nodes, all started, n1 first. */
void fake_ground(size_t node_count);
/* How many things besides the program there are. */
size_t fake_things(void);
/* Waits until it holds; false: it did not within FAKE_WAIT_MS. */
bool fake_until(bool (*holds)(void *context), void *context);
/* A line of /proc/PID/status, say "State:", without the name; "" if there is none. */
const char *fake_status(pid_t pid, const char *name);
bool fake_is_stopped(void *pid); /* for fake_until */
/* Whether the file below the node's directory holds the text. */
bool fake_holds(const struct real_node *node, const char *file, const char *text);

#endif
