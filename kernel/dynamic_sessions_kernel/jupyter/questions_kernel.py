"""The requests that are no cells, as ipykernel has them served: one method for each type.

What is answered is decided in `questions`; here stands what a front end reads first.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Any

from ipykernel.jsonutil import json_clean

from dynamic_sessions_kernel._version import __version__
from dynamic_sessions_kernel.runtimes.choose import offers_debugger
from dynamic_sessions_kernel.settings import SettingTraits

from .ipykernel_seams import PROTOCOL_VERSION, SeamKernel

if TYPE_CHECKING:
    from dynamic_sessions_kernel.messages import Content

    from .questions import Questions

#: What a front end's Help menu offers.
HELP_LINKS = [
    {"text": "Python Reference", "url": f"https://docs.python.org/{sys.version_info.major}"},
    {"text": "IPython Reference", "url": "https://ipython.readthedocs.io/en/stable/"},
    {
        "text": "Azure Container Apps dynamic sessions",
        "url": "https://learn.microsoft.com/azure/container-apps/sessions",
    },
]
#: Messages of comms, which have no reply.
COMM_TYPES = ("comm_open", "comm_msg", "comm_close")


class QuestionsKernel(SettingTraits, SeamKernel):
    """Serves all requests but those of cells and of the kernel's life."""

    implementation = "dynamic_sessions_kernel"
    implementation_version = __version__
    banner = f"Python in an Azure Container Apps dynamic session ({__version__})"
    language_info = {  # noqa: RUF012 - the base class declares it so
        "name": "python",
        "version": ".".join(map(str, sys.version_info[:3])),
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "pygments_lexer": "ipython3",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    }
    msg_types = [*SeamKernel.msg_types, *COMM_TYPES]  # noqa: RUF012 - as above
    control_msg_types = [*SeamKernel.control_msg_types, *COMM_TYPES]  # noqa: RUF012 - as above

    _questions: Questions
    _loop: asyncio.AbstractEventLoop

    @property
    def kernel_info(self) -> dict[str, Any]:
        """What front ends read first."""
        return {
            "protocol_version": PROTOCOL_VERSION,
            "implementation": self.implementation,
            "implementation_version": self.implementation_version,
            "language_info": self.language_info,
            "banner": self.banner,
            "help_links": HELP_LINKS,
            "supported_features": ["debugger"] if offers_debugger(self.runtime) else [],
        }

    async def complete_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Complete what is typed."""
        reply = await self._questions.complete(parent)
        self._reply(stream, "complete_reply", reply, parent, ident)

    async def inspect_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Say what is known of a name."""
        reply = await self._questions.inspect(parent)
        self._reply(stream, "inspect_reply", reply, parent, ident)

    async def history_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Return earlier inputs."""
        reply = await self._questions.history(parent)
        self._reply(stream, "history_reply", reply, parent, ident)

    async def comm_info_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """List the open comms."""
        reply = await self._questions.comm_info(parent)
        self._reply(stream, "comm_info_reply", reply, parent, ident)

    async def is_complete_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Say whether Enter runs the cell or starts a line."""
        reply = await self._questions.is_complete(parent)
        self._reply(stream, "is_complete_reply", reply, parent, ident)

    async def debug_request(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Hand a debugger's request to the session, from the control thread."""
        asked = asyncio.run_coroutine_threadsafe(self._questions.debug(parent), self._loop)
        reply = await asyncio.wrap_future(asked)
        self._reply(stream, "debug_reply", reply, parent, ident)

    async def comm_open(self, stream: Any, ident: Any, parent: dict[str, Any]) -> None:
        """Hand a comm's message to the session."""
        del stream, ident
        await self._questions.serve_comm(parent)

    comm_msg = comm_close = comm_open

    def _reply(
        self, stream: Any, msg_type: str, reply: Content, parent: dict[str, Any], ident: Any
    ) -> None:
        self.session.send(stream, msg_type, json_clean(reply), parent, ident)
