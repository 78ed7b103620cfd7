"""What a server is made of, as its operator chose."""

from __future__ import annotations

from scribewire.testing.running import run_server


async def test_each_engine_has_costs_that_admission_goes_by() -> None:
    async with run_server() as running:
        services = running.services
        loads = services.scheduler.loads()
        for engine in services.engines.speech:
            assert services.admission.refusal(loads, speech=engine) is None


async def test_the_pages_that_an_operator_has_named_may_use_it() -> None:
    async with run_server(allow_origin=("https://a.example",)) as running:
        origins = running.services.origins
        assert origins.allows("https://a.example", "b.example")
        assert not origins.allows("https://c.example", "b.example")
