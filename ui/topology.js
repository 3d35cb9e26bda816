// Draws workloads, the edges between them and sampled requests. All words and figures come in as data.
const SHAPES = {
  good: { colour: "#009E73", draw: circle },
  warning: { colour: "#E69F00", draw: triangle },
  bad: { colour: "#D55E00", draw: diamond },
  none: { colour: "#8a8a8a", draw: circle },
};

function circle(g, x, y, r) {
  g.beginPath();
  g.arc(x, y, r, 0, 2 * Math.PI);
}

function triangle(g, x, y, r) {
  g.beginPath();
  g.moveTo(x, y - r * 1.2);
  g.lineTo(x + r * 1.15, y + r * 0.9);
  g.lineTo(x - r * 1.15, y + r * 0.9);
  g.closePath();
}

function diamond(g, x, y, r) {
  g.beginPath();
  g.moveTo(x, y - r * 1.3);
  g.lineTo(x + r * 1.3, y);
  g.lineTo(x, y + r * 1.3);
  g.lineTo(x - r * 1.3, y);
  g.closePath();
}

function theme(element) {
  const style = getComputedStyle(element);
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: read("--st-text-color", "#222"),
    back: read("--st-secondary-background-color", "#f5f5f5"),
    paper: read("--st-background-color", "#fff"),
    line: read("--st-border-color", "#bbb"),
    dot: read("--st-primary-color", "#0072B2"),
    font: read("--st-font", "sans-serif"),
  };
}

// Places in pixels: on a narrow screen the layers go from top to bottom.
function places(data, width, height) {
  const narrow = width < 520;
  return data.nodes.map((node) =>
    narrow
      ? { x: node.y * width, y: node.x * height - 22 }
      : { x: 20 + node.x * (width - 40), y: node.y * (height - 20) },
  );
}

function along(a, b, share) {
  return { x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
}

// A padlock, drawn: not every machine has a font with one.
function padlock(g, x, y, size, colour) {
  g.fillStyle = colour;
  g.strokeStyle = colour;
  g.lineWidth = size / 7;
  g.fillRect(x - size * 0.36, y - size * 0.1, size * 0.72, size * 0.55);
  g.beginPath();
  g.arc(x, y - size * 0.1, size * 0.24, Math.PI, 0);
  g.stroke();
}

function drawEdge(g, edge, at, radius, colours, size, share) {
  const a = at[edge.src];
  const b = at[edge.dst];
  if (!a || !b) return;
  g.strokeStyle = edge.secured ? "#009E73" : colours.line;
  g.lineWidth = edge.secured ? 2.5 : 2;
  g.setLineDash(edge.secured ? [] : [6, 5]);
  g.beginPath();
  g.moveTo(a.x, a.y);
  g.lineTo(b.x, b.y);
  g.stroke();
  g.setLineDash([]);
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const tip = along(a, b, 1 - (radius + 4) / length);
  const angle = Math.atan2(b.y - a.y, b.x - a.x);
  g.fillStyle = g.strokeStyle;
  g.beginPath();
  g.moveTo(tip.x, tip.y);
  g.lineTo(tip.x - 10 * Math.cos(angle - 0.4), tip.y - 10 * Math.sin(angle - 0.4));
  g.lineTo(tip.x - 10 * Math.cos(angle + 0.4), tip.y - 10 * Math.sin(angle + 0.4));
  g.fill();
  if (!edge.label) return;
  const middle = along(a, b, share);
  const words = edge.label;
  g.font = `${size}px ${colours.font}`;
  const lock = edge.secured ? size + 2 : 0;
  const wide = g.measureText(words).width + 8 + lock;
  g.fillStyle = colours.back;
  g.globalAlpha = 0.88;
  g.fillRect(middle.x - wide / 2, middle.y - size - 10, wide, size + 6);
  g.globalAlpha = 1;
  g.fillStyle = colours.text;
  g.textAlign = "center";
  g.textBaseline = "middle";
  g.fillText(words, middle.x + lock / 2, middle.y - size / 2 - 7);
  if (lock) padlock(g, middle.x - wide / 2 + lock / 2 + 3, middle.y - size / 2 - 7, size, "#009E73");
}

function drawNode(g, node, place, radius, colours, size) {
  const shape = SHAPES[node.grade] || SHAPES.none;
  circle(g, place.x, place.y, radius);
  g.fillStyle = colours.paper;
  g.fill();
  g.lineWidth = node.meshed ? 4 : 2;
  g.strokeStyle = node.meshed ? "#009E73" : colours.line;
  g.setLineDash(node.meshed ? [] : [4, 4]);
  g.stroke();
  g.setLineDash([]);
  shape.draw(g, place.x, place.y, radius * 0.42);
  g.fillStyle = shape.colour;
  g.fill();
  g.textAlign = "center";
  g.textBaseline = "top";
  g.font = `600 ${size + 2}px ${colours.font}`;
  const wide = Math.max(g.measureText(node.name).width, node.figures.length * size * 0.5);
  g.fillStyle = colours.back;
  g.globalAlpha = 0.8;
  g.fillRect(place.x - wide / 2 - 3, place.y + radius + 4, wide + 6, 2 * size + 10);
  g.globalAlpha = 1;
  g.fillStyle = colours.text;
  g.fillText(node.name, place.x, place.y + radius + 6);
  g.font = `${size}px ${colours.font}`;
  g.fillText(node.figures, place.x, place.y + radius + size + 11);
  if (node.meshed) padlock(g, place.x + radius * 0.95, place.y - radius * 0.8, size + 4, "#009E73");
}

// A request goes there in the first third of its journey, waits, and comes back in the last third.
function drawDots(g, data, at, clock, radius, colours) {
  for (const [start, number, ok, length] of data.dots) {
    const edge = data.edges[number];
    const a = edge && at[edge.src];
    const b = edge && at[edge.dst];
    if (!a || !b) continue;
    const passed = (clock - start + 2 * data.period) % data.period;
    if (passed > length) continue;
    const phase = passed / length;
    const share = phase < 0.35 ? phase / 0.35 : phase < 0.65 ? 1 : (1 - phase) / 0.35;
    const failed = !ok && phase > 0.5;
    const place = along(a, b, share);
    (failed ? diamond : circle)(g, place.x, place.y, failed ? 8 : 5.5);
    g.fillStyle = failed ? "#D55E00" : colours.dot;
    g.fill();
    g.lineWidth = 1.5;
    g.strokeStyle = colours.paper;
    g.stroke();
  }
}

function frame(state) {
  const { canvas, data } = state;
  const width = canvas.clientWidth;
  const layers = new Set(data.nodes.map((node) => node.x)).size;
  const height = width < 520 ? Math.max(data.height, 175 * layers) : data.height;
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
  }
  const g = canvas.getContext("2d");
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.clearRect(0, 0, width, height);
  const colours = theme(canvas);
  const radius = width < 520 ? 26 : Math.max(16, Math.min(30, height / 11));
  const size = data.height > 350 ? 16 : 13;
  const at = places(data, width, height).map((place) => ({ x: place.x, y: place.y - (width < 520 ? 0 : 12) }));
  for (const edge of data.edges) drawEdge(g, edge, at, radius, colours, size, width < 520 ? 0.68 : 0.5);
  data.nodes.forEach((node, i) => drawNode(g, node, at[i], radius, colours, size));
  if (!state.still) drawDots(g, data, at, state.clock, radius, colours);
}

function loop(state, now) {
  const passed = state.last === null ? 0 : Math.min(0.1, (now - state.last) / 1000);
  state.last = now;
  if (!state.paused && !state.hovered) state.clock = (state.clock + passed) % state.data.period;
  frame(state);
  state.frames += 1;
  state.canvas.dataset.frames = String(state.frames);
  state.handle = state.still ? null : requestAnimationFrame((then) => loop(state, then));
}

function restart(state) {
  if (state.handle !== null) cancelAnimationFrame(state.handle);
  state.last = null;
  state.handle = requestAnimationFrame((now) => loop(state, now));
}

function label(state) {
  state.button.textContent = state.paused ? state.data.resume : state.data.pause;
  state.button.setAttribute("aria-pressed", String(state.paused));
  state.button.hidden = state.still;
}

function begin(parent) {
  const canvas = parent.querySelector("canvas");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const state = {
    canvas,
    button: parent.querySelector("button"),
    legend: parent.querySelector(".legend"),
    data: { nodes: [], edges: [], dots: [], period: 10, height: 300 },
    clock: 0,
    last: null,
    frames: 0,
    handle: null,
    paused: false,
    hovered: false,
    still: calm.matches,
  };
  canvas.onpointerenter = () => { state.hovered = true; };
  canvas.onpointerleave = () => { state.hovered = false; };
  state.button.onclick = () => {
    state.paused = !state.paused;
    label(state);
  };
  calm.onchange = () => {
    state.still = calm.matches;
    label(state);
    restart(state);
  };
  state.observer = new ResizeObserver(() => { if (state.still) restart(state); });
  state.observer.observe(canvas);
  return state;
}

export default function (component) {
  const { data, parentElement } = component;
  const state = parentElement.meshdojo || (parentElement.meshdojo = begin(parentElement));
  state.data = data;
  state.canvas.setAttribute("aria-label", data.summary);
  state.legend.textContent = data.legend;
  label(state);
  restart(state);
  return () => {
    if (state.handle !== null) cancelAnimationFrame(state.handle);
    state.handle = null;
  };
}
