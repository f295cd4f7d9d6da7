"""A demo that listens beyond this machine says so on every page; its passwords and inbox are open to whoever comes."""
from dataclasses import replace

import httpx2
import pytest

from app.context import Context
from app.main import create_app

SENTENCE = "Others can reach this demo"


@pytest.mark.parametrize(("demo", "host", "warned"), [(True, "0.0.0.0", True), (True, "127.0.0.1", False), (False, "0.0.0.0", False)])
@pytest.mark.parametrize("path", ["/till/sign-in", "/console/sign-in", "/nowhere"])
async def test_only_a_demo_that_others_can_reach_warns(here: Context, demo: bool, host: str, warned: bool, path: str) -> None:
    here.settings = replace(here.settings, demo=demo, host=host)
    transport = httpx2.ASGITransport(app=create_app(here), raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="https://cards.example.com") as client:
        page = await client.get(path, headers={"Accept-Language": "en"})
    assert (SENTENCE in page.text) is warned
