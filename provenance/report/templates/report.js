"use strict";
// The page's script. Whatever was scanned reaches the page as text nodes, or as the markup that
// was escaped when the page was written: a browser that runs scripts takes what is in a noscript
// element for text, and it is parsed here, a part at a time, when it comes into sight.
(() => {
  const $ = (id) => document.getElementById(id);
  const read = (id) => { const node = $(id); return node ? JSON.parse(node.textContent) : null; };
  const data = read("data");
  const light = data.findings; // [file, verdict, attribution, family, licence, line, day, rate, id]
  const [FILE, VERDICT, ATTRIBUTION, FAMILY, LICENSE, LINE, DAY, RATE, ID] = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  const places = new Map(light.map((one, at) => [one[ID], at]));
  let language = document.documentElement.lang;
  let words = data.catalogues[language];

  // --- words -----------------------------------------------------------------------------
  const number = (value) => (Number.isInteger(value) ? value.toLocaleString("en-US") : String(value));
  function say(key, ...given) {
    const forms = words[key].split("|");
    const form = given[0] === 1 ? forms[0] : forms[forms.length - 1];
    return form.replace(/\{(\d)\}/g, (_, at) => number(given[at]));
  }
  function percent(share) {
    if (share > 0 && share < 0.01) return "<\u00a01\u00a0%";
    if (share > 0.99 && share < 1) return ">\u00a099\u00a0%";
    return `${Math.round(100 * share)}\u00a0%`;
  }
  const fine = (share) => (share > 0 && share < 0.1 ? `${Number((100 * share).toPrecision(2))}\u00a0%` : percent(share));
  const finest = (share) => (share > 0.99 && share < 1 ? `${Math.floor(10000 * share) / 100}\u00a0%` : percent(share));
  const ratio = (score) => (score > 0 && score < 0.01 ? "<0.01" : score > 0.99 && score < 1 ? ">0.99" : (Math.floor(100 * score + 0.5) / 100).toFixed(2));
  const unknown = () => say("unknown");

  function translate(root) {
    for (const node of root.querySelectorAll("[data-t]"))
      node.textContent = say(node.dataset.t, ...JSON.parse(node.dataset.a || "[]"));
    for (const node of root.querySelectorAll("[data-t-label]")) node.setAttribute("aria-label", say(node.dataset.tLabel));
  }
  function speak(to) {
    language = to;
    words = data.catalogues[to];
    document.documentElement.lang = to;
    translate(document);
    for (const node of document.querySelectorAll("[data-tile]")) {
      const file = data.files[node.dataset.tile];
      node.textContent = `${file.path}: ${say(`verdict.${file.verdict}`)}, ${say("lines", file.lines)}`;
    }
    for (const row of rows) if (row) {
      if (!row.isConnected) translate(row);
      delete row.dataset.full;
      if (row.open) fill(row);
    }
    for (const box of document.querySelectorAll("details.source[open]")) fillSource(box);
    count();
  }

  // --- elements --------------------------------------------------------------------------
  function el(name, attributes, ...inside) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes || {}))
      if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
    made.append(...inside.flat(3).filter((one) => one !== null && one !== undefined && one !== ""));
    return made;
  }
  const space = document.querySelector("svg").namespaceURI;
  function svg(name, attributes, ...inside) {
    const made = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
    made.append(...inside);
    return made;
  }
  const code = (text) => el("code", {}, el("bdi", {}, text));

  // The elements of a noscript element, in the language of the page.
  const written = document.documentElement.lang;
  function parsed(node) {
    const box = el("template");
    box.innerHTML = node.textContent;
    if (language !== written) translate(box.content);
    return [...document.importNode(box.content, true).children];
  }

  // --- findings, read when they are needed -------------------------------------------------
  const more = new Map();
  function details(at) {
    const file = light[at][FILE];
    if (!more.has(file)) more.set(file, read(`more-${file}`));
    return more.get(file)[at];
  }

  // --- source ----------------------------------------------------------------------------
  // A quoted file is [[first line, text, runs], ...]; it becomes a map from a line's number to
  // its pieces, [[kind, text], ...].
  const quoted = new Map();
  function quote(name) {
    if (quoted.has(name)) return quoted.get(name);
    const held = read(`text-${name}`);
    const lines = held && new Map();
    for (const [first, text, runs] of held || []) {
      let at = first;
      let line = [];
      const put = (kind, piece) => {
        piece.split("\n").forEach((part, nth) => {
          if (nth) {
            lines.set(at++, line);
            line = [];
          }
          if (part) line.push([kind, part]);
        });
      };
      if (runs) {
        let from = 0;
        for (const [, kind, length] of runs.matchAll(/([a-z])(\d+)/g)) put(kind, text.slice(from, (from += Number(length))));
      } else put("p", text);
      lines.set(at, line);
    }
    quoted.set(name, lines);
    return lines;
  }
  const lineOf = (lines, at) => (lines && at !== null && lines.get(at)) || null;
  const plain = (pieces) => (pieces ? pieces.map(([, text]) => text).join("").trim() : null);

  // Pieces as elements; ``marks`` are [from, to, class] in the trimmed line.
  function drawn(pieces, marks) {
    const made = [];
    let at = 0;
    const whole = pieces.map(([, text]) => text).join("");
    const offset = whole.length - whole.trimStart().length;
    for (const [kind, text] of pieces) {
      const parts = [];
      let from = 0;
      for (const [start, end, name] of marks) {
        const [a, b] = [Math.max(start + offset - at, from), Math.min(end + offset - at, text.length)];
        if (a >= b) continue;
        if (a > from) parts.push(text.slice(from, a));
        parts.push(el("mark", { class: name }, text.slice(a, b)));
        from = b;
      }
      if (from < text.length) parts.push(text.slice(from));
      made.push(...(kind === "p" || kind === "n" || kind === "o" ? parts : [el("span", { class: kind }, parts)]));
      at += text.length;
    }
    return made;
  }

  // The pairs of positions of two lists, both ascending, that weigh most together.
  function heaviest(n, m, weight) {
    if (n * m > 1e6) return [];
    const width = m + 1;
    const most = new Uint32Array((n + 1) * width);
    for (let a = n - 1; a >= 0; a--)
      for (let b = m - 1; b >= 0; b--) {
        const paired = weight(a, b);
        most[a * width + b] = Math.max(most[(a + 1) * width + b], most[a * width + b + 1], paired && most[(a + 1) * width + b + 1] + paired);
      }
    const pairs = [];
    for (let a = 0, b = 0; a < n && b < m; ) {
      const here = most[a * width + b];
      if (here === most[(a + 1) * width + b]) a++;
      else if (here === most[a * width + b + 1]) b++;
      else pairs.push([a++, b++]);
    }
    return pairs;
  }

  // What differs inside two lines: names that stand for others throughout, and the rest. Null
  // where they share so little that they are two lines, not one that was changed.
  // Names are of the letters of any script: \w is ASCII alone.
  const cut = (line) => [...line.matchAll(/\d[\p{L}\p{M}\p{N}_.]*|[\p{L}\p{M}\p{N}_]+|[^\p{L}\p{M}\p{N}_\s]/gu)].map((found) => [found.index, found[0]]);
  function marks(one, other, left, right) {
    const [x, y] = [cut(one), cut(other)];
    const pairs = heaviest(x.length, y.length, (a, b) => (x[a][1] === y[b][1] ? 1 : 0));
    if ((form(one) !== form(other) || !form(one).includes("_")) && pairs.length < 0.5 * Math.max(x.length, y.length)) return null;
    const differing = (side, kept, names) => side
      .filter(([, word], at) => !kept.has(at) && /[\p{L}\p{M}\p{N}_]/u.test(word))
      .map(([at, word]) => [at, at + word.length, names.some((name) => word === name || (name.length > 2 && word.includes(name))) ? "renamed" : "edited"]);
    return [differing(x, new Set(pairs.map(([a]) => a)), left), differing(y, new Set(pairs.map(([, b]) => b)), right)];
  }

  // Which line of a block stands beside which: equal lines first, then lines of the same form
  // (names and literals aside), and what is between two pairs in order.
  const form = (text) => text.replace(/(["']).*?\1/g, "'").replace(/[\p{L}\p{M}\p{N}_.]+/gu, "_");
  function paired(block, ours, theirs) {
    const n = block.suspect_end - block.suspect_start + 1;
    const m = block.reference_end - block.reference_start + 1;
    const pairs = [];
    let [i, j] = [0, 0];
    const put = (toI, toJ) => {
      while (i < toI || j < toJ) pairs.push([i < toI ? block.suspect_start + i++ : null, j < toJ ? block.reference_start + j++ : null]);
    };
    if (ours && theirs) {
      const lines = (of, first, length) => Array.from({ length }, (_, at) => plain(lineOf(of, first + at)) ?? "");
      const [x, y] = [lines(ours, block.suspect_start, n), lines(theirs, block.reference_start, m)];
      const [p, q] = [x.map(form), y.map(form)];
      for (const [a, b] of heaviest(n, m, (at, to) => (x[at] === y[to] ? (x[at] ? 8 : 2) : p[at] === q[to] ? 3 : 0))) {
        put(a, b);
        put(a + 1, b + 1);
      }
    }
    put(n, m);
    return pairs;
  }

  function half(side, at, pieces, marked) {
    if (at === null) return el("span", { class: `ln ${side} none` }, el("i"), el("span"));
    return el("span", { class: `ln ${side}` }, el("i", {}, String(at)), el("span", {}, pieces ? drawn(pieces, marked) : "\u2009"));
  }

  // Rows in the order of the suspect: blocks side by side; what is between two blocks stands on
  // its side only, folded where it is long. What of the reference is left follows at the end.
  function sides(finding) {
    const ours = quote(`s${light[finding.at][FILE]}`);
    const theirs = finding.quote < 0 ? null : quote(`r${finding.quote}`);
    const { suspect, reference, blocks } = finding;
    const left = finding.renames.map((one) => one.suspect).filter(Boolean);
    const right = finding.renames.map((one) => one.reference).filter(Boolean);
    const row = (kind, a, b) => {
      const [x, y] = [lineOf(ours, a), lineOf(theirs, b)];
      const marked = kind === "changed" ? marks(plain(x), plain(y), left, right) : [[], []];
      return el("div", { class: `row ${marked ? kind : "only"}` }, half("sus", a, x, marked ? marked[0] : []), half("ref", b, y, marked ? marked[1] : []));
    };
    const taken = new Set();
    for (const one of blocks) for (let at = one.reference_start; at <= one.reference_end; at++) taken.add(at);
    const place = (side, name, path, first, last) => el("span", {}, el("b", {}, side), " ", code(name), el("br"), el("span", { class: "where" }, el("bdi", {}, path), `:${first}–${last}`));
    const box = el("div", { class: "sides", tabindex: "0", role: "region", "aria-label": say("sides") },
      el("div", { class: "heads" },
        place(say("suspect"), suspect.name, suspect.path, suspect.start_line, suspect.end_line),
        place(say("reference"), reference.name, reference.path, reference.start_line, reference.end_line)));
    const upTo = (from, to, free) => Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => from + at).filter(free);
    function gap(ourFrom, ourTo, theirFrom, theirTo) {
      const a = ours ? upTo(ourFrom, ourTo, () => true) : [];
      const b = theirs ? upTo(theirFrom, theirTo, (at) => !taken.has(at)) : [];
      b.forEach((at) => taken.add(at));
      const made = Array.from({ length: Math.max(a.length, b.length) }, (_, at) => row("only", a[at] ?? null, b[at] ?? null));
      if (made.length <= 6) return box.append(...made);
      const told = [a.length ? say("only_suspect", a.length) : null, b.length ? say("only_reference", b.length) : null];
      return box.append(el("details", { class: "fold" }, el("summary", {}, told.filter(Boolean).join(" · ")), made));
    }
    let ourNext = suspect.start_line;
    let theirNext = reference.start_line;
    for (const one of [...blocks].sort((a, b) => a.suspect_start - b.suspect_start || a.reference_start - b.reference_start)) {
      const inOrder = one.reference_start >= theirNext;
      gap(ourNext, one.suspect_start - 1, theirNext, inOrder ? one.reference_start - 1 : 0);
      if (!inOrder && theirNext - one.reference_start > 1)
        box.append(el("div", { class: "moved" }, `${one.suspect_start}–${one.suspect_end} = ${one.reference_start}–${one.reference_end}: ${say("moved")}`));
      paired(one, ours, theirs).forEach(([a, b]) => {
        const [x, y] = [plain(lineOf(ours, a)), plain(lineOf(theirs, b))];
        const alone = a === null || b === null;
        box.append(row(alone ? "only" : x === null || y === null ? "match" : x === y ? "same" : "changed", a, b));
      });
      ourNext = Math.max(ourNext, one.suspect_end + 1);
      theirNext = Math.max(theirNext, one.reference_end + 1);
    }
    gap(ourNext, suspect.end_line, theirNext, reference.end_line);
    gap(0, -1, reference.start_line, reference.end_line);
    return box;
  }
  const key = () => el("p", { class: "key note" },
    ["same", "changed", "only"].map((kind) => el("span", { class: "whole" }, el("span", { class: `chip ${kind}`, "aria-hidden": "true" }), ` ${say(`key.${kind}`)}`)),
    ["renamed", "edited"].map((kind) => [el("mark", { class: kind }, say(`key.${kind}`)), " "]));

  // --- a finding -------------------------------------------------------------------------
  function plot(finding) {
    const rate = finding.false_alarm_rate;
    if (rate === null) return el("p", { class: "note" }, say("baseline.none"));
    const at = (share) => 12 + (Math.min(4, -Math.log10(Math.max(share, 0.0001))) / 4) * 416;
    const [supported, derived] = data.limits;
    const text = (x, y, anchor, said) => svg("text", { x, y, "text-anchor": anchor }, said);
    const drawing = svg("svg", { class: "plot", viewBox: "0 0 440 70", role: "img", "aria-label": say("baseline.rate", fine(rate)) },
      svg("rect", { class: "zone2", x: at(supported), y: 18, width: at(derived) - at(supported), height: 26 }),
      svg("rect", { class: "zone", x: at(derived), y: 18, width: at(0.0001) - at(derived), height: 26 }),
      text((at(supported) + at(derived)) / 2, 11, "middle", say("zone.supported")),
      text((at(derived) + at(0.0001)) / 2, 11, "middle", say("zone.derived")),
      svg("line", { class: "axis", x1: at(1), x2: at(0.0001), y1: 44, y2: 44 }));
    for (const share of [1, 0.1, 0.01, 0.001, 0.0001])
      drawing.append(svg("line", { class: "axis", x1: at(share), x2: at(share), y1: 44, y2: 49 }),
        text(at(share), 63, share === 1 ? "start" : share === 0.0001 ? "end" : "middle", `${100 * share} %`));
    const middling = rate <= supported && rate > Math.sqrt(supported * derived);
    drawing.append(svg("line", { class: "stem", x1: at(rate), x2: at(rate), y1: 18, y2: 44 }), svg("circle", { class: "dot", cx: at(rate), cy: 31, r: 6 }),
      text(at(rate) + (middling ? 10 : -10), 35, middling ? "start" : "end", fine(rate)));
    return el("div", {}, drawing,
      el("p", { class: "note" }, say("baseline.axis"), " ",
        finding.percentile === null ? say("baseline.none") : say("baseline.percentile", finest(finding.percentile)), " ",
        say("baseline.rate", fine(rate))));
  }
  function lineage(finding) {
    const items = finding.lineage.map((one) => [one.first_seen, [code(one.name), " ", el("span", { class: "where" }, el("bdi", {}, one.origin))], one.origin === finding.reference.origin ? "named" : ""]);
    items.push([finding.seen.day || data.suspect_date, [el("b", {}, say("lineage.suspect"))], "suspect"]);
    items.sort((a, b) => ((a[0] || "9") < (b[0] || "9") ? -1 : (a[0] || "9") > (b[0] || "9") ? 1 : 0));
    const known = items.map(([day]) => day && Date.parse(day)).filter(Boolean);
    const made = el("div", {}, el("p", { class: "note" }, finding.families <= 1 ? say("lineage.one") : say("lineage.many", finding.families)));
    const [first, last] = [Math.min(...known), Math.max(...known)];
    if (known.length > 1 && last > first) {
      const at = (day) => 12 + ((Date.parse(day) - first) / (last - first)) * 416;
      const drawing = svg("svg", { class: "plot", viewBox: "0 0 440 38", "aria-hidden": "true" }, svg("line", { class: "axis", x1: 12, x2: 428, y1: 12, y2: 12 }));
      for (const [day, , kind] of [...items].sort((a, b) => a[2].length - b[2].length))
        if (day) drawing.append(kind === "suspect"
          ? svg("rect", { class: "dot", x: at(day) - 6, y: 6, width: 12, height: 12 }) : svg("circle", { class: kind === "named" ? "ref" : "sib", cx: at(day), cy: 12, r: kind === "named" ? 6 : 4 }));
      for (const [x, anchor, day] of [[6, "start", first], [434, "end", last]])
        drawing.append(svg("text", { x, y: 34, "text-anchor": anchor }, new Date(day).toISOString().slice(0, 10)));
      made.append(drawing);
    }
    made.append(el("ol", { class: "timeline" }, items.map(([day, what, kind]) => el("li", { class: kind }, el("span", { class: "day" }, day || unknown()), el("span", {}, what)))));
    const rest = finding.also.length + 1 - finding.lineage.length;
    if (rest > 0) made.append(el("p", { class: "note" }, say("lineage.more", rest)));
    if (finding.chain.length)
      made.append(el("p", { class: "note" }, say("chain")), el("ol", { class: "timeline" }, finding.chain.map((one) => el("li", {},
        el("span", { class: "day" }, one.first_seen), el("span", {}, code(one.name), " ", el("span", { class: "where" }, el("bdi", {}, one.origin), ` ${percent(one.resemblance)}`))))));
    if (finding.also.length) made.append(el("p", { class: "note" }, `${say("also")}: `, finding.also.map((one, at) => [at ? ", " : "", el("bdi", {}, one)])));
    if (finding.near.length && finding.scores)
      made.append(el("p", { class: "note" }, say("near", ratio(finding.scores.score))), el("ol", { class: "timeline" }, finding.near.map((one) => el("li", {},
        el("span", { class: "day" }, one.first_seen || unknown()), el("span", {}, code(one.name), " ", el("span", { class: "where" }, el("bdi", {}, one.origin), ` ${ratio(one.scores.score)}`))))));
    return made;
  }
  function reasons(finding) {
    const { reference } = finding;
    const pro = [];
    const contra = [];
    if (finding.percentile !== null && finding.percentile >= 0.99) pro.push(say("for.percentile", finest(finding.percentile)));
    if (finding.percentile === null) contra.push(say("against.baseline"));
    if (finding.false_alarm_rate !== null)
      (finding.false_alarm_rate <= data.limits[0] ? pro : contra).push(
        say(finding.false_alarm_rate <= data.limits[0] ? "for.rate" : "against.rate", fine(finding.false_alarm_rate)));
    if (finding.verdict === "common") contra.push(say("against.common", finding.families));
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
    const renamings = finding.renames.filter((one) => one.places > 2).length;
    if (renamings) pro.push(say("for.renames", renamings));
    const file = data.files[light[finding.at][FILE]];
    const share = file && file.shares[reference.origin];
    if (share >= 0.2) pro.push(say("for.file", percent(share)));
    if (finding.clone_type === "fragment") contra.push(say("against.fragment"));
    if (finding.matched < 60) contra.push(say("against.small", finding.matched));
    contra.push(say("against.third"));
    return [pro, contra];
  }
  // Since when the scanned side is as it is, and the lines by which it is declared.
  function since({ seen }) {
    if (seen.source !== "git") return `${say("n.date")}: ${seen.day || data.suspect_date || unknown()}`;
    return `${say("seen.git", seen.day, seen.lines, seen.of, seen.earliest, seen.latest)}${seen.bounded ? ` ${say("seen.bounded")}` : ""}`;
  }
  const declarations = (finding) => finding.declarations.map((one) =>
    [el("br"), el("span", { class: "where" }, el("bdi", {}, one.path), `:${one.line} `), code(one.text), one.family === finding.reference.family ? "" : ` (${one.family})`]);
  const release = (reference) => `${reference.package}${reference.version ? ` ${reference.version}` : ""}`;
  const spans = (blocks) => blocks.map((one) => `${one.suspect_start}–${one.suspect_end} = ${one.reference_start}–${one.reference_end}`).join(", ");

  function fill(row) {
    if (row.dataset.full) return;
    row.dataset.full = "1";
    const at = Number(row.dataset.i);
    const finding = { at, ...details(at) };
    const { suspect, reference } = finding;
    const file = light[at][FILE];
    const [pro, contra] = reasons(finding);
    const cell = suspect.cell && say("cell", suspect.cell.start_cell, suspect.cell.start_line, suspect.cell.end_cell, suspect.cell.end_line);
    const act = (key, what) => {
      const made = el("button", { type: "button" }, say(key));
      made.addEventListener("click", what);
      return made;
    };
    const [ours, theirs] = [quote(`s${file}`), finding.quote >= 0];
    const duties = reference.license && data.duties[reference.license];
    const score = (key, share) => [el("dt", {}, say(key)), el("dd", {}, el("b", {}, percent(share)),
      svg("svg", { class: "meter", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("rect", { width: 100 * share, height: 4 })))];
    row.querySelector(".body").replaceChildren(
      el("p", { class: "sentence" }, say("finding.sentence", percent(finding.suspect_containment), suspect.name, reference.name, reference.title, percent(finding.reference_containment)), " ", el("span", { class: "note" }, say(`type.${finding.clone_type}`), ".")),
      el("div", { class: "two who" },
        el("div", {}, el("h3", {}, say("suspect")),
          el("p", {}, code(suspect.name), el("br"), file >= 0 ? el("a", { href: `#file-${file}` }, el("bdi", {}, suspect.path)) : suspect.path, `:${suspect.start_line}–${suspect.end_line}`, cell ? ` (${cell})` : "", el("br"),
            since(finding), el("br"), say(`attribution.${finding.attribution}`), declarations(finding))),
        el("div", {}, el("h3", {}, say("reference")),
          el("p", {}, code(reference.name), " ", el("bdi", {}, reference.title), reference.organisation ? `, ${reference.organisation}` : "", reference.country ? ` (${reference.country})` : "", el("br"),
            el("bdi", {}, `${release(reference)} ${reference.path}`), `:${reference.start_line}–${reference.end_line}`, el("br"),
            `${say("license")}: ${reference.license || unknown()} · ${say("first_seen")}: ${reference.first_seen || unknown()}`,
            reference.link ? [" · ", el("a", { href: reference.link, rel: "noopener noreferrer", target: "_blank" }, say("public"))] : ""))),
      el("div", { class: "two" },
        el("div", {}, el("h3", {}, say("for")), el("ul", { class: "pro" }, pro.map((one) => el("li", {}, one)))),
        el("div", {}, el("h3", {}, say("against")), el("ul", { class: "contra" }, contra.map((one) => el("li", {}, one))))),
      el("h3", {}, `${say("sides")}: ${say("blocks", finding.blocks.length)}`),
      theirs ? "" : el("p", { class: "box" }, say(finding.fetchable ? "get_reference" : "no_reference"), finding.fetchable ? el("code", { class: "command" }, `provenance sources fetch ${reference.origin}`) : ""),
      ours ? "" : el("p", { class: "box" }, say("get_suspect")),
      theirs && ours ? key() : "",
      theirs || ours ? sides(finding) : "",
      finding.renames.length ? el("p", { class: "renames" }, el("b", {}, say("renamed")), " ",
        finding.renames.map((one) => [el("span", { class: "rename" }, code(one.reference || "∅"), " → ", code(one.suspect || "∅"), ` ${say("renamed.places", one.places)}`), " "])) : "",
      el("details", { class: "spans" }, el("summary", {}, say("spans", finding.blocks.length)), el("p", {}, spans(finding.blocks))),
      el("div", { class: "two" },
        el("div", {}, el("h3", {}, say("scores")),
          el("dl", { class: "scores" }, score("score.resemblance", finding.resemblance), score("score.this", finding.suspect_containment), score("score.that", finding.reference_containment), score("score.names", finding.same_text),
            el("dt", {}, say("score.matched")), el("dd", {}, el("b", {}, number(finding.matched))))),
        el("div", {}, el("h3", {}, say("baseline")), plot(finding)),
        el("div", {}, el("h3", {}, say("lineage")), lineage(finding)),
        el("div", {}, el("h3", {}, say("duties.finding")), duties ? el("ul", {}, duties.map(([kind, text]) => el("li", {}, el("b", {}, say(`duty.${kind}`)), ". ", el("span", { lang: "en" }, text)))) : el("p", { class: "note" }, say("duties.none")))),
      el("div", { class: "acts" }, act("copy", () => put(at)), act("previous", () => step(-1)), act("next", () => step(1)),
        el("a", { href: `#${finding.id}` }, say("link")), code(finding.id)));
  }

  // --- a file ----------------------------------------------------------------------------
  function fillSource(box) {
    const target = box.querySelector(".lines");
    if (target.childElementCount) return;
    const file = Number(box.closest(".file").dataset.file);
    const lines = quote(`s${file}`);
    const ties = new Array(lines.size + 2).fill(null);
    const weight = { common: 0, resembles: 1, derived: 2 };
    light.forEach((one, at) => {
      if (one[FILE] !== file) return;
      const finding = details(at);
      for (const block of finding.blocks)
        for (let line = block.suspect_start; line <= block.suspect_end; line++)
          if (!ties[line] || weight[finding.verdict] > weight[ties[line].verdict]) ties[line] = finding;
    });
    const made = [];
    for (const [at, pieces] of lines) {
      const tie = ties[at];
      const plainly = tie && tie.verdict === "common";
      const starts = tie && ties[at - 1] !== tie;
      made.push(el("div", { class: `ln${tie ? (plainly ? " tie common" : " tie") : ""}` },
        el("b", { class: tie && !plainly ? `f${data.families[tie.reference.origin] || 0}` : null }), el("i", {}, String(at)), el("span", {}, drawn(pieces, [])),
        starts ? el("a", { class: "tag", href: `#${tie.id}` }, `${plainly ? `${say("verdict.common")}: ` : ""}${tie.reference.name}`) : ""));
    }
    target.append(...made);
  }

  // --- the list, filters, order --------------------------------------------------------------------
  let hay = null;
  function haystack() {
    hay = hay || light.map((_, at) => {
      const { suspect, reference, id } = details(at);
      return [suspect.name, suspect.path, reference.name, reference.path, reference.origin, reference.title, reference.organisation, reference.package, id].join("\n").toLowerCase();
    });
    return hay;
  }
  // The list: ``wanted`` are the findings that fit the filters, in order; the first ``standing`` of
  // them stand in the page, and as many more whenever its end comes near.
  const MANY = data.many;
  const list = $("list");
  const parts = [...document.querySelectorAll("noscript.rows")];
  const rows = new Array(light.length).fill(null);
  let wanted = light.map((_, at) => at);
  let standing = 0;
  function row(at) {
    if (!rows[at]) for (const made of parsed(parts[Math.floor(at / MANY)])) rows[made.dataset.i] = made;
    return rows[at];
  }
  function draw(upTo) {
    for (; standing < wanted.length && standing <= upTo; standing += MANY)
      list.append(el("div", { class: "chunk" }, wanted.slice(standing, standing + MANY).map(row)));
  }
  function redraw() {
    list.replaceChildren();
    standing = 0;
    draw(0);
    count();
  }
  function filter() {
    const value = (id) => $(id).value;
    const q = value("q").trim().toLowerCase();
    const path = value("by-path").trim().toLowerCase();
    const texts = q ? haystack() : null;
    const said = [[VERDICT, value("by-verdict")], [FAMILY, value("by-family")], [LICENSE, value("by-license")], [ATTRIBUTION, value("by-attribution")]].filter(([, one]) => one);
    const text = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const keys = {
      strength: () => 0,
      place: (a, b) => a[FILE] - b[FILE] || a[LINE] - b[LINE],
      day: (a, b) => text(a[DAY] || "9", b[DAY] || "9"),
      rate: (a, b) => (a[RATE] ?? 2) - (b[RATE] ?? 2),
    };
    const by = keys[value("sort")];
    wanted = light.map((_, at) => at)
      .filter((at) => (!q || texts[at].includes(q)) && (!path || (data.files[light[at][FILE]]?.path || "").toLowerCase().includes(path)) && said.every(([column, one]) => light[at][column] === one))
      .sort((a, b) => by(light[a], light[b]) || a - b);
    redraw();
  }
  function count() {
    if (!$("count")) return;
    $("count").textContent = say("count", wanted.length, light.length);
    $("none").hidden = wanted.length > 0;
  }

  // --- copy, links, keys -----------------------------------------------------------------
  function told(at) {
    const finding = { at, ...details(at) };
    const { suspect, reference } = finding;
    const [pro, contra] = reasons(finding);
    const items = (all) => all.map((one) => `  - ${one}`);
    return [
      `${say(`verdict.${finding.verdict}`)}; ${say(`attribution.${finding.attribution}`)}; ${say(`type.${finding.clone_type}`)}`,
      `${say("suspect")}: ${suspect.path}:${suspect.start_line}-${suspect.end_line} ${suspect.name}`,
      `${say("reference")}: ${release(reference)} ${reference.path}:${reference.start_line}-${reference.end_line} ${reference.name}`,
      `  ${reference.title}; ${reference.license || unknown()}; ${say("first_seen")} ${reference.first_seen || unknown()}`,
      reference.link ? `  ${reference.link}` : null,
      ...finding.declarations.map((one) => `  ${one.path}:${one.line} ${one.text}`),
      `${say("score.resemblance")} ${percent(finding.resemblance)}; ${say("score.this")} ${percent(finding.suspect_containment)}; ${say("score.that")} ${percent(finding.reference_containment)}`,
      `${say("for")}:`, ...items(pro), `${say("against")}:`, ...items(contra),
      `${say("spans", finding.blocks.length)}: ${spans(finding.blocks)}`,
      finding.renames.length ? `${say("renamed")}: ${finding.renames.map((one) => `${one.reference} -> ${one.suspect} (${one.places})`).join(", ")}` : null,
      say("caveat"), `id ${finding.id}`,
    ].filter((one) => one !== null).join("\n") + "\n";
  }
  async function put(at) {
    const what = told(at);
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
  let now = null; // the position of the finding that was looked at last
  function mark(at) {
    if (now !== null) rows[now].classList.remove("now");
    now = at;
    row(at).classList.add("now");
    history.replaceState(null, "", `#${light[at][ID]}`);
  }
  function go(at) {
    draw(wanted.indexOf(at));
    mark(at);
    const here = row(at);
    here.open = true;
    fill(here);
    here.querySelector("summary").focus({ preventScroll: true });
    here.scrollIntoView({ block: "start" });
  }
  function step(by) {
    if (!wanted.length) return;
    const at = now === null ? -1 : wanted.indexOf(now);
    const next = at < 0 ? (by > 0 ? 0 : wanted.length - 1) : at + by;
    if (next < 0 || next >= wanted.length) return;
    if (now !== null) rows[now].open = false;
    go(wanted[next]);
  }
  function follow() {
    let name = "";
    try {
      name = decodeURIComponent(location.hash.slice(1));
    } catch {
      return;
    }
    if (places.has(name)) {
      if (!wanted.includes(places.get(name))) {
        $("filters").reset();
        filter();
      }
      go(places.get(name));
      return;
    }
    const target = $(name);
    if (!target) return;
    for (let above = target; above; above = above.parentElement) if (above.tagName === "DETAILS") above.open = true;
    target.scrollIntoView();
  }

  function unfold(file) {
    const held = file.querySelector(":scope > noscript");
    if (held) held.replaceWith(...parsed(held));
  }
  document.addEventListener("toggle", (event) => {
    const target = event.target;
    if (!target.open) return;
    if (target.classList.contains("finding")) fill(target);
    if (target.classList.contains("file")) unfold(target);
    if (target.classList.contains("source")) fillSource(target);
  }, true);
  document.addEventListener("click", (event) => {
    const here = event.target.closest(".finding > summary")?.parentElement;
    if (here) mark(Number(here.dataset.i));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) || $("keys").open) return;
    if (event.key === "n") step(1);
    else if (event.key === "p") step(-1);
    else if (event.key === "c" && now !== null) put(now);
    else if (event.key === "?") $("keys").showModal();
    else if (event.key === "/" && $("q")) {
      event.preventDefault();
      $("q").focus();
    }
  });
  if ($("filters")) {
    $("filters").addEventListener("input", filter);
    $("filters").addEventListener("reset", () => setTimeout(filter));
    $("filters").addEventListener("submit", (event) => event.preventDefault());
    redraw();
    new IntersectionObserver(([end]) => end.isIntersecting && draw(standing), { rootMargin: "0px 0px 1500px 0px" }).observe($("end"));
  }
  $("language").addEventListener("change", (event) => speak(event.target.value));
  $("help").addEventListener("click", () => $("keys").showModal());
  $("print").addEventListener("click", () => window.print());
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // Printed is what the filters show: every finding open and unfolded, in the order of the list.
  // The full sources of files stay folded, and say how long they are.
  let opened = [];
  addEventListener("beforeprint", () => {
    draw(wanted.length);
    for (const at of wanted) fill(row(at));
    for (const file of document.querySelectorAll(".file")) unfold(file);
    opened = [...document.querySelectorAll("details:not([open]):not(.source)")];
    for (const one of opened) one.open = true;
  });
  addEventListener("afterprint", () => {
    for (const one of opened) one.open = false;
  });
  addEventListener("hashchange", follow);
  follow();
})();
