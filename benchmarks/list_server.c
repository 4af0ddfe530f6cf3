/* A storage that can only be listed, with a bucket of any size: keys are made when they are asked for, never stored
 * (synthetic_bucket.h).
 *
 * It answers ListObjectsV2 and ListObjects of any bucket name, path style, any credentials.  It prints its address and
 * ends with its standard input.  GET /__stats tells what was asked of it so far, and with ?reset starts to count anew.
 * Built and started by benchmarks/list_server.py. */

#define _GNU_SOURCE
#include "synthetic_bucket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    MAX_TEXT = 1024, /* of a parameter of a request: S3's own limit of a key */
    MAX_KEYS = 1000, /* S3 gives no more either, whatever is asked for */
    HEAD_BYTES = 1 << 16,
    ROWS_BYTES = MAX_KEYS * (5 * MAX_KEY + 300), /* a character takes five bytes at most: &amp; */
};

/* --- one listing ----------------------------------------------------------------------------------------------------- */

struct text {
    size_t length;
    char bytes[MAX_TEXT];
};

struct query {
    bool v2, url, location;
    long max_keys;
    struct text prefix, delimiter, after, marker, token;
};

struct connection {
    int socket;
    char *head, *rows, *groups; /* an answer is sent in these three pieces */
    char *head_end, *rows_end, *groups_end;
};

static atomic_ullong requests, lists, keys, common_prefixes, errors, bytes_sent;
static atomic_int in_flight, max_in_flight;

static char *put_element(char *out, const char *name, const char *text, size_t length, bool url)
{
    out += sprintf(out, "<%s>", name);
    out = put_text(out, text, length, url);
    return out + sprintf(out, "</%s>", name);
}

static char *put_row(char *out, const char *key, size_t length, struct place place, bool url)
{
    uint64_t session = session_at(place.area, place.nth);
    uint64_t chance = mix(session * 0x10001 + place.user * 0x1f + place.shot);
    int64_t modified_s = captured_ms(session, place.user, place.shot) / 1000 + 1 + (int64_t)(chance >> 32) % 29;
    out = put_text(PUT(out, "<Contents><Key>"), key, length, url);
    out = put_time(PUT(out, "</Key><LastModified>"), modified_s, true);
    out = put_hex(put_hex(PUT(out, ".000Z</LastModified><ETag>&quot;"), chance), mix(chance));
    out = put_digits(PUT(out, "&quot;</ETag><Size>"), 100000 + chance % 200000, 6);
    return PUT(out, "</Size><StorageClass>STANDARD</StorageClass></Contents>");
}

/* A token is the last name of the page in hexadecimal digits.  Whatever is listed, key or group, sorts behind the name
 * that the page starts after: so a group is not listed again where that name is the group or lies in it. */
static void list(struct connection *to, const struct query *query, const char *bucket, size_t bucket_length)
{
    static const char begin[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                                "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
    const struct text *prefix = &query->prefix, *delimiter = &query->delimiter;
    const struct text *after = !query->v2 ? &query->marker : query->token.length ? &query->token : &query->after;
    char key[MAX_KEY], last[MAX_KEY];
    size_t last_length = 0;
    long count = 0, groups = 0;
    bool is_truncated = false;
    struct place place = find(first_of_session(LOW, 0), AT, prefix->bytes, prefix->length);
    if (after->length)
        place = find(place, BEHIND, after->bytes, after->length);
    while (place.area != END) {
        size_t length = (size_t)(put_key(key, place) - key);
        if (length < prefix->length || memcmp(key, prefix->bytes, prefix->length))
            break;
        const char *hit = delimiter->length ? memmem(key + prefix->length, length - prefix->length, delimiter->bytes,
                                                     delimiter->length)
                                            : NULL;
        if (hit) {
            length = (size_t)(hit - key) + delimiter->length;
            /* The key is behind `after`; the group is not only if it begins that name. */
            if (after->length >= length && !memcmp(key, after->bytes, length)) {
                place = find(place, PAST, key, length);
                continue;
            }
        }
        if (count == query->max_keys) {
            is_truncated = count > 0;
            break;
        }
        count++;
        if (hit) {
            groups++;
            to->groups_end = put_text(PUT(to->groups_end, "<CommonPrefixes><Prefix>"), key, length, query->url);
            to->groups_end = PUT(to->groups_end, "</Prefix></CommonPrefixes>");
            place = find(place, PAST, key, length);
        } else {
            to->rows_end = put_row(to->rows_end, key, length, place, query->url);
            place = next_place(place);
        }
        memcpy(last, key, last_length = length);
    }
    to->groups_end = PUT(to->groups_end, "</ListBucketResult>");

    char *out = PUT(to->head, begin);
    out = put_element(out, "Name", bucket, bucket_length, false);
    out = put_element(out, "Prefix", prefix->bytes, prefix->length, query->url);
    if (!query->v2)
        out = put_element(out, "Marker", after->bytes, after->length, query->url);
    else if (query->after.length)
        out = put_element(out, "StartAfter", query->after.bytes, query->after.length, query->url);
    if (delimiter->length)
        out = put_element(out, "Delimiter", delimiter->bytes, delimiter->length, query->url);
    if (query->url)
        out = PUT(out, "<EncodingType>url</EncodingType>");
    if (query->v2)
        out += sprintf(out, "<KeyCount>%ld</KeyCount>", count);
    out += sprintf(out, "<MaxKeys>%ld</MaxKeys><IsTruncated>%s</IsTruncated>", query->max_keys,
                   is_truncated ? "true" : "false");
    if (is_truncated && query->v2) {
        out = PUT(out, "<NextContinuationToken>");
        for (size_t i = 0; i < last_length; i++)
            out += sprintf(out, "%02x", (unsigned char)last[i]);
        out = PUT(out, "</NextContinuationToken>");
    } else if (is_truncated && delimiter->length)
        out = put_element(out, "NextMarker", last, last_length, query->url);
    to->head_end = out;
    lists++;
    keys += (unsigned long long)(count - groups);
    common_prefixes += (unsigned long long)groups;
}

/* --- HTTP, as far as clients that only list need it: requests without bodies, one after the other -------------------- */

static void decode_url(struct text *into, const char *from, const char *end)
{
    into->length = 0;
    for (; from < end && into->length < MAX_TEXT; from++) {
        char c = *from == '+' ? ' ' : *from;
        if (*from == '%' && end - from > 2) {
            c = (char)strtol((char[]){from[1], from[2], 0}, NULL, 16);
            from += 2;
        }
        into->bytes[into->length++] = c;
    }
}

static void decode_token(struct text *token)
{
    for (size_t i = 0; i < token->length / 2; i++)
        token->bytes[i] = (char)strtol((char[]){token->bytes[2 * i], token->bytes[2 * i + 1], 0}, NULL, 16);
    token->length /= 2;
}

/* Parameters that do not change a listing here, such as fetch-owner, are passed over. */
static struct query parse_query(char *text)
{
    struct query query = {.max_keys = MAX_KEYS};
    for (char *name; (name = strsep(&text, "&"));) {
        const char *value = strchr(name, '='), *end = name + strlen(name);
        size_t length = (size_t)((value ? value : end) - name);
        value = value ? value + 1 : end;
        struct text ignored, *into = &ignored;
#define IS(known) (length == sizeof(known) - 1 && !memcmp(name, known, length))
        if (IS("prefix"))
            into = &query.prefix;
        else if (IS("delimiter"))
            into = &query.delimiter;
        else if (IS("start-after"))
            into = &query.after;
        else if (IS("marker"))
            into = &query.marker;
        else if (IS("continuation-token"))
            into = &query.token;
        else if (IS("max-keys"))
            query.max_keys = atol(value);
        query.v2 |= IS("list-type");
        query.url |= IS("encoding-type");
        query.location |= IS("location");
#undef IS
        decode_url(into, value, end);
    }
    decode_token(&query.token);
    if (query.max_keys < 0 || query.max_keys > MAX_KEYS)
        query.max_keys = MAX_KEYS;
    return query;
}

static char *put_statistics(char *out, bool reset)
{
    struct {
        const char *name;
        atomic_ullong *value;
    } figures[] = {{"requests", &requests},   {"lists", &lists},
                   {"keys", &keys},           {"common_prefixes", &common_prefixes},
                   {"errors", &errors},       {"bytes", &bytes_sent}};
    out = PUT(out, "{");
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        out += sprintf(out, "\"%s\": %llu, ", figures[i].name,
                       reset ? atomic_exchange(figures[i].value, 0) : atomic_load(figures[i].value));
    return out + sprintf(out, "\"max_in_flight\": %d}\n", reset ? atomic_exchange(&max_in_flight, 0) : max_in_flight);
}

static void wait_ms(double ms)
{
    struct timespec time = {(time_t)(ms / 1000), (long)((ms - 1000.0 * (double)(long)(ms / 1000)) * 1e6)};
    if (ms > 0)
        nanosleep(&time, NULL);
}

/* Write the answer to a bucket's request; return its status. */
static const char *answer_bucket(struct connection *to, const char *method, char *path, char *parameters)
{
    uint64_t chance = mix(atomic_fetch_add(&requests, 1));
    wait_ms(option.latency_ms + option.jitter_ms * (double)(chance % 1000) / 1000);
    if ((double)(chance >> 11) / (double)(1ull << 53) < option.error_rate) {
        errors++;
        to->head_end = PUT(to->head, "<Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>");
        return "503 Slow Down";
    }
    if (strcmp(method, "GET") && strcmp(method, "HEAD")) {
        to->head_end = PUT(to->head, "<Error><Code>NotImplemented</Code><Message>only listings</Message></Error>");
        return "501 Not Implemented";
    }
    const char *slash = strchr(path, '/');
    if (slash && slash[1]) { /* some tools look whether the prefix is an object before they list it */
        to->head_end = PUT(to->head, "<Error><Code>NoSuchKey</Code><Message>only listings</Message></Error>");
        return "404 Not Found";
    }
    struct query query = parse_query(parameters);
    if (query.location)
        to->head_end = PUT(to->head, "<LocationConstraint xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"/>");
    else if (!strcmp(method, "GET"))
        list(to, &query, path, slash ? (size_t)(slash - path) : strlen(path));
    return "200 OK";
}

static bool send_all(int socket, struct iovec *pieces, int count)
{
    while (count) {
        ssize_t sent = writev(socket, pieces, count);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        for (; count && (size_t)sent >= pieces->iov_len; pieces++, count--)
            sent -= (ssize_t)pieces->iov_len;
        if (count) {
            pieces->iov_base = (char *)pieces->iov_base + sent;
            pieces->iov_len -= (size_t)sent;
        }
    }
    return true;
}

static bool answer(struct connection *to, char *method)
{
    char *path = strchr(method, ' '), *end = path ? strchr(path + 1, ' ') : NULL;
    if (!end || path[1] != '/')
        return false;
    *path = *end = 0;
    path += 2;
    char *parameters = strchr(path, '?');
    if (parameters)
        *parameters++ = 0;
    else
        parameters = end;
    int now = ++in_flight, most = max_in_flight;
    to->head_end = to->head;
    to->rows_end = to->rows;
    to->groups_end = to->groups;
    const char *status = "200 OK";
    bool about_us = !strcmp(path, "__stats");
    if (about_us)
        to->head_end = put_statistics(to->head, !strcmp(parameters, "reset"));
    else {
        while (now > most && !atomic_compare_exchange_weak(&max_in_flight, &most, now))
            ;
        status = answer_bucket(to, method, path, parameters);
    }
    size_t head = (size_t)(to->head_end - to->head), rows = (size_t)(to->rows_end - to->rows);
    size_t groups = (size_t)(to->groups_end - to->groups);
    char lines[300];
    int lines_length = sprintf(lines, "HTTP/1.1 %s\r\nContent-Type: %s\r\nx-amz-bucket-region: us-east-1\r\n"
                                      "Content-Length: %zu\r\n\r\n",
                               status, about_us ? "application/json" : "application/xml", head + rows + groups);
    struct iovec pieces[] = {{lines, (size_t)lines_length}, {to->head, head}, {to->rows, rows}, {to->groups, groups}};
    if (!about_us)
        bytes_sent += head + rows + groups;
    in_flight--;
    return send_all(to->socket, pieces, strcmp(method, "HEAD") ? 4 : 1);
}

static void *serve(void *argument)
{
    struct connection to = {.socket = (int)(intptr_t)argument, .head = malloc(HEAD_BYTES), .rows = malloc(ROWS_BYTES),
                            .groups = malloc(ROWS_BYTES)};
    enum { RECEIVED = 1 << 14 };
    char *received = malloc(RECEIVED);
    size_t length = 0;
    setsockopt(to.socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    for (bool open = to.head && to.rows && to.groups && received; open;) {
        char *end = memmem(received, length, "\r\n\r\n", 4);
        if (end) {
            *end = 0;
            open = answer(&to, received);
            length -= (size_t)(end + 4 - received);
            memmove(received, end + 4, length);
            continue;
        }
        ssize_t got = length < RECEIVED ? read(to.socket, received + length, RECEIVED - length) : 0;
        open = got > 0;
        length += open ? (size_t)got : 0;
    }
    free(to.head);
    free(to.rows);
    free(to.groups);
    free(received);
    close(to.socket);
    return NULL;
}

static void *accept_all(void *argument)
{
    pthread_attr_t detached;
    pthread_attr_init(&detached);
    pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int socket = accept((int)(intptr_t)argument, NULL, NULL);
        pthread_t thread;
        if (socket >= 0 && pthread_create(&thread, &detached, serve, (void *)(intptr_t)socket))
            close(socket);
    }
    return NULL;
}

/* --- options and start ------------------------------------------------------------------------------------------------ */

int main(int count, char **arguments)
{
    static const struct option known[] = {
        {"port", 1, 0, 'p'},        {"keys", 1, 0, 'n'},     {"per-session", 1, 0, 'k'},  {"users", 1, 0, 'u'},
        {"interval-ms", 1, 0, 'i'}, {"active", 1, 0, 'a'},   {"backup-every", 1, 0, 'b'}, {"latency-ms", 1, 0, 'l'},
        {"jitter-ms", 1, 0, 'j'},   {"prefix", 1, 0, 'P'},   {"error-rate", 1, 0, 'e'},   {"now-ms", 1, 0, 't'},
        {"night", 1, 0, 'g'},       {"per-night", 1, 0, 'm'}, {"visible-share", 1, 0, 'v'}, {0}};
    for (int name; (name = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (name) {
        case 'p': option.port = atoi(optarg); break;
        case 'n': option.keys = strtoull(optarg, NULL, 10); break;
        case 'k': option.per_session = strtoull(optarg, NULL, 10); break;
        case 'u': option.users = strtoull(optarg, NULL, 10); break;
        case 'i': option.interval_ms = strtoull(optarg, NULL, 10); break;
        case 'a': option.active = strtoull(optarg, NULL, 10); break;
        case 'b': option.backup_every = strtoull(optarg, NULL, 10); break;
        case 'g': option.night = strtoll(optarg, NULL, 10); break;
        case 'm': option.per_night = strtoll(optarg, NULL, 10); break;
        case 't': option.now_ms = strtoll(optarg, NULL, 10); break;
        case 'l': option.latency_ms = atof(optarg); break;
        case 'j': option.jitter_ms = atof(optarg); break;
        case 'e': option.error_rate = atof(optarg); break;
        case 'v': option.visible_share = atof(optarg); break;
        case 'P': option.prefix = optarg; break;
        default: return 2;
        }
    }
    lay_out_bucket();
    signal(SIGPIPE, SIG_IGN);

    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)option.port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listening, (struct sockaddr *)&address, size) || listen(listening, 1024) ||
        getsockname(listening, (struct sockaddr *)&address, &size)) {
        perror("list_server");
        return 1;
    }
    printf("http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    pthread_t thread;
    if (pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listening))
        fail("no thread to be had");
    for (char ignored[64]; read(STDIN_FILENO, ignored, sizeof ignored) > 0;)
        ;
    return 0;
}
