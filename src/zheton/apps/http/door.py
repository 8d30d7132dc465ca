"""A new HTTP application as all doors are: bounded, silent, and saying no in one form."""

from typing import Any

from fastapi import FastAPI

from zheton.apps.http.guard import Guard
from zheton.apps.http.problem import answer_with_problems


def door(title: str, **options: Any) -> FastAPI:
    """An application without endpoints; `options` are FastAPI's own."""
    app = FastAPI(
        title=title,
        version="1",
        docs_url=None,
        redoc_url=None,
        # The framework can send faults with their texts, and hand bodies to whoever listens, to
        # where the environment says. Bodies here hold envelopes, codes and packages: never.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
        **options,
    )
    answer_with_problems(app)
    app.add_middleware(Guard)
    return app
