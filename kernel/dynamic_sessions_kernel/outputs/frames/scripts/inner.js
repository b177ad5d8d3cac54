// Runs after the guard, beside the session's scripts: it sends the content's height and the address
// of a link that was clicked outward, and takes the page's look on. Nothing that must hold rests on it.
(() => {
  let last = -1, grown = 0;
  const measure = () => {
    if (!document.body) return;
    const drawn = Math.ceil(Math.max(
      document.body.scrollHeight, document.documentElement.getBoundingClientRect().height));
    // A script that only prepares leaves the body without content: its margins are no output.
    const height = document.body.getBoundingClientRect().height === 0
      && !document.body.querySelector(":not(script, style, link, meta, template)") ? 0 : drawn;
    if (height === last || (height > last && ++grown > 50)) return;
    last = height;
    parent.postMessage({dynamicSessionsHeight: height}, "*");
  };
  addEventListener("message", (event) => {
    const look = event.source === parent && event.data && event.data.dynamicSessionsLook;
    if (!look) return;
    const root = document.documentElement;
    for (const name of Object.keys(look.colours)) root.style.setProperty(name, look.colours[name]);
    root.style.colorScheme = look.dark ? "dark" : "light";
    for (const element of [root, document.body]) {
      if (element) element.dataset.jpThemeLight = String(!look.dark);
    }
  });
  addEventListener("DOMContentLoaded", () => {
    new ResizeObserver(measure).observe(document.body);
    new MutationObserver(measure).observe(document.body, {childList: true, subtree: true});
    measure();
    parent.postMessage({dynamicSessionsAsks: "look"}, "*");
  });
  addEventListener("load", measure);
  // A frame opens no page, and one that went elsewhere would lose what it shows: the page offers the
  // link to the person instead.
  addEventListener("click", (event) => {
    const link = event.composedPath().find((node) => node.localName === "a");
    const address = link && String(link.href.baseVal ?? link.href);
    if (!event.isTrusted || event.defaultPrevented || !/^(https?|mailto):/i.test(address)) return;
    event.preventDefault();
    parent.postMessage({dynamicSessionsLink: address}, "*");
  });
})();
