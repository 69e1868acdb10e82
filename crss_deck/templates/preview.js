"use strict";
// The page holds its deck as data and draws one card at a time. A card is drawn in a frame that runs no script: this
// one reaches into it. What is shown, and how, stands in the address, so that a reload keeps it.
{
  const $ = (id) => document.getElementById(id);
  const root = document.documentElement;
  const CARD_STYLE = $("card-style").textContent;
  const CHOICES = {
    side: ["front", "back", "both"],
    theme: ["light", "night"],
    width: ["phone", "desktop"],
  };
  const FILTERS = ["q", "tag", "group", "kind"];

  let deck = JSON.parse($("deck").textContent);
  let shown = []; // the ids of the cards that pass the filters
  const state = {
    card: "",
    side: "front",
    theme: matchMedia("(prefers-color-scheme: dark)").matches ? "night" : "light",
    width: matchMedia("(max-width: 56rem)").matches ? "phone" : "desktop",
    q: "", tag: "", group: "", kind: "",
  };

  // ---------------------------------------------------------------- the address

  const readAddress = () => {
    for (const [key, value] of new URLSearchParams(location.hash.slice(1))) {
      if (key in state && (!(key in CHOICES) || CHOICES[key].includes(value))) state[key] = value;
    }
  };
  let written;
  const writeAddress = () => {
    clearTimeout(written);
    written = setTimeout(() => { // browsers limit how often this may happen
      const filled = Object.entries(state).filter(([, value]) => value);
      history.replaceState(null, "", `#${new URLSearchParams(filled)}`);
    }, 100);
  };

  // ---------------------------------------------------------------- cards in frames

  const SHELL = "<!doctype html><html><head><meta charset='utf-8'><style></style><style></style></head><body></body></html>";
  const DROPPED = "script, link, meta, base, title, iframe, frame, object, embed, portal, fencedframe";
  const inert = document.implementation.createHTMLDocument(""); // loads nothing, runs nothing

  const media = (name) => {
    try { name = decodeURIComponent(name); } catch { /* it is a name with a % */ }
    return Object.hasOwn(deck.media, name) ? deck.media[name] : "";
  };

  // Puts a note in the place of what is not in the package.
  const absent = (element, address) => {
    const note = inert.createElement("span");
    note.className = "crss-note";
    const known = /^[a-z][a-z0-9+.-]*:|^\/\//i.test(address) ? "not loaded" : "not in the package";
    note.textContent = `${element.alt || address} (${known})`;
    element.replaceWith(note);
  };

  const content = (html) => {
    const box = inert.createElement("div");
    box.id = "qa";
    box.dir = "auto";
    box.innerHTML = html;
    for (const each of box.querySelectorAll(DROPPED)) each.remove();
    for (const form of box.querySelectorAll("form")) form.replaceWith(...form.childNodes);
    for (const style of box.querySelectorAll("style")) style.textContent = styled(style.textContent);
    for (const element of box.querySelectorAll("*")) {
      for (const { name, value } of [...element.attributes]) {
        if (name.startsWith("on")) element.removeAttribute(name);
        if (["srcset", "ping", "action", "formaction", "background", "autoplay"].includes(name)) element.removeAttribute(name);
        if (/href$/.test(name) && element.localName !== "a" && !value.startsWith("#")) element.removeAttribute(name);
        if (name === "style" && /url\(|image-set\(/i.test(value)) element.setAttribute(name, styled(value));
      }
      for (const name of ["src", "poster"]) {
        const address = element.getAttribute(name);
        if (address === null || address.startsWith("data:")) continue;
        const found = media(address);
        if (found) element.setAttribute(name, found);
        else if (name === "src" && element.localName !== "source") absent(element, address);
        else element.removeAttribute(name);
      }
    }
    return box;
  };

  const styled = (css) => css.replace(/@import[^;]*(;|$)/gi, "").replace(/url\(\s*(["']?)([^"')]*)\1\s*\)/gi, (whole, _, address) =>
    address.startsWith("data:") || address.startsWith("#") ? whole : `url("${media(address)}")`);

  const styles = new Map();
  const styleOf = (number) => {
    if (!styles.has(number)) styles.set(number, styled(deck.styles[number] ?? ""));
    return styles.get(number);
  };

  const frames = ["front", "back"].map((side) => {
    const frame = document.createElement("iframe");
    frame.title = side === "front" ? "Front of the card" : "Back of the card";
    frame.setAttribute("sandbox", "allow-same-origin"); // no scripts, forms, windows; but this page may reach in
    frame.srcdoc = SHELL;
    $(side).append(frame);
    return { side, frame, drawn: "" };
  });

  const drawFrame = (place, card) => {
    const page = place.frame.contentDocument;
    const [base, own] = page.head.querySelectorAll("style");
    const night = state.theme === "night";
    const phone = state.width === "phone";
    page.documentElement.className = `${phone ? "mobile android" : ""} linux chrome js ${night ? "night-mode" : ""}`;
    page.body.className = card ? `card card${card.ordinal} ${night ? "nightMode night_mode" : ""}` : "";
    const css = card ? styleOf(card.style) : "";
    if (base.textContent !== CARD_STYLE) base.textContent = CARD_STYLE;
    if (own.textContent !== css) own.textContent = css;
    const html = card ? card[place.side] : "";
    if (place.drawn === html && page.body.firstChild) return;
    const sameCard = place.card === card?.id;
    place.drawn = html;
    place.card = card?.id;
    page.body.replaceChildren(...(card ? [page.adoptNode(content(html))] : []));
    if (sameCard) return; // an edit: stay where the reader is
    const answer = place.side === "back" ? page.getElementById("answer") : null; // Anki goes there too
    const view = page.scrollingElement;
    if (view) view.scrollTop = answer ? answer.getBoundingClientRect().top + view.scrollTop : 0;
  };

  const draw = () => {
    for (const key of Object.keys(CHOICES)) root.dataset[key] = state[key];
    for (const button of document.querySelectorAll("[data-set]")) {
      button.setAttribute("aria-pressed", String(state[button.dataset.set] === button.dataset.to));
    }
    const card = deck.cards[state.card];
    for (const place of frames) {
      if (place.ready && (state.side === "both" || state.side === place.side)) drawFrame(place, card);
    }
    const position = shown.indexOf(state.card);
    $("position").textContent = card && position >= 0 ? `${position + 1} of ${shown.length}` : `– of ${shown.length}`;
    $("previous").disabled = position <= 0 && shown.length < 2;
    $("next").disabled = shown.length < 2;
    $("place").textContent = card ? card.place || card.key : "";
    $("copy").hidden = !card || !(card.place || card.key);
    $("about").textContent = card ? [card.name, card.place ? card.key : card.group, ...card.tags].filter(Boolean).join(" · ") : "";
    $("problem").hidden = !card?.problem;
    $("problem").textContent = card?.problem ? `Anki shows a message instead of this card. ${card.problem}` : "";
    writeAddress();
  };

  // ---------------------------------------------------------------- the list

  // Only the rows in view exist: a deck of ten thousand cards stays as quick as one of ten.

  const ROW = 4.625; // rem, as in the stylesheet
  const BEYOND = 6; // rows kept above and below

  let folder = ""; // what all places begin with, which the list leaves out

  const findFolder = () => {
    const [first = "", ...places] = deck.order.map((id) => deck.cards[id].place);
    let length = first.lastIndexOf("/") + 1;
    for (const place of places) {
      while (!place.startsWith(first.slice(0, length))) length = first.lastIndexOf("/", length - 2) + 1;
    }
    folder = first.slice(0, length);
  };

  const optionOf = (position, height) => {
    const card = deck.cards[shown[position]];
    const option = document.createElement("div");
    const selected = card.id === state.card;
    option.id = selected ? "selected" : "";
    option.dataset.id = card.id;
    option.className = card.problem ? "fault" : "";
    option.style.top = `${position * height}px`;
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", String(selected));
    option.setAttribute("aria-setsize", shown.length);
    option.setAttribute("aria-posinset", position + 1);
    const span = (className, text) =>
      Object.assign(document.createElement("span"), { className, textContent: text, dir: "auto" });
    const where = [card.place.slice(folder.length) || card.key, card.name].filter(Boolean).join(" · ");
    option.append(span("text", card.label), span("where", where));
    return option;
  };

  const rowHeight = () => ROW * parseFloat(getComputedStyle(root).fontSize);

  const drawList = () => {
    const list = $("list");
    const height = rowHeight();
    const first = Math.max(0, Math.floor(list.scrollTop / height) - BEYOND);
    const behind = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / height) + BEYOND);
    const wanted = new Set(Array.from({ length: Math.max(0, behind - first) }, (_, n) => first + n));
    const current = shown.indexOf(state.card);
    if (current >= 0) wanted.add(current);
    $("rows").style.height = `${shown.length * height}px`;
    $("rows").replaceChildren(...[...wanted].sort((a, b) => a - b).map((position) => optionOf(position, height)));
    if (current >= 0) list.setAttribute("aria-activedescendant", "selected");
    else list.removeAttribute("aria-activedescendant");
  };

  // Scrolls the list, and nothing around it, until the card is in view.
  const reveal = () => {
    const list = $("list");
    const height = rowHeight();
    const top = shown.indexOf(state.card) * height;
    $("rows").style.height = `${shown.length * height}px`;
    if (top >= 0 && list.clientHeight) {
      list.scrollTop = Math.min(top, Math.max(list.scrollTop, top + height - list.clientHeight));
    }
    drawList();
  };

  const choices = (select, all, counts, value) => {
    const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
    const names = [...counts.keys()].sort();
    if (value && !counts.has(value)) names.push(value); // it may come back with the next save
    select.replaceChildren(option("", all), ...names.map((name) => option(name, `${name} (${counts.get(name) ?? 0})`)));
    select.value = value;
    select.disabled = names.length === 0;
  };

  const fillFilters = () => {
    const counts = { tag: new Map(), group: new Map(), kind: new Map() };
    const add = (key, name) => name && counts[key].set(name, (counts[key].get(name) ?? 0) + 1);
    for (const id of deck.order) {
      const card = deck.cards[id];
      add("group", card.group);
      add("kind", card.kind);
      const tags = new Set(card.tags.flatMap((tag) => tag.split("::").map((_, n, parts) => parts.slice(0, n + 1).join("::"))));
      for (const tag of tags) add("tag", tag);
    }
    for (const key of Object.keys(counts)) choices($(key), "All", counts[key], state[key]);
    $("group-name").textContent = deck.grouping;
    $("q").value = state.q;
  };

  const haystack = (card) => card.words ??=
    `${card.front} ${card.back}`.replace(/<[^>]*>/g, " ").replace(/&(lt|gt|amp|quot|#39|#x27);/g,
      (_, name) => ({ lt: "<", gt: ">", amp: "&", quot: '"' })[name] ?? "'")
      .concat(" ", card.label, " ", card.key, " ", card.place, " ", card.tags.join(" ")).toLowerCase();

  const passes = (card, words) =>
    (!state.group || card.group === state.group) &&
    (!state.kind || card.kind === state.kind) &&
    (!state.tag || card.tags.some((tag) => tag === state.tag || tag.startsWith(`${state.tag}::`))) &&
    words.every((word) => haystack(card).includes(word));

  const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;

  const filter = () => {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    shown = deck.order.filter((id) => passes(deck.cards[id], words));
    const all = deck.order.length;
    const count = shown.length === all ? plural(all, "card") : `${shown.length} of ${plural(all, "card")}`;
    if ($("count").textContent !== count) $("count").textContent = count;
    $("nothing").hidden = shown.length > 0 || all === 0;
    $("list").hidden = shown.length === 0;
    if (!shown.includes(state.card)) state.card = shown[0] ?? "";
    reveal();
    draw();
  };

  const go = (id) => {
    if (!id || id === state.card) return;
    state.card = id;
    if (state.side === "back") state.side = "front";
    reveal();
    draw();
  };
  const step = (by) => go(shown[(shown.indexOf(state.card) + by + shown.length) % shown.length]);
  const set = (key, value) => {
    state[key] = value;
    draw();
  };
  const turn = (key) => set(key, state[key] === CHOICES[key][0] ? CHOICES[key][1] : CHOICES[key][0]);

  // ---------------------------------------------------------------- notices and findings

  const say = (text) => {
    $("said").textContent = "";
    setTimeout(() => { $("said").textContent = text; }, 50);
  };

  const copy = async (text, button) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch { // a page from a file, in some browsers
      const box = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    say(`Copied ${text}`);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1200);
  };

  const copyButton = (text) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Copy" });
    button.setAttribute("aria-label", `Copy ${text}`);
    button.addEventListener("click", () => copy(text, button));
    return button;
  };

  const fillAbove = () => {
    $("title").textContent = deck.title;
    $("version").textContent = deck.version;
    document.title = `${deck.title} – preview`;
    $("notices").replaceChildren(...deck.notices.map((text) =>
      Object.assign(document.createElement("p"), { className: "notice", textContent: text })));
    const faulty = deck.findings.some((text) => text.startsWith("error"));
    $("findings").hidden = deck.findings.length === 0;
    $("findings").classList.toggle("error", faulty);
    if (faulty) $("findings").open = true;
    $("findings-summary").textContent = deck.summary;
    $("findings-list").replaceChildren(...deck.findings.map((text) => {
      const row = Object.assign(document.createElement("div"), { className: "finding" });
      const frame = Object.assign(document.createElement("pre"), { tabIndex: 0 });
      const [, head, rest] = text.match(/^(\w+\[[^\]]*\])?([^]*)$/);
      if (head) {
        const name = Object.assign(document.createElement("b"), { className: head.match(/^\w+/)[0], textContent: head });
        frame.append(name);
      }
      frame.append(rest);
      frame.setAttribute("role", "region");
      frame.setAttribute("aria-label", text.split("\n")[0]);
      row.append(frame);
      const place = text.match(/^ *--> (.+)$/m);
      if (place) row.append(copyButton(place[1]));
      return row;
    }));
  };

  // ---------------------------------------------------------------- keys and clicks

  const KEYS = {
    " ": () => { if (state.side !== "both") set("side", state.side === "front" ? "back" : "front"); },
    ArrowRight: () => step(1), ArrowDown: () => step(1),
    ArrowLeft: () => step(-1), ArrowUp: () => step(-1),
    Home: () => go(shown[0]), End: () => go(shown.at(-1)),
    "/": () => { unfold(true); $("q").focus(); $("q").select(); },
    b: () => set("side", state.side === "both" ? "front" : "both"),
    n: () => turn("theme"),
    w: () => turn("width"),
    c: () => { if (!$("copy").hidden) $("copy").click(); },
    "?": () => $("help").showModal(),
  };

  const unfold = (open) => {
    $("finder").hidden = !open;
    $("finder-button").setAttribute("aria-expanded", String(open));
    if (open) reveal();
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || $("help").open) return;
    const target = event.target;
    if (event.key === "Escape" && target === $("q")) { $("list").focus(); return; }
    const typing = target.closest?.("input:not([readonly]), select, textarea, [contenteditable], audio, video");
    const pressing = target.closest?.("button, summary, a[href]") && (event.key === " " || event.key === "Enter");
    const reading = target.closest?.("pre") && event.key.startsWith("Arrow");
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (typing || pressing || reading || !Object.hasOwn(KEYS, key)) return;
    event.preventDefault();
    KEYS[key]();
  };

  // In a frame: a link opens in a window of its own, and a hint of Anki's shows what it hides.
  const onCardClick = (event) => {
    const link = event.target.closest?.("a, area");
    if (!link) return;
    event.preventDefault();
    const hint = link.classList.contains("hint") ? link.nextElementSibling : null;
    if (hint) {
      link.style.display = "none";
      hint.style.display = "block";
    } else if (/^(https?|mailto):/i.test(link.getAttribute("href") ?? "")) {
      window.open(link.href, "_blank", "noopener,noreferrer");
    }
  };

  document.addEventListener("keydown", onKey);
  $("list").addEventListener("click", (event) => go(event.target.closest("[role='option']")?.dataset.id));
  $("finder-button").addEventListener("click", () => unfold($("finder").hidden));
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("copy").addEventListener("click", () => copy($("place").textContent, $("copy")));
  $("help-button").addEventListener("click", (event) => {
    if (event.detail) $("help-button").blur(); // or it would get the focus back, and Space with it
    $("help").showModal();
  });
  $("reset").addEventListener("click", () => {
    for (const key of FILTERS) state[key] = "";
    fillFilters();
    filter();
    $("list").focus();
  });
  for (const key of FILTERS) {
    $(key).addEventListener("input", () => {
      state[key] = $(key).value;
      filter();
    });
  }
  for (const button of document.querySelectorAll("[data-set]")) {
    button.addEventListener("click", () => set(button.dataset.set, button.dataset.to));
  }
  // A click leaves the keys to the cards; who came by keyboard stays on the button.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button && event.detail && document.activeElement === button) button.blur();
  });
  $("list").addEventListener("scroll", drawList);
  addEventListener("resize", drawList);
  addEventListener("hashchange", () => {
    readAddress();
    fillFilters();
    filter();
  });

  // ---------------------------------------------------------------- a deck that changes

  const lost = "The preview is not connected to crss-deck: changes will not be shown until it runs again.";

  const receive = (patch) => {
    const before = deck;
    const place = before.order.indexOf(state.card);
    deck = { ...patch, cards: {}, media: { ...before.media, ...patch.media } };
    for (const id of patch.order) deck.cards[id] = patch.cards[id] ?? before.cards[id];
    styles.clear();
    if (Object.keys(patch.media).length) for (const each of frames) each.drawn = null;
    if (!Object.hasOwn(deck.cards, state.card)) state.card = deck.order[Math.min(place, deck.order.length - 1)] ?? "";
    const scrolled = $("list").scrollTop;
    fillAbove();
    findFolder();
    fillFilters();
    filter();
    $("list").scrollTop = scrolled;
    const changed = Object.keys(patch.cards).length;
    say(deck.findings.length ? deck.summary : `${plural(changed, "card")} changed`);
  };

  const listen = () => {
    const events = new EventSource(`events?have=${encodeURIComponent(deck.state)}`);
    events.addEventListener("message", (event) => receive(JSON.parse(event.data)));
    const connected = (is) => {
      deck.notices = [...deck.notices.filter((text) => text !== lost), ...(is ? [] : [lost])];
      fillAbove();
    };
    events.addEventListener("open", () => connected(true));
    events.addEventListener("error", () => connected(false));
  };

  // ---------------------------------------------------------------- begin

  readAddress();
  const narrow = matchMedia("(max-width: 56rem), (max-height: 30rem)");
  narrow.addEventListener("change", () => unfold(!narrow.matches));
  unfold(!narrow.matches);
  fillAbove();
  findFolder();
  fillFilters();
  filter();
  for (const place of frames) {
    const begin = () => {
      const page = place.frame.contentDocument;
      if (place.ready || !page?.head?.querySelector("style")) return;
      place.ready = true;
      page.addEventListener("keydown", onKey);
      page.addEventListener("click", onCardClick);
      draw();
    };
    place.frame.addEventListener("load", begin);
    begin();
  }
  if (deck.watched) listen();
}
