"""Logging for programs that a person watches: warnings of ours on standard error, little else."""

import logging


def quiet(level: int = logging.WARNING) -> None:
    """Show what is wrong and keep still otherwise; libraries that print requests are silenced."""
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    for name in ("httpx", "uvicorn", "uvicorn.error", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
