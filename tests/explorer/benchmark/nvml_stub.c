/* A stand-in for libnvidia-ml.so.1: two cards, numbered the other way round than CUDA would.
 *
 * Card 0 (GPU-aaaa) answers everything; its energy counter rises by 500 mJ a query. Card 1 (GPU-bbbb) does not know its
 * energy, and is lost after its third power reading.
 */
#include <string.h>
#include <unistd.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, INSUFFICIENT_SIZE = 7, GPU_IS_LOST = 15 };

typedef struct { unsigned pid; unsigned long long used; unsigned instance; unsigned compute; } process_t;

static int first, second; /* their addresses are the handles */
static unsigned long long energy_mj = 1000000;
static int power_readings;

int nvmlInitWithFlags(unsigned flags) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { return "stub error"; }

int nvmlDeviceGetHandleByUUID(const char *uuid, void **card) {
    if (!strcmp(uuid, "GPU-aaaa")) { *card = &first; return SUCCESS; }
    if (!strcmp(uuid, "GPU-bbbb")) { *card = &second; return SUCCESS; }
    return NOT_FOUND;
}

int nvmlDeviceGetTotalEnergyConsumption(void *card, unsigned long long *mj) {
    if (card == &second) return NOT_SUPPORTED;
    *mj = (energy_mj += 500);
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(void *card, unsigned *mw) {
    if (card == &second && ++power_readings > 3) return GPU_IS_LOST;
    *mw = card == &first ? 250500 : 90000;
    return SUCCESS;
}

int nvmlDeviceGetClockInfo(void *card, int domain, unsigned *mhz) {
    *mhz = domain == 1 ? 1410 : 9501; /* 1: multiprocessors */
    return SUCCESS;
}

int nvmlDeviceGetTemperature(void *card, int sensor, unsigned *celsius) {
    *celsius = card == &first ? 61 : 40;
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksEventReasons(void *card, unsigned long long *reasons) {
    *reasons = card == &first ? 0x20 : 0x1; /* software thermal slowdown; idle */
    return SUCCESS;
}

int nvmlDeviceGetComputeRunningProcesses_v3(void *card, unsigned *count, process_t *processes) {
    if (card == &second) { *count = 0; return SUCCESS; }
    if (!processes) { *count = 2; return INSUFFICIENT_SIZE; }
    *count = 2;
    processes[0] = (process_t){getpid(), 512ull << 20, 0, 0};
    processes[1] = (process_t){1, 64ull << 20, 0, 0};
    return SUCCESS;
}
