"""Nothing that a session prints runs in the page, calls out, or changes the page around it."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error as BrowserError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

pytestmark = pytest.mark.timeout(600)

CORPUS = Path(__file__).parent / "corpus"
CANARY = "canary.test"

#: Milliseconds in which what was set off must show: nothing tells that nothing will happen.
SETTLE = 3000

#: Notebooks that the corpus is cut into: one page with all of its frames takes minutes.
PARTS = 6

#: Trusted, these leave the page or break it, so that nothing could be measured beside them.
LEAVING = ("navigation", "wrecking", "forging")


@dataclass(frozen=True)
class Payload:
    """Something hostile that a cell prints."""

    name: str
    mime: str
    text: str
    group: str


def _read_payloads(file: Path) -> list[Payload]:
    head, *entries = re.split(r"^== ", file.read_text("utf-8"), flags=re.MULTILINE)
    return [
        Payload(name.strip(), head.strip(), text.rstrip("\n"), file.stem)
        for name, _, text in (entry.partition("\n") for entry in entries)
    ]


def payloads(*groups: str) -> list[Payload]:
    """Read the corpus, whole or in part."""
    files = sorted(CORPUS.glob("*.txt"))
    return [
        payload
        for file in files
        if not groups or file.stem in groups
        for payload in _read_payloads(file)
    ]


def filled(payload: Payload, address: str, canary: Any) -> str:
    """Write a payload with its scripts and addresses filled in."""
    host = f"{payload.name}.{CANARY}"
    script = (
        f"(function(){{var n='{payload.name}';"
        "try{top.ran=(top.ran||[]).concat(n)}catch(e){}"
        f"try{{fetch('{address}/api/status?ran='+n)}}catch(e){{}}"
        f"try{{new Image().src='http://{host}/ran'}}catch(e){{}}}})()"
    )
    encoded = base64.b64encode(script.encode()).decode()
    stun = (
        f"var c=new RTCPeerConnection({{iceServers:[{{urls:'stun:{host}:{canary.stun_port}'}}]}});"
        "c.createDataChannel('x');c.createOffer().then(function(o){c.setLocalDescription(o)});"
    )
    values = {
        "RUN": f"eval(atob('{encoded}'))",
        "RUNQ": f"eval(atob(`{encoded}`))",
        "B64": encoded,
        "LOAD": f"http://{host}/",
        "HOST": host,
        "NAME": payload.name,
        "STUN": stun,
        "STUNQ": stun,
    }
    return re.sub(r"\{([A-Z0-9]+)\}", lambda match: values[match[1]], payload.text)


_SHOWING = """
import json
from IPython.display import display
for bundle in json.loads({bundles!r}):
    display(bundle, raw=True)
"""


def cells(chosen: list[Payload], address: str, canary: Any) -> list[str]:
    """Write the cells that print payloads, a dozen in each."""
    shown = [
        {payload.mime: filled(payload, address, canary), "text/plain": payload.name}
        for payload in chosen
        if payload.mime != "code"
    ]
    dozens = [shown[at : at + 12] for at in range(0, len(shown), 12)]
    return [
        *(_SHOWING.format(bundles=json.dumps(dozen)).strip() for dozen in dozens),
        *(filled(payload, address, canary) for payload in chosen if payload.mime == "code"),
    ]


@dataclass
class Seen:
    """What became of the payloads."""

    ran: set[str] = field(default_factory=set)
    asked_server: set[str] = field(default_factory=set)
    called: set[str] = field(default_factory=set)
    looked_up: set[str] = field(default_factory=set)
    page: dict[str, Any] = field(default_factory=dict)
    frames: int = 0
    shown: int = 0

    @property
    def reached(self) -> set[str]:
        return self.ran | self.asked_server | self.called


# What a person's mouse and keyboard would set off.
_TOUCH = """
(_, within) => {
  for (const element of document.querySelectorAll(within)) {
    if (element.tagName === "IFRAME") continue;
    for (const kind of ["mouseover", "pointerenter", "keydown", "wheel"]) {
      element.dispatchEvent(new Event(kind));
    }
    const leads = element.closest("a")?.getAttribute("href") || "";
    if (/^https?:/i.test(leads)) continue;
    element.dispatchEvent(new MouseEvent("click", {cancelable: true}));
  }
}
"""

_LOOK = """
() => {
  const outside = [];
  const output = ".jp-OutputArea";
  for (let x = 5; x < innerWidth; x += 30) for (let y = 5; y < innerHeight; y += 30) {
    const area = document.elementFromPoint(x, y)?.closest(output);
    if (!area) continue;
    const box = area.closest(".jp-WindowedPanel-outer").getBoundingClientRect();
    const own = area.getBoundingClientRect();
    if (x < box.left || x > box.right || y < box.top || y > box.bottom
        || x < own.left || x > own.right || y < own.top || y > own.bottom) outside.push([x, y]);
  }
  const body = getComputedStyle(document.body);
  const bar = document.querySelector(".jp-NotebookPanel-toolbar").getBoundingClientRect();
  return {
    address: location.pathname,
    body: [body.display, body.visibility, body.backgroundImage, body.opacity],
    toolbar: [bar.width > 500, bar.height > 10],
    fixed: [...document.querySelectorAll(output + " *")].filter(
      (element) => getComputedStyle(element).position === "fixed").length,
    outside: outside.length,
    dialogs: document.querySelectorAll("body > .jp-Dialog").length,
    clobbered: ["clobberedone", "clobberedtwo", "clobberedthree"].filter((name) => name in window),
    functions: [typeof document.getElementById, document.currentScript === null],
    title: document.title.replace(/[^a-z]/gi, ""),
  };
}
"""


def show(
    chosen: list[Payload],
    kernel: str,
    name: str,
    chromium: Callable[[], Any],
    front_end: Any,
    canary: Any,
) -> Seen:
    """Run payloads in a notebook of a session and see what became of them."""
    lab, seen = front_end.lab, Seen()
    canary.called.clear()
    lab.write(name, cells(chosen, lab.address, canary), kernel)
    browser = chromium()
    page = browser.page()
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.context.on("response", lambda answer: seen.asked_server.update(_asked(answer.url)))
    front_end.open(page, lab.url(name))
    front_end.run_all(page)
    page.wait_for_timeout(SETTLE)
    page.locator("body").evaluate(_TOUCH, ".jp-OutputArea-output *")
    for frame in page.frames:
        if frame is not page.main_frame:
            seen.frames += touch(frame)
    page.evaluate("window.jupyterapp.commands.execute('tooltip:launch-notebook')")
    page.wait_for_timeout(SETTLE)
    if kernel == "isolated":
        seen.page = page.evaluate(_LOOK)
    seen.ran = set(page.evaluate("window.ran || []"))
    seen.called = set(canary.called)
    browser.close()
    seen.looked_up = browser.looked_up()
    return seen


def touch(frame: Any) -> bool:
    """Touch everything in a frame; False for one that shows the browser's refusal."""
    if frame.url.startswith("chrome-error:"):
        return False
    try:
        frame.locator("body").evaluate(_TOUCH, "body *", timeout=1000)
    except BrowserError:
        return False
    return True


def _asked(url: str) -> list[str]:
    return re.findall(r"/api/status\?ran=([a-z0-9-]+)", url)


@pytest.fixture(scope="module", params=range(PARTS))
def isolated(
    request: pytest.FixtureRequest,
    chromium: Callable[[], Any],
    front_end: SimpleNamespace,
    canary: Any,
) -> Seen:
    chosen = payloads()[request.param :: PARTS]
    name = f"corpus-{request.param}.ipynb"
    seen = show(chosen, "isolated", name, chromium, front_end, canary)
    seen.shown = len(chosen)
    return seen


@pytest.fixture(scope="module")
def trusted(chromium: Callable[[], Any], front_end: SimpleNamespace, canary: Any) -> Seen:
    staying = [payload for payload in payloads() if payload.group not in LEAVING]
    return show(staying, "trusted", "trusted.ipynb", chromium, front_end, canary)


def test_the_corpus_is_broad() -> None:
    names = [payload.name for payload in payloads()]
    assert len(names) == len(set(names))
    assert len(names) >= 150


def test_no_payload_runs_in_the_page(isolated: Seen) -> None:
    assert isolated.frames > isolated.shown / 2  # they did reach the browser
    assert isolated.ran == set()


def test_no_payload_reaches_the_server(isolated: Seen) -> None:
    assert isolated.asked_server == set()


def test_no_payload_reaches_another_address(isolated: Seen) -> None:
    assert isolated.called == set()


def test_only_a_navigation_that_is_refused_looks_a_name_up(isolated: Seen) -> None:
    # Chromium prepares a connection before it asks the policy whether a frame may go there.
    leaving = {payload.name for payload in payloads("navigation")}
    assert isolated.looked_up <= leaving


def test_the_page_around_the_outputs_is_as_before(isolated: Seen) -> None:
    assert re.fullmatch(r"/lab/workspaces/(corpus-\d)/tree/\1\.ipynb", isolated.page["address"])
    assert isolated.page == {
        "address": isolated.page["address"],
        "body": ["block", "visible", "none", "1"],
        "toolbar": [True, True],
        "fixed": 0,
        "outside": 0,
        "dialogs": 0,
        "clobbered": [],
        "functions": ["function", True],
        "title": isolated.page["title"],
    }


def test_trusted_the_same_payloads_do_run(trusted: Seen) -> None:
    assert len(trusted.reached) >= 100
