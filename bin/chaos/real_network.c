/* real_network.c - addresses of nodes and proxies, and packets that vanish.
 *
 *   loopback      all on one address 127.A.B.C, drawn, on ports of their own
 *
 *   namespaces    n1 10.X.Y.2 ---veth---+                     each node's namespace has this one way out
 *                 n2 10.X.Y.3 ---veth---+- bridge atchPID     10.X.Y.1: attune-chaos as a client
 *                                       |                     10.X.Y+1.2 on: n1's proxy, n2's proxy, ...
 *
 * Nodes reach the proxies by a route, so that each has one neighbour: the table of neighbours is one for all namespaces, and
 * 32 nodes with 32 neighbours fill it.
 *
 * In namespaces whatever n2 receives from n1 comes from n1's proxy address, and what it sends to n1 goes there; so a pair
 * of addresses is a directed link on each side of the proxy, and nftables drops what is in the set of a class.
 */
#include "bin/chaos/real_parts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    GOSSIP_PORT = 7740,
    HTTP_PORT = 7741,
    ADDRESS_FIRST = 2, /* last number of the first node's address */
    SUBNET_FIRST = 77,
    SUBNETS_TRIED = 512,
    PROXY_PORT_FIRST = 20000, /* below the range from which systems choose */
    PROXY_PORT_LAST = 32000,
};
static_assert(ADDRESS_FIRST + (int)REAL_PROXY_NODES_MAX < 255, "one number for each node");

static const enum scenario_class drop_classes[] = {SCENARIO_CLASS_PARTITION, SCENARIO_CLASS_ONE_WAY,
                                                   SCENARIO_CLASS_FLAP};
enum { DROP_CLASSES = sizeof drop_classes / sizeof *drop_classes };
static const char *const drop_names[DROP_CLASSES] = {"partition", "one_way", "flap"};

static void table_name(char name[40]) {
    snprintf(name, 40, "attune_chaos_%ld", (long)getpid());
}

/* --- namespaces -------------------------------------------------------------------------------------------------- */

/* Whether a route other than the default leads into 10.a.b.0/23. */
static bool subnet_is_used(unsigned a, unsigned b) {
    char line[512];
    bool used = false;
    uint32_t ours = 10U << 24 | a << 16 | b << 8;
    FILE *file = fopen("/proc/net/route", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        unsigned destination, mask;
        if (sscanf(line, "%*s %x %*x %*x %*x %*x %*x %x", &destination, &mask) != 2 || mask == 0)
            continue;
        uint32_t common = ntohl(mask) & 0xfffffe00;
        used = used || (ntohl(destination) & common) == (ours & common);
    }
    if (file != NULL)
        fclose(file);
    return used;
}

static bool choose_subnet(struct real_ground *ground) {
    for (unsigned i = 0; i < SUBNETS_TRIED; i++) {
        ground->subnet[0] = SUBNET_FIRST + i / 128;
        ground->subnet[1] = ((unsigned)getpid() + i) % 128 * 2;
        if (!subnet_is_used(ground->subnet[0], ground->subnet[1]))
            return true;
    }
    return false;
}

/* Which side of a node's proxy: the node's own, or the one that others see. */
enum side { NODE = 0, PROXY = 1 };

static void address_of(const struct real_ground *ground, enum side side, size_t index,
                       char text[16]) {
    snprintf(text, 16, "10.%u.%u.%u", ground->subnet[0] & 0xff,
             (ground->subnet[1] + (unsigned)side) & 0xff, (unsigned)(ADDRESS_FIRST + index) & 0xff);
}

static bool make_bridge(struct real_ground *ground, char message[REAL_MESSAGE_SIZE_MAX]) {
    char batch[300];
    if (!choose_subnet(ground)) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "no network 10.x.y.0/23 is free");
        return false;
    }
    /* With an address of its own: else it takes another whenever a port is added, and the nodes look for the old one. */
    unsigned long pid = (unsigned long)getpid();
    snprintf(batch, sizeof batch,
             "link add atch%lu address 02:61:74:%02lx:%02lx:%02lx type bridge\n"
             "addr add 10.%u.%u.1/23 dev atch%lu\n"
             "link set atch%lu up\n",
             pid, pid >> 16 & 0xff, pid >> 8 & 0xff, pid & 0xff, ground->subnet[0],
             ground->subnet[1], pid, pid);
    return REAL_COMMAND(message, batch, "ip", "-batch", "-");
}

static bool make_namespace(struct real_ground *ground, const struct real_node *node,
                           char message[REAL_MESSAGE_SIZE_MAX]) {
    char name[32], batch[500], node_address[16], proxy_address[16], path[64];
    long pid = (long)getpid();
    unsigned index = (unsigned)node->index;
    snprintf(name, sizeof name, "attune-%ld-n%u", pid, index + 1);
    address_of(ground, NODE, index, node_address);
    address_of(ground, PROXY, index, proxy_address);
    snprintf(batch, sizeof batch,
             "netns add %s\n"
             "link add atch%ldv%u type veth peer name eth0 netns %s\n"
             "link set atch%ldv%u master atch%ld up\n"
             "addr add %s/23 dev atch%ld\n",
             name, pid, index + 1, name, pid, index + 1, pid, proxy_address, pid);
    if (!REAL_COMMAND(message, batch, "ip", "-batch", "-"))
        return false;
    snprintf(batch, sizeof batch,
             "addr add %s/24 dev eth0\nlink set eth0 up\nlink set lo up\n"
             "route add 10.%u.%u.0/24 via 10.%u.%u.1\n",
             node_address, ground->subnet[0] & 0xff, (ground->subnet[1] + PROXY) & 0xff,
             ground->subnet[0], ground->subnet[1]);
    if (!REAL_COMMAND(message, batch, "ip", "-n", name, "-batch", "-"))
        return false;
    snprintf(path, sizeof path, "/run/netns/%s", name);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    ground->processes[node->index].namespace = descriptor;
    if (descriptor < 0)
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "%s: %s", path, strerror(errno));
    return descriptor >= 0;
}

/* --- dropping ---------------------------------------------------------------------------------------------------- */

static bool make_table(char message[REAL_MESSAGE_SIZE_MAX]) {
    char text[2000], name[40];
    int used;
    table_name(name);
    used = snprintf(text, sizeof text, "table ip %s {\n", name);
    for (size_t i = 0; i < DROP_CLASSES; i++)
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "counter %s { }\nset %s { type ipv4_addr . ipv4_addr; }\n", drop_names[i],
                         drop_names[i]);
    static const char *const hooks[] = {"input", "output"};
    for (size_t hook = 0; hook < 2; hook++) {
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "chain %s { type filter hook %s priority -10; policy accept;\n",
                         hooks[hook], hooks[hook]);
        for (size_t i = 0; i < DROP_CLASSES; i++)
            used += snprintf(text + used, sizeof text - (size_t)used,
                             "ip saddr . ip daddr @%s counter name %s drop\n", drop_names[i],
                             drop_names[i]);
        used += snprintf(text + used, sizeof text - (size_t)used, "}\n");
    }
    snprintf(text + used, sizeof text - (size_t)used, "}\n");
    return REAL_COMMAND(message, text, "nft", "-f", "-");
}

/* Both sides of the proxy: n1 to n2's proxy address, n1's proxy address to n2. */
static bool print_elements(const struct real_ground *ground, const struct real_rule *rules,
                           enum scenario_class class, FILE *file, const char *before) {
    bool any = false;
    char from[16], to[16];
    for (size_t a = 0; a < ground->count; a++) {
        for (size_t b = 0; b < ground->count; b++) {
            if (rules[a * REAL_PROXY_NODES_MAX + b].blocked != class)
                continue;
            address_of(ground, NODE, a, from);
            address_of(ground, PROXY, b, to);
            fprintf(file, "%s%s . %s", any ? ", " : before, from, to);
            address_of(ground, PROXY, a, from);
            address_of(ground, NODE, b, to);
            fprintf(file, ", %s . %s", from, to);
            any = true;
        }
    }
    return any;
}

void real_network_drop(struct real_ground *ground, const struct real_rule *rules) {
    char *text = NULL, name[40], before[120], message[REAL_MESSAGE_SIZE_MAX];
    size_t size_bytes;
    if (!ground->has_nft)
        return;
    FILE *file = open_memstream(&text, &size_bytes);
    assert(file != NULL);
    table_name(name);
    for (size_t i = 0; i < DROP_CLASSES; i++) {
        fprintf(file, "flush set ip %s %s\n", name, drop_names[i]);
        snprintf(before, sizeof before, "add element ip %s %s { ", name, drop_names[i]);
        if (print_elements(ground, rules, drop_classes[i], file, before)) {
            fprintf(file, " }\n");
            ground->dropped[drop_classes[i]] = true;
        }
    }
    fclose(file);
    if (!REAL_COMMAND(message, text, "nft", "-f", "-"))
        fprintf(stderr, "attune-chaos: packets are not dropped: %s\n", message);
    free(text);
}

uint64_t real_network_dropped(const struct real_ground *ground, enum scenario_class class) {
    char name[40];
    uint64_t packets = 0;
    for (size_t i = 0; i < DROP_CLASSES && ground->dropped[class]; i++) {
        if (drop_classes[i] != class)
            continue;
        table_name(name);
        char *text = real_command_output(
            (const char *const[]){"nft", "list", "counter", "ip", name, drop_names[i], NULL});
        const char *found = text == NULL ? NULL : strstr(text, "packets ");
        if (found != NULL)
            packets = strtoull(found + strlen("packets "), NULL, 10);
        free(text);
    }
    return packets;
}

/* --- loopback ---------------------------------------------------------------------------------------------------- */

static bool port_is_free(const char *host, unsigned port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1, descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, host, &address.sin_addr);
    bool is_free = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
                   bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    close(descriptor);
    return is_free;
}

static void choose_host(struct real_ground *ground) {
    uint8_t drawn = 0;
    unsigned pid = (unsigned)getpid();
    if (getrandom(&drawn, 1, 0) != 1)
        drawn = 0; /* then the pid has to do */
    snprintf(ground->host, sizeof ground->host, "127.%u.%u.%u", 1 + drawn % 250U, pid >> 8 & 0xff,
             1 + (pid & 0xff) % 250);
}

/* The n-th of the ports that are free there: the same node gets another only if somebody listens on all addresses. */
static unsigned choose_port(const struct real_ground *ground, size_t index) {
    unsigned port = PROXY_PORT_FIRST + (unsigned)index;
    while (port < PROXY_PORT_LAST && !port_is_free(ground->host, port))
        port += REAL_PROXY_NODES_MAX;
    return port;
}

/* --- both -------------------------------------------------------------------------------------------------------- */

bool real_network_open(struct real_ground *ground, char message[REAL_MESSAGE_SIZE_MAX]) {
    if (ground->network == REAL_NETWORK_LOOPBACK) {
        choose_host(ground);
        return true;
    }
    if (geteuid() != 0) {
        snprintf(message, REAL_MESSAGE_SIZE_MAX, "only root may make network namespaces");
        return false;
    }
    if (!make_bridge(ground, message))
        return false;
    ground->has_nft = make_table(message);
    if (!ground->has_nft)
        fprintf(stderr, "attune-chaos: no nftables here (%s): proxies alone cut links\n", message);
    return true;
}

bool real_network_node(struct real_ground *ground, struct real_node *node,
                       char message[REAL_MESSAGE_SIZE_MAX]) {
    char address[16];
    size_t index = node->index;
    if (ground->network == REAL_NETWORK_LOOPBACK) {
        snprintf(node->gossip, sizeof node->gossip, "%s:0", ground->host);
        snprintf(node->http, sizeof node->http, "%s:0", ground->host);
        snprintf(node->advertised, sizeof node->advertised, "%s:%u", ground->host,
                 choose_port(ground, index));
        return real_proxy_node(ground->proxy, node->index, node->advertised, NULL, message);
    }
    if (!make_namespace(ground, node, message))
        return false;
    address_of(ground, NODE, index, address);
    snprintf(node->gossip, sizeof node->gossip, "%s:%d", address, GOSSIP_PORT);
    snprintf(node->http, sizeof node->http, "%s:%d", address, HTTP_PORT);
    address_of(ground, PROXY, index, address);
    snprintf(node->advertised, sizeof node->advertised, "%s:%d", address, GOSSIP_PORT);
    return real_proxy_node(ground->proxy, node->index, node->advertised, address, message);
}
