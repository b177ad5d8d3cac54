// Runs first in every document that holds scripts of a session, and takes WebRTC away, which no
// content-security policy covers. A frame within the document would have WebRTC again, so no frame
// stays in it: as soon as one is inserted, and before its own document can begin, it is replaced by
// a copy without scripts, in a shadow tree that no script of the session can reach.
//
// It also keeps the person's keys from scripts in a frame that the person did not go to.
//
// All natives are kept before any script of the session runs. Below the marked line nothing is
// looked up that such a script can replace: no property of a prototype, no iterator, no global.
(() => {
  "use strict";
  for (const name of ["RTCPeerConnection", "webkitRTCPeerConnection", "mozRTCPeerConnection",
                      "RTCIceTransport", "WebTransport", "XSLTProcessor"]) {
    delete self[name];
  }
  // What else makes nodes from HTML may make shadow trees, which the observer could not see.
  const known = ["innerHTML", "outerHTML", "insertAdjacentHTML", "getHTML"];
  for (const owner of [Element, ShadowRoot, Document, Node, Range, DocumentFragment]) {
    for (const place of [owner, owner.prototype]) {
      for (const name of Object.getOwnPropertyNames(place)) {
        if (/HTML/.test(name) && !known.includes(name)) delete place[name];
      }
    }
  }
  const {apply, getOwnPropertyDescriptor} = Reflect;
  const bound = (native) => (self, ...args) => apply(native, self, args);
  const method = (owner, name) => bound(owner.prototype[name]);
  const getter = (owner, name) => bound(getOwnPropertyDescriptor(owner.prototype, name).get);
  const setter = (owner, name) => bound(getOwnPropertyDescriptor(owner.prototype, name).set);
  const rootOf = method(Node, "getRootNode");
  const append = method(Node, "appendChild");
  const replace = method(Node, "replaceChild");
  const hasFocus = method(Document, "hasFocus");
  const parentOf = getter(Node, "parentNode");
  const inDocument = method(Document, "querySelectorAll");
  const inFragment = method(DocumentFragment, "querySelectorAll");
  const inElement = method(Element, "querySelectorAll");
  const count = getter(NodeList, "length");
  const item = method(NodeList, "item");
  const create = method(Document, "createElement");
  const attribute = method(Element, "getAttribute");
  const setAttribute = method(Element, "setAttribute");
  const setText = setter(Node, "textContent");
  const recordTarget = getter(MutationRecord, "target");
  const kindOf = getter(Node, "nodeType");
  const attach = bound(Element.prototype.attachShadow);
  const observe = method(MutationObserver, "observe");
  const listen = method(EventTarget, "addEventListener");
  const eventTarget = getter(Event, "target");
  const stop = method(Event, "stopImmediatePropagation");
  const prevent = method(Event, "preventDefault");
  const sender = getter(MessageEvent, "source");
  const content = getter(MessageEvent, "data");
  const {now} = Date;
  const outer = parent, inner = self, send = bound(parent.postMessage);
  const page = document;
  const {ELEMENT_NODE, DOCUMENT_NODE, DOCUMENT_FRAGMENT_NODE} = Node;
  const everything = {__proto__: null, childList: true, subtree: true};
  const frames = "iframe, frame, object, embed, fencedframe, portal";
  const copied = {__proto__: null, length: 4, 0: "width", 1: "height", 2: "style", 3: "title"};
  const sentence = "A page within this output is shown without its scripts.";
  // ---- from here on, kept natives alone
  const scriptless = (frame) => {
    const place = create(page, "span");
    const content = attribute(frame, "srcdoc");
    if (!content) return place;
    const root = attach(place, {__proto__: null, mode: "closed"});
    const copy = create(page, "iframe");
    setAttribute(copy, "sandbox", "");
    for (let at = 0; at < copied.length; at += 1) {
      const value = attribute(frame, copied[at]);
      if (value !== null) setAttribute(copy, copied[at], value);
    }
    setAttribute(copy, "srcdoc", content);
    append(root, copy);
    const note = create(page, "small");
    setText(note, sentence);
    append(root, note);
    return place;
  };
  // By the kind of the node, which no script changes: a script can change what a node inherits
  // from, and move what it touched into another document before this runs.
  const found = (root) => {
    const kind = kindOf(root);
    if (kind === DOCUMENT_NODE) return inDocument(root, frames);
    if (kind === DOCUMENT_FRAGMENT_NODE) return inFragment(root, frames);
    return kind === ELEMENT_NODE ? inElement(root, frames) : null;
  };
  const sweep = (root) => {
    const list = found(root);
    const length = list === null ? 0 : count(list);
    for (let at = 0; at < length; at += 1) {
      const frame = item(list, at);
      const parent = parentOf(frame);
      if (parent !== null) replace(parent, scriptless(frame), frame);
    }
  };
  const observer = new MutationObserver((records) => {
    for (let at = 0; at < records.length; at += 1) sweep(rootOf(recordTarget(records[at])));
  });
  observe(observer, page, everything);
  Element.prototype.attachShadow = function attachShadow(options) {
    const root = attach(this, {
      __proto__: null,
      mode: options.mode,
      delegatesFocus: options.delegatesFocus,
      slotAssignment: options.slotAssignment === "manual" ? "manual" : "named",
      clonable: false,
      serializable: false,
    });
    observe(observer, root, everything);
    return root;
  };
  // Keys are the person's: they reach a script only after a press in this frame, or the Tab by which
  // the person came, until the frame loses focus. No listener of a script comes before these.
  const PRESS_MS = 1000;
  let pressed = -PRESS_MS, focused = false;
  const wanted = () => focused || now() - pressed < PRESS_MS;
  const early = {__proto__: null, capture: true};
  const on = (kinds, react) => {
    for (let at = 0; at < kinds.length; at += 1) {
      listen(inner, kinds[at], (event) => { if (event.isTrusted) react(event); }, early);
    }
  };
  on(["pointerdown", "pointerup", "mousedown", "touchstart", "touchend"], () => {
    pressed = now();
    if (hasFocus(page)) focused = true;
  });
  on(["focus"], (event) => {
    if (eventTarget(event) !== inner || focused) return;
    focused = wanted();
    if (!focused) send(outer, "dynamic-sessions-focus", "*");
  });
  on(["blur"], (event) => {
    if (eventTarget(event) !== inner) return;
    focused = false;
    pressed = -PRESS_MS;
  });
  on(["keydown", "keypress", "keyup", "beforeinput", "textInput", "compositionstart",
      "compositionupdate", "compositionend"], (event) => {
    if (focused) return;
    stop(event);
    prevent(event);
    send(outer, "dynamic-sessions-focus", "*");
  });
  on(["message"], (event) => {
    if (sender(event) !== outer || content(event) !== "dynamic-sessions-welcome") return;
    stop(event);
    if (hasFocus(page)) focused = true;
  });
  const asked = (native) => function focus(options) { if (wanted()) native(this, options); };
  for (const owner of [HTMLElement, SVGElement, MathMLElement]) {
    owner.prototype.focus = asked(method(owner, "focus"));
  }
  self.focus = asked(bound(self.focus));
  // The parser's own way to write would make shadow trees too; a document is never begun anew.
  const write = (...parts) => {
    const script = document.currentScript;
    const made = document.createRange().createContextualFragment(parts.join(""));
    if (script && script.parentNode) script.after(made);
    else document.body.append(made);
  };
  Document.prototype.write = write;
  Document.prototype.writeln = write;
  Document.prototype.open = function open() { return this; };
})();
