"""PostgreSQL within limits: a server that stops answering costs seconds and one sentence.

Where a server is stopped its machine still acknowledges every packet, and where packets vanish no limit of the server
reaches this end: the wait for an answer has to end here. The server's own `statement_timeout` keeps it from working on
for nobody.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import psycopg
from psycopg.abc import RV, PQGen
from psycopg.errors import ConnectionTimeout
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow
from sqlalchemy import URL, Connection, Engine, event

CONNECT_TIMEOUT_S = 5
#: How long one statement may take; one that writes may wait for other writers besides.
STATEMENT_TIMEOUT_S = 15

_WAIT_INTERVAL_S = 0.1

#: Any number will do that no other program locks on the same database.
_WRITERS_LOCK = 0x48524642


class BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection that is closed where its server does not answer in time.

    Attributes:
        patience_s: How long an answer may take, in seconds; between transactions as long as connecting, since all that
            is asked then is whether the server is still there.
    """

    patience_s: float = CONNECT_TIMEOUT_S

    def wait(self, gen: PQGen[RV], interval: float = _WAIT_INTERVAL_S, timeout: float | None = None) -> RV:
        """As psycopg's, but never for ever."""
        try:
            return super().wait(gen, interval, self.patience_s if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.info.transaction_status != TransactionStatus.ACTIVE:
                raise
            self.close()  # what it may still send must not be taken for the next answer
            raise ConnectionTimeout(f"no answer within {self.patience_s:g} s") from error


def with_limits(url: URL) -> URL:
    """The URL with limits on connecting and on unacknowledged packets, where it does not name its own."""
    limits = {"connect_timeout": str(CONNECT_TIMEOUT_S), "tcp_user_timeout": str(1000 * STATEMENT_TIMEOUT_S)}
    return url.update_query_dict({name: value for name, value in limits.items() if name not in url.query})


def keep_limits(engine: Engine, writes: str, lock_timeout_s: float) -> None:
    """Let every connection and transaction of an engine keep the limits, and writers take turns.

    Args:
        engine: For a URL of `with_limits`.
        writes: Execution option of the connections that change something.
        lock_timeout_s: How long a writer waits for the others, in seconds.
    """
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "begin", partial(_begin, writes=writes, lock_timeout_s=lock_timeout_s))
    event.listen(engine, "checkin", _give_back)


def _connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> BoundedConnection:
    return BoundedConnection.connect(*arguments, **options)


def _begin(connection: Connection, writes: str, lock_timeout_s: float) -> None:
    is_writing = connection.get_execution_options().get(writes)
    timeout_s = STATEMENT_TIMEOUT_S + (lock_timeout_s if is_writing else 0)
    connection.connection.driver_connection.patience_s = timeout_s  # type: ignore[union-attr]  # from `_connect`
    limits = {"statement_timeout": timeout_s, "lock_timeout": lock_timeout_s}
    settings = ", ".join(f"set_config('{name}', '{1000 * limit:.0f}', true)" for name, limit in limits.items())
    connection.exec_driver_sql(f"SELECT {settings}")
    if is_writing:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITERS_LOCK})")


def _give_back(connection: BoundedConnection | None, _record: object) -> None:
    if connection is not None:
        connection.patience_s = CONNECT_TIMEOUT_S
