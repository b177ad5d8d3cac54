// Runs in the outer frame, where no script of a session ever runs. It unpacks the content, puts it
// into the inner frame, and passes height and links outward and the page's look inward.
(() => {
  const packed = document.currentScript.dataset.content;
  const mode = /shadowrootmode/gi;
  const refused = "<p>This output is not shown: its shadow trees could hide a frame.</p>";
  const times = (text) => (text.match(mode) || []).length;
  // The word may stand in the text of scripts and styles, and nowhere else: a shadow tree that the
  // parser makes could hold a frame that the guard does not see. Below <noscript> and <frameset>
  // this parser and the frame's own differ.
  const harmless = (root) => {
    let inText = 0;
    for (const element of root.querySelectorAll("script, style")) {
      if (element.namespaceURI === "http://www.w3.org/1999/xhtml") {
        inText += times(element.textContent);
      }
    }
    for (const template of root.querySelectorAll("template")) {
      template.removeAttribute("shadowrootmode");
      inText += harmless(template.content);
    }
    return root.querySelector("noscript, frameset") ? NaN : inText;
  };
  const withoutTrees = (html) => {
    for (let turn = 0; turn < 3; turn += 1) {
      if (!times(html)) return html;
      const parsed = new DOMParser().parseFromString(html, "text/html");
      if (harmless(parsed) === times(html)) return html;
      html = `<!doctype html>${parsed.documentElement.outerHTML}`;
    }
    return refused;
  };
  let look = null;
  // What the inner frame's guard asks when focus comes to it, and the page's answer after a Tab.
  const FOCUS = "dynamic-sessions-focus", WELCOME = "dynamic-sessions-welcome";
  addEventListener("focus", () => parent.postMessage(FOCUS, "*"));
  const inner = () => document.querySelector("iframe");
  const dress = () => { if (look) inner().contentWindow.postMessage(look, "*"); };
  addEventListener("DOMContentLoaded", async () => {
    const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    inner().srcdoc = withoutTrees(await new Response(stream).text());
    parent.postMessage({dynamicSessionsAsks: "look"}, "*");
  });
  addEventListener("message", (event) => {
    const data = event.data || {};
    if (event.source === parent && data.dynamicSessionsLook) {
      look = {dynamicSessionsLook: data.dynamicSessionsLook};
      dress();
    } else if (event.source === parent && data === WELCOME) {
      inner().contentWindow.postMessage(WELCOME, "*");
    } else if (inner() && event.source === inner().contentWindow) {
      if (data.dynamicSessionsAsks === "look") dress();
      if (data === FOCUS) parent.postMessage(FOCUS, "*");
      const height = data.dynamicSessionsHeight;
      if (Number.isFinite(height)) parent.postMessage({dynamicSessionsHeight: height}, "*");
      const link = data.dynamicSessionsLink;
      if (typeof link === "string") parent.postMessage({dynamicSessionsLink: link}, "*");
    }
  });
})();
