// Runs in the page, once: it sizes the frames, sends them the page's look, and keeps the keyboard.
if (!window.dynamicSessionsFrames) {
  window.dynamicSessionsFrames = true;
  const frames = () => [...document.querySelectorAll("iframe.FRAME_CLASS")];
  const colours = {
    "--dynses-background": ["--jp-layout-color0", "--vscode-editor-background"],
    "--dynses-text": ["--jp-content-font-color1", "--vscode-editor-foreground"],
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
    if (data.dynamicSessionsAsks === "look") event.source.postMessage(look(), "*");
    const height = data.dynamicSessionsHeight;
    if (Number.isFinite(height) && height >= 0) {
      frame.style.height = Math.min(Math.ceil(height), MAX_HEIGHT) + "px";
    }
  });

  // A frame may not take the keyboard: what the person types belongs where the person put it.
  let focused = null, tabbed = -Infinity;
  const giveBack = () => {
    const frame = document.activeElement;
    if (!frame || !frame.matches("iframe.FRAME_CLASS")) return;
    if (frame.matches(":hover") || performance.now() - tabbed < 500) return;
    if (focused && focused.isConnected) focused.focus({preventScroll: true}); else frame.blur();
  };
  document.addEventListener("focusin", (event) => {
    if (!event.target.matches("iframe.FRAME_CLASS")) focused = event.target;
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Tab") tabbed = performance.now();
  }, true);
  window.addEventListener("blur", () => setTimeout(giveBack, 0));
}
