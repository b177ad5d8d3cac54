"""What a script in a frame cannot do, each tried in a real Chromium: call out by WebRTC, read keys.

The packets would arrive at a listener of the test's own, on this machine.
"""

from __future__ import annotations

import contextlib
import html
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import Error as BrowserError

from dynamic_sessions_kernel.outputs.frames import iframe, nested
from dynamic_sessions_kernel.outputs.html import output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

HTML = "text/html"
FRAME = "iframe.dynamic-sessions-output"
LISTENING_SECONDS = 1.0


class Listener:
    """A port of this machine that counts what comes."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(LISTENING_SECONDS)
        self.connects = (
            "(()=>{const c=new RTCPeerConnection({iceServers:[{urls:'stun:127.0.0.1:"
            f"{sock.getsockname()[1]}'}}]}});c.createDataChannel('x');"
            "c.createOffer().then(o=>c.setLocalDescription(o))})()"
        )

    def packets(self) -> int:
        count = 0
        with contextlib.suppress(TimeoutError):
            while self._socket.recv(4096):
                count += 1
        return count


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield Listener(sock)


@pytest.fixture(scope="module")
def page(chromium: Callable[..., Any]) -> Iterator[Any]:
    opened = chromium().page()
    opened.goto("about:blank")
    yield opened
    opened.context.close()


def show(page: Any, source: str, *, at: str = "about:blank") -> Any:
    """Show an output in its frames, on a page of some address, and return the inner one."""
    page.goto(at)  # a new window: the page's script is there once for each
    page.set_content(f"<body>{output.framed(source, plain='')}</body>")
    outer = page.wait_for_selector(FRAME, state="attached").content_frame()
    inner = outer.wait_for_selector("iframe[srcdoc]", state="attached").content_frame()
    inner.wait_for_load_state("load")
    return inner


def every_node(page: Any) -> str:
    """Return the nodes of all frames as the developer tools show them, closed trees included."""
    found = []
    for frame in page.frames:
        with contextlib.suppress(BrowserError):  # it is in the process of the one around it
            client = page.context.new_cdp_session(frame)
            found.append(client.send("DOM.getDocument", {"depth": -1, "pierce": True}))
    return json.dumps(found)


def quoted(text: str) -> str:
    return json.dumps(text).replace("</", "<\\/")


def inserted(name: str, value: str, tag: str = "iframe") -> str:
    return (
        f"<script>const f=document.createElement({tag!r});f.setAttribute({name!r},{quoted(value)});"
        "document.documentElement.appendChild(f)</script>"
    )


_REPLACES = """<script>
for (const name of Object.getOwnPropertyNames(self)) {
  try {
    const natives = self[name].prototype;
    for (const key of ["querySelectorAll", "getAttribute", "setAttribute", "replaceChild", "item",
                       "getRootNode", "startsWith", "replace", "observe", "isPrototypeOf"]) {
      if (natives && key in natives) natives[key] = () => { throw 1; };
    }
  } catch { }
}
Array.prototype[Symbol.iterator] = function* () { };
Object.defineProperty(Array.prototype, "0", {get() { }, set() { }});
Object.prototype.subtree = false;
Reflect.apply = Function.prototype.call = Function.prototype.apply = () => 0;
</script>"""


def ways_in(connects: str) -> dict[str, str]:
    """Every way found to run a script in a document that the guard did not begin."""
    script = f"<script>{connects}</script>"
    url = f"javascript:{connects}"
    frame = f'<iframe srcdoc="{html.escape(script)}"></iframe>'
    tree = f"<div><template shadowrootmode=closed>{frame}</template></div>"
    copied = (
        "<script>const g=document.querySelector('script').textContent;"
        "const f=document.createElement('iframe');"
        f"f.srcdoc='<script>'+g+'<\\/script>'+{quoted(tree + script)};"
        "document.documentElement.append(f)</script>"
    )
    returning = (
        "<script>customElements.define('x-f',class extends HTMLIFrameElement{"
        "disconnectedCallback(){if(!this.n){this.n=1;document.documentElement.append(this)}}},"
        "{extends:'iframe'});const f=document.createElement('iframe',{is:'x-f'});"
        f"f.srcdoc={quoted(script)};document.documentElement.append(f)</script>"
    )
    shadow = (
        "<div id=h></div><script>const r=h.attachShadow({mode:'open',clonable:true});"
        f"r.innerHTML={quoted(frame)};document.documentElement.append(h.cloneNode(true))</script>"
    )
    elsewhere = (
        "<script>const d=document.implementation.createHTMLDocument('');"
        "const h=d.createElement('div');d.body.append(h);const r=h.attachShadow({mode:'closed'});"
        f"const f=d.createElement('iframe');f.srcdoc={quoted(script)};r.append(f);"
        "document.documentElement.append(document.adoptNode(h))</script>"
    )
    made = f"const f=document.createElement('iframe');f.srcdoc={quoted(script)};"
    changed = (
        "<div id=h></div><script>const r=h.attachShadow({mode:'open'});"
        f"Object.setPrototypeOf(r,PROTOTYPE);{made}Node.prototype.appendChild.call(r,f)</script>"
    )
    distracting = (
        f"<div id=h></div><script>h.append('x');PLACE;{made}"
        "document.documentElement.append(f)</script>"
    )
    follows = "javascript:" + json.dumps(script).replace("</", "<\\/")
    by_name = (
        "<div id=h></div><script>for(const n of ['setHTML','setHTMLUnsafe'])for(const c of"
        f" [{{}},{{sanitizer:{{}}}}])try{{h[n]({quoted(tree.replace('closed', 'open') + tree)},c);"
        "h.firstChild.shadowRoot.append(Object.assign(document.createElement('iframe'),"
        f"{{srcdoc:{quoted(script)}}}))}}catch{{}}</script>"
    )
    hidden = f"<noscript><style></noscript>{tree}<noscript></style></noscript>"
    return {
        "directly": script,
        "with natives replaced first": _REPLACES + inserted("srcdoc", script),
        "in a frame": frame,
        "in a frame that a script makes": inserted("srcdoc", script),
        "in a frame at a script's address": inserted("src", url),
        "in a frame of a frameset": f'<frameset><frame src="{html.escape(url)}"></frameset>',
        "in an object": inserted("data", url, "object"),
        "with the guard's text copied": copied,
        "in a frame that comes back": returning,
        "in a shadow tree": shadow,
        "in a shadow tree of another document": elsewhere,
        "in a shadow tree that is no longer one by its prototype": changed.replace(
            "PROTOTYPE", "Element.prototype"
        ),
        "in a shadow tree without a prototype": changed.replace("PROTOTYPE", "null"),
        "in a frame beside what went to another document": distracting.replace(
            "PLACE", "document.implementation.createHTMLDocument('').body.append(h)"
        ),
        "in a frame beside what went to a document of XML": distracting.replace(
            "PLACE", "document.implementation.createDocument(null,'a').documentElement.append(h)"
        ),
        "in a frame beside what went to a fragment without a prototype": distracting.replace(
            "PLACE",
            "const d=document.createDocumentFragment();d.append(h);Object.setPrototypeOf(d,null)",
        ),
        "in a declared shadow tree": tree,
        "in a declared shadow tree of a template": f"<template>{tree}</template>{tree}",
        "in a declared shadow tree behind noscript": hidden,
        "in a declared shadow tree within svg": f"<svg><style>{tree}</style></svg>{tree}",
        "in a declared shadow tree that is written": (
            f"<script>document.open();document.write({quoted(tree)});document.close()</script>"
        ),
        "in a frame while the script is busy": (
            inserted("srcdoc", script)
            + "<script>const t=Date.now();while(Date.now()-t<800);</script>"
        ),
        "in a shadow tree that another name makes": by_name,
        "in a frame's own window at once": (
            "<script>const f=document.createElement('iframe');document.documentElement.append(f);"
            f"f.contentWindow.eval({quoted(connects)})</script>"
        ),
        "in a document that follows": inserted("href", url, "a")
        + "<script>document.querySelector('a').click()</script>",
        "in a document of text that follows": inserted("href", follows, "a")
        + "<script>document.querySelector('a').click()</script>",
        "in a worker": f"<script>new Worker(URL.createObjectURL(new Blob([{quoted(connects)}])))"
        "</script>",
    }


@pytest.mark.parametrize("way", ways_in(""))
def test_no_script_of_a_frame_opens_a_webrtc_connection(
    way: str, page: Any, listener: Listener
) -> None:
    show(page, ways_in(listener.connects)[way])
    assert listener.packets() == 0


def test_the_listener_does_hear_a_page_that_is_not_guarded(page: Any, listener: Listener) -> None:
    page.set_content(f"<script>{listener.connects}</script>")
    assert listener.packets() > 0


def test_a_frame_within_an_output_shows_without_its_scripts_and_says_so(page: Any) -> None:
    source = '<p id=a>a</p><iframe srcdoc="<p>within</p><script>document.body.append(1)</script>">'
    inner = show(page, f"{source}</iframe><script>1</script>")
    inner.wait_for_selector("span")
    (within,) = inner.child_frames
    assert within.evaluate("document.body.innerText").strip() == "within"
    # No script sees the tree in which the sentence is.
    assert "shown without its scripts" in every_node(page)


def test_the_text_of_scripts_and_styles_is_never_changed(page: Any) -> None:
    source = (
        "<p id=q>waiting</p><script>const noShadowRootHere=1,word='shadowrootmode';"
        "document.getElementById('q').textContent='ran '+word</script>"
    )
    assert show(page, source).text_content("#q") == "ran shadowrootmode"


def test_an_output_that_is_nothing_but_a_frame_runs_as_folium_does(page: Any) -> None:
    content = "<p id=m>map</p><script>document.getElementById('m').textContent='drawn'</script>"
    source = (
        '<div style="width:100%"><div style="position:relative"><span>Make this Notebook Trusted to'
        f' load map: File -> Trust Notebook</span><iframe srcdoc="{html.escape(content)}"'
        ' style="position:absolute" allowfullscreen></iframe></div></div>'
    )
    assert [one.html for one in nested.contents(source)] == [content]
    assert show(page, source).text_content("#m") == "drawn"


def test_a_script_that_only_prepares_leaves_no_frame_to_see(page: Any) -> None:
    show(page, "<script>window.ready = 1</script><style>p{color:red}</style>")
    page.wait_for_function(f"document.querySelector('{FRAME}').offsetHeight === 0")
    assert "interactive part" not in page.content()


#: What a script repeats to have the keyboard.
_GRABS = {
    "by asking": "window.focus();i.focus()",
    "with a dialog": "d.close();d.showModal()",
    "with a popover": "v.hidePopover();v.showPopover()",
    "by selecting text": "getSelection().selectAllChildren(e)",
    "by its address": "location.hash='';location.hash='i'",
    "with a label": "l.click()",
    "with a form's complaint": "i.reportValidity()",
    "for the frame around it": "parent.focus()",
}
_GRABBING = (
    "<form><label id=l for=i>x</label><input id=i required></form><dialog id=d><input autofocus>"
    "</dialog><div id=v popover><input autofocus></div><p id=e contenteditable>x</p><p id=k></p>"
    "<script>for (const kind of ['keydown','keyup','keypress','beforeinput','input'])"
    "addEventListener(kind,e=>k.textContent+=e.key||e.data,true);"
    "setInterval(()=>{GRAB},20)</script>"
)


@pytest.mark.parametrize("way", _GRABS)
def test_a_frame_that_keeps_grabbing_the_keyboard_gets_no_key(page: Any, way: str) -> None:
    inner = show(page, _GRABBING.replace("GRAB", _GRABS[way]))
    page.evaluate("document.body.insertAdjacentHTML('afterbegin','<textarea id=t></textarea>')")
    page.click("#t")
    box = page.query_selector(FRAME).bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)  # rests over the frame
    typed = "print(1 + 2)"
    page.keyboard.type(typed, delay=10)
    seen = "k.textContent + [...document.querySelectorAll('input')].map(i => i.value).join('')"
    assert inner.evaluate(seen) == ""
    if way == "by asking":
        assert page.input_value("#t") == typed


def test_a_frame_that_the_person_clicks_gets_the_keys(page: Any) -> None:
    inner = show(page, "<input id=i style='width:300px;height:60px'><script>1</script>")
    box = page.query_selector(FRAME).bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 30)
    page.mouse.move(box["x"] + 40, box["y"] + 30)
    page.mouse.click(box["x"] + 40, box["y"] + 30)
    page.keyboard.type("mine")
    assert inner.input_value("#i") == "mine"


def test_a_frame_that_the_person_reaches_by_tab_gets_the_keys(page: Any) -> None:
    inner = show(page, "<input id=i><script>1</script>")
    page.evaluate("document.body.insertAdjacentHTML('afterbegin','<button id=b>b</button>')")
    page.focus("#b")
    page.keyboard.press("Tab")
    inner.wait_for_function("document.activeElement === i")
    page.keyboard.type("mine")
    assert inner.input_value("#i") == "mine"


@pytest.mark.parametrize("dark", [False, True])
def test_a_frame_takes_on_the_pages_colours_and_follows_a_switch(page: Any, dark: bool) -> None:
    colours = {
        False: ("rgb(255, 255, 255)", "rgb(33, 33, 33)"),
        True: ("rgb(17, 17, 17)", "rgb(224, 224, 224)"),
    }
    inner = show(page, "<p>text</p><script>1</script>")
    for shade in (dark, not dark, dark):
        background, text = colours[shade]
        page.evaluate(
            "([light, back, text]) => {const s = document.body.style;"
            "s.setProperty('--jp-layout-color0', back);"
            "s.setProperty('--jp-content-font-color1', text);"
            "document.body.dataset.jpThemeLight = light}",
            [str(not shade).lower(), background, text],
        )
        inner.wait_for_function(
            "([back, text]) => {const s = getComputedStyle(document.documentElement);"
            "return s.backgroundColor === back && s.color === text}",
            arg=[background, text],
        )


OFFER = "iframe.dynamic-sessions-output ~ p"


def test_a_link_that_is_clicked_opens_where_the_page_shows_its_address(
    page: Any, canary: Any
) -> None:
    address = "http://linked.canary.test/page?q=1"
    inner = show(page, f'<a href="{address}">there</a><p>text</p><script>1</script>')
    pages = len(page.context.pages)
    for _ in range(2):
        inner.get_by_text("there").click()
        page.locator(f"{OFFER} a").wait_for()
    assert page.locator(OFFER).all_inner_texts() == [f"This output links to {address}"]
    assert inner.get_by_text("text").is_visible()
    assert len(page.context.pages) == pages
    assert "linked" not in canary.called
    with page.context.expect_page() as opening:
        page.locator(f"{OFFER} a").click()
    opening.value.wait_for_load_state()
    assert opening.value.evaluate("opener") is None
    opening.value.close()
    assert "linked" in canary.called


@pytest.mark.parametrize(
    ("address", "pressed"),
    [
        ("https://a.example/", False),
        ("javascript:1", True),
        ("data:text/html,x", True),
        ("https://a.example/" + "x" * 2000, True),
        ("https://lab.example/tree", True),
    ],
)
def test_a_frame_offers_no_link_by_itself_and_none_but_to_other_sites(
    page: Any, address: str, pressed: bool
) -> None:
    script = f"parent.postMessage({{dynamicSessionsLink:{quoted(address)}}},'*')"
    height = "parent.postMessage({dynamicSessionsHeight:333},'*')"
    frame = f"<p id=p>text</p><script>const go=()=>{{{script};{height}}};p.onclick=go</script>"
    page.route("https://lab.example/", lambda route: route.fulfill(body="", content_type=HTML))
    inner = show(page, frame, at="https://lab.example/")
    if pressed:
        inner.get_by_text("text").click()
    else:
        inner.evaluate("go()")
    page.wait_for_function(f"document.querySelector('{FRAME}').style.height === '333px'")
    assert page.locator(OFFER).count() == 0


def test_a_sanitiser_that_drops_frames_shows_the_static_form() -> None:
    markup = iframe.framed("<b>x</b><script>1</script>", instead="<b>x</b>")
    after = markup.partition("</iframe>")[2]
    assert after.startswith("<div><b>x</b></div><style>iframe.dynamic-sessions-output+div{")


def test_what_a_script_made_itself_is_read_and_imported(page: Any) -> None:
    frame = show(
        page,
        """<p id="seen"></p><script type="module">
        const text = await (await fetch("data:text/plain,read")).text();
        const code = new Blob(["export default ' and imported'"], {type: "text/javascript"});
        const made = await import(URL.createObjectURL(code));
        document.getElementById("seen").textContent = text + made.default;
        </script>""",
    )
    frame.get_by_text("read and imported").wait_for()


def test_a_script_fetches_from_no_address(page: Any, canary: Any) -> None:
    frame = show(
        page,
        """<p id="seen"></p><script>
        fetch("http://from-a-frame.canary.test/").catch(
          () => document.getElementById("seen").textContent = "refused");
        </script>""",
    )
    frame.get_by_text("refused").wait_for()
    assert "from-a-frame" not in canary.called
