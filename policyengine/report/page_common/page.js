"use strict";
// Everything is in the page already; this hides, shows, moves and folds. No text is ever read as HTML.
(() => {
  const root = document.documentElement;
  const one = (selector) => document.querySelector(selector);
  const all = (selector, where = document) => [...where.querySelectorAll(selector)];
  const cards = all(".card");
  const rows = new Map(all(".overview tr[data-for]").map((row) => [row.dataset.for, row]));
  const search = one("#search");
  const chips = all(".chip");
  const groups = [...new Set(chips.map((chip) => chip.dataset.group))];
  const keys = one("#keys");
  const view = one("#view");

  // ---- what is folded, and what opens again

  const folds = all("details");
  for (const fold of folds) fold.open = false;
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = folds.filter((fold) => !fold.open);
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => {
    for (const fold of opened) fold.open = false;
  });

  // ---- search and filters

  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const index = cards.map((card) => {
    const found = all("[data-find]", card).map((part) => plain(part.textContent));
    const folded = all("details[data-find]", card).map((fold) => ({ fold, text: plain(fold.textContent) }));
    return {
      card,
      row: rows.get(card.id),
      text: found.join("\n"),
      folded,
      words: groups.map((group) => card.dataset[group].split(" ")),
    };
  });
  const pressed = (group) => chips
    .filter((chip) => chip.dataset.group === group && chip.getAttribute("aria-pressed") === "true")
    .map((chip) => chip.dataset.word);
  const meets = (wanted, has) => !wanted.length || wanted.some((word) => has.includes(word));

  function filter() {
    const terms = plain(search.value).split(/\s+/).filter(Boolean);
    const wanted = groups.map(pressed);
    let shown = 0;
    for (const entry of index) {
      const fits = wanted.every((words, group) => meets(words, entry.words[group])) &&
        terms.every((term) => entry.text.includes(term));
      entry.card.hidden = !fits;
      if (entry.row) entry.row.hidden = !fits;
      shown += fits;
    }
    for (const note of all(".filtered")) {
      note.hidden = cards.length === 0 || all(".card:not([hidden])", note.parentElement).length > 0;
    }
    for (const chapter of all(".chapter")) {
      let next = chapter.nextElementSibling;
      while (next && next.hidden) next = next.nextElementSibling;
      chapter.hidden = !next || !next.matches(".card");
    }
    one("#found").textContent = `${shown} / ${cards.length}`;
    one("#clear").hidden = shown === cards.length && !terms.length && !wanted.flat().length;
    seek(terms);
    mark(terms);
  }

  // Finds are marked without touching the text, where the browser can.
  function mark(terms) {
    if (!globalThis.Highlight || !CSS.highlights) return;
    CSS.highlights.delete("found");
    if (!terms.length) return;
    const ranges = [];
    for (const entry of index) {
      if (entry.card.hidden) continue;
      for (const part of all("[data-find]", entry.card)) {
        const walker = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
        while (walker.nextNode()) {
          const text = walker.currentNode.data.toLowerCase();
          for (const term of terms) {
            for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length)) {
              if (at + term.length > walker.currentNode.length) break;
              const range = document.createRange();
              range.setStart(walker.currentNode, at);
              range.setEnd(walker.currentNode, at + term.length);
              if (ranges.push(range) >= 2000) return void CSS.highlights.set("found", new Highlight(...ranges));
            }
          }
        }
      }
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  // What is folded and may be many opens where a word is found that the card has nowhere else, until the next search.
  let sought = [];
  function seek(terms) {
    for (const fold of sought) fold.open = false;
    sought = [];
    for (const { card, text, folded } of index) {
      if (card.hidden || !folded.length) continue;
      const rest = folded.reduce((left, { text: inner }) => left.replace(inner, ""), text);
      const inside = terms.filter((term) => !rest.includes(term));
      for (const { fold, text: inner } of folded) {
        if (fold.open || !inside.some((term) => inner.includes(term))) continue;
        fold.open = true;
        sought.push(fold);
      }
    }
  }

  function clear() {
    search.value = "";
    for (const chip of chips) chip.setAttribute("aria-pressed", "false");
    filter();
  }

  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(filter, 80);
  });
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      filter();
    });
  }
  one("#clear").addEventListener("click", clear);

  // ---- language, theme, view

  function toggleLanguage() {
    const zh = root.dataset.lang !== "zh";
    root.dataset.lang = zh ? "zh" : "en";
    root.lang = zh ? "zh-Hans" : "en";
  }
  function toggleTheme() {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }
  function toggleView() {
    const near = cards.find((card) => !card.hidden && card.getBoundingClientRect().bottom > 120);
    const before = near && near.getBoundingClientRect().top;
    root.dataset.view = root.dataset.view === "inline" ? "side" : "inline";
    if (near) scrollBy(0, near.getBoundingClientRect().top - before);
  }
  if (view) {
    root.dataset.view = matchMedia("(max-width: 52rem)").matches ? "inline" : "side";
    view.addEventListener("click", toggleView);
  }
  one("#lang").addEventListener("click", toggleLanguage);
  one("#theme").addEventListener("click", toggleTheme);
  one("#help").addEventListener("click", () => keys.showModal());

  // ---- keyboard

  function step(by) {
    const stops = cards.filter((card) => card.matches(".change") && !card.hidden);
    if (!stops.length) return;
    const here = document.activeElement && document.activeElement.closest(".card");
    let at = stops.indexOf(here);
    if (at < 0) {
      const below = stops.findIndex((card) => card.getBoundingClientRect().top > 140);
      at = by > 0 ? (below < 0 ? stops.length : below) - 1 : below < 0 ? stops.length : below;
    }
    const next = stops[Math.min(stops.length - 1, Math.max(0, at + by))];
    next.focus({ preventScroll: true });
    next.scrollIntoView({ block: "start" });
  }
  const commands = {
    j: () => step(1),
    k: () => step(-1),
    "/": () => search.focus(),
    ...(view && { t: toggleView }),
    l: toggleLanguage,
    "?": () => keys.showModal(),
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || keys.open) return;
    if (event.key === "Escape") {
      clear();
      search.blur();
    } else if (!event.target.closest("input, textarea, select") && Object.hasOwn(commands, event.key)) {
      event.preventDefault();
      commands[event.key]();
    }
  });

  // ---- a link into something hidden or folded shows it

  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const card = target.closest(".card");
    if (card && card.hidden) clear();
    for (let fold = target.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    for (const fold of card === target ? all(".folded", card) : []) fold.open = true;
    target.scrollIntoView({ block: "start" });
    if (card) card.focus({ preventScroll: true });
  }
  addEventListener("hashchange", reveal);

  const bar = one(".bar");
  for (const part of all("[hidden]", bar)) part.hidden = part.id === "clear";
  const measure = () => root.style.setProperty("--bar", getComputedStyle(bar).position === "sticky" ? `${bar.offsetHeight}px` : "0px");
  addEventListener("resize", measure);
  filter();
  measure();
  reveal();
})();
