/* fake_daemon.c - a script in attuned's place, and grounds of it. */
#include "test/unit/support/fake_daemon.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fake_place fake;

void fake_script(const char *before_line, const char *after_line) {
    FILE *file = fopen(fake.program, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(
        fprintf(file,
                "#!/bin/sh\n"
                "echo \"$@\" >>\"$2/arguments\"\n"
                "env >\"$2/environment\"\n"
                "ls /proc/self/fd >\"$2/descriptors\"\n"
                "%s\n"
                "echo '{\"pid\":'$$',\"gossip\":\"127.0.0.1:9\",\"http\":\"127.0.0.1:9\"}'\n"
                "%s\n"
                "while :; do sleep 0.02; done\n",
                before_line, after_line),
        0);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(fake.program, 0700), 0);
}

void fake_setup(void) {
    fake = (struct fake_place){.directory = "/tmp/attune-unit-XXXXXX"};
    ck_assert_ptr_nonnull(mkdtemp(fake.directory));
    (void)snprintf(fake.program, sizeof fake.program, "%s/daemon", fake.directory);
    ck_assert_int_eq(setenv("TMPDIR", fake.directory, 1), 0);
    fake_script("", "");
}

void fake_teardown(void) {
    real_ground_close(fake.ground);
    ck_assert_uint_eq(fake_things(), 0);
    ck_assert(real_files_remove(fake.directory));
}

void fake_ground(size_t node_count) {
    char message[REAL_MESSAGE_SIZE_MAX] = "";
    uint16_t first = 0;
    const struct scenario_nodes seeds = {&first, 1};
    struct real_options options = {.program = fake.program, .network = REAL_NETWORK_LOOPBACK};
    size_t count;
    ck_assert_msg(real_ground_open(&options, node_count, &fake.ground, message), "%s", message);
    fake.nodes = real_ground_nodes(fake.ground, &count);
    ck_assert_uint_eq(count, node_count);
    for (size_t i = 0; i < node_count; i++) {
        ck_assert_msg(real_node_start(fake.ground, &fake.nodes[i], &seeds, message), "%s", message);
    }
}

size_t fake_things(void) {
    DIR *directory = opendir(fake.directory);
    size_t count = 0;
    ck_assert_ptr_nonnull(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        count += entry->d_name[0] != '.' && strcmp(entry->d_name, "daemon") != 0;
    }
    closedir(directory);
    return count;
}

bool fake_until(bool (*holds)(void *context), void *context) {
    for (unsigned waited = 0; waited < FAKE_WAIT_MS; waited += 5) {
        if (holds(context)) {
            return true;
        }
        real_sleep_ms(5);
    }
    return false;
}

const char *fake_status(pid_t pid, const char *name) {
    static char line[256];
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0) {
            (void)fclose(file);
            return line + strlen(name) + 1;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return "";
}

bool fake_is_stopped(void *pid) {
    return fake_status(*(pid_t *)pid, "State:")[0] == 'T';
}

bool fake_holds(const struct real_node *node, const char *file, const char *text) {
    char path[REAL_PATH_SIZE_MAX];
    (void)snprintf(path, sizeof path, "%.200s/%s", node->directory, file);
    return real_files_count(path, text) > 0;
}
