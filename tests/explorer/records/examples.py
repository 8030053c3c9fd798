"""Records to test with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from explorer.records.record import FIGURES, Record, missing

CPU_ONLY = (
    "peak_allocated_mib",
    "peak_reserved_mib",
    "process_memory_mib",
    "energy_mj_per_img",
    "power_w",
    "clock_mhz",
    "temperature_c",
    "throttled",
    "other_processes",
)

MEASURED: dict[str, Any] = {
    "kind": "inference",
    "model_name": "hrformer_tiny",
    "model_source": "hrformer",
    "config": {"channels": [18, 36, 72, 144], "dw_conv": True, "drop_path_rate": 0.1},
    "batch_size": 8,
    "img_height": 256,
    "img_width": 192,
    "device": "cpu",
    "device_name": "Xeon",
    "threads": 2,
    "latency_ms_p50": 2.0,
    "latency_ms_p90": 3.0,
    "latency_ms_p95": 3.5,
    "latency_ms_p99": 4.0,
    "latency_ms_iqr": 0.1,
    "latency_ms_p50_ci95_low": 1.9,
    "latency_ms_p50_ci95_high": 2.1,
    "throughput_img_s": 4000.0,
    "wide_spread": False,
    "samples_count": 3,
    "samples_ms": (0.1 + 0.2, 2.0, 4.000000001),
    "params": 8_035_820,
    "macs": 1_830_000_000,
    "flops_published": 1_830_000_000,
    "flops_published_convention": "HRFormer's table",
    "peak_rss_mib": 512.5,
    "achieved_flop_s": 1.5e11,
    "peak_flop_s": 1.2e12,
    "peak_flop_share": 0.125,
    "runnable_threads": 3,
    "load_average_1min": 1.25,
    "ran_beside": "nothing",
    "environment": {"torch": "2.14.1", "flags": {"mkldnn": True}, "git_commit": None},
    "hostname": "bench-1",
    "reasons": {**missing("only measured on CUDA", *CPU_ONLY), "compile_time_s": "not compiled"},
}


_LATENCIES = (
    "latency_ms_p50_ci95_low",
    "latency_ms_p50",
    "latency_ms_p90",
    "latency_ms_p95",
    "latency_ms_p99",
)


def example_record(**changes: Any) -> Record:
    """A measured CPU record with some fields changed; other latencies keep between those that are given."""
    given = {name: value for name in _LATENCIES if isinstance(value := changes.get(name), int | float)}
    around = {}
    for place, name in enumerate(_LATENCIES):
        below = [given[other] for other in _LATENCIES[:place] if other in given]
        above = [given[other] for other in _LATENCIES[place + 1 :] if other in given]
        around[name] = min([max([MEASURED[name], *below]), *above])
    high = max(MEASURED["latency_ms_p50_ci95_high"], around["latency_ms_p50"], given.get("latency_ms_p50", 0))
    return Record(**{**MEASURED, **around, "latency_ms_p50_ci95_high": high, **changes})


def failed_record(**changes: Any) -> Record:
    """A record of a job that ran out of memory: no figures at all."""
    identity = {
        name: value for name, value in MEASURED.items() if name not in (*FIGURES, "samples_count", "samples_ms")
    }
    values = {"status": "out_of_memory", "status_reason": "tried to allocate 9 GiB", "reasons": {}}
    return Record(**{**identity, "flops_published_convention": None, **values, **changes})


def as_before_load(record: Record) -> Record:
    """The record as a version before the machine's load and other programs were looked at would have left it."""
    reason = "not recorded by the version that measured it"
    reasons = {**record.reasons, "runnable_threads": reason, "load_average_1min": reason}
    return replace(record, runnable_threads=None, load_average_1min=None, ran_beside=None, reasons=reasons)


#: Everything that a text may be in a record, with what spreadsheets and CSV readers stumble over.
texts = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12
) | st.sampled_from(
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "'",
        "''=1",
        "'=1",
        '"',
        ",",
        "a\r\nb",
        "NULL",
        "nan",
        " ",
        "＝1",
    ]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_positive = st.floats(min_value=5e-324, allow_infinity=False)
_samples = st.lists(_positive, max_size=4).map(tuple)

#: Any legal record, with values far from everyday ones.
records = st.builds(
    lambda samples, times, macs, **changes: example_record(
        samples_ms=samples,
        samples_count=len(samples),
        **dict(zip(_LATENCIES, sorted(times), strict=True)),
        latency_ms_p50_ci95_high=max(times),
        product_macs=None if macs[0] is None else min(macs),
        macs=macs[1] if macs[0] is None else max(macs),
        **changes,
    ),
    samples=_samples,
    times=st.lists(_positive, min_size=5, max_size=5),
    macs=st.tuples(st.none() | st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1)),
    record_id=st.uuids().map(str),
    model_name=texts,
    hostname=texts,
    device_name=st.none() | texts,
    config=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    environment=st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    batch_size=st.integers(1, 2**63 - 1),
    params=st.integers(1, 2**63 - 1),
    peak_rss_mib=_positive,
    wide_spread=st.booleans(),
    ran_beside=st.none() | texts,
) | st.builds(failed_record, record_id=st.uuids().map(str), status_reason=texts, status=st.just("failed"))
