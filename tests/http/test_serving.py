"""How requests are answered, beyond what they say."""

import socket
from typing import Any

import pytest
import uvicorn
from litestar import Litestar

from inventiv_http.connections.lanes import connecting
from inventiv_http.connections.outbox import Outbox
from inventiv_http.serving import serve
from tests.conftest import SETTINGS

PROXIES_KEEP_S = 120
"""How long the proxy that comes along keeps an idle connection; most others keep it shorter."""


class Chosen(Exception):
    """How a server would have run."""


async def test_an_idle_connection_is_left_to_the_proxy_to_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def tell(*_: object, **how: Any) -> None:
        raise Chosen(how)

    app = Litestar()
    app.state.connect = connecting({}, app, Outbox(), trusted_proxies="")
    monkeypatch.setattr(uvicorn, "Config", tell)
    with socket.socket() as listener, pytest.raises(Chosen) as chosen:
        await serve(app, listener, SETTINGS, ready=lambda: None)
    assert chosen.value.args[0]["timeout_keep_alive"] > PROXIES_KEEP_S
