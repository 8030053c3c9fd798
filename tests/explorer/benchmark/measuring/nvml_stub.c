/* A stand-in for libnvidia-ml.so.1: cards that each have a nature of their own.
 *
 * GPU-aaaa answers everything; its energy counter rises by 500 mJ a query. GPU-bbbb does not know its energy, lists
 * only this process, and is lost after its third power reading. The energy counters of GPU-eeee and GPU-eee3 start anew
 * at their fourth query (the end of the second turn) and at their third (between two turns). GPU-ffff lists processes by
 * the numbers of the host, as a container sees them, GPU-fff0 none at all. MIG-dddd is a slice of a card, and knows
 * neither energy nor power.
 *
 * With OLD_DRIVER the library has no nvmlDeviceGetComputeRunningProcesses_v3 and no clocks' event reasons.
 */
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };

typedef struct { unsigned pid; unsigned long long used; unsigned instance; unsigned compute; } process_t;

static int first, second, reset, reset_between, host, hidden, slice; /* their addresses are the handles */
static const struct { const char *uuid; int *card; } cards[] = {
    {"GPU-aaaa", &first}, {"GPU-bbbb", &second}, {"GPU-eeee", &reset}, {"GPU-eee3", &reset_between},
    {"GPU-ffff", &host}, {"GPU-fff0", &hidden}, {"MIG-dddd", &slice},
};
static unsigned long long energy_mj = 1000000;
static int energy_queries, power_readings;

int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "stub error"; }

int nvmlDeviceGetHandleByUUID(const char *uuid, void **card) {
    for (unsigned i = 0; i < sizeof cards / sizeof *cards; i++)
        if (!strcmp(uuid, cards[i].uuid)) { *card = cards[i].card; return SUCCESS; }
    return NOT_FOUND;
}

int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *mj) {
    if (card == &second || card == &slice) return NOT_SUPPORTED;
    energy_queries++;
    if ((card == &reset && energy_queries == 4) || (card == &reset_between && energy_queries == 3)) energy_mj = 0;
    *mj = (energy_mj += 500);
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *card, unsigned *mw) {
    if (card == &slice) return NOT_SUPPORTED;
    if (card == &second && ++power_readings > 3) return GPU_IS_LOST;
    *mw = card == &second ? 90000 : 250500;
    return SUCCESS;
}

int nvmlDeviceGetClockInfo(void *card, int domain, unsigned *mhz) {
    *mhz = domain == 1 ? 1410 : 9501; /* 1: multiprocessors */
    return SUCCESS;
}

int nvmlDeviceGetTemperature(void *card, int sensor, unsigned *celsius) {
    *celsius = card == &second ? 40 : 61;
    return SUCCESS;
}

#ifndef OLD_DRIVER
int nvmlDeviceGetCurrentClocksEventReasons(void *card, unsigned long long *reasons) {
    *reasons = card == &second ? 0x1 : 0x20; /* idle; software thermal slowdown */
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *card, unsigned *count, process_t *processes) {
    if (card == &hidden) { *count = 0; return SUCCESS; }
    unsigned listed = card == &second ? 1 : 2;
    if (!processes) { *count = listed; return INSUFFICIENT_SIZE; }
    *count = listed;
    processes[0] = (process_t){card == &host ? 4000001 : getpid(), card == &second ? -1ull : 512ull << 20, 0, 0};
    processes[1] = (process_t){1, 64ull << 20, 0, 0};
    return SUCCESS;
}
#endif
