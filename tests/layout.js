// What tests/test_layout.py asks of a page that shows a card.

// Put a box of the kind that MathJax makes in the place of each formula.
function drawFormulas() {
  const walk = document.createTreeWalker(document.getElementById("qa"), NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walk.nextNode()) texts.push(walk.currentNode);
  for (const text of texts) {
    if (text.parentElement.closest("style, code, pre")) continue;
    const parts = text.data.split(/(\\\([^]*?\\\)|\\\[[^]*?\\\])/);
    text.replaceWith(...parts.map((part, index) => (index % 2 ? formula(part) : part)));
  }
}

function formula(tex) {
  const box = document.createElement("mjx-container");
  box.style.cssText = "direction: ltr; position: relative; line-height: 0";
  if (tex[1] === "[") {
    box.setAttribute("display", "true");
    box.style.cssText += "; display: block; text-align: center; margin: 1em 0";
  }
  const math = box.appendChild(document.createElement("mjx-math"));
  math.style.cssText = `display: inline-block; height: 1em; width: ${tex.length / 3}em; flex: none`;
  // The same for screen readers, of another width and not seen.
  const hidden = box.appendChild(document.createElement("mjx-assistive-mml"));
  hidden.style.cssText =
    "position: absolute; top: 0; left: 0; height: 1px; overflow: hidden;" +
    `clip: rect(1px, 1px, 1px, 1px); width: ${tex.length / 2}em`;
  return box;
}

// What is wrong with the card: in its measures with text of two sizes, to the right and to the
// left, by day and by night; in its colours by day and on each ground that apps have at night.
function faults(nights) {
  const found = [];
  const { body, documentElement: root } = document;
  const note = document.querySelector(".note");
  for (const details of note.querySelectorAll("details")) details.open = true;
  for (const night of [false, true]) {
    body.classList.toggle("nightMode", night);
    for (const size of ["100%", "200%"])
      for (const direction of ["ltr", "rtl"]) {
        root.style.fontSize = size;
        note.dir = direction;
        for (const fault of [...tooWide(note), ...tooSmall(note)])
          found.push(`${night ? "night" : "day"}, ${size}, ${direction}: ${fault}`);
      }
    for (const ground of night ? nights : [""]) {
      body.style.backgroundColor = ground;
      for (const fault of tooFaint(note)) found.push(`on ${ground || "our own white"}: ${fault}`);
    }
  }
  return found;
}

function* tooWide(note) {
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) yield `the page is ${scrollWidth} px wide`;
  const page = note.getBoundingClientRect();
  for (const element of note.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    const inside = element.parentElement.closest("table, pre, mjx-container");
    if (!inside && box.width && (box.left < page.left - 0.5 || box.right > page.right + 0.5))
      yield `sticks out: ${element.outerHTML.slice(0, 80)}`;
    if (element.localName === "mjx-container") {
      const seen = Math.max(element.firstChild.getBoundingClientRect().width, box.width);
      if (element.scrollWidth > seen + 1) yield `scrolls to nothing: ${element.innerHTML}`;
    }
  }
}

function* tooSmall(note) {
  // A link in a sentence is as high as its line, as everywhere.
  for (const element of note.querySelectorAll("summary, input, .mistake, .replay-button")) {
    const { width, height } = element.getBoundingClientRect();
    if (width < 44 || height < 44) yield `${width} by ${height} px to tap: ${element.outerHTML}`;
  }
}

function* tooFaint(note) {
  const walk = document.createTreeWalker(note, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const element = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !element.getClientRects().length) continue;
    const [dark, light] = [shade(getComputedStyle(element).color).rgb, groundOf(element)]
      .map(luminance)
      .sort((one, other) => one - other);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.5) yield `contrast ${contrast.toFixed(1)}: ${element.outerHTML.slice(0, 80)}`;
  }
}

function shade(text) {
  const numbers = text.match(/[\d.]+/g).map(Number);
  return { rgb: numbers.slice(0, 3), alpha: numbers.length > 3 ? numbers[3] : 1 };
}

// The colour behind an element: of its nearest ground, seen through what lies over that.
function groundOf(element) {
  const { rgb, alpha } = shade(getComputedStyle(element).backgroundColor);
  if (alpha === 1) return rgb;
  const under = element.parentElement ? groundOf(element.parentElement) : [255, 255, 255];
  return rgb.map((channel, index) => alpha * channel + (1 - alpha) * under[index]);
}

function luminance(rgb) {
  const [red, green, blue] = rgb
    .map((channel) => channel / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
