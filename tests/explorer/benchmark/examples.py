"""A model, a method and what a job found out, where a test is about something else."""

from explorer.benchmark.method import Method
from explorer.models.model_ref import variant
from explorer.records.figures import Figures
from tests.explorer.models import examples

TINY = variant(examples.TINY)
#: Outlasts any test; who starts it ends it.
ENDLESS = Method(min_iterations=10**6, max_iterations=10**6, min_seconds=900, max_seconds=900, interval_target=1e-9)

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
#: Beside the latencies.
NOTHING_ELSE = Figures(reasons=dict.fromkeys(_UNMEASURED, "not measured"))
