"""Logging for programs that a person watches, on standard error.

A debug log tells what every part does, libraries included, and never with what: bodies, rows and
parameters of statements are not in it (`tests/system/test_canaries.py`).
"""

import logging

_LIBRARIES = ("httpx", "uvicorn", "uvicorn.error", "asyncio")


def quiet() -> None:
    """Warnings of ours and little else, unless more was asked for already."""
    if logging.getLogger().getEffectiveLevel() <= logging.DEBUG:
        return
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for name in _LIBRARIES:  # they print requests
        logging.getLogger(name).setLevel(logging.WARNING)


def loud() -> None:
    """Everything that anybody logs; of SQL the statements, for the rows are people's."""
    if logging.getLogger().handlers:
        return  # whoever runs this inside of something else has decided already
    logging.basicConfig(
        level=logging.DEBUG, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("sqlalchemy.engine").setLevel(logging.INFO)
