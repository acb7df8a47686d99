/* real_client.c - HTTP to the nodes, in a thread of its own (real_client.h).
 *
 * Connections are kept, as a client of a store would; proxies of the environment are not for nodes, nor are redirects.
 */
#include "bin/chaos/real_client.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECT_TIMEOUT_MS = 3000, CONNECTIONS_KEPT_MAX = 512, POLL_MS_MAX = 1000 };

struct question_list {
    struct real_question *first, **last;
};

struct real_client {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* something was answered, or the thread rests */
    CURLM *multi;
    struct question_list waiting, answered; /* under the lock, as are the flags */
    bool stopping, resting;
    struct real_question *active[REAL_CLIENT_AT_ONCE_MAX]; /* the thread's own: under way */
    size_t under_way;
    size_t open_count; /* the main thread's own */
};

static void list_init(struct question_list *list) {
    *list = (struct question_list){.first = NULL};
    list->last = &list->first;
}

static void list_append(struct question_list *list, struct real_question *question) {
    question->next = NULL;
    *list->last = question;
    list->last = &question->next;
}

static struct real_question *list_take(struct question_list *list) {
    struct real_question *question = list->first;
    if (question == NULL)
        return NULL;
    list->first = question->next;
    if (list->first == NULL)
        list->last = &list->first;
    question->next = NULL;
    return question;
}

static void question_free(struct real_question *question) {
    free(question->path);
    free(question->body);
    free(question->answer.body);
    free(question);
}

/* --- the thread -------------------------------------------------------------------------------------------------- */

static size_t take_body(char *data, size_t size, size_t count, void *context) {
    struct real_answer *answer = context;
    size_t added = size * count;
    if (answer->size_bytes + added > REAL_CLIENT_ANSWER_SIZE_MAX)
        return 0;
    char *grown = realloc(answer->body, answer->size_bytes + added + 1);
    if (grown == NULL)
        return 0;
    memcpy(grown + answer->size_bytes, data, added);
    answer->body = grown;
    answer->size_bytes += added;
    answer->body[answer->size_bytes] = '\0';
    return added;
}

static bool set_address(CURL *curl, const struct real_question *question) {
    const char *socket = strncmp(question->address, "unix:", 5) == 0 ? question->address + 5 : NULL;
    char *url = NULL;
    if (asprintf(&url, "http://%s%s", socket != NULL ? "localhost" : question->address,
                 question->path) < 0)
        return false;
    bool set = curl_easy_setopt(curl, CURLOPT_URL, url) == CURLE_OK &&
               curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket) == CURLE_OK;
    free(url);
    return set;
}

static CURL *easy_of(struct real_question *question) {
    CURL *curl = curl_easy_init();
    if (curl == NULL || !set_address(curl, question)) {
        curl_easy_cleanup(curl);
        return NULL;
    }
    long deadline_ms =
        question->deadline_ms != 0 ? (long)question->deadline_ms : REAL_CLIENT_DEADLINE_MS;
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, question->method);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, deadline_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &question->answer);
    curl_easy_setopt(curl, CURLOPT_PRIVATE, question);
    if (question->body != NULL) {
        /* The daemon reads every body that it would take: waiting for a 100 would only cost time. */
        question->headers = curl_slist_append(NULL, "Expect:");
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, question->headers);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)strlen(question->body));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, question->body);
    }
    return curl;
}

static void hand_back(struct real_client *client, struct real_question *question) {
    pthread_mutex_lock(&client->lock);
    list_append(&client->answered, question);
    pthread_cond_signal(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void launch(struct real_client *client, struct real_question *question) {
    CURL *curl = easy_of(question);
    if (curl == NULL || curl_multi_add_handle(client->multi, curl) != CURLM_OK) {
        curl_easy_cleanup(curl);
        question->answer.impossible = true;
        (void)snprintf(question->answer.why, sizeof question->answer.why, "out of memory");
        hand_back(client, question);
        return;
    }
    question->curl = curl;
    client->active[client->under_way++] = question;
}

static void launch_waiting(struct real_client *client) {
    while (client->under_way < REAL_CLIENT_AT_ONCE_MAX) {
        pthread_mutex_lock(&client->lock);
        struct real_question *question = list_take(&client->waiting);
        pthread_mutex_unlock(&client->lock);
        if (question == NULL)
            return;
        launch(client, question);
    }
}

/* Lets its connection go, to be kept or closed. */
static void release(struct real_client *client, struct real_question *question) {
    size_t at = 0;
    while (client->active[at] != question)
        at++;
    assert(at < client->under_way);
    client->active[at] = client->active[--client->under_way];
    curl_multi_remove_handle(client->multi, question->curl);
    curl_easy_cleanup(question->curl);
    curl_slist_free_all(question->headers);
}

static void finish(struct real_client *client, CURL *curl, CURLcode result) {
    struct real_question *question = NULL;
    curl_off_t took_us = 0;
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_PRIVATE, (char **)&question);
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &took_us);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    assert(question != NULL);
    struct real_answer *answer = &question->answer;
    answer->answered = result == CURLE_OK;
    answer->impossible = result == CURLE_COULDNT_CONNECT;
    answer->status = (unsigned)status;
    answer->took_us = (uint64_t)took_us;
    if (result != CURLE_OK)
        (void)snprintf(answer->why, sizeof answer->why, "%s", curl_easy_strerror(result));
    release(client, question);
    hand_back(client, question);
}

/* With nothing under way, another multi handle takes the place of the old one, which closes its connections. */
static void rest(struct real_client *client) {
    CURLM *fresh = curl_multi_init();
    pthread_mutex_lock(&client->lock);
    if (fresh != NULL) {
        CURLM *old = client->multi;
        curl_multi_setopt(fresh, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT_MAX);
        client->multi = fresh;
        curl_multi_cleanup(old);
    }
    client->resting = false;
    pthread_cond_signal(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void *run(void *context) {
    struct real_client *client = context;
    for (;;) {
        int running = 0, messages = 0;
        pthread_mutex_lock(&client->lock);
        bool stopping = client->stopping, resting = client->resting;
        pthread_mutex_unlock(&client->lock);
        if (stopping)
            return NULL;
        if (!resting)
            launch_waiting(client);
        else if (client->under_way == 0)
            rest(client);
        curl_multi_perform(client->multi, &running);
        for (CURLMsg *message;
             (message = curl_multi_info_read(client->multi, &messages)) != NULL;) {
            if (message->msg == CURLMSG_DONE)
                finish(client, message->easy_handle, message->data.result);
        }
        pthread_mutex_lock(&client->lock);
        bool more =
            (client->waiting.first != NULL && client->under_way < REAL_CLIENT_AT_ONCE_MAX) ||
            (client->resting && client->under_way == 0);
        pthread_mutex_unlock(&client->lock);
        if (!more)
            curl_multi_poll(client->multi, NULL, 0, POLL_MS_MAX, NULL);
    }
}

/* --- the main thread --------------------------------------------------------------------------------------------- */

struct real_client *real_client_new(void) {
    struct real_client *client = calloc(1, sizeof *client);
    pthread_condattr_t attributes;
    if (client == NULL)
        return NULL;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || (client->multi = curl_multi_init()) == NULL) {
        free(client);
        return NULL;
    }
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT_MAX);
    list_init(&client->waiting);
    list_init(&client->answered);
    pthread_mutex_init(&client->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&client->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&client->thread, NULL, run, client) != 0) {
        curl_multi_cleanup(client->multi);
        free(client);
        return NULL;
    }
    return client;
}

void real_client_free(struct real_client *client) {
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->lock);
    client->stopping = true;
    curl_multi_wakeup(client->multi);
    pthread_mutex_unlock(&client->lock);
    pthread_join(client->thread, NULL);
    while (client->under_way > 0) {
        struct real_question *question = client->active[0];
        release(client, question);
        question_free(question);
    }
    curl_multi_cleanup(client->multi);
    for (struct real_question *question; (question = list_take(&client->waiting)) != NULL;)
        question_free(question);
    for (struct real_question *question; (question = list_take(&client->answered)) != NULL;)
        question_free(question);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    curl_global_cleanup();
    free(client);
}

void real_client_ask(struct real_client *client, struct real_question *question) {
    assert(question->method != NULL && question->path != NULL && question->done != NULL);
    pthread_mutex_lock(&client->lock);
    list_append(&client->waiting, question);
    curl_multi_wakeup(client->multi);
    pthread_mutex_unlock(&client->lock);
    client->open_count++;
}

/* Under the lock. */
static void wait_for_change(struct real_client *client, uint64_t wait_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(wait_ms / 1000);
    until.tv_nsec += (long)(wait_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&client->changed, &client->lock, &until);
}

size_t real_client_collect(struct real_client *client, uint64_t wait_ms) {
    size_t count = 0;
    pthread_mutex_lock(&client->lock);
    if (client->answered.first == NULL && wait_ms > 0)
        wait_for_change(client, wait_ms);
    struct question_list taken = client->answered;
    if (taken.first == NULL)
        taken.last = &taken.first;
    list_init(&client->answered);
    pthread_mutex_unlock(&client->lock);
    for (struct real_question *question; (question = list_take(&taken)) != NULL; count++) {
        client->open_count--;
        question->done(question, &question->answer);
        question_free(question);
    }
    return count;
}

size_t real_client_open_count(const struct real_client *client) {
    return client->open_count;
}

void real_client_rest(struct real_client *client) {
    while (client->open_count > 0)
        real_client_collect(client, 100);
    pthread_mutex_lock(&client->lock);
    client->resting = true;
    curl_multi_wakeup(client->multi);
    while (client->resting)
        wait_for_change(client, 100);
    pthread_mutex_unlock(&client->lock);
}
