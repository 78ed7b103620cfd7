"""What pages of other origins may ask, as a browser and curl see it."""

from __future__ import annotations

import asyncio

import pytest

from scribewire.testing.running import KEYS, RunningServer, run_server
from tests.parts.browser import open_context, run_browser
from tests.parts.installed import find_part, need_part

pytestmark = pytest.mark.slow

LET_IN = "http://captions.localhost"
STRANGER = "http://stranger.localhost"
ICON = '<link rel="icon" href="data:,">'
FETCH = """async ([address, key]) => {
  const ask = { method: "POST", headers: { "x-api-key": key, "Content-Type": "application/json" } };
  try {
    const answer = await fetch(address, { ...ask, body: JSON.stringify({ expires_in_s: 60 }) });
    return { status: answer.status, token: (await answer.json()).token };
  } catch (error) {
    return { thrown: error.name };
  }
}"""


def tokens_of(server: RunningServer) -> str:
    return f"http://127.0.0.1:{server.address.port}/v1/tokens"


async def test_a_browser_lets_the_named_page_read_the_answer_and_no_other() -> None:
    async with (
        run_server(allow_origin=(LET_IN,)) as server,
        run_browser() as browser,
        open_context(browser, "local-network-access") as visit,
    ):
        await visit.context.route(
            "http://*.localhost/", lambda route: route.fulfill(body=ICON, content_type="text/html")
        )
        visit.expected = ("blocked by CORS policy", "net::ERR_FAILED")
        answers = {}
        for origin in (LET_IN, STRANGER):
            page = await visit.open(f"{origin}/")
            answers[origin] = await page.evaluate(FETCH, [tokens_of(server), KEYS[0]])

    assert answers[LET_IN]["status"] == 201
    assert answers[LET_IN]["token"].count(".") == 2
    assert answers[STRANGER] == {"thrown": "TypeError"}


@pytest.mark.parametrize(("origin", "allowed"), [(LET_IN, True), (STRANGER, False)])
async def test_so_does_curl_see_it(origin: str, allowed: bool) -> None:
    need_part("curl")
    async with run_server(allow_origin=(LET_IN,)) as server:
        asked = ("Origin: " + origin, "Access-Control-Request-Method: POST")
        process = await asyncio.create_subprocess_exec(
            find_part("curl"),
            *("--silent", "--include", "--request", "OPTIONS", tokens_of(server)),
            *(part for field in asked for part in ("--header", field)),
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()

    head = output.decode().lower()
    assert (f"access-control-allow-origin: {origin}" in head) is allowed
    assert ("access-control-allow-headers: authorization" in head) is allowed
