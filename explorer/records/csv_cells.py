"""Values as CSV cells and back, exactly, and harmless where a spreadsheet opens them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from explorer.records.columns import Column, check_value, json_text
from hrformer.wording import shown

if TYPE_CHECKING:
    import pandas as pd

#: What makes a spreadsheet take a text for a formula, or drop white space and find one
#: (https://owasp.org/www-community/attacks/CSV_Injection), full-width forms included. A leading apostrophe is marked
#: as well, so that the mark can be told apart from the text.
_FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠'")
_MARK = "'"
_DECIMAL_COMMA = re.compile(r"(-?\d+),(\d+(?:[eE][+-]?\d+)?)")


def neutralise(text: str) -> str:
    """The text with a leading apostrophe if a spreadsheet would calculate it."""
    return _MARK + text if text.startswith(_FORMULA_STARTS) else text


def restore(cell: str) -> str:
    """What `neutralise` was given."""
    return cell.removeprefix(_MARK)


def table_csv(table: pd.DataFrame) -> bytes:
    """A table as a CSV file, every text of it neutralised, those in the header too: the only way to write a table."""

    def harmless(value: Any) -> Any:
        return neutralise(value) if isinstance(value, str) else value

    safe = table.copy()
    for name in table.select_dtypes(exclude=["number", "bool"]):
        safe[name] = table[name].map(harmless)
    text: str = safe.rename(columns=harmless).to_csv(index=False, lineterminator="\n")
    return text.encode()


def to_cell(column: Column, value: Any) -> str:
    """A record's value as text: None is an empty cell, numbers and lists are JSON, objects canonical JSON."""
    if value is None:
        return ""
    if column.type is str:
        return neutralise(value)
    return json_text(value) if column.type is dict else json.dumps(value, allow_nan=False)


def with_decimal_point(cell: str) -> str:
    """A number's cell as JSON has it, from a file whose separator leaves the comma to numbers."""
    return _DECIMAL_COMMA.sub(r"\1.\2", cell) if _DECIMAL_COMMA.fullmatch(cell) else cell


def from_cell(column: Column, cell: str) -> Any:
    """The value of a cell.

    Raises:
        ValueError: If it is not a legal value of the column, naming it.
    """
    if cell == "":
        return check_value(column, None)
    if column.type is str:
        return check_value(column, restore(cell))
    # Spreadsheets write TRUE and FALSE.
    text = cell.lower() if column.type is bool else cell
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        advice = ": write it with a decimal point, such as 1234.5" if column.type is float and "," in cell else ""
        raise ValueError(f"{column.name} = {shown(cell)} cannot be read{advice}.") from None
    return check_value(column, value)
