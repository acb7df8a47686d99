/* test_real_network.c - network namespaces of a real run: each node has its own, and nothing of them is left afterwards.
 * Without the right to make them there is nothing to test; the program says so then, and takes loopback.
 */
#include "test/unit/support/fake_daemon.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool opened;

static void setup(void) {
    char message[REAL_MESSAGE_SIZE_MAX];
    struct real_options options = {.network = REAL_NETWORK_NAMESPACES};
    fake_setup();
    options.program = fake.program;
    opened = real_ground_open(&options, 2, &fake.ground, message);
    size_t count;
    if (opened) {
        fake.nodes = real_ground_nodes(fake.ground, &count);
    } else {
        (void)printf("test_real_network: skipped: %s\n", message);
    }
}

/* A name of ours in the folder: namespaces, or network interfaces. */
static bool is_there(const char *folder, const char *before, const char *after) {
    char path[120];
    (void)snprintf(path, sizeof path, "%s/%s%ld%s", folder, before, (long)getpid(), after);
    return access(path, F_OK) == 0;
}

static size_t tables(void) {
    char name[40];
    char *text = real_command_output((const char *const[]){"nft", "list", "tables", NULL});
    (void)snprintf(name, sizeof name, "attune_chaos_%ld\n", (long)getpid());
    size_t found = text != NULL && strstr(text, name) != NULL;
    free(text);
    return found;
}

/* Each node has a namespace and a pair of interfaces; all of it is gone when the ground is closed. */
START_TEST(makes_and_removes) {
    if (!opened) {
        return;
    }
    ck_assert(is_there("/run/netns", "attune-", "-n1") && is_there("/run/netns", "attune-", "-n2"));
    ck_assert(is_there("/sys/class/net", "atch", "") && is_there("/sys/class/net", "atch", "v2"));
    ck_assert_uint_eq(tables(), fake.ground->has_nft);
    real_ground_close(fake.ground);
    fake.ground = NULL;
    ck_assert(!is_there("/run/netns", "attune-", "-n1"));
    ck_assert(!is_there("/run/netns", "attune-", "-n2"));
    ck_assert(!is_there("/sys/class/net", "atch", ""));
    ck_assert(!is_there("/sys/class/net", "atch", "v1"));
    ck_assert(!is_there("/sys/class/net", "atch", "v2"));
    ck_assert_uint_eq(tables(), 0);
}
END_TEST

/* A node is started in its namespace, and told that it may listen there. */
START_TEST(starts_inside) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    char own[64];
    char its[64];
    char path[64];
    if (!opened) {
        return;
    }
    ck_assert_msg(real_node_start(fake.ground, &fake.nodes[0], NULL, message), "%s", message);
    (void)snprintf(path, sizeof path, "/proc/%ld/ns/net", (long)fake.nodes[0].pid);
    ssize_t size = readlink(path, its, sizeof its);
    ck_assert_int_gt(size, 0);
    ck_assert_int_eq(readlink("/proc/self/ns/net", own, sizeof own), size);
    ck_assert_mem_ne(own, its, (size_t)size);
    ck_assert(fake_holds(&fake.nodes[0], "arguments", "--insecure"));
}
END_TEST

/* The bridge keeps its address when a port is added: else no node finds it for a while. */
START_TEST(keeps_bridge_address) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    char path[64];
    char before[64];
    char after[64];
    if (!opened) {
        return;
    }
    (void)snprintf(path, sizeof path, "/sys/class/net/atch%ld/address", (long)getpid());
    real_files_last_line(path, before, sizeof before);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_ptr_nonnull(real_node_add_clone(fake.ground, &fake.nodes[0], message));
    }
    real_files_last_line(path, after, sizeof after);
    ck_assert_str_eq(before, after);
    ck_assert_uint_eq(strlen(before), 17);
}
END_TEST

/* What the set of a class holds; freed by the caller. */
static char *dropped(const char *class) {
    char table[40];
    (void)snprintf(table, sizeof table, "attune_chaos_%ld", (long)getpid());
    char *text =
        real_command_output((const char *const[]){"nft", "list", "set", "ip", table, class, NULL});
    ck_assert_ptr_nonnull(text);
    return text;
}

/* What is blocked is dropped on both sides of the proxy, in that direction only, and then no more. */
START_TEST(drops_packets) {
    char element[80];
    int x;
    int y;
    if (!opened || !fake.ground->has_nft) {
        return;
    }
    struct real_rule *rules =
        calloc((size_t)REAL_PROXY_NODES_MAX * REAL_PROXY_NODES_MAX, sizeof *rules);
    ck_assert_ptr_nonnull(rules);
    ck_assert_int_eq(sscanf(fake.nodes[0].gossip, "10.%d.%d.", &x, &y), 2);
    rules[1].blocked = SCENARIO_CLASS_ONE_WAY; /* from n1 to n2 */
    real_network_drop(fake.ground, rules);
    char *text = dropped("one_way");
    (void)snprintf(element, sizeof element, "10.%d.%d.2 . 10.%d.%d.3", x, y, x, y + 1);
    ck_assert_ptr_nonnull(strstr(text, element));
    (void)snprintf(element, sizeof element, "10.%d.%d.2 . 10.%d.%d.3", x, y + 1, x, y);
    ck_assert_ptr_nonnull(strstr(text, element));
    (void)snprintf(element, sizeof element, "10.%d.%d.3 . ", x, y);
    ck_assert_ptr_null(strstr(text, element));
    free(text);
    rules[1].blocked = SCENARIO_CLASS_NONE;
    real_network_drop(fake.ground, rules);
    text = dropped("one_way");
    ck_assert_ptr_null(strstr(text, "elements"));
    free(text);
    free(rules);
}
END_TEST

Suite *real_network_suite(void);
Suite *real_network_suite(void) {
    Suite *suite = suite_create("real_network");
    TCase *network = tcase_create("real_network_open");
    tcase_add_checked_fixture(network, setup, fake_teardown);
    tcase_add_test(network, makes_and_removes);
    tcase_add_test(network, starts_inside);
    tcase_add_test(network, keeps_bridge_address);
    tcase_add_test(network, drops_packets);
    suite_add_tcase(suite, network);
    return suite;
}
