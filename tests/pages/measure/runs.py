"""The Benchmark page with a small plan."""

from dataclasses import asdict

from streamlit.testing.v1 import AppTest

from explorer.benchmark.method import Method
from tests.pages.entrypoint import SMALL, hold, open_app

BENCHMARK = "pages/measure/benchmark.py"
SHORT = Method(min_iterations=7, min_seconds=0.01, max_seconds=0.5, warmup_max_seconds=0.1, round_seconds=0.05)


def open_benchmark(*models: str, method: Method = SHORT) -> AppTest:
    app = open_app(query=SMALL)
    hold(app, bench_models=list(models))
    hold(app, **{f"bench_method_{name}": value for name, value in asdict(method).items()})
    app.switch_page(BENCHMARK).run()
    assert not app.exception
    return app
