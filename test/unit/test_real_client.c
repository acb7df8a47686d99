/* test_real_client.c - HTTP of a run of real processes: many questions at once, and one that is not answered holds up none. */
#include "bin/chaos/real_client.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MUTE_MS = 300 };

/* Answers each connection once and closes it; the mute one listens and never accepts. */
static int server, mute;
static char server_address[128], mute_address[128], dead_address[128];
static pthread_t thread;

static int listening(char address[128]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(descriptor, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(descriptor, 200), 0);
    ck_assert_int_eq(getsockname(descriptor, (struct sockaddr *)&at, &size), 0);
    (void)snprintf(address, 128, "127.0.0.1:%u", ntohs(at.sin_port));
    return descriptor;
}

static void *serve(void *context) {
    (void)context;
    for (;;) {
        char text[2048];
        int descriptor = accept(server, NULL, NULL);
        if (descriptor < 0) {
            return NULL;
        }
        ssize_t size = recv(descriptor, text, sizeof text - 1, 0);
        text[size < 0 ? 0 : size] = '\0';
        const char *answer =
            strncmp(text, "PUT /a HTTP", 11) == 0 && strstr(text, "\r\n\r\nbody") != NULL
                ? "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok"
                : "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        (void)send(descriptor, answer, strlen(answer), MSG_NOSIGNAL);
        close(descriptor);
    }
}

static void setup(void) {
    server = listening(server_address);
    mute = listening(mute_address);
    close(listening(dead_address));
    ck_assert_int_eq(pthread_create(&thread, NULL, serve, NULL), 0);
}

static void teardown(void) {
    shutdown(server, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(server);
    close(mute);
}

struct heard {
    unsigned answered, created, absent, unanswered, impossible;
};

static void hear(struct real_question *question, const struct real_answer *answer) {
    struct heard *heard = question->context;
    heard->answered += answer->answered;
    heard->unanswered += !answer->answered;
    heard->impossible += answer->impossible;
    heard->absent += answer->answered && answer->status == 404 && answer->body == NULL;
    heard->created += answer->answered && answer->status == 201 && answer->size_bytes == 2 &&
                      strcmp(answer->body, "ok") == 0;
}

static void ask(struct real_client *client, struct heard *heard, const char *method,
                const char *address, const char *body) {
    struct real_question *question = calloc(1, sizeof *question);
    ck_assert_ptr_nonnull(question);
    question->method = method;
    question->path = strdup("/a");
    question->body = body == NULL ? NULL : strdup(body);
    question->deadline_ms = MUTE_MS;
    question->context = heard;
    question->done = hear;
    (void)snprintf(question->address, sizeof question->address, "%s", address);
    real_client_ask(client, question);
}

static void collect_all(struct real_client *client) {
    while (real_client_open_count(client) > 0) {
        real_client_collect(client, 1000);
    }
}

/* Method, body, status and answer go through; no connection is told apart from no answer. */
START_TEST(answers) {
    struct heard heard = {0};
    struct real_client *client = real_client_new();
    ask(client, &heard, "PUT", server_address, "body");
    ask(client, &heard, "GET", server_address, NULL);
    ask(client, &heard, "GET", dead_address, NULL);
    ask(client, &heard, "GET", mute_address, NULL);
    ck_assert_uint_eq(real_client_open_count(client), 4);
    collect_all(client);
    ck_assert_uint_eq(heard.created, 1);
    ck_assert_uint_eq(heard.absent, 1);
    ck_assert_uint_eq(heard.unanswered, 2);
    ck_assert_uint_eq(heard.impossible, 1);
    real_client_free(client);
}
END_TEST

/* More questions than can be under way at once, some of them to one who is mute: all come back. */
START_TEST(many) {
    struct heard heard = {0};
    struct real_client *client = real_client_new();
    for (int i = 0; i < 150; i++) {
        ask(client, &heard, "GET", i % 10 == 0 ? mute_address : server_address, NULL);
    }
    collect_all(client);
    ck_assert_uint_eq(heard.absent, 135);
    ck_assert_uint_eq(heard.unanswered, 15);
    real_client_free(client);
}
END_TEST

/* A client rests and goes on, and can be freed with questions open. */
START_TEST(rests_and_ends) {
    struct heard heard = {0};
    struct real_client *client = real_client_new();
    ask(client, &heard, "GET", server_address, NULL);
    real_client_rest(client);
    ck_assert_uint_eq(heard.answered, 1);
    ask(client, &heard, "GET", server_address, NULL);
    collect_all(client);
    ck_assert_uint_eq(heard.answered, 2);
    for (int i = 0; i < 100; i++) {
        ask(client, &heard, "GET", mute_address, NULL);
    }
    real_client_free(client);
    ck_assert_uint_eq(heard.unanswered, 0);
}
END_TEST

Suite *real_client_suite(void);
Suite *real_client_suite(void) {
    Suite *suite = suite_create("real_client");
    TCase *tests = tcase_create("real_client_ask");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, answers);
    tcase_add_test(tests, many);
    tcase_add_test(tests, rests_and_ends);
    suite_add_tcase(suite, tests);
    return suite;
}
