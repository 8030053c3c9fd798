/* Makes the time of day jump, by weeks and back, twenty times a second; preload it. Monotonic clocks stay as they are. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>

typedef int (*clock_function)(clockid_t, struct timespec *);

static time_t jump(clock_function now) {
    static const time_t weeks[] = {0, 3, -5, 1, -1, 5, -3};
    struct timespec steady;
    now(CLOCK_MONOTONIC, &steady);
    return weeks[(steady.tv_sec * 20 + steady.tv_nsec / 50000000) % 7] * 7 * 86400;
}

int clock_gettime(clockid_t clock, struct timespec *result) {
    static clock_function real;
    if (!real) real = (clock_function)dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, result);
    if (status == 0 && clock == CLOCK_REALTIME) result->tv_sec += jump(real);
    return status;
}

int gettimeofday(struct timeval *restrict result, void *restrict zone) {
    struct timespec now;
    (void)zone;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    result->tv_sec = now.tv_sec;
    result->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
