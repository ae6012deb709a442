// What a page looks like: run in the page by the tests, which call these functions.
"use strict";
window.checks = (() => {
  // The least overlap in CSS pixels, in both directions, that can be seen.
  const SEEN = 2;

  // The boxes of all texts on the screen, one for each line. What is moved out of the screen on purpose is left of it.
  const boxes = () => {
    const found = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!node.data.trim() || !node.parentElement.checkVisibility({ visibilityProperty: true })) continue;
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const box of range.getClientRects()) {
        if (box.width > 0 && box.height > 0 && box.right > 0) found.push({ node, box });
      }
    }
    return found;
  };

  const said = ({ node }) => node.data.trim().slice(0, 40);

  // Pairs of texts that cover each other, and texts that leave the page.
  const layout = () => {
    const wrong = [];
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) {
      wrong.push(`the page is ${document.documentElement.scrollWidth} px wide, and the window ${width}`);
    }
    const all = boxes().sort((one, other) => one.box.top - other.box.top);
    all.forEach((one, at) => {
      if (one.box.right > width + 1 || one.box.left < -1) {
        wrong.push(`"${said(one)}" reaches from ${one.box.left} to ${one.box.right}, and the window to ${width}`);
      }
      for (let next = at + 1; next < all.length; next += 1) {
        const other = all[next];
        const down = Math.min(one.box.bottom, other.box.bottom) - other.box.top;
        if (down <= 0) break;
        const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
        if (one.node !== other.node && down > SEEN && across > SEEN) {
          wrong.push(`"${said(one)}" and "${said(other)}" overlap by ${across} x ${down} px`);
        }
      }
    });
    return { texts: all.length, wrong };
  };

  // A name for an element that stays when a part of the page is replaced.
  const name = (element) => {
    if (element.type === "radio") return `radio ${element.name}`;
    const own = element.id || element.getAttribute("href") || element.name || "";
    return `${element.localName} ${own} ${element.textContent.trim()}`;
  };

  // All elements that the keyboard has to reach.
  const reachable = () => {
    const all = document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
    return [...new Set([...all].filter((one) => !one.disabled).map(name))];
  };

  // The element with the focus, and whether one sees that it has it.
  const focus = () => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const style = getComputedStyle(element);
    const box = element.getBoundingClientRect();
    const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    const at = document.elementFromPoint(
      Math.max(0, Math.min(innerWidth - 1, box.left + box.width / 2)),
      Math.max(0, Math.min(innerHeight - 1, box.top + Math.min(box.height, innerHeight) / 2)),
    );
    const isOnScreen = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
    const isFree = at === element || element.contains(at) || at?.contains(element) === true;
    return { name: name(element), isSeen: isOutlined && isOnScreen && isFree };
  };

  return { layout, reachable, focus };
})();
