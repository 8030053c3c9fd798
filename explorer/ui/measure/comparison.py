"""The Comparison page's choices and what its sections show; a store that fails is one sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
import streamlit as st

from explorer.comparison.tables import (
    SETUP,
    describe_setup,
    series_of,
    setups_of,
    usual_batch,
    with_ratio,
    without_engine,
)
from explorer.comparison.work import record_works, with_work
from explorer.cost.conventions import Convention
from explorer.engines.registry import EAGER
from explorer.models.catalogue import display_name
from explorer.reading.csv_rows import MAX_FILE_MIB
from explorer.reading.uploads import reading_server
from explorer.records.exchange import Imported
from explorer.records.store import StoreError
from explorer.ui import address, choices
from explorer.ui.measure.comparison_data import (
    REFERENCE,
    Setup,
    State,
    all_published,
    import_file,
    measured_conditions,
    measured_table,
    reference_origin,
    state_to_compare,
    store_state,
)
from explorer.ui.measure.conventions import choose_convention
from explorer.ui.measure.pinned_records import named_by_pins
from explorer.ui.panels import plain, verbatim
from explorer.ui.pins import pins
from explorer.ui.progress import with_progress
from explorer.units import counted

DEFAULT_BASELINES = (display_name("hrnet_w48"), display_name("deit_base_patch16_224"))
#: The speeds on ImageNet that are shown beside HRFormer's own at first.
_USUAL_SERIES = {
    "device_name": "rtx4090",
    "kind": "inference",
    "memory_format": "contiguous",
    "compile_mode": "eager",
    "is_imagenet": True,
}
_ENGINES = "engines"
_NOT_HERE = "not measured here"
#: What must be equal for two published speeds to be comparable.
PUBLISHED_CONDITIONS = ("series", "img_height", "img_width", "batch_size")


@dataclass(frozen=True)
class View:
    """What the page compares.

    Attributes:
        own: State of the user's store; None where it cannot be read.
        state: Of the store that is compared: the user's, or the reference run's while that holds nothing to compare.
        setup: Column to value, equal for all measured rows; empty where nothing was measured.
        rows: All that was measured under the setup, with ratios, see `comparison_table`.
        measured: Of these, the chosen models.
        published: The chosen published series, with ratios of speed.
        baseline: What ratios refer to.
        convention: How all work is counted.
        batch: The chosen batch size; None where the batch is the result itself.
    """

    own: State | None
    state: State
    setup: Mapping[str, Any]
    rows: pd.DataFrame
    measured: pd.DataFrame
    published: pd.DataFrame
    baseline: str
    convention: Convention
    batch: int | None

    @property
    def name(self) -> str:
        """The setup in one line; empty where nothing was measured."""
        return describe_setup(pd.Series(self.setup, dtype=object)) if self.setup else ""

    @property
    def device(self) -> str:
        """What the measured device is called."""
        return str(self.setup.get("device_name") or self.setup.get("device"))

    @property
    def at_batch(self) -> pd.DataFrame:
        """The measured rows of the chosen batch size."""
        return self._of_batch(self.measured)

    @property
    def listed(self) -> pd.DataFrame:
        """The rows of the table: those of the chosen batch size, whichever are chosen among them."""
        return self._of_batch(self.rows)

    @property
    def table_key(self) -> str:
        """Key of the table whose chosen rows the charts show; another setup or batch starts without a choice."""
        return f"compared_rows {self.batch} {self.name}"

    def _of_batch(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows if self.batch is None else rows[rows["batch_size"] == self.batch]


def choose_view() -> View:
    """Read the store, or the reference run until it holds something, and choose what is compared, in the sidebar."""
    own, state = stores()
    setup, rows, batch = {}, pd.DataFrame(), None
    with reported():
        conditions = measured_conditions(state)
        if conditions.empty:
            st.info(
                "No record has been measured yet: measure models on the Benchmark page, or import the CSV of another "
                "machine.",
                icon=":material/speed:",
            )
        else:
            chosen = choose_setup(conditions)
            if state == REFERENCE:
                show_reference_note(chosen)
            setup = dict(zip(SETUP, chosen, strict=True))
            rows = choose_models(choose_engines(named_by_pins(measured_table(state, chosen), pins())))
            if rows.empty:
                st.info(
                    "Nothing that the filters in the sidebar let through was measured under this setup: take something "
                    "out of them.",
                    icon=":material/filter_alt:",
                )
            else:
                batch = choose_batch(rows)
    published = choose_published(all_published())
    models = [*(rows["model"] if setup else ()), *published["model"]]
    baseline = choose_baseline(models)
    convention = choose_convention("Published counts are not used: the models are counted here.")
    if setup:
        rows = with_ratio(with_work(rows, record_works(rows), convention), baseline).sort_values(
            ["batch_size", "latency_ms_p50"], ignore_index=True
        )
    published = with_ratio(published, baseline, PUBLISHED_CONDITIONS)
    view = View(own, state, setup, rows, rows, published, baseline, convention, batch)
    picked = chosen_rows(view.listed, st.session_state.get(view.table_key))
    measured = rows[rows["model"].isin(picked["model"])] if setup else rows
    return replace(view, measured=measured)


def stores() -> tuple[State | None, State]:
    """State of the user's store, None where it cannot be read, and of the store to compare; a failure is shown."""
    own, state = None, REFERENCE
    with reported():
        own = store_state()
        state = state_to_compare(own)
    return own, state


@contextmanager
def reported() -> Iterator[None]:
    """Show what goes wrong with the store as one sentence, in place of what is inside."""
    try:
        yield
    except StoreError as error:
        st.error(plain(str(error)), icon=":material/database_off:")


def setup_of(row: pd.Series) -> Setup:
    """A row of `setups_of` as what SQL compares with."""
    return tuple(_plain(row[name]) for name in SETUP)


def choose_setup(conditions: pd.DataFrame) -> Setup:
    """Choose what is equal for all models that are compared, in the sidebar."""
    setups = setups_of(conditions)
    with st.sidebar:
        label = choices.one_of(
            st.selectbox,
            "Measured under",
            list(setups["label"]),
            key="setup",
            help="Only records of equal device, machine, threads, precision, memory format and image size are "
            "compared. The setup with most models comes first.",
        )
    return setup_of(setups[setups["label"] == label].iloc[0])


def choose_batch(table: pd.DataFrame) -> int | None:
    """Choose the batch size of bars, accuracies and names in the sidebar; None where the batch is the result itself."""
    if (table["kind"] == "largest_batch").any():
        return None
    sizes = sorted(int(size) for size in table["batch_size"].unique())
    with st.sidebar:
        return choices.one_of(
            st.selectbox,
            "Batch size, images",
            sizes,
            key="batch_size",
            default=usual_batch(table),
            help="All that was measured is shown at this batch size; only the section Batch size shows every one.",
        )


def choose_engines(table: pd.DataFrame) -> pd.DataFrame:
    """Filter by engine, in the sidebar, where there are several; no choice keeps all, each model named with its own."""
    names = sorted(table["engine_label"].unique(), key=lambda name: (name != EAGER, name))
    if len(names) == 1 and not (choices.held(_ENGINES, []) or address.says(_ENGINES)):
        return table
    with st.sidebar:
        chosen = choices.filter_of(
            "Engines",
            names,
            key=_ENGINES,
            missing=_NOT_HERE,
            placeholder="All",
            help="What ran the models; a model's name says it, unless it was eager.",
        )
    return table[table["engine_label"].isin(chosen)] if chosen else table


def choose_models(table: pd.DataFrame) -> pd.DataFrame:
    """Filter by model, whatever ran it, in the sidebar; no choice keeps all.

    A choice outlives the setup: models that were not measured under the next one are back under one that has them, and
    no others join those that were chosen.
    """
    names = without_engine(table)
    with st.sidebar:
        chosen = choices.filter_of("Models", sorted(names.unique()), key="models", missing=_NOT_HERE, placeholder="All")
    return table[names.isin(chosen)] if chosen else table


def choose_baseline(models: Sequence[str]) -> str:
    """Choose what all others are divided by, in the sidebar."""
    names = sorted(set(models)) or list(DEFAULT_BASELINES)
    with st.sidebar:
        return choices.one_of(st.selectbox, "Baseline", names, key="baseline", default=usual_baseline(names))


def usual_baseline(models: Sequence[str]) -> str:
    """What others are divided by at first, of some models."""
    return next((name for name in DEFAULT_BASELINES if name in models), models[0])


def choose_published(published: pd.DataFrame) -> pd.DataFrame:
    """Choose published series, in the sidebar: HRFormer's own and one on ImageNet by default."""
    series = series_of(published)
    names = list(series["series"])
    is_usual = (series[[*_USUAL_SERIES]] == pd.Series(_USUAL_SERIES)).all(axis=1)
    with st.sidebar:
        chosen = choices.several_of(
            "Published series",
            names,
            key="published",
            default=[*names[:1], *series.loc[is_usual, "series"]],
            help="Figures from papers and from timm's results folder, drawn hollow. They ran on other machines.",
        )
    order = published["series"].map({name: names.index(name) for name in chosen})
    return published.loc[order.dropna().sort_values(kind="stable").index]


def show_reference_note(setup: Setup) -> None:
    """Marks the reference run as such: where and when it was measured, and how long it stays."""
    st.info(
        f"**Reference run**, measured elsewhere: {plain(reference_origin(setup))}. It stands here until you measure "
        "models or import the CSV of another machine.",
        icon=":material/bookmark:",
    )


def import_panel() -> None:
    """Upload the CSV of another machine, in the sidebar; what it did or what is wrong with it stays beside it."""
    reading_server().start()  # it is ready by the time that a file has been chosen
    with st.sidebar.expander("Import records", icon=":material/upload:"):
        file = st.file_uploader(
            "CSV exported on another machine",
            type="csv",
            key="import_csv",
            max_upload_size=MAX_FILE_MIB,
            help="All of its records are added, or none if anything in it is wrong. Known records are left out.",
        )
        if file is None:
            return
        data = file.getvalue()
        with reported():
            try:
                imported = with_progress(
                    "import_records",
                    file.file_id,
                    f"Importing {verbatim(file.name)}, percent",
                    lambda on_progress, should_stop: import_file(data, on_progress, should_stop),
                )
            except ValueError as error:
                st.error(plain(f"{file.name} was not imported. {error}"))
            else:
                _show_imported(imported)


def chosen_rows(table: pd.DataFrame, event: Mapping[str, Any] | None) -> pd.DataFrame:
    """The rows that a table's state names, or all; a state from before the table changed may name rows beyond it."""
    rows = [row for row in (event or {}).get("selection", {}).get("rows", []) if row < len(table)]
    return table.iloc[rows] if rows else table


def _show_imported(imported: Imported | None) -> None:
    if imported is not None:
        known = f" {imported.known:,} were there already." if imported.known else ""
        st.success(f"{counted(imported.added, 'record')} added.{known}")


def _plain(value: Any) -> Any:
    """Of pandas: its empty value is None, its numbers are Python's."""
    if pd.isna(value):
        return None
    return value if isinstance(value, str) else int(value)
