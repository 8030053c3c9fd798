"""Plans, records and variants that mean harm, as files."""

import csv
import io
import json
from collections.abc import Iterator

from explorer.benchmark.plan import Plan
from explorer.models.model_ref import ModelRef
from explorer.records.exchange import HEADER, write_csv
from hrformer import preset
from tests.explorer.records.examples import example_record, failed_record
from tests.fuzz.mutations import Case, damaged

_DIGITS = "9" * 5000
_NESTED = 100_000


def cases() -> Iterator[Case]:
    """All of them, by name."""
    yield from _variants()
    yield from _plans()
    yield from _records()


def _variants() -> Iterator[Case]:
    values = preset("tiny").to_dict()
    whole = json.dumps(values).encode()
    yield "whole.json", whole
    yield from damaged("variant.json", whole, 100)
    yield "nested.json", b"[" * _NESTED
    yield "nested_object.json", b'{"task":' * _NESTED
    yield "long_number.json", whole.replace(b"1000", _DIGITS.encode())
    for field in values:
        for name, odd in {
            "float": "1" + "0" * 400,
            "huge": f"[{','.join(['9' * 4000] * 4)}]",
            "list": f"[{','.join(['1'] * 200_000)}]",
            "text": f'"{"x" * 10**6}"',
            "nan": "[NaN, Infinity, -Infinity, 1e999]",
            "null": "null",
            "big_ratios": f"[{','.join(['1' + '0' * 400] * 4)}]",
        }.items():
            text = json.dumps(values | {field: "PLACE"}).replace('"PLACE"', odd)
            yield f"{field}_{name}.json", text.encode()
    yield "unknown_keys.json", json.dumps(values | {"x" * 10**5 + str(number): 1 for number in range(8)}).encode()


def _plans() -> Iterator[Case]:
    plan = Plan(models=(ModelRef.from_dict("hrnet_w18"), ModelRef.from_dict("hrformer_tiny"))).to_yaml()
    yield "whole.yaml", plan.encode()
    yield from damaged("plan.yaml", plan.encode(), 60)
    laughs = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    laughs += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
    texts = {
        "laughs": "\n".join([*laughs, "models: *a11"]),
        "circle": "models: &a [*a]",
        "merge": "a: &a {models: resnet18}\n<<: *a",
        "python": "models: !!python/object/apply:os.system ['touch executed']",
        "python_name": "models: !!python/name:os.system",
        "tags": "models: !!bool maybe",
        "integer_tag": "models: !!int ''",
        "time_tag": "models: !!timestamp x",
        "date": "models: 2001-99-99",
        "zone": "models: 2001-01-01 00:00:00 +99:99",
        "long_number": f"models: {_DIGITS}",
        "hexadecimal": f"models: resnet18\nbatch_sizes: 0x{'f' * 50_000}",
        "binary": "models: 0b_",
        "sixty": "models: " + "1:" * 20_000 + "1",
        "equals": "models: =",
        "nested": "models: " + "[" * 20_000,
        "nested_mappings": "{a: " * 20_000,
        "indented": "\n".join(" " * level + "a:" for level in range(400)),
        "long_name": f"models: {'r' * 100_000}",
        "many_models": "models: resnet18\nkinds: []\nbatch_sizes: [" + ",".join(map(str, range(1, 15_000))) + "]",
        "many_then_none": "models: resnet18\nbatch_sizes: [" + ",".join(map(str, range(1, 15_000))) + "]\nkinds: []",
        "product": "models: resnet18\nbatch_sizes: [1, 2, 3]\n"
        + "threads: ["
        + ",".join(map(str, range(1, 900)))
        + "]",
        "device": f"models: resnet18\ndevices: cuda:{_DIGITS}",
        "arabic": "models: resnet18\ndevices: cuda:٣",
        "key": "? [1, 2]\n: 3",
        "unhashable": "models: resnet18\nkinds: [{a: 1}]",
        "infinite": "models: resnet18\nmethod: {min_seconds: .inf, max_seconds: .nan}",
        "too_long": "models: resnet18 #" + "x" * 10**6,
        "nul": "models: \0",
        "documents": "models: resnet18\n---\nmodels: resnet18",
        "hub": "models: 'hf-hub:timm/resnet18.a1_in1k'",
        "path": "models: 'local-dir:/etc'",
    }
    for name, text in texts.items():
        yield f"{name}.yaml", text.encode()


def _records() -> Iterator[Case]:
    text = io.StringIO(newline="")
    write_csv([example_record(), failed_record()], text)
    whole = text.getvalue().encode()
    yield "whole.csv", whole
    yield from damaged("records.csv", whole, 60)
    rows = list(csv.reader(io.StringIO(text.getvalue(), newline="")))
    nested = "[" * _NESTED
    odd = {
        "nested": nested,
        "closed": '{"a":' * 900 + "1" + "}" * 900,
        "closed_deeper": '{"a":' * 3000 + "1" + "}" * 3000,
        "long_number": _DIGITS,
        "large_number": "1e999",
        "text": "x" * 10**6,
        "null": "null",
        "nan": "NaN",
        "surrogate": '{"a": "\\ud800"}',
        "formula": '=HYPERLINK("http://example.org")',
        "zero": "\0",
        "early": "0001-01-01T00:00:00+00:00",
    }
    for column in ("config", "samples_ms", "reasons", "batch_size", "model_name", "measured_at", "record_id"):
        for name, cell in odd.items():
            changed = [row[:] for row in rows]
            changed[1][HEADER.index(column)] = cell
            yield f"{column}_{name}.csv", _csv(changed)
    yield "wide.csv", b"a," * 2 * 10**6
    yield "long_name.csv", _csv([[*HEADER, "x" * 10**6]])
    yield "one_line.csv", b"x" * 70 * 2**20
    yield "quote.csv", b'"' + b"\n" * 10**6
    yield "commas.csv", whole.split(b"\r\n")[0] + b"\r\n" + b"," * 10**7
    yield "blank_lines.csv", whole.split(b"\r\n")[0] + b"\r\n" * 10**6


def _csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
