"""When a session was idle for too long, and when its use is written anew: the usual limit, and the session's own.

A session on a screen that many use has a limit of its own (`idle_for`, in seconds), which only shortens the usual one.
The same rules as in domain/sessions.py, for statements that ask them of rows.
"""

from typing import Any

from sqlalchemy import and_, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from idp.domain.sessions import TOUCHES
from idp.storage.tables import Moment, sessions


class _Ago(FunctionElement[Any]):
    """The moment so many seconds before another: NULL where the seconds are."""

    type = Moment()
    inherit_cache = True


@compiles(_Ago, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    moment, seconds = (compiler.process(each, **kw) for each in element.clauses)
    return f"({moment} - make_interval(secs => {seconds}))"


@compiles(_Ago, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    moment, seconds = (compiler.process(each, **kw) for each in element.clauses)
    return f"strftime('%Y-%m-%d %H:%M:%f000', {moment}, '-' || ({seconds}) || ' seconds')"


def is_in_use(now: Any, idle_since: Any) -> Any:
    """Whether a session was seen late enough; `idle_since` is the moment that the usual limit gives."""
    own = sessions.c.idle_for
    return and_(sessions.c.seen_at > idle_since, or_(own.is_(None), sessions.c.seen_at > _Ago(now, own)))


def is_idle(now: Any, idle_since: Any) -> Any:
    """The opposite, in words that an index may help with."""
    return or_(sessions.c.seen_at <= idle_since, sessions.c.seen_at <= _Ago(now, sessions.c.idle_for))


def wants_touch(now: Any, touch_before: Any) -> Any:
    """Whether the time a session was last seen is old enough to be written again."""
    often = _Ago(now, sessions.c.idle_for // TOUCHES)
    return or_(sessions.c.seen_at <= touch_before, sessions.c.seen_at <= often)
