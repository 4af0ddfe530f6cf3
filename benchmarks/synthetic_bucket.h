/* The bucket of list_server.c: which keys there are, and where in their order a text belongs.
 *
 * Sessions follow each other in key order, and so do a session's users and a user's shots:
 *
 *     <prefix><sid>_ride_<5 digits>__uid_s_<10 digits>__uid_e_video_<17 digits>.jpg
 *
 * A session of which a recorder failed has its last quarter of each user's shots below <prefix>bak0_<sid>_ instead.
 * The stamps of active sessions end at `now`, those of all others 10 to 310 days before.  The same options make the
 * same bucket; with --night n the active sessions have grown n times, with --night -1 not yet to their full size. */

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MAX_PREFIX = 300,
    MAX_KEY = MAX_PREFIX + 150,
    DAY_S = 86400,
    SETTLED_AFTER_DAYS = 10,
    SETTLED_WITHIN_DAYS = 300,
    NIGHTS = 8, /* so often active sessions can grow before their stamps reach `now` */
};

/* --- what the bucket holds --------------------------------------------------------------------------------------- */

static struct {
    int port;
    uint64_t keys, per_session, users, interval_ms, active, backup_every;
    int64_t now_ms, night, per_night;
    double latency_ms, jitter_ms, error_rate, visible_share;
    const char *prefix;
} option = {.keys = 1000000, .per_session = 1000, .users = 4, .interval_ms = 5000, .visible_share = 1,
            .prefix = "directory1/directory2/"};

static size_t prefix_length;
static uint64_t sessions, shots_a_user, sid_spread, active_every, first_visible;

/* Key order: sids that sort before "bak", then all that failed over, then the other sids.  Hexadecimal digits end at
 * f, so "bak" lies between the sids that start with "ba" and with "bb". */
enum area { LOW, BACKUP, HIGH, END };
static uint64_t area_sessions[END];

struct place {
    enum area area;
    uint64_t nth, user, shot; /* session of its area, and so on; shots count through both parts of a session */
};

/* A number that looks random and is always the same for x (splitmix64). */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Active sessions lie in the middle of equal parts of all. */
static bool is_active(uint64_t session)
{
    return option.active && session % active_every == active_every / 2 && session / active_every < option.active;
}

static uint64_t active_before(uint64_t session)
{
    uint64_t count = (session + active_every - 1 - active_every / 2) / active_every;
    return count < option.active ? count : option.active;
}

/* Sessions behind the visible share are left out, but for active ones. */
static uint64_t visible_session(uint64_t nth)
{
    if (nth < first_visible)
        return nth;
    return (active_before(first_visible) + nth - first_visible) * active_every + active_every / 2;
}

static uint64_t session_at(enum area area, uint64_t nth)
{
    if (area == BACKUP)
        return nth * option.backup_every;
    return visible_session(area == HIGH ? area_sessions[LOW] + nth : nth);
}

static uint64_t all_shots(uint64_t session)
{
    return shots_a_user + (is_active(session) ? (uint64_t)(option.night * option.per_night) : 0);
}

static uint64_t backup_shots(void)
{
    return shots_a_user / 4 ? shots_a_user / 4 : 1;
}

static uint64_t original_shots(uint64_t session)
{
    if (option.backup_every && session % option.backup_every == 0)
        return shots_a_user - backup_shots();
    return all_shots(session);
}

static uint64_t first_shot(enum area area, uint64_t session)
{
    return area == BACKUP ? original_shots(session) : 0;
}

static uint64_t end_shot(enum area area, uint64_t session)
{
    return area == BACKUP ? all_shots(session) : original_shots(session);
}

static int64_t captured_ms(uint64_t session, uint64_t user, uint64_t shot)
{
    int64_t start_ms = option.now_ms - 60 * 1000 - (int64_t)(shots_a_user * option.interval_ms);
    if (is_active(session))
        start_ms -= NIGHTS * option.per_night * (int64_t)option.interval_ms;
    else
        start_ms -= (SETTLED_AFTER_DAYS * DAY_S + (int64_t)(mix(session * 3 + 1) % (SETTLED_WITHIN_DAYS * DAY_S))) * 1000;
    return start_ms + (int64_t)(shot * option.interval_ms + mix(session * 131 + user * 31 + shot) % 40);
}

/* Rises with the session; the second half of a sid is free. */
static uint64_t sid_start(uint64_t session)
{
    return session * sid_spread + mix(session) % sid_spread;
}

/* --- its texts: every function writes at `out` and returns the end of what it wrote ------------------------------- */

#define PUT(out, literal) ((char *)mempcpy(out, literal, sizeof(literal) - 1))

static char *put_digits(char *out, uint64_t value, int width)
{
    for (int i = width - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + width;
}

static char *put_hex(char *out, uint64_t value)
{
    for (int i = 15; i >= 0; i--, value >>= 4)
        out[i] = "0123456789abcdef"[value & 15];
    return out + 16;
}

/* 20261127113015, or as `iso` 2026-11-27T11:30:15. */
static char *put_time(char *out, int64_t seconds, bool iso)
{
    uint64_t in_day = (uint64_t)(seconds % DAY_S);
    /* Days since 1 March of year 0, in eras of 400 years (Howard Hinnant's civil_from_days). */
    uint64_t days = (uint64_t)(seconds / DAY_S) + 719468, era = days / 146097, day = days % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    uint64_t month = (5 * day + 2) / 153; /* from March */
    day -= (153 * month + 2) / 5;
    month += month < 10 ? 3 : -9;
    const uint64_t parts[] = {month, day + 1, in_day / 3600, in_day / 60 % 60, in_day % 60};
    out = put_digits(out, year + era * 400 + (month <= 2), 4);
    for (int i = 0; i < 5; i++) {
        if (iso)
            *out++ = "--T::"[i];
        out = put_digits(out, parts[i], 2);
    }
    return out;
}

static char *put_key(char *out, struct place place)
{
    uint64_t session = session_at(place.area, place.nth);
    uint64_t uid_step = 3000000000u / option.users; /* uids have 32 bits, and here ten digits */
    int64_t ms = captured_ms(session, place.user, place.shot);
    out = mempcpy(out, option.prefix, prefix_length);
    if (place.area == BACKUP)
        out = PUT(out, "bak0_");
    out = put_hex(put_hex(out, sid_start(session)), mix(session ^ 0xabcdef));
    out = put_digits(PUT(out, "_ride_"), mix(session + 7) % 100000, 5);
    out = put_digits(PUT(out, "__uid_s_"), 1000000000 + place.user * uid_step + mix(session) % uid_step, 10);
    out = put_time(PUT(out, "__uid_e_video_"), ms / 1000, false);
    return PUT(put_digits(out, (uint64_t)ms % 1000, 3), ".jpg");
}

/* The text as XML, url-encoded before if that was asked for. */
static char *put_text(char *out, const char *text, size_t length, bool url)
{
    static const char plain[256] = {
        ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1, ['-'] = 1, ['_'] = 1, ['.'] = 1, ['~'] = 1, ['/'] = 1,
        ['*'] = 1};
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (plain[c])
            *out++ = (char)c;
        else if (url && c == ' ')
            *out++ = '+';
        else if (url) {
            *out++ = '%';
            *out++ = "0123456789ABCDEF"[c >> 4];
            *out++ = "0123456789ABCDEF"[c & 15];
        } else if (c == '&')
            out = PUT(out, "&amp;");
        else if (c == '<')
            out = PUT(out, "&lt;");
        else if (c == '>')
            out = PUT(out, "&gt;");
        else
            *out++ = (char)c;
    }
    return out;
}

/* --- finding a place in key order ---------------------------------------------------------------------------------- */

/* The first key at, behind, or behind everything that starts with a text. */
enum side { AT, BEHIND, PAST };

static bool is_before(struct place place, enum side side, const char *text, size_t length)
{
    char key[MAX_KEY];
    size_t key_length = (size_t)(put_key(key, place) - key);
    int order = memcmp(key, text, key_length < length ? key_length : length);
    if (order || key_length < length)
        return order <= 0;
    return side == PAST || (side == BEHIND && key_length == length);
}

static struct place last_of_user(enum area area, uint64_t nth, uint64_t user)
{
    return (struct place){area, nth, user, end_shot(area, session_at(area, nth)) - 1};
}

static struct place first_of_session(enum area area, uint64_t nth)
{
    while (area != END && nth >= area_sessions[area]) {
        nth = 0;
        area++;
    }
    return (struct place){area, nth, 0, area == END ? 0 : first_shot(area, session_at(area, nth))};
}

/* The first place from `from` on that is not before what is sought.  Near ones are found in few steps: a listing with
 * a delimiter goes from session to session. */
static struct place find(struct place from, enum side side, const char *text, size_t length)
{
    if (from.area == END || !is_before(from, side, text, length))
        return from;
    enum area area = from.area;
    uint64_t low = from.nth;
    const uint64_t last_user = option.users - 1;
    while (is_before(last_of_user(area, area_sessions[area] - 1, last_user), side, text, length)) {
        struct place next = first_of_session(area + 1, 0);
        if (next.area == END)
            return next;
        area = next.area;
        low = 0;
    }
    uint64_t step = 1, high = area_sessions[area] - 1;
    while (low + step <= high && is_before(last_of_user(area, low + step - 1, last_user), side, text, length)) {
        low += step;
        step *= 2;
    }
    if (low + step - 1 < high)
        high = low + step - 1;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (is_before(last_of_user(area, middle, last_user), side, text, length))
            low = middle + 1;
        else
            high = middle;
    }
    struct place found = first_of_session(area, low);
    if (!is_before(found, side, text, length))
        return found;
    for (uint64_t end = last_user; found.user < end;) {
        uint64_t middle = found.user + (end - found.user) / 2;
        if (is_before(last_of_user(area, low, middle), side, text, length))
            found.user = middle + 1;
        else
            end = middle;
    }
    for (uint64_t end = last_of_user(area, low, found.user).shot; found.shot < end;) {
        struct place middle = found;
        middle.shot += (end - found.shot) / 2;
        if (is_before(middle, side, text, length))
            found.shot = middle.shot + 1;
        else
            end = middle.shot;
    }
    return found;
}

static struct place next_place(struct place place)
{
    uint64_t session = session_at(place.area, place.nth);
    if (++place.shot < end_shot(place.area, session))
        return place;
    place.shot = first_shot(place.area, session);
    return ++place.user < option.users ? place : first_of_session(place.area, place.nth + 1);
}

/* --- laying it out ------------------------------------------------------------------------------------------------ */

static void fail(const char *message)
{
    fprintf(stderr, "list_server: %s\n", message);
    exit(2);
}

static void lay_out_bucket(void)
{
    if (!option.keys || !option.users || !option.per_session || option.keys % option.per_session ||
        option.per_session % option.users)
        fail("keys must be a multiple of keys a session, and that of users a session");
    prefix_length = strlen(option.prefix);
    sessions = option.keys / option.per_session;
    shots_a_user = option.per_session / option.users;
    sid_spread = UINT64_MAX / sessions;
    active_every = option.active ? sessions / option.active : 1;
    first_visible = (uint64_t)((double)sessions * option.visible_share);
    if (prefix_length > MAX_PREFIX)
        fail("the prefix is too long");
    if (option.interval_ms < 40 || option.users > 100000)
        fail("intervals are at least 40 ms, users a session at most 100,000");
    if (option.night * option.per_night <= -(int64_t)(option.backup_every ? backup_shots() : shots_a_user))
        fail("before that night active sessions had no shots");
    if (option.active > sessions)
        fail("more active sessions than sessions");
    if (option.backup_every && (shots_a_user < 2 || first_visible < sessions))
        fail("sessions with a failover need two shots a user, and all to be visible");
    if (!option.now_ms)
        option.now_ms = (int64_t)time(NULL) * 1000;
    uint64_t visible = first_visible + option.active - active_before(first_visible);
    area_sessions[LOW] = visible;
    if (!option.backup_every)
        return;
    while (area_sessions[LOW] && sid_start(area_sessions[LOW] - 1) >> 56 >= 0xbb)
        area_sessions[LOW]--;
    area_sessions[BACKUP] = (sessions + option.backup_every - 1) / option.backup_every;
    area_sessions[HIGH] = visible - area_sessions[LOW];
}
