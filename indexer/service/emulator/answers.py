"""What the RESTful API answers, as values.

SOURCE: "Response status codes" of the Cloud Recording RESTful API (2026-06) and the pages of its five calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from indexer.agora.codes import Call, code_of


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and the JSON object beside it."""

    status: int
    body: Mapping[str, object]


class RefusedError(Exception):
    """A call is not carried out; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer.body))
        self.answer = answer


NO_CREDENTIALS: Final = Answer(401, {"message": "Unauthorized"})
WRONG_CREDENTIALS: Final = Answer(401, {"message": "Invalid authentication credentials"})
NO_ROUTE: Final = Answer(404, {"message": "no Route matched with those values"})
TOO_LONG: Final = Answer(413, {"message": "Request size limit exceeded"})
BROKEN: Final = Answer(500, {"message": "An unexpected error occurred"})
"""Neither is in Agora's documents: the words of the gateway whose "no Route matched" they print."""


def refusal(number: int, call: Call, reason: str = "") -> RefusedError:
    """The answer with a documented code.  Where the documents print no reason, `reason` says what is wrong."""
    code = code_of(number, call)
    if code is None:
        raise ValueError(f"{number} is no code of Agora's")
    return RefusedError(Answer(code.http, {"code": number, "reason": reason or code.reason or code.meaning}))
