"""Which lines of the log are wanted: seen and changed by operators while the server runs."""

from __future__ import annotations

from typing import Final

from backstory.clock import to_text
from backstory.errors import DeniedError, MissingError, SchemaError, TooLargeError
from backstory.ports import acts
from backstory.ports.events import OK
from backstory.ports.log_levels import Level, LogLevels
from backstory.transports.edge import strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, schemas
from backstory.transports.rest.bodies import shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply

PATH: Final = "/v1/admin/log-level"
TAG: Final = "Operations"


async def get_log_level(call: Call) -> Answer:
    """The level that is in force on the node that answers, and where it comes from."""
    return _answer(call, _levels(call).present)


async def put_log_level(call: Call) -> Answer:
    """Another level on all nodes, within a second or two, for `seconds`.

    A node with a file of its own (`log_level_file`) stays at what that says.
    """
    levels = _levels(call)
    wanted = shaped(strict_json.loads(call.body), schemas.PutLogLevel)
    return _answer(call, await levels.change(wanted.level, wanted.seconds))


async def delete_log_level(call: Call) -> Answer:
    """The level of the settings again."""
    return _answer(call, await _levels(call).reset())


def _levels(call: Call) -> LogLevels:
    allowed = call.principal.operator
    acts.decided(acts.OPERATE, "*", OK if allowed else DeniedError.code)
    if not allowed:
        raise DeniedError("the log is for operators; `operators` of the settings names them")
    if call.served.log_levels is None:
        raise MissingError("the log of this process is not the server's to change")
    return call.served.log_levels


def _answer(call: Call, level: Level) -> Answer:
    until = None if level.until is None else to_text(level.until)
    return call.json({"level": level.level, "origin": level.origin, "until": until})


_REPLIES: Final = {200: Reply("What is in force.", schemas.LogLevel)}

ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=get_log_level,
        tag=TAG,
        summary="Which lines of the log are written",
        replies=_REPLIES,
    ),
    Endpoint(
        method="PUT",
        path=PATH,
        handler=put_log_level,
        tag=TAG,
        summary="Write more or fewer lines for a while",
        bodies=(Body(media.JSON, schemas.PutLogLevel, {"level": "debug", "seconds": 600}),),
        replies=_REPLIES,
        errors=(SchemaError, TooLargeError),
    ),
    Endpoint(
        method="DELETE",
        path=PATH,
        handler=delete_log_level,
        tag=TAG,
        summary="Write the usual lines again",
        replies=_REPLIES,
    ),
)
