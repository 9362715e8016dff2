"""The routes by their first word answer as one router does."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, Router

from services.web.routing import ByFirstWord
from tests.unit.web.conftest import Browser


async def _say(request: Request) -> Response:
    return PlainTextResponse(f"{request.scope['endpoint'].__name__} {request.path_params}")


def _named(name: str):
    async def run(request: Request) -> Response:
        return await _say(request)

    run.__name__ = name
    return run


ROUTES = [
    Route("/", _named("home")),
    Route("/mail/{box}", _named("list")),
    Route("/mail/{box}/act", _named("act"), methods=["POST"]),
    Route("/mail/{box}/{key}", _named("message")),
    Route("/search", _named("search")),
    Route("/favicon.ico", _named("icon")),
]


@pytest.mark.parametrize(
    "path",
    ["/", "/mail/a%2Fb", "/mail/x/act", "/mail/x/7", "/mail", "/search", "/search/", "/favicon.ico", "/no/1"],
)
async def test_the_same_answers(path: str) -> None:
    async def default(scope, receive, send) -> None:
        await PlainTextResponse("nothing", 404)(scope, receive, send)

    answers = []
    for app in (Router(ROUTES, default=default), ByFirstWord(ROUTES, default)):
        answer = await Browser(app).get(path)
        answers.append((answer.status_code, answer.text, answer.headers.get("location")))
    assert answers[0] == answers[1]


def test_a_pattern_without_a_first_word_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with a parameter"):
        ByFirstWord([Route("/{anything}", _named("any"))], Router())
