"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const WIDTH = 176, GAP = 26, LINE = 20, RISE = 58;
const NS = "http://www.w3.org/2000/svg";
const KINDS = [
  ["sources", "--teal", (n) => n.op === "input" || n.op === "const"],
  ["contractions", "--blue", (n) => ["linear", "matmul", "conv", "conv_transpose"].includes(n.op)],
  ["losses", "--rose", (n) => ["mse", "mae", "huber", "bce", "bce_with_logits", "cross_entropy", "nll", "kl", "hinge", "poisson", "cosine"].includes(n.op)],
  ["others", "--amber", () => true],
];
const kind = (n) => KINDS.find(([, , is]) => is(n));
const label = (i) => data.nodes[i].name ? `${data.nodes[i].op} ${data.nodes[i].name}` : `${data.nodes[i].op} ${i}`;
const short = (text, n) => text.length > n ? text.slice(0, n - 1) + "…" : text;
const tail = (text, n) => text.length > n ? "…" + text.slice(1 - n) : text;

function element(tag, attributes = {}, ...children) {
  const made = attributes.svg ? document.createElementNS(NS, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "svg") continue;
    if (key === "onclick") made.addEventListener("click", value);
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}
const svg = (tag, attributes, ...children) => element(tag, { svg: true, ...attributes }, ...children);

/* The graph. */
const graph = $("graph"), world = svg("g", {});
graph.append(world);
const users = data.nodes.map(() => []);
data.nodes.forEach((n, i) => n.parents.forEach((p) => users[p].push(i)));
const chips = data.nodes.map((n) => n.parents.filter((p, at) => !data.nodes[p].drawn && n.parents.indexOf(p) === at));
const height = (i) => 46 + (chips[i].length ? chips[i].length * LINE + 4 : 0);
const tallest = [];
data.nodes.forEach((n, i) => { if (n.drawn) tallest[n.layer] = Math.max(tallest[n.layer] || 0, height(i)); });
const tops = [];
tallest.reduce((y, h, at) => { tops[at] = y; return y + h + RISE; }, 0);
const box = data.nodes.map((n, i) => ({ x: Number(n.place) * (WIDTH + GAP), y: tops[n.layer], w: WIDTH, h: height(i) }));
const edges = [], drawings = [];
function curve(a, b, slot, of, layers) {
  const x1 = a.x, y1 = a.y + a.h, x2 = b.x + (of > 1 ? (slot / (of - 1) - 0.5) * Math.min(60, 18 * of) : 0), y2 = b.y;
  const bend = Math.max(26, (y2 - y1) / 2);
  if (layers > 1 && Math.abs(x1 - x2) < WIDTH) {
    // Past the nodes between, on the side.
    const side = Math.max(x1, x2) + WIDTH / 2 + 14 + Math.min(40, 4 * layers);
    const path = `M${x1},${y1} C${x1},${y1 + 34} ${side},${y1 + 4} ${side},${y1 + 52} L${side},${y2 - 52} C${side},${y2 - 4} ${x2},${y2 - 34} ${x2},${y2}`;
    return { path, x: side, y: (y1 + y2) / 2 };
  }
  return { path: `M${x1},${y1} C${x1},${y1 + bend} ${x2},${y2 - bend} ${x2},${y2}`, x: (x1 + x2) / 2, y: (y1 + y2) / 2 };
}
data.nodes.forEach((n, i) => {
  if (!n.drawn) return;
  const parents = n.parents.filter((p) => data.nodes[p].drawn);
  parents.forEach((p, slot) => {
    const { path, x, y } = curve(box[p], box[i], slot, parents.length, n.layer - data.nodes[p].layer);
    const line = svg("path", { class: "edge", d: path });
    const text = svg("text", { class: "flows", x, y, "text-anchor": "middle" }, data.nodes[p].shape);
    world.append(line, text);
    edges.push({ from: p, to: i, line, text });
  });
});
data.nodes.forEach((n, i) => {
  if (!n.drawn) return;
  const b = box[i], left = b.x - b.w / 2;
  const g = svg("g", { class: "node", "data-id": i, role: "button", tabindex: 0 });
  g.append(svg("rect", { class: "box", x: left, y: b.y, width: b.w, height: b.h }));
  g.append(svg("rect", { class: "stripe", x: left + 9, y: b.y + 13, width: 4, height: 21, fill: `var(${kind(n)[1]})` }));
  g.append(svg("text", { x: left + 22, y: b.y + 21 }, short(n.name ? `${n.op} ${n.name}` : n.op, 20)));
  const names = n.outputs.length ? `  → ${n.outputs.join(", ")}` : "";
  g.append(svg("text", { class: "sub", x: left + 22, y: b.y + 37 }, short(`${n.shape}${names}`, 26)));
  chips[i].forEach((p, at) => {
    const y = b.y + 46 + at * LINE;
    const chip = svg("g", { class: "chip", "data-id": p, role: "button", tabindex: 0 });
    chip.append(svg("rect", { x: left + 10, y, width: b.w - 20, height: LINE - 4 }));
    chip.append(svg("text", { x: left + 17, y: y + 12 }, tail(`${data.nodes[p].name} ${data.nodes[p].shape}`, 26)));
    chip.addEventListener("click", (event) => { event.stopPropagation(); select(p); });
    g.append(chip);
    drawings[p] = chip;
  });
  g.addEventListener("click", () => select(i));
  g.addEventListener("keydown", (event) => { if (event.key === "Enter") select(i); });
  world.append(g);
  drawings[i] = g;
});
const all = box.filter((_, i) => data.nodes[i].drawn);
const bounds = {
  x: Math.min(...all.map((b) => b.x - b.w / 2)) - 30, y: -24,
  r: Math.max(...all.map((b) => b.x + b.w / 2)) + 30, b: Math.max(...all.map((b) => b.y + b.h)) + 40,
};
let view = { x: 0, y: 0, k: 1 };
const apply = () => world.setAttribute("transform", `translate(${view.x},${view.y}) scale(${view.k})`);
function fit() {
  const w = graph.clientWidth, h = graph.clientHeight;
  const k = Math.min(1.25, w / (bounds.r - bounds.x), Math.max(h / (bounds.b - bounds.y), 0.7));
  view = { k, x: w / 2 - k * (bounds.x + bounds.r) / 2, y: Math.max(0, (h - k * (bounds.b - bounds.y)) / 2) - k * bounds.y };
  apply();
}
function zoom(by, x = graph.clientWidth / 2, y = graph.clientHeight / 2) {
  const k = Math.min(4, Math.max(0.03, view.k * by));
  view = { k, x: x - (x - view.x) * k / view.k, y: y - (y - view.y) * k / view.k };
  apply();
}
graph.addEventListener("wheel", (event) => {
  event.preventDefault();
  const at = graph.getBoundingClientRect();
  if (event.ctrlKey || event.metaKey) zoom(Math.exp(-event.deltaY / 300), event.clientX - at.left, event.clientY - at.top);
  else { view.x -= event.deltaX; view.y -= event.deltaY; apply(); }
}, { passive: false });
let drag = null;
graph.addEventListener("pointerdown", (event) => { drag = { x: event.clientX - view.x, y: event.clientY - view.y }; graph.classList.add("dragging"); });
window.addEventListener("pointermove", (event) => { if (drag) { view.x = event.clientX - drag.x; view.y = event.clientY - drag.y; apply(); } });
window.addEventListener("pointerup", () => { drag = null; graph.classList.remove("dragging"); });
$("in").onclick = () => zoom(1.25);
$("out").onclick = () => zoom(0.8);
$("fit").onclick = fit;
window.addEventListener("resize", fit);
for (const [name, color, is] of KINDS)
  if (data.nodes.some((n) => kind(n)[2] === is)) $("legend").append(element("span", {}, element("i", { style: `background:var(${color})` }), name));

/* The panel. */
const row = (name, ...what) => element("tr", {}, element("td", {}, name), element("td", {}, ...what));
const link = (i) => element("a", { onclick: () => select(i), "data-to": i }, label(i));
function shade(canvas, s, color) {
  const rows = Number(s.rows), columns = Number(s.columns), values = s.values.split(" ").map(Number);
  const scale = Math.max(...values.filter(Number.isFinite).map(Math.abs), 0) || 1;
  canvas.width = columns; canvas.height = rows;
  canvas.style.maxWidth = `${Math.max(24, columns * 14)}px`;
  const paint = canvas.getContext("2d");
  values.forEach((v, at) => {
    const size = Number.isFinite(v) ? Math.min(1, Math.abs(v) / scale) : 0;
    const [r, g, b] = v < 0 ? [199, 98, 34] : color;
    paint.fillStyle = `rgba(${r},${g},${b},${size})`;
    paint.fillRect(at % columns, Math.floor(at / columns), 1, 1);
  });
  canvas.title = values.length > 64 ? `${rows} rows, ${columns} columns` : s.values;
}
function tensor(title, s, name, color) {
  const part = element("div", { class: name }, element("h3", {}, title));
  const bars = s.bars.split(" ").map(Number), top = Math.max(...bars, 1);
  part.append(element("div", { class: "bars" }, ...bars.map((n) => element("i", { style: `height:${n ? 4 + 96 * n / top : 1}%`, title: n }))));
  part.append(element("div", { class: "ends" }, element("span", {}, s.min), element("span", {}, s.max)));
  const table = element("table", {}, row("elements", s.elements), row("mean", s.mean), row("norm", s.norm));
  if (s.special !== "0") table.append(row("NaN or infinite", s.special));
  if (Number(s.elements) <= 8) table.append(row("values", s.values.split(" ").filter((v) => v !== "_").join("  ")));
  const canvas = element("canvas", {});
  shade(canvas, s, color);
  part.append(table, canvas);
  return part;
}
let selected = null;
function select(i, quiet) {
  selected = i;
  document.querySelectorAll(".selected").forEach((it) => it.classList.remove("selected"));
  if (drawings[i]) drawings[i].classList.add("selected");
  for (const e of edges) e.line.classList.toggle("lit", e.from === i || e.to === i);
  if (!quiet) history.replaceState(null, "", `#node=${i}`);
  const n = data.nodes[i], panel = $("panel");
  panel.replaceChildren(element("h2", {}, label(i)), element("p", { class: "shape" }, `shape ${n.shape} · node ${i}`));
  const facts = element("table", {});
  if (n.outputs.length) facts.append(row("output", n.outputs.join(", ")));
  if (n.parents.length) facts.append(row("from", ...n.parents.flatMap((p, at) => at ? [", ", link(p)] : [link(p)])));
  if (users[i].length) facts.append(row("to", ...users[i].flatMap((p, at) => at ? [", ", link(p)] : [link(p)])));
  for (const [key, value] of Object.entries(n.attributes || {})) if (key !== "name") facts.append(row(key, typeof value === "string" ? value : JSON.stringify(value)));
  if (facts.children.length) panel.append(element("h3", {}, "node"), facts);
  if (n.budget.length) {
    const table = element("table", {});
    for (const [name, figure] of n.budget) table.append(row(name, figure));
    panel.append(element("h3", {}, "error budget"), table);
  }
  if (n.value) panel.append(tensor("value", n.value, "value", [47, 111, 222]));
  if (n.gradient) panel.append(tensor("gradient", n.gradient, "gradient", [194, 56, 90]));
  const sent = data.steps.flatMap((s) => s.sent.filter((c) => c.to === i).map((c) => [s.node, c]));
  if (sent.length) {
    const most = Math.max(...sent.map(([, c]) => Number(c.norm)), 1e-300), list = element("div", {});
    for (const [from, c] of sent) {
      list.append(element("div", {}, link(from), ` sends norm ${c.norm}`));
      list.append(element("div", { class: "share", style: `width:${Math.max(2, 100 * Number(c.norm) / most)}%` }));
    }
    panel.append(element("h3", {}, "who contributed to its gradient"), list);
  }
}

/* The reverse pass. */
let step = -1, timer = null;
function show(at) {
  step = at;
  const now = data.steps[at];
  document.querySelectorAll(".now,.passed").forEach((it) => it.classList.remove("now", "passed"));
  data.steps.slice(0, at).forEach((s) => drawings[s.node] && drawings[s.node].classList.add("passed"));
  for (const e of edges) {
    const c = now && e.to === now.node ? now.sent.find((c) => c.to === e.from) : null;
    e.line.classList.toggle("sent", !!c);
    e.text.textContent = c ? `‖·‖ ${c.norm}` : data.nodes[e.from].shape;
  }
  $("slider").value = at;
  if (!now) return;
  if (drawings[now.node]) drawings[now.node].classList.add("now");
  const to = now.sent.length ? ` → ${now.sent.map((c) => label(c.to)).join(", ")}` : " (a source)";
  $("step").textContent = `step ${at + 1} of ${data.steps.length}: ${label(now.node)}, ‖dy‖ ${now.norm}${to}`;
  select(now.node, true);
}
function stop() { clearInterval(timer); timer = null; $("play").textContent = "▶ play"; }
if (data.steps.length) {
  $("reverse").hidden = false;
  $("slider").max = data.steps.length - 1;
  $("slider").oninput = () => { stop(); show(Number($("slider").value)); };
  $("first").onclick = () => { stop(); show(0); };
  $("last").onclick = () => { stop(); show(data.steps.length - 1); };
  $("back").onclick = () => { stop(); show(Math.max(0, step - 1)); };
  $("next").onclick = () => { stop(); show(Math.min(data.steps.length - 1, step + 1)); };
  $("play").onclick = () => {
    if (timer) return stop();
    if (step >= data.steps.length - 1) step = -1;
    $("play").textContent = "❚❚ pause";
    timer = setInterval(() => (step < data.steps.length - 1 ? show(step + 1) : stop()), 700);
  };
  window.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") $("next").click();
    if (event.key === "ArrowLeft") $("back").click();
  });
}
$("title").textContent = data.title;
$("sentence").textContent = data.sentence;
fit();
const asked = /#node=(\d+)/.exec(location.hash);
const ends = data.nodes.map((n, i) => i).filter((i) => data.nodes[i].outputs.length);
select(asked && data.nodes[asked[1]] ? Number(asked[1]) : ends[0]);
