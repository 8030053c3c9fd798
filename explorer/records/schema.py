"""The store's tables, made from the fields of `Record`; a change of them needs a step in `migrations`.

The many small columns that tables and charts show lie apart from the bulky ones (raw samples, configuration,
environment, reasons), so that a hundred thousand records are read without them.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
)
from sqlalchemy.types import TypeEngine

import explorer.records.columns as record_columns
from explorer.records.columns import json_text
from explorer.records.record import Record, columns
from explorer.records.training_record import TrainingRecord, training_columns

_SQL_TYPES: dict[type, TypeEngine[Any]] = {str: Text(), bool: Boolean(), int: BigInteger(), float: Double()}
_UUID = String(36)
_DERIVED = ("config_id", "environment_id")

#: Raw samples as the database holds them: eight bytes each, exactly the measured value.
_SAMPLE_TYPE = np.dtype("<f8")

metadata = MetaData()


def _record_column(column: record_columns.Column) -> Column[Any]:
    if column.name == "record_id":
        return Column("record_id", _UUID, primary_key=True)
    return Column(column.name, _SQL_TYPES[column.type], nullable=column.optional)


#: One row a record, with everything that tables and charts show.
RECORDS = Table(
    "benchmark_records",
    metadata,
    *(_record_column(column) for column in columns() if column.type in _SQL_TYPES),
    *(Column(name, String(12), nullable=False, index=True) for name in _DERIVED),
)

#: One row a record, with what is only read for single records and for exports.
DETAILS = Table(
    "benchmark_details",
    metadata,
    Column("record_id", _UUID, ForeignKey(RECORDS.c.record_id, ondelete="CASCADE"), primary_key=True),
    Column("config", Text, nullable=False),
    Column("environment", Text, nullable=False),
    Column("reasons", Text, nullable=False),
    Column("samples_ms", LargeBinary, nullable=False),
)


def _training_column(column: record_columns.Column) -> Column[Any]:
    if column.name == "training_id":
        return Column("training_id", _UUID, primary_key=True)
    return Column(column.name, _SQL_TYPES.get(column.type, Text()), nullable=column.optional)


#: One row a training of the ablation; there are few, so that their JSON lies beside their figures.
TRAININGS = Table("ablation_trainings", metadata, *map(_training_column, training_columns()))

#: A single row: the version of the tables, by which newer and older stores are told apart.
SCHEMA = Table("benchmark_schema", metadata, Column("version", Integer, nullable=False))


def record_row(record: Record) -> dict[str, Any]:
    """The record's row of `RECORDS`."""
    return {column.name: getattr(record, column.name) for column in RECORDS.columns}


def details_row(record: Record) -> dict[str, Any]:
    """The record's row of `DETAILS`."""
    return {
        "record_id": record.record_id,
        "config": json_text(record.config),
        "environment": json_text(record.environment),
        "reasons": json_text(record.reasons),
        "samples_ms": np.asarray(record.samples_ms, dtype=_SAMPLE_TYPE).tobytes(),
    }


def record_from_row(row: RowMapping) -> Record:
    """The record of a row that holds the columns of both tables.

    Raises:
        ValueError: If a value is not legal, as after changes by other programs.
    """
    values = {column.name: row[column.name] for column in columns()}
    for name in ("config", "environment", "reasons"):
        values[name] = json.loads(values[name])
    values["samples_ms"] = tuple(np.frombuffer(values["samples_ms"], dtype=_SAMPLE_TYPE).tolist())
    return Record.kept(values)


def training_row(record: TrainingRecord) -> dict[str, Any]:
    """The training's row of `TRAININGS`."""
    values = {column.name: getattr(record, column.name) for column in training_columns()}
    return {name: json_text(value) if isinstance(value, dict) else value for name, value in values.items()}


def training_from_row(row: RowMapping) -> TrainingRecord:
    """The training of a row.

    Raises:
        ValueError: If a value is not legal, as after changes by other programs.
    """
    return TrainingRecord(
        **{
            column.name: json.loads(row[column.name]) if column.type is dict else row[column.name]
            for column in training_columns()
        }
    )
