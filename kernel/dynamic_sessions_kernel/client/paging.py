"""Listings that come in pages, followed as far as they stay with the pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from dynamic_sessions_kernel.errors import UnexpectedAnswerError

from .api.parsing import json_listing, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .http.messages import ApiRequest
    from .http.transport import Transport

#: More pages than a pool's 600 sessions or a sensible folder can fill.
MAX_PAGES = 1000

# What a response cannot change: which session is asked, and in which language.
_OURS = ("identifier", "api-version")


def pages(transport: Transport, call: ApiRequest) -> Iterator[Mapping[str, Any]]:
    """Yield the bodies of a listing's pages.

    Raises:
        UnexpectedAnswerError: a page points elsewhere than to the pool, or there is no end.
    """
    seen = set()
    for _ in range(MAX_PAGES):
        response = transport.send(call)
        body = json_listing(response)
        yield body
        link = text(body, "nextLink", response.doing)
        if not link:
            return
        if link in seen:
            break
        seen.add(link)
        call = _follow(transport.url, call, link)
    raise UnexpectedAnswerError(f"The service's answer on {call.doing} has pages without end.")


def _follow(base: str, call: ApiRequest, link: str) -> ApiRequest:
    """Return the call for the next page: the link's query, put to the address we have.

    Of the link's own address only the host is looked at: the service writes paths in other cases.
    """
    try:
        target = urlsplit(urljoin(f"{base}/{call.path}", link))
    except ValueError:  # it is no address at all
        target = urlsplit("")
    if target.hostname != urlsplit(base).hostname:
        raise UnexpectedAnswerError(
            f"The service's answer on {call.doing} points to another address for its next page. It "
            "was not followed: the token is for this pool alone."
        )
    ours = {name: call.params[name] for name in _OURS if name in call.params}
    return replace(call, params={**call.params, **dict(parse_qsl(target.query)), **ours})
