// Runs in the page, once: it sizes the frames, sends them the page's look, offers the links that were
// clicked in them, and keeps the keyboard.
if (!window.dynamicSessionsFrames) {
  window.dynamicSessionsFrames = true;
  const frames = () => [...document.querySelectorAll("iframe.FRAME_CLASS")];
  const colours = {
    "--dynses-background": ["--jp-layout-color0", "--vscode-editor-background"],
    "--dynses-text": ["--jp-content-font-color1", "--vscode-editor-foreground"],
    "--dynses-size": ["--jp-content-font-size1"],
    "--dynses-table-text": ["--jp-ui-font-color1"],
    "--dynses-table-size": ["--jp-ui-font-size1"],
    "--dynses-link": ["--jp-content-link-color", "--vscode-textLink-foreground"],
    "--dynses-border": ["--jp-border-color1", "--vscode-panel-border"],
    "--dynses-row": ["--jp-rendermime-table-row-background"],
    "--dynses-hover": ["--jp-rendermime-table-row-hover-background"],
    "--dynses-font": ["--jp-content-font-family", "--vscode-font-family"],
  };
  const look = () => {
    const style = getComputedStyle(document.body), found = {};
    for (const [name, sources] of Object.entries(colours)) {
      const value = sources.map((source) => style.getPropertyValue(source).trim()).find(Boolean);
      if (value && /^[\w\s#(),.%'"/-]{1,200}$/.test(value)) found[name] = value;
    }
    const {jpThemeLight, vscodeThemeKind} = document.body.dataset;
    const dark = jpThemeLight === "false" || /dark/.test(vscodeThemeKind || "");
    return {dynamicSessionsLook: {dark, colours: found}};
  };
  const dress = () => {
    const sent = look();
    for (const frame of frames()) frame.contentWindow.postMessage(sent, "*");
  };
  // A theme's style sheet comes some time after its name.
  new MutationObserver(() => { for (const wait of [0, 300, 1500]) setTimeout(dress, wait); })
    .observe(document.body, {attributeFilter: ["data-jp-theme-light", "data-vscode-theme-kind"]});
  window.addEventListener("message", (event) => {
    const data = event.data || {};
    const frame = frames().find((one) => one.contentWindow === event.source);
    if (!frame) return;
    if (data === "dynamic-sessions-focus") answer(frame);
    if (data.dynamicSessionsAsks === "look") event.source.postMessage(look(), "*");
    if (typeof data.dynamicSessionsLink === "string") offer(frame, data.dynamicSessionsLink);
    const height = data.dynamicSessionsHeight;
    if (Number.isFinite(height) && height >= 0) {
      frame.style.height = Math.min(Math.ceil(height), MAX_HEIGHT) + "px";
    }
  });

  // No click in a frame opens a page, since a script there could choose which, and so send what it
  // knows. The address stands whole behind the frame, and the person clicks there. A frame that the
  // person is not in gets no such line, and each has one at most.
  const offers = new WeakMap();
  const offer = (frame, text) => {
    if (document.activeElement !== frame || text.length > MAX_LINK_CHARS) return;
    const address = URL.canParse(text) ? new URL(text) : {};
    if (!["http:", "https:", "mailto:"].includes(address.protocol)) return;
    // What has no scheme of its own would lead to the pages of Jupyter's server.
    if (address.origin === location.origin) return;
    const line = offers.get(frame) || document.createElement("p");
    const link = document.createElement("a");
    Object.assign(link, {href: address.href, textContent: address.href, target: "_blank"});
    link.rel = "noopener noreferrer";
    line.replaceChildren("This output links to ", link);
    line.style.overflowWrap = "anywhere";
    offers.set(frame, line);
    // The sheet that hides the static form wants it right behind the frame.
    const last = frame.nextElementSibling?.matches("div") ? frame.nextElementSibling : frame;
    if (line.previousElementSibling !== last) last.after(line);
  };

  // A frame may not take the keyboard: what the person types belongs where the person put it. The
  // guard in the frame knows whether the person pressed there, and asks where not. It was the person
  // too if a Tab led there; a Tab within text only writes.
  const TAB_MS = 50;
  let focused = null, tabbed = -Infinity, entered = null;
  const answer = (frame) => {
    if (document.activeElement !== frame) return;
    if (frame === entered) frame.contentWindow.postMessage("dynamic-sessions-welcome", "*");
    else if (focused && focused.isConnected) focused.focus({preventScroll: true});
    else frame.blur();
  };
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches("iframe.FRAME_CLASS")) [focused, entered] = [event.target, null];
  }, true);
  document.addEventListener("keydown", (event) => {
    const text = event.target.closest?.("textarea, input, [contenteditable]:not([contenteditable=false])");
    tabbed = event.key === "Tab" && !text ? performance.now() : -Infinity;
  }, true);
  window.addEventListener("blur", () => {
    entered = performance.now() - tabbed < TAB_MS ? document.activeElement : null;
  });
}
