// Brings the marked parts of the page up to date every two seconds, while the page is visible.
"use strict";
(() => {
  const PERIOD = 2000;
  if (!document.querySelector("main[data-updated]")) return;
  const said = document.getElementById("live");
  const say = (text) => {
    if (said.textContent !== text) said.textContent = text;
  };

  // Elements that can have the focus, by what stays the same when their part is replaced.
  const focusable = (part) => [...part.querySelectorAll("a, button, input, select, [tabindex]")];
  const name = (one) => one.id || `${one.localName} ${one.getAttribute("href") ?? ""} ${one.textContent}`;

  const replace = (fresh) => {
    for (const old of document.querySelectorAll("[data-live]")) {
      const next = fresh.getElementById(old.id);
      if (!next || old.innerHTML === next.innerHTML) continue;
      // The focus stays where it was, and nothing is replaced under a selection.
      const selection = document.getSelection();
      if (selection && !selection.isCollapsed && selection.containsNode(old, true)) continue;
      const focused = old.contains(document.activeElement) ? document.activeElement : null;
      const entered = [...old.querySelectorAll("input, select")].filter(
        (field) =>
          field.localName === "select" ||
          field.value !== field.defaultValue ||
          field.checked !== field.defaultChecked,
      );
      old.replaceChildren(...next.childNodes);
      // What was entered and not sent yet stays too.
      for (const field of entered) {
        const same = field.id && document.getElementById(field.id);
        if (same) [same.value, same.checked] = [field.value, field.checked];
      }
      if (focused) {
        const same = focusable(old).find((one) => name(one) === name(focused));
        same?.focus({ preventScroll: true });
        if (same && focused.selectionStart != null) {
          same.setSelectionRange(focused.selectionStart, focused.selectionEnd);
        }
      }
    }
  };

  const update = async () => {
    try {
      const response = await fetch(location.href, {
        headers: { Accept: "text/html" },
        signal: AbortSignal.timeout(15000),
      });
      if (response.status === 401) {
        location.reload();
        return;
      }
      if (!response.ok) throw new Error(response.status);
      replace(new DOMParser().parseFromString(await response.text(), "text/html"));
      say("");
    } catch {
      say("The dashboard does not answer; what is shown is old.");
    }
  };

  let timer = 0;
  const loop = async () => {
    timer = 0;
    if (document.hidden) return;
    await update();
    if (!timer) timer = setTimeout(loop, PERIOD);
  };
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && !timer) timer = setTimeout(loop, 0);
  });
  timer = setTimeout(loop, PERIOD);
})();
