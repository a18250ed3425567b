"""Why a run of a notebook could stand still where a slider draws a picture, and the session that does not let it.

While nbclient waits for a kernel's reply, it answers its Output widgets. jupyter_client sends such an answer past the
asyncio socket, through a shadow of it. ZeroMQ then takes note of all that has come in so far, and signals it no more: a
reply that came before the answer went out lies there unread, and both sides wait.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import zmq.asyncio
from jupyter_client.session import Session


class WakingSession(Session):
    """Sends through the asyncio socket itself, which looks for what has come in after each message that it sends."""

    def send(self, stream: Any, *arguments: Any, **named: Any) -> dict[str, Any] | None:
        """As :meth:`jupyter_client.session.Session.send`."""
        if isinstance(stream, zmq.asyncio.Socket):
            stream = SimpleNamespace(send_multipart=stream.send_multipart)  # else it would be shadowed
        return super().send(stream, *arguments, **named)
