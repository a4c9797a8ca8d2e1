"""When a session was idle for too long, and when its use is written anew: the usual limit, and the session's own.

A session on a screen that many use has a limit of its own (`idle_for`, in seconds), which only shortens the usual one.
The same rules as in domain/sessions.py, for statements that ask them of rows.

Each rule is one comparison with a moment that the row itself gives.
"""

from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from idp.domain.sessions import TOUCHES
from idp.storage.tables import Moment, sessions


class _Since(FunctionElement[Any]):
    """The later of a moment, and of another less so many seconds; the first where the seconds are NULL."""

    type = Moment()
    inherit_cache = True


@compiles(_Since, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **kw: Any) -> str:
    usual, now, seconds = (compiler.process(each, **kw) for each in element.clauses)
    return f"greatest({usual}, {now} - make_interval(secs => {seconds}))"


@compiles(_Since, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **kw: Any) -> str:
    first, *others = element.clauses
    usual, now, seconds, again = (compiler.process(each, **kw) for each in (first, *others, first))
    own = f"strftime('%Y-%m-%d %H:%M:%f000', {now}, '-' || ({seconds}) || ' seconds')"
    return f"max({usual}, coalesce({own}, {again}))"


def is_in_use(now: Any, idle_since: Any) -> Any:
    """Whether a session was seen late enough; `idle_since` is the moment that the usual limit gives."""
    return sessions.c.seen_at > _Since(idle_since, now, sessions.c.idle_for)


def is_idle(now: Any, idle_since: Any) -> Any:
    return sessions.c.seen_at <= _Since(idle_since, now, sessions.c.idle_for)


def wants_touch(now: Any, touch_before: Any) -> Any:
    """Whether the time a session was last seen is old enough to be written again."""
    return sessions.c.seen_at <= _Since(touch_before, now, sessions.c.idle_for // TOUCHES)
