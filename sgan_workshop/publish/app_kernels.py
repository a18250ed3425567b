"""A Voilà whose kernels end with the page that they belong to: each page has a kernel of its own."""

from __future__ import annotations

import contextvars
from typing import Any
from urllib.parse import urlsplit

from jupyter_core.utils import ensure_async
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from jupyter_server.utils import url_path_join
from tornado.ioloop import IOLoop
from tornado.web import HTTPError
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from sgan_utils.support.hardware import give_back_freed_memory

GRACE = 20.0  # seconds that a page may be away: a connection that broke comes back within a few
LOADING = 300.0  # seconds that a page may take until it connects; a busy machine needs its time


class PageKernels(AsyncMappingKernelManager):
    """Ends a kernel when its page has been gone for a while, busy or not: a run that trains would never be idle."""

    async def start_kernel(self, **options: Any) -> str:  # type: ignore[override]  # Jupyter's is a mixture of both
        """Start a kernel as Jupyter does, and look after a while whether a page has come."""
        kernel_id = await super().start_kernel(**options)
        self._look_again(LOADING, kernel_id)
        return kernel_id

    def notify_disconnect(self, kernel_id: str) -> None:
        """A page has gone, or its connection broke."""
        super().notify_disconnect(kernel_id)
        self._look_again(GRACE, kernel_id)

    def _look_again(self, seconds: float, kernel_id: str) -> None:
        # In an empty context: ours would keep the page's request and all that it holds until then.
        contextvars.Context().run(IOLoop.current().call_later, seconds, self.end_if_alone, kernel_id)

    async def end_if_alone(self, kernel_id: str) -> None:
        """End a kernel that no page is connected to."""
        if kernel_id in self and self._kernel_connections.get(kernel_id, 0) <= 0:
            self.log.info("The page of kernel %s has gone: it ends.", kernel_id)
            await ensure_async(self.shutdown_kernel(kernel_id, now=True))
        give_back_freed_memory()


class LeaveHandler(VoilaShutdownKernelHandler):
    """Hears what a page says when it is left."""

    def check_xsrf_cookie(self) -> None:
        """Nothing: the browser sends these words without a token, and only the page knows the name of its kernel."""


class PageSocket(VoilaKernelWebsocketHandler):
    """A page's way to its kernel.

    Jupyter also lets in programs that do not say where they come from, and any page that has the token; here they stay
    out.
    """

    async def get(self, kernel_id: str) -> None:
        """Open it for a page of this server, and tell nobody else whether there is such a kernel."""
        if urlsplit(self.get_origin() or "").netloc != self.request.host:
            raise HTTPError(403, "only a page of the app may speak to its kernel")
        await super().get(kernel_id)


class App(Voila):
    """Voilà with these kernels."""

    def initialize(self, argv: list[str] | None = None) -> None:
        """As Voilà does."""
        super().initialize(argv)
        self.voila_configuration.multi_kernel_manager_class = PageKernels

    def init_handlers(self) -> list:
        """Voilà's, with our way to a kernel, and before them the one that hears a page that is left."""
        ours = {VoilaKernelWebsocketHandler: PageSocket}
        handlers = [(url, ours.get(handler, handler), *more) for url, handler, *more in super().init_handlers()]
        return [(url_path_join(self.server_url, r"/voila/api/shutdown/(.*)"), LeaveHandler), *handlers]
