from __future__ import annotations

import asyncio
import gc
import re
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from scribewire.engines.engines import Engines
from scribewire.engines.protocols import Device
from scribewire.engines.whisper.family import WHISPER_BASE
from scribewire.errors import ModelFault, ServerFault
from scribewire.server.address import Address
from scribewire.server.draining import Draining
from scribewire.server.run import SWITCH_S, load_first, log_models, prepare_process, serve, serving
from scribewire.settings import Settings
from scribewire.testing.faulty import StuckEngine
from scribewire.testing.on_demand import ScriptedModel, scripted_on_demand
from scribewire.testing.running import RunningServer, run_server
from scribewire.testing.scripted import SCRIPTED_TRAITS, ScriptedEngine, ScriptedVad, draw_pcm

EVERY_NETWORK = "0.0.0.0"  # noqa: S104 - where this is warned of


async def test_a_port_that_is_taken_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(ServerFault, match=rf"port {port}: .*choose another"):
            async with serving(Settings(port=port), Engines(ScriptedVad(), (ScriptedEngine(),))):
                pass


@pytest.mark.parametrize(
    ("host", "proxies", "times"),
    [
        (EVERY_NETWORK, (), 1),
        (EVERY_NETWORK, ("127.0.0.1", "::1"), 1),
        (EVERY_NETWORK, ("127.0.0.1", "10.0.0.0/8"), 0),
        ("127.0.0.1", (), 0),
    ],
)
async def test_a_server_that_can_be_overheard_says_so(
    host: str, proxies: tuple[str, ...], times: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with run_server(host=host, forwarded_allow_ips=proxies):
        pass

    told = [one for one in caplog.messages if "keys and speech come to ws://" in one]
    assert len(told) == times


def test_a_missing_model_is_found_before_the_port_opens(tmp_path: Path) -> None:
    opened: list[Address] = []

    with pytest.raises(ModelFault, match="encoder_model"):
        serve(Settings(port=0, model_dir=tmp_path), on_listening=opened.append)

    assert opened == []


def test_at_the_start_each_model_is_told_with_what_it_serves_and_the_memory(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    model = ScriptedModel()
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"nl", "de"}))
    other = scripted_on_demand(model.load, name="letters", traits=traits)
    other.model = replace(other.model, memory_mb=210)
    engines = Engines(ScriptedVad(), (ScriptedEngine(), other))

    log_models(engines)
    load_first(engines, Settings())
    assert model.loads == 0
    load_first(engines, Settings(preload=True))
    log_models(engines)

    assert model.loads == 1
    assert "= model ScriptedEngine: en" in caplog.messages
    unloaded = "= model letters: de, nl; loaded when it is needed, about 210 MB more"
    assert unloaded in caplog.messages
    assert "= model letters: de, nl" in caplog.messages
    assert re.search(r"= \d+ MB of memory are held", caplog.text)


@pytest.mark.parametrize(
    ("parameters", "device", "is_let_in"),
    [
        (WHISPER_BASE.parameters, "cpu", True),
        (1_540_000_000, "cpu", False),
        (1_540_000_000, "cuda", True),
    ],
)
async def test_beside_an_open_session_a_large_model_on_a_core_is_refused_before_it_is_measured(
    parameters: int, device: Device, *, is_let_in: bool
) -> None:
    traits = replace(SCRIPTED_TRAITS, languages=frozenset({"nl"}), device=device)
    large = scripted_on_demand(ScriptedModel().load, traits=traits)
    large.model = replace(large.model, parameters=parameters)
    english = ScriptedEngine()
    async with serving(Settings(port=0, workers=2), Engines(ScriptedVad(), (english, large))) as (
        _,
        services,
    ):
        admission, loads = services.admission, services.scheduler.loads()
        with admission.session(speech=english):
            assert (admission.refusal(loads, speech=large) is None) is is_let_in


def test_a_thread_that_computes_lets_engines_in_soon() -> None:
    before = sys.getswitchinterval()
    try:
        prepare_process()
        assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    finally:
        sys.setswitchinterval(before)
        gc.unfreeze()


async def test_the_event_loop_stays_free_while_an_engine_decodes() -> None:
    engine = StuckEngine()
    audio = draw_pcm("..hello" + "." * 20)
    async with (
        run_server(engines=Engines(ScriptedVad(), (engine,))) as server,
        server.dial() as stuck,
        server.dial() as other,
    ):
        await stuck.send('{"action":"start"}', audio)
        await asyncio.to_thread(engine.has_begun.wait)
        await other.send('{"action":"start"}')

        assert (await other.next())["state"] == "listening"
        engine.release.set()


async def test_sessions_that_do_not_end_in_time_do_not_hold_the_server(
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = StuckEngine()
    audio = draw_pcm("..hello" + "." * 20)
    async with run_server(engines=Engines(ScriptedVad(), (engine,)), drain_timeout_ms=50) as server:
        context = server.dial()
        dialogue = await context.__aenter__()
        await dialogue.send('{"action":"start"}', audio)
        await asyncio.to_thread(engine.has_begun.wait)
        asyncio.get_running_loop().call_later(0.3, engine.release.set)
    await context.__aexit__(None, None, None)

    assert "1 sessions did not end in time" in caplog.text


async def test_a_server_that_ends_says_by_when_and_sends_the_finals_it_owes() -> None:
    settings = Settings(port=0, keys=("key-1",))
    engines = Engines(ScriptedVad(), (ScriptedEngine(),))
    at_noon = Draining(2.5, unix_time=lambda: 43_200.0)
    serve_at_noon = serving(settings, engines, draining=at_noon)
    address, services = await serve_at_noon.__aenter__()
    async with (
        RunningServer(address, services).dial() as speaking,
        RunningServer(address, services).dial() as silent,
    ):
        await speaking.send('{"action":"start"}', draw_pcm("..hello"))
        await speaking.next()
        ending = asyncio.create_task(serve_at_noon.__aexit__(None, None, None))
        codes = [await one.until_closed() for one in (speaking, silent)]
        await ending

    shutting_down, stopped = '{"state":"shutting_down","at":43203}', '{"state":"stopped"}'
    assert [text for text in speaking.texts if "state" in text][1:] == [shutting_down, stopped]
    assert speaking.finals == ["hello"]
    assert silent.texts == [shutting_down, stopped]
    assert codes == [1012, 1012]


async def test_a_server_that_is_cut_off_tells_its_clients_and_waits_for_no_final() -> None:
    engine = StuckEngine()
    at_noon = Draining(30.0, unix_time=lambda: 43_200.0)
    settings = Settings(port=0, keys=("key-1",))
    cut_off_at_noon = serving(settings, Engines(ScriptedVad(), (engine,)), draining=at_noon)
    address, services = await cut_off_at_noon.__aenter__()
    async with RunningServer(address, services).dial() as dialogue:
        await dialogue.send('{"action":"start"}', draw_pcm("..hello" + "." * 20))
        await asyncio.to_thread(engine.has_begun.wait)
        ending = asyncio.create_task(cut_off_at_noon.__aexit__(None, None, None))
        await at_noon.has_begun.wait()
        at_noon.cut_off()
        code = await dialogue.until_closed()
        engine.release.set()
        await ending

    assert dialogue.texts[-2:] == [
        '{"state":"shutting_down","at":43230}',
        '{"state":"shutting_down","at":43200}',
    ]
    assert code == 1012
