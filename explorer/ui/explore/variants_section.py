"""Pinned variants on the Architecture page: a table with all figures, and what can be done with each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from explorer.charts.cost import PlacedVariant
from explorer.cost.complexity import Complexity, estimate_complexity
from explorer.models.variants import nearest_preset
from explorer.ui.choices import present
from explorer.ui.comparing import Reference
from explorer.ui.knobs import BRANCH_KNOBS, STAGE_KNOBS
from explorer.ui.panels import csv_button, file_button, plain, verbatim
from explorer.ui.pins import MAX_NAME, Pin, move, pins, pins_from_json, pins_to_json, remove, rename, restore
from explorer.ui.variant import use_variant, variant_name
from explorer.units import mebibytes, signed_percent, with_prefix
from hrformer import HRFormerConfig

if TYPE_CHECKING:
    import pandas as pd

_PROBLEM = "pin_problem"
_MAX_JSON_MIB = 1


@dataclass(frozen=True)
class _Figure:
    """A figure of the cost in the table."""

    name: str
    write: Callable[[float], str]
    width: int
    explanation: str


_FIGURES = {
    "params": _Figure("Parameters", partial(with_prefix, unit=""), 84, "Learned weights."),
    "macs": _Figure("MACs", partial(with_prefix, unit=""), 74, "Multiply-adds for one image."),
    "flops_published": _Figure("FLOPs", partial(with_prefix, unit=""), 74, "For one image, as the paper counts."),
    "peak_activation_mib": _Figure("Activations", mebibytes, 84, "At their peak, for one image in fp32."),
}


def show_variants(config: HRFormerConfig, reference: Reference) -> None:
    """The current, the reference and all pinned variants as rows, each figure with its change."""
    table = variant_table(_rows(config, reference), reference.config)
    _show_table(table, reference)
    if problem := st.session_state.get(_PROBLEM):
        st.error(plain(problem), icon=":material/error:")
    if pins():
        st.markdown("**Pinned variants**: choose one to rename, open, move or remove it.")
    else:
        st.info(
            "Nothing is pinned yet: **Pin** above keeps this variant here while you change it.", icon=":material/keep:"
        )
    with st.container(horizontal=True, gap="small"):
        for place, pin in enumerate(pins()):
            _pin_menu(pin, is_first=place == 0, is_last=place == len(pins()) - 1)
    with st.container(horizontal=True):
        csv_button(table, "variants", "Variants as CSV")
        if pins():
            _download_all()
    _restore_field()


def placed_pins() -> list[PlacedVariant]:
    """The pinned variants as points among published networks."""
    return [
        PlacedVariant(pin.name, cost.macs, cost.params, _image(pin.config))
        for pin in pins()
        for cost in (estimate_complexity(pin.config),)
    ]


def placed_table(references: pd.DataFrame, config: HRFormerConfig) -> pd.DataFrame:
    """Published networks, this variant and the pinned ones, as the chart of them shows them."""
    import pandas as pd

    this = estimate_complexity(config)
    placed = [PlacedVariant(variant_name(config), this.macs, this.params, _image(config)), *placed_pins()]
    rows = [
        {
            "model": variant.name,
            "family": "HRFormer",
            "params": variant.params,
            "macs": variant.macs,
            "source": "counted here",
        }
        for variant in placed
    ]
    return pd.concat([references, pd.DataFrame(rows)], ignore_index=True)


def variant_table(rows: list[tuple[str, HRFormerConfig]], reference: HRFormerConfig) -> pd.DataFrame:
    """One row per variant: its figures, each with its change against the reference in percent, and its settings."""
    import pandas as pd  # here, for the first page of a cold server draws its diagram without

    base = estimate_complexity(reference)
    return pd.DataFrame(
        [{"variant": name, **_figures(estimate_complexity(config), base), **_settings(config)} for name, config in rows]
    )


def _rows(config: HRFormerConfig, reference: Reference) -> list[tuple[str, HRFormerConfig]]:
    """A pinned reference stands once, among the pinned."""
    rows = [(f"This variant: {variant_name(config)}", config)]
    if Pin(reference.name, reference.config) not in pins():
        rows.append((f"Reference: {reference.name}", reference.config))
    marks = {reference.name: "Reference: "} if len(rows) == 1 else {}
    return rows + [(marks.get(pin.name, "") + pin.name, pin.config) for pin in pins()]


def _figures(cost: Complexity, base: Complexity) -> dict[str, float]:
    figures: dict[str, float] = {}
    for figure in _FIGURES:
        value, against = getattr(cost, figure), getattr(base, figure)
        figures |= {figure: value, _change(figure): 100 * (value / against - 1)}
    return figures


def _change(figure: str) -> str:
    return f"{figure}_change_percent"


def _settings(config: HRFormerConfig) -> dict[str, str]:
    letters = {knob.label[0]: getattr(config, knob.field) for knob in (*STAGE_KNOBS, *BRANCH_KNOBS)}
    return {
        **{letter: ", ".join(f"{value:g}" for value in values) for letter, values in letters.items()},
        "dw_conv": f"{config.dw_kernel_size}x{config.dw_kernel_size}" if config.dw_conv else "off",
        "task": config.task,
        "image": _image(config),
    }


def _image(config: HRFormerConfig) -> str:
    return f"{config.img_size[0]}x{config.img_size[1]}"


def _show_table(table: pd.DataFrame, reference: Reference) -> None:
    columns: dict[str, Any] = {
        "variant": st.column_config.TextColumn("Variant", pinned=True, width=175),
        "dw_conv": "DW conv",
        "task": "Task",
        "image": "Image, px",
    }
    formats: dict[Any, Any] = {}
    for column, figure in _FIGURES.items():
        columns[column] = st.column_config.NumberColumn(figure.name, width=figure.width, help=figure.explanation)
        columns[_change(column)] = st.column_config.NumberColumn(
            "change", width=70, help=f"{figure.name} against {verbatim(reference.name)}."
        )
        formats |= {column: figure.write, _change(column): _write_change}
    st.dataframe(
        table.style.format(formats),
        hide_index=True,
        alt="Figures of this variant, the reference and all pinned variants",
        column_config=columns,
    )


def _write_change(percent: float) -> str:
    return signed_percent(100 + percent, 100)


def _pin_menu(pin: Pin, *, is_first: bool, is_last: bool) -> None:
    """A pinned variant with what can be done with it; keys name it, so that a second click never meets another one."""
    name = verbatim(pin.name)
    with st.popover(name, icon=":material/keep:", key=f"pin_menu_{pin.name}"):
        present(
            st.text_input,
            f"Name of {name}",
            key=f"pin_name_{pin.name}",
            value=pin.name,
            on_move=partial(_attempt, rename, pin.name),
            max_chars=MAX_NAME,
        )
        base = nearest_preset(pin.config).preset
        _menu_item(f"Open {name}", "tune", f"open_{pin.name}", use_variant, pin.config, base)
        _menu_item(f"Move {name} up", "arrow_upward", f"up_{pin.name}", move, pin.name, -1, disabled=is_first)
        _menu_item(f"Move {name} down", "arrow_downward", f"down_{pin.name}", move, pin.name, 1, disabled=is_last)
        _menu_item(f"Remove {name}", "delete", f"remove_{pin.name}", remove, pin.name)


def _menu_item(
    label: str, icon: str, key: str, do: Callable[..., None], *arguments: object, disabled: bool = False
) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        key=key,
        type="tertiary",
        disabled=disabled,
        on_click=_attempt,
        args=(do, *arguments),
    )


def _download_all() -> None:
    write = partial(pins_to_json, pins())
    file_button("All pinned as JSON", write, "hrformer_pinned.json", "application/json", key="download_pins")


def _restore_field() -> None:
    st.file_uploader(
        "Restore pinned variants",
        type="json",
        key="pins_json",
        on_change=_restore,
        max_upload_size=_MAX_JSON_MIB,
        help="A file that was downloaded here; it takes the place of what is pinned now.",
    )


def _restore() -> None:
    file = st.session_state["pins_json"]
    if file is not None:
        _attempt(lambda: restore(pins_from_json(file.getvalue())), subject=f"{file.name} was not restored. ")


def _attempt(change: Callable[..., None], *arguments: object, subject: str = "") -> None:
    """Change what is pinned, or say why that can't be; then nothing has changed."""
    st.session_state.pop(_PROBLEM, None)
    try:
        change(*arguments)
    except ValueError as error:
        st.session_state[_PROBLEM] = f"{subject}{error}"
