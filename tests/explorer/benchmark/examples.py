"""What a job found out beside its latencies, where a test is about these alone."""

from explorer.records.figures import Figures

_UNMEASURED = (
    "peak_allocated_mib",
    "peak_reserved_mib",
    "process_memory_mib",
    "peak_rss_mib",
    "compile_time_s",
    "peak_flop_s",
    "energy_mj_per_img",
    "power_w",
    "clock_mhz",
    "temperature_c",
    "throttled",
    "other_processes",
)
NOTHING_ELSE = Figures(reasons=dict.fromkeys(_UNMEASURED, "not measured"))
