"""Disputes over the token service's door: opened and closed by the debit's id and its token."""

from typing import Annotated

from fastapi import FastAPI, Path
from fastapi.responses import JSONResponse

from zheton.apps.http.asking import Ask, answer_at_once
from zheton.apps.http.fields import Answer, Body
from zheton.apps.http.reaching import OwnToken
from zheton.roles.tsp.desk import TokenDesk
from zheton.roles.tsp.dispute import close_dispute, open_dispute
from zheton.roles.tsp.ports import VaultTx

DebitId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{32}$", description="a debit, as its notification names it")
]


class Nothing(Body):
    """An empty object: path and caller say all."""


class DisputeAnswer(Answer):
    """Whether a debit is disputed now, and whether this request has changed that."""

    debitId: str
    disputed: bool
    changed: bool


def add_disputes(app: FastAPI, desk: TokenDesk) -> None:
    """Both verbs."""

    @app.post(
        "/v1/tokens/{token}/debits/{debit}/dispute/open",
        operation_id="open_dispute",
        response_model=DisputeAnswer,
    )
    def opening(token: OwnToken, debit: DebitId, body: Nothing, asked: Ask) -> JSONResponse:
        """The debit is disputed: its number goes to nobody else before the dispute is closed."""

        def work(tx: VaultTx) -> DisputeAnswer:
            changed = open_dispute(tx, token, debit, asked.at)
            return DisputeAnswer(debitId=debit, disputed=True, changed=changed)

        return answer_at_once(desk, asked, work)

    @app.post(
        "/v1/tokens/{token}/debits/{debit}/dispute/close",
        operation_id="close_dispute",
        response_model=DisputeAnswer,
    )
    def closing(token: OwnToken, debit: DebitId, body: Nothing, asked: Ask) -> JSONResponse:
        """The dispute is over: the window of its number begins anew."""

        def work(tx: VaultTx) -> DisputeAnswer:
            changed = close_dispute(tx, token, debit, asked.at)
            return DisputeAnswer(debitId=debit, disputed=False, changed=changed)

        return answer_at_once(desk, asked, work)
