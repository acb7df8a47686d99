/* real_line.h - the fault proxy between two ends that the test holds itself: node 0 dials, node 1 is dialled. */
#ifndef TEST_UNIT_SUPPORT_REAL_LINE_H
#define TEST_UNIT_SUPPORT_REAL_LINE_H

#include "bin/chaos/real_parts.h"

#include <netinet/in.h>
#include <sys/types.h>

enum {
    LINE_NODES = REAL_PROXY_NODES_MAX,
    LINE_WAIT_MS = 5000,   /* for what must come */
    LINE_SILENT_MS = 150,  /* for what must not */
    LINE_FRAME_SIZE = 104, /* with its length */
};

struct real_line {
    struct real_proxy *proxy;
    struct real_rule *rules;
    char advertised[2][REAL_ADDRESS_SIZE_MAX];
    struct sockaddr_in listen; /* where node 1 is dialled */
    int server;                /* where it listens */
    int dialler, target;       /* the ends of one connection */
};
extern struct real_line line;

void line_setup(void);
void line_teardown(void);
void line_rule(size_t from, size_t to, struct real_rule rule);
/* What the proxy has counted, of all that it has done so far. */
struct real_traffic line_traffic(void);
uint64_t line_stalled(enum scenario_class class);
/* To the proxy of node 1; says nothing yet. */
void line_connect(void);
/* The same with node 0's hello. */
void line_dial(void);
bool line_is_dialled(int wait_ms);
/* A connection from 0 to 1 on which both have said hello. */
void line_meet(void);

void line_put(int descriptor, const void *bytes, size_t size_bytes);
/* A frame whose content is its number over and over. */
void line_put_frame(int descriptor, uint8_t number);
/* Bytes that came, at most `size_bytes`; fewer when none came for so long; -1: the connection was reset. */
ssize_t line_get(int descriptor, uint8_t *bytes, size_t size_bytes, int wait_ms);
/* Its number; -1: none came. */
int line_get_frame(int descriptor, int wait_ms);
/* Numbers of frames in the order of their coming. */
size_t line_get_frames(int descriptor, int *numbers, size_t count_max);

#endif
