"use strict";
// The page's script. Whatever was scanned reaches the page as text nodes only.
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const findings = data.findings;
  const list = $("list");
  const rows = list ? [...list.children] : [];
  const KINDS = ["", "k", "n", "s", "c", "m", "o", "d", "x"];
  const NAMES = new Set([2, 7]);
  let words = data.catalogues[data.language];
  let language = data.language;

  // --- words -----------------------------------------------------------------------------
  const number = (value) => (Number.isInteger(value) ? value.toLocaleString("en-US") : String(value));
  function say(key, ...given) {
    const forms = words[key].split("|");
    const form = given[0] === 1 ? forms[0] : forms[forms.length - 1];
    return form.replace(/\{(\d)\}/g, (_, at) => number(given[at]));
  }
  function percent(share) {
    if (share > 0 && share < 0.01) return "< 1 %";
    if (share > 0.99 && share < 1) return "> 99 %";
    return `${Math.round(100 * share)} %`;
  }
  const fine = (share) => (share > 0 && share < 0.1 ? `${Number((100 * share).toPrecision(2))} %` : percent(share));
  const finest = (share) => (share > 0.99 && share < 1 ? `${Math.floor(10000 * share) / 100} %` : percent(share));

  function speak(to) {
    language = to;
    words = data.catalogues[to];
    document.documentElement.lang = to;
    for (const node of document.querySelectorAll("[data-t]"))
      node.textContent = say(node.dataset.t, ...JSON.parse(node.dataset.a || "[]"));
    for (const node of document.querySelectorAll("[data-t-label]"))
      node.setAttribute("aria-label", say(node.dataset.tLabel));
    for (const row of rows) {
      delete row.dataset.full;
      if (row.open) fill(row);
    }
    count();
  }

  // --- elements --------------------------------------------------------------------------
  function el(name, attributes, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {}))
      if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    made.append(...inside.flat(3).filter((one) => one !== null && one !== undefined));
    return made;
  }
  const space = document.querySelector("svg").namespaceURI;
  function svg(name, attributes, ...inside) {
    const made = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  }
  const bullets = (items) => el("ul", {}, items.map((one) => el("li", {}, one)));

  // --- source ----------------------------------------------------------------------------
  const texts = new Map();
  function text(name) {
    if (!texts.has(name)) {
      const node = $(`text-${name}`);
      texts.set(name, node ? JSON.parse(node.textContent) : null);
    }
    return texts.get(name);
  }
  const lineOf = (held, at) => (held && held[1][at - held[0]]) || null;
  const plain = (pieces) => pieces.filter((_, at) => at % 2).join("").trim();
  function inside(pieces, names) {
    const made = [];
    for (let at = 0; at < pieces.length; at += 2) {
      const kind = pieces[at];
      let piece = pieces[at + 1];
      if (NAMES.has(kind) && names.some((one) => piece === one || (one.length > 2 && piece.includes(one))))
        piece = el("mark", {}, piece);
      made.push(KINDS[kind] ? el("span", { class: KINDS[kind] }, piece) : piece);
    }
    return made;
  }
  function half(at, pieces, names, side) {
    if (at === null) return el("span", { class: `ln ${side} none` }, el("i"), el("span"));
    return el("span", { class: `ln ${side}` }, el("i", {}, String(at)), el("span", {}, pieces ? inside(pieces, names) : "\u2009"));
  }

  // Which line of a block stands beside which: lines that read the same (longest common
  // subsequence), and what is between them in order.
  function paired(block, ours, theirs) {
    const n = block.suspect_end - block.suspect_start + 1;
    const m = block.reference_end - block.reference_start + 1;
    const words = (held, first, count) => Array.from({ length: count }, (_, at) => (lineOf(held, first + at) ? plain(lineOf(held, first + at)) : null));
    const x = words(ours, block.suspect_start, n);
    const y = words(theirs, block.reference_start, m);
    const pairs = [];
    let [i, j] = [0, 0];
    const put = (toI, toJ) => {
      for (; i < toI || j < toJ; ) pairs.push([i < toI ? block.suspect_start + i++ : null, j < toJ ? block.reference_start + j++ : null]);
    };
    if (ours && theirs && n * m <= 1e6) {
      const most = Array.from({ length: n + 1 }, () => new Uint32Array(m + 1));
      for (let a = n - 1; a >= 0; a--)
        for (let b = m - 1; b >= 0; b--)
          most[a][b] = x[a] === y[b] ? most[a + 1][b + 1] + 1 : Math.max(most[a + 1][b], most[a][b + 1]);
      for (let a = 0, b = 0; a < n && b < m; ) {
        if (x[a] === y[b]) {
          put(a, b);
          put(++a, ++b);
        } else if (most[a + 1][b] >= most[a][b + 1]) a++;
        else b++;
      }
    }
    put(n, m);
    return pairs;
  }

  // Rows in the order of the suspect: blocks side by side, what is between them folded. What of
  // the reference lies between two blocks stands there too; the rest of it follows at the end.
  function sides(finding, number) {
    const ours = text(`s${finding.file}`);
    const theirs = text(`r${number}`);
    const { suspect, reference, blocks } = finding;
    const left = finding.renames.map((one) => one.suspect).filter(Boolean);
    const right = finding.renames.map((one) => one.reference).filter(Boolean);
    const row = (kind, a, b) => {
      const marks = kind.startsWith("changed");
      return el("div", { class: `row ${kind}` },
        half(a, lineOf(ours, a), marks ? left : [], "sus"), half(b, lineOf(theirs, b), marks ? right : [], "ref"));
    };
    const taken = new Set();
    for (const one of blocks) for (let at = one.reference_start; at <= one.reference_end; at++) taken.add(at);
    const box = el("div", { class: "sides", tabindex: "0", role: "region", "aria-label": say("sides") },
      el("div", { class: "heads" },
        el("span", {}, `${say("suspect")}: ${suspect.name}`), el("span", {}, `${say("reference")}: ${reference.name}`)));
    function gap(from, to, side) {
      const lines = [];
      for (let at = from; at <= to; at++) if (side === "sus" || !taken.has(at)) lines.push(at);
      if (!lines.length || !(side === "sus" ? ours : theirs)) return;
      if (side === "ref") lines.forEach((at) => taken.add(at));
      const made = lines.map((at) => (side === "sus" ? row("only", at, null) : row("only", null, at)));
      const key = side === "sus" ? "only_suspect" : "only_reference";
      box.append(el("details", { class: "fold", open: lines.length <= 6 }, el("summary", {}, say(key, lines.length)), made));
    }
    let ourNext = suspect.start_line;
    let theirNext = reference.start_line;
    for (const one of [...blocks].sort((a, b) => a.suspect_start - b.suspect_start || a.reference_start - b.reference_start)) {
      gap(ourNext, one.suspect_start - 1, "sus");
      if (one.reference_start >= theirNext) gap(theirNext, one.reference_start - 1, "ref");
      else if (theirNext - one.reference_start > 1)
        box.append(el("div", { class: "moved" }, `${one.suspect_start}–${one.suspect_end} = ${one.reference_start}–${one.reference_end}: ${say("moved")}`));
      paired(one, ours, theirs).forEach(([a, b], at) => {
        const x = a === null ? null : lineOf(ours, a);
        const y = b === null ? null : lineOf(theirs, b);
        const same = a !== null && b !== null && (!x || !y || plain(x) === plain(y));
        box.append(row(`${same ? "same" : "changed"}${at ? "" : " first"}`, a, b));
      });
      ourNext = Math.max(ourNext, one.suspect_end + 1);
      theirNext = Math.max(theirNext, one.reference_end + 1);
    }
    gap(ourNext, suspect.end_line, "sus");
    gap(reference.start_line, reference.end_line, "ref");
    return box;
  }

  // --- a finding -------------------------------------------------------------------------
  function plot(finding) {
    const rate = finding.false_alarm_rate;
    if (rate === null) return el("p", { class: "note" }, say("baseline.none"));
    const at = (share) => 10 + (Math.min(4, -Math.log10(Math.max(share, 0.0001))) / 4) * 380;
    const drawn = svg("svg", { class: "plot", viewBox: "0 0 400 56", role: "img", "aria-label": say("baseline.rate", fine(rate)) },
      svg("rect", { class: "zone2", x: at(data.limits[0]), y: 12, width: at(data.limits[1]) - at(data.limits[0]), height: 20 }),
      svg("rect", { class: "zone", x: at(data.limits[1]), y: 12, width: 390 - at(data.limits[1]), height: 20 }),
      svg("line", { class: "axis", x1: 10, x2: 390, y1: 32, y2: 32 }));
    for (const share of [1, 0.1, 0.01, 0.001, 0.0001]) {
      drawn.append(svg("line", { class: "axis", x1: at(share), x2: at(share), y1: 30, y2: 35 }));
      const mark = svg("text", { x: at(share), y: 48, "text-anchor": share === 1 ? "start" : share === 0.0001 ? "end" : "middle" });
      mark.append(`${100 * share} %`);
      drawn.append(mark);
    }
    drawn.append(svg("circle", { class: "dot", cx: at(rate), cy: 22, r: 6 }));
    return el("div", {}, drawn,
      el("p", { class: "note" }, say("baseline.axis"), ". ",
        finding.percentile === null ? say("baseline.none") : say("baseline.percentile", finest(finding.percentile)), " ",
        say("baseline.rate", fine(rate))));
  }
  function lineage(finding) {
    const members = finding.lineage;
    const days = [...members.map((one) => one.first_seen), data.suspect_date].filter(Boolean).map((day) => Date.parse(day));
    const made = el("div", {}, el("p", { class: "note" }, finding.families <= 1 ? say("lineage.one") : say("lineage.many", finding.families)));
    if (days.length > 1 && Math.max(...days) > Math.min(...days)) {
      const first = Math.min(...days);
      const at = (day) => 10 + ((Date.parse(day) - first) / (Math.max(...days) - first)) * 380;
      const drawn = svg("svg", { class: "plot", viewBox: "0 0 400 40", "aria-hidden": "true" }, svg("line", { class: "axis", x1: 10, x2: 390, y1: 16, y2: 16 }));
      for (const one of members) if (one.first_seen) drawn.append(svg("circle", { class: "ref", cx: at(one.first_seen), cy: 16, r: 5 }));
      if (data.suspect_date) drawn.append(svg("rect", { class: "dot", x: at(data.suspect_date) - 5, y: 11, width: 10, height: 10 }));
      for (const [x, anchor, day] of [[10, "start", first], [390, "end", Math.max(...days)]]) {
        const mark = svg("text", { x, y: 36, "text-anchor": anchor });
        mark.append(new Date(day).toISOString().slice(0, 10));
        drawn.append(mark);
      }
      made.append(drawn);
    }
    const items = members.map((one) => [el("span", { class: "day" }, one.first_seen || "?"), " ", el("code", {}, one.origin), " ", el("code", {}, one.name)]);
    if (data.suspect_date) items.push([el("span", { class: "day" }, data.suspect_date), " ", el("b", {}, say("lineage.suspect"))]);
    made.append(el("ul", { class: "plain" }, items.map((one) => el("li", {}, one))));
    const more = finding.families - members.length;
    if (more > 0) made.append(el("p", { class: "note" }, say("lineage.more", more)));
    return made;
  }
  function reasons(finding) {
    const { reference } = finding;
    const pro = [];
    const contra = [];
    const common = finding.verdict === "common";
    if (finding.percentile !== null && finding.percentile >= 0.99) pro.push(say("for.percentile", finest(finding.percentile)));
    if (finding.percentile === null) contra.push(say("against.baseline"));
    if (finding.false_alarm_rate !== null)
      (finding.false_alarm_rate <= data.limits[0] ? pro : contra).push(
        say(finding.false_alarm_rate <= data.limits[0] ? "for.rate" : "against.rate", fine(finding.false_alarm_rate)));
    if (common) contra.push(say("against.common", finding.families));
    else if (finding.families <= 1) pro.push(say("for.alone"));
    else if (finding.families <= 5) pro.push(say("for.few", finding.families));
    else contra.push(say("against.many", finding.families));
    if (finding.also.length) contra.push(say("against.also", finding.also.length));
    if (finding.direction === "older") pro.push(say("for.older", reference.first_seen));
    else contra.push(say(`against.${finding.direction}`));
    if (reference.absent_before && reference.first_seen) contra.push(say("against.absent", reference.absent_before, reference.first_seen));
    if (finding.attribution === "declared") pro.push(say("for.declared"));
    if (finding.attribution === "declared elsewhere") pro.push(say("for.elsewhere"));
    if (finding.same_text >= 0.8) pro.push(say("for.names", percent(finding.same_text)));
    if (finding.renames.some((one) => one.places > 2)) pro.push(say("for.renames", finding.renames.filter((one) => one.places > 2).length));
    const share = (data.shares[finding.file] || {})[reference.origin];
    if (share >= 0.2) pro.push(say("for.file", percent(share)));
    if (finding.clone_type === "fragment") contra.push(say("against.fragment"));
    if (finding.matched < 60) contra.push(say("against.small", finding.matched));
    contra.push(say("against.third"));
    return [pro, contra];
  }
  const release = (reference) => `${reference.package}${reference.version ? ` ${reference.version}` : ""}`;
  const spans = (blocks) => blocks.map((one) => `${one.suspect_start}–${one.suspect_end} = ${one.reference_start}–${one.reference_end}`).join(", ");

  function fill(row) {
    if (row.dataset.full) return;
    row.dataset.full = "1";
    const at = Number(row.dataset.i);
    const finding = findings[at];
    const { suspect, reference } = finding;
    const [pro, contra] = reasons(finding);
    const body = row.querySelector(".body");
    const cell = suspect.cell && say("cell", suspect.cell.start_cell, suspect.cell.start_line, suspect.cell.end_cell, suspect.cell.end_line);
    const copy = el("button", { type: "button" }, say("copy"));
    copy.addEventListener("click", () => put(at));
    const duties = reference.license && data.duties[reference.license];
    body.replaceChildren(
      el("div", { class: "two" },
        el("div", {}, el("h4", {}, say("suspect")),
          el("code", {}, suspect.name), el("br"), finding.file >= 0 ? el("a", { href: `#file-${finding.file}` }, suspect.path) : suspect.path,
          `:${suspect.start_line}–${suspect.end_line}`, cell ? ` (${cell})` : ""),
        el("div", {}, el("h4", {}, say("reference")),
          el("code", {}, reference.name), ` ${reference.title}`, reference.organisation ? `, ${reference.organisation}` : "", reference.country ? ` (${reference.country})` : "",
          el("br"), `${release(reference)} `, el("code", {}, reference.path), `:${reference.start_line}–${reference.end_line}`,
          el("br"), `${say("license")}: ${reference.license || "?"} · ${say("first_seen")}: ${reference.first_seen || "?"}`,
          reference.link ? [el("br"), el("a", { href: reference.link, rel: "noopener noreferrer", target: "_blank" }, say("public"))] : null)),
      el("div", { class: "acts" }, copy, el("a", { href: `#${finding.id}` }, say("link")), el("code", {}, finding.id)),
      el("div", { class: "two" },
        el("div", {}, el("h4", {}, say("for")), bullets(pro)),
        el("div", {}, el("h4", {}, say("against")), bullets(contra))),
      el("div", { class: "two" },
        el("div", {}, el("h4", {}, say("scores")),
          el("dl", {}, [["score.resemblance", percent(finding.resemblance)], ["score.this", percent(finding.suspect_containment)], ["score.that", percent(finding.reference_containment)], ["score.names", percent(finding.same_text)], ["score.matched", number(finding.matched)]]
            .map(([key, value]) => [el("dt", {}, say(key)), el("dd", {}, value)])),
          el("p", { class: "note" }, say(`type.${finding.clone_type}`))),
        el("div", {}, el("h4", {}, say("baseline")), plot(finding)),
        el("div", {}, el("h4", {}, say("lineage")), lineage(finding),
          finding.also.length ? el("p", { class: "note" }, `${say("also")}: ${finding.also.join(", ")}`) : null),
        el("div", {}, el("h4", {}, say("duties.finding")), duties ? el("ul", { lang: "en" }, duties.map((one) => el("li", {}, one))) : el("p", {}, say("duties.none")))),
      finding.renames.length ? el("p", {}, el("b", {}, `${say("renamed")}: `),
        finding.renames.map((one, at2) => [at2 ? ", " : "", el("code", {}, one.reference), " → ", el("code", {}, one.suspect), ` (${say("renamed.places", one.places)})`])) : "",
      el("h4", {}, `${say("sides")}: ${say("blocks", finding.blocks.length)}`),
      text(`r${at}`) ? "" : el("p", { class: "note" }, say("get_reference"), el("code", { class: "command" }, `provenance sources fetch ${reference.origin}`)),
      text(`s${finding.file}`) ? "" : el("p", { class: "note" }, say("get_suspect")),
      text(`r${at}`) || text(`s${finding.file}`) ? sides(finding, at) : "",
      el("p", { class: "note" }, spans(finding.blocks)));
  }

  // --- a file ----------------------------------------------------------------------------
  function fillSource(box) {
    const target = box.querySelector(".lines");
    if (target.childElementCount) return;
    const file = Number(box.closest(".file").dataset.file);
    const [, lines] = text(`s${file}`);
    const ties = new Array(lines.length + 1).fill(null);
    for (const finding of findings)
      if (finding.file === file)
        for (const one of finding.blocks)
          for (let at = one.suspect_start; at <= one.suspect_end; at++)
            if (!ties[at] || (ties[at].verdict === "common" && finding.verdict !== "common")) ties[at] = finding;
    target.append(...lines.map((pieces, at) => {
      const tie = ties[at + 1];
      const common = tie && tie.verdict === "common";
      return el("div", { class: `ln${tie ? (common ? " tie common" : " tie") : ""}`, title: tie && `${tie.reference.title}: ${tie.reference.name}` },
        el("b", { class: tie && !common ? `f${data.families[tie.reference.origin]}` : null }), el("i", {}, String(at + 1)), el("span", {}, inside(pieces, [])));
    }));
  }

  // --- filters, order --------------------------------------------------------------------
  const hay = findings.map((one) => [one.suspect.name, one.suspect.path, one.reference.name, one.reference.path, one.reference.origin, one.reference.title, one.reference.organisation, one.reference.package, one.id].join("\n").toLowerCase());
  let shown = rows.length;
  function filter() {
    const value = (id) => $(id).value;
    const q = value("q").trim().toLowerCase();
    const path = value("by-path").trim().toLowerCase();
    shown = 0;
    for (const row of rows) {
      const at = Number(row.dataset.i);
      const one = findings[at];
      const fits = (!q || hay[at].includes(q)) && (!path || one.suspect.path.toLowerCase().includes(path)) &&
        (!value("by-verdict") || one.verdict === value("by-verdict")) &&
        (!value("by-family") || one.reference.family === value("by-family")) &&
        (!value("by-license") || one.reference.license === value("by-license")) &&
        (!value("by-attribution") || one.attribution === value("by-attribution"));
      row.hidden = !fits;
      if (fits) shown += 1;
    }
    count();
  }
  function count() {
    if ($("count")) $("count").textContent = say("count", shown, rows.length);
  }
  function order() {
    const by = $("sort").value;
    const text2 = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const keys = {
      strength: () => 0,
      place: (a, b) => text2(a.suspect.path, b.suspect.path) || a.suspect.start_line - b.suspect.start_line,
      day: (a, b) => text2(a.reference.first_seen || "9", b.reference.first_seen || "9"),
      rate: (a, b) => (a.false_alarm_rate ?? 2) - (b.false_alarm_rate ?? 2),
    };
    rows.sort((a, b) => keys[by](findings[a.dataset.i], findings[b.dataset.i]) || a.dataset.i - b.dataset.i);
    list.append(...rows);
  }

  // --- copy, links, keys -----------------------------------------------------------------
  function written(finding) {
    const { suspect, reference } = finding;
    const [pro, contra] = reasons(finding);
    return [
      `${say(`verdict.${finding.verdict}`)}; ${say(`attribution.${finding.attribution}`)}`,
      `${say("suspect")}: ${suspect.path}:${suspect.start_line}-${suspect.end_line} ${suspect.name}`,
      `${say("reference")}: ${release(reference)} ${reference.path}:${reference.start_line}-${reference.end_line} ${reference.name}`,
      `  ${reference.title}; ${reference.license || "?"}; ${say("first_seen")} ${reference.first_seen || "?"}`,
      reference.link ? `  ${reference.link}` : null,
      `${say("score.resemblance")} ${percent(finding.resemblance)}, ${percent(finding.suspect_containment)} ${say("score.this")}, ${percent(finding.reference_containment)} ${say("score.that")}`,
      `${say("for")}: ${pro.join(" ")}`, `${say("against")}: ${contra.join(" ")}`,
      spans(finding.blocks), say("caveat"), `id ${finding.id}`,
    ].filter((one) => one !== null).join("\n") + "\n";
  }
  async function put(at) {
    const what = written(findings[at]);
    try {
      await navigator.clipboard.writeText(what);
    } catch {
      const field = el("textarea", {}, what);
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    $("said").textContent = say("copied");
  }
  let now = null;
  function go(row) {
    if (now) now.classList.remove("now");
    now = row;
    row.classList.add("now");
    row.open = true;
    fill(row);
    row.querySelector("summary").focus({ preventScroll: true });
    row.scrollIntoView({ block: "start" });
    history.replaceState(null, "", `#${row.id}`);
  }
  function step(by) {
    const seen = rows.filter((row) => !row.hidden);
    if (!seen.length) return;
    const at = seen.indexOf(now);
    const next = at < 0 ? (by > 0 ? 0 : seen.length - 1) : at + by;
    if (next < 0 || next >= seen.length) return;
    if (now) now.open = false;
    go(seen[next]);
  }
  function follow() {
    const target = $(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    for (let above = target; above; above = above.parentElement) if (above.tagName === "DETAILS") above.open = true;
    if (target.classList.contains("finding")) {
      if (target.hidden) { $("filters").reset(); filter(); }
      go(target);
    } else target.scrollIntoView();
  }

  document.addEventListener("toggle", (event) => {
    const target = event.target;
    if (!target.open) return;
    if (target.classList.contains("finding")) fill(target);
    if (target.classList.contains("source")) fillSource(target);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || $("keys").open) return;
    if (event.key === "n") step(1);
    else if (event.key === "p") step(-1);
    else if (event.key === "c" && now) put(Number(now.dataset.i));
    else if (event.key === "?") $("keys").showModal();
    else if (event.key === "/" && $("q")) { event.preventDefault(); $("q").focus(); }
  });
  if ($("filters")) {
    $("filters").addEventListener("input", (event) => (event.target.id === "sort" ? order() : filter()));
    $("filters").addEventListener("reset", () => setTimeout(() => { filter(); order(); }));
    $("filters").addEventListener("submit", (event) => event.preventDefault());
  }
  $("language").addEventListener("change", (event) => speak(event.target.value));
  $("help").addEventListener("click", () => $("keys").showModal());
  $("print").addEventListener("click", () => window.print());
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll("details:not([open]):not(.source)")].filter((one) => !one.closest("[hidden]"));
    for (const one of rows) if (!one.hidden) fill(one);
    for (const one of document.querySelectorAll(".finding:not([hidden]) details:not([open])")) opened.push(one);
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
  addEventListener("hashchange", follow);
  follow();
})();
