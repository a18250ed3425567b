// The plane: three pictures on one canvas, and labels that can be dragged, added, recoloured and removed.
// Python sends frames as bytes (see pack in plane.py) and gets the labels back as float32 (x, y, class).
const SIDE = 320; // pixels of a picture, both ways
const GAP = 12;
const HEAD = 22; // pixels above a picture, for its title
const NARROW = 560; // pixels of the screen below which the pictures stand below each other
const NEAR = 14; // pixels of the screen within which a label is taken hold of
const STEP = 0.05; // of the plane, that an arrow key moves a label
const TITLES = ["D in the game", "D's belief in “real”", "D without unlabelled points"];
const CLASSES = [[204, 121, 167], [240, 228, 66], [122, 140, 194]];
const [LABELLED, UNLABELLED, GENERATED] = ["#0072B2", "#009E73", "#D55E00"];

export function read(frame) {
  // A DataView of anywidget may start anywhere: float32 need a copy that starts at 0.
  const bytes = frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.byteLength);
  const [resolution, classes, step, unlabelled, labelled, generated, lattice] = new Int32Array(bytes, 0, 7);
  let at = 28;
  const grid = () => new Uint8Array(bytes, (at += resolution ** 2) - resolution ** 2, resolution ** 2);
  const places = (count) => new Float32Array(bytes, (at += 4 * count) - 4 * count, count);
  return {
    resolution, classes, step, side: lattice,
    named: grid(), alone: grid(), real: grid(),
    unlabelled: places(2 * unlabelled), labels: places(3 * labelled),
    generated: places(2 * generated), wishes: places(2 * generated), lattice: places(2 * lattice ** 2),
  };
}

function render({ model, el }) {
  el.classList.add("sgan-plane");
  const canvas = document.createElement("canvas");
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application");
  const hint = document.createElement("div");
  hint.className = "hint";
  hint.textContent =
    "Blue: labelled. Green: unlabelled. Orange: generated, on the grid of their latents; brown arrows: where G's loss " +
    "would send them. Dark: D believes “real”. " +
    "Drag a label; click to add one; double-click or 1, 2, 3 changes its class; Delete removes it. " +
    "Keyboard: N next label, arrows move it, A adds one. When points are painted: drag on the left picture.";
  el.append(canvas, hint);
  const pen = canvas.getContext("2d");
  const sheet = document.createElement("canvas");
  const span = model.get("span");

  let seen = null;
  let labels = []; // {x, y, kind}; ours while a finger holds one, else Python's
  let held = -1;
  let chosen = 0;
  let strokes = null; // places that are being painted
  let timer = null;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches; // then a picture a second is enough
  let drawn = -Infinity;
  let later = null;

  let stacked = false; // pictures below each other, where there is no room beside
  const left = (picture) => (stacked ? 0 : picture * (SIDE + GAP));
  const top = (picture) => HEAD + (stacked ? picture * (SIDE + HEAD) : 0);
  const across = (x, picture) => left(picture) + ((x + span) / (2 * span)) * SIDE;
  const down = (y, picture) => top(picture) + ((span - y) / (2 * span)) * SIDE;
  const limit = (value) => Math.min(span, Math.max(-span, value));

  function ground(picture, colour) {
    const n = seen.resolution;
    sheet.width = sheet.height = n;
    const image = sheet.getContext("2d").createImageData(n, n);
    for (let row = 0; row < n; row++)
      for (let column = 0; column < n; column++)
        image.data.set([...colour((n - 1 - row) * n + column), 255], 4 * (row * n + column)); // row 0 is the lowest
    sheet.getContext("2d").putImageData(image, 0, 0);
    pen.imageSmoothingEnabled = picture === 1;
    pen.drawImage(sheet, left(picture), top(picture), SIDE, SIDE);
  }
  const pale = (kind) => CLASSES[kind % 3].map((value) => 128 + value / 2);
  function border(picture, named) {
    const n = seen.resolution;
    const cell = SIDE / n;
    pen.strokeStyle = "black";
    pen.lineWidth = 1.5;
    pen.beginPath();
    for (let row = 0; row < n; row++)
      for (let column = 0; column < n; column++) {
        const here = named[row * n + column];
        const [x, y] = [left(picture) + column * cell, top(picture) + SIDE - row * cell];
        if (column + 1 < n && named[row * n + column + 1] !== here) {
          pen.moveTo(x + cell, y);
          pen.lineTo(x + cell, y - cell);
        }
        if (row + 1 < n && named[(row + 1) * n + column] !== here) {
          pen.moveTo(x, y - cell);
          pen.lineTo(x + cell, y - cell);
        }
      }
    pen.stroke();
  }
  function dots(picture, places, colour, size) {
    pen.fillStyle = colour;
    for (let i = 0; i < places.length; i += 2)
      pen.fillRect(across(places[i], picture) - size / 2, down(places[i + 1], picture) - size / 2, size, size);
  }
  function lines(picture, pairs, colour) {
    pen.strokeStyle = colour;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const [x, y, toX, toY] of pairs) {
      pen.moveTo(across(x, picture), down(y, picture));
      pen.lineTo(across(toX, picture), down(toY, picture));
    }
    pen.stroke();
  }
  function crosses(picture, places) {
    const arm = (2.5 * 2 * span) / SIDE;
    const pairs = [];
    for (let i = 0; i < places.length; i += 2) {
      const [x, y] = [places[i], places[i + 1]];
      pairs.push([x - arm, y - arm, x + arm, y + arm], [x - arm, y + arm, x + arm, y - arm]);
    }
    lines(picture, pairs, GENERATED);
  }
  function arrows() {
    const pairs = [];
    for (let i = 0; i < seen.wishes.length; i += 6) { // of every third point, or they hide the belief
      const [x, y, dx, dy] = [seen.generated[i], seen.generated[i + 1], seen.wishes[i], seen.wishes[i + 1]];
      const [toX, toY] = [x + dx, y + dy];
      pairs.push([x, y, toX, toY]);
      pairs.push([toX, toY, toX - 0.25 * dx + 0.15 * dy, toY - 0.25 * dy - 0.15 * dx]);
      pairs.push([toX, toY, toX - 0.25 * dx - 0.15 * dy, toY - 0.25 * dy + 0.15 * dx]);
    }
    lines(1, pairs, "#7A3300");
  }
  function lattice() {
    const pairs = [];
    const place = (row, column) => {
      const i = 2 * (row * seen.side + column);
      return [seen.lattice[i], seen.lattice[i + 1]];
    };
    for (let row = 0; row < seen.side; row++)
      for (let column = 0; column + 1 < seen.side; column++) {
        pairs.push([...place(row, column), ...place(row, column + 1)]);
        pairs.push([...place(column, row), ...place(column + 1, row)]);
      }
    pen.globalAlpha = 0.45;
    lines(1, pairs, GENERATED);
    pen.globalAlpha = 1;
  }
  function sign(picture, label, marked) {
    const [x, y, r] = [across(label.x, picture), down(label.y, picture), 7];
    pen.beginPath();
    if (label.kind === 0) pen.arc(x, y, r, 0, 2 * Math.PI);
    else if (label.kind === 1) pen.rect(x - r, y - r, 2 * r, 2 * r);
    else {
      pen.moveTo(x, y - r);
      pen.lineTo(x + r, y + r);
      pen.lineTo(x - r, y + r);
      pen.closePath();
    }
    pen.fillStyle = LABELLED;
    pen.fill();
    pen.lineWidth = marked ? 3 : 1.5;
    pen.strokeStyle = marked ? "black" : "white";
    pen.stroke();
  }
  function fit() {
    stacked = el.clientWidth > 0 && el.clientWidth < NARROW;
    canvas.width = stacked ? SIDE : 3 * SIDE + 2 * GAP;
    canvas.height = stacked ? 3 * (SIDE + HEAD) : SIDE + HEAD;
    draw();
  }
  function draw() {
    if (!seen) return;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    ground(0, (i) => pale(seen.named[i]));
    ground(1, (i) => Array(3).fill(255 - 0.5 * seen.real[i]));
    ground(2, (i) => pale(seen.alone[i]));
    for (const [picture, named] of [[0, seen.named], [2, seen.alone]]) {
      border(picture, named);
      pen.save();
      pen.beginPath();
      pen.rect(left(picture), top(picture), SIDE, SIDE);
      pen.clip(); // G may throw points beyond the plane
      dots(picture, strokes ?? seen.unlabelled, UNLABELLED, 3);
      if (picture === 0) crosses(0, seen.generated);
      pen.restore();
      labels.forEach((label, i) => sign(picture, label, i === chosen && document.activeElement === canvas));
    }
    pen.save();
    pen.beginPath();
    pen.rect(left(1), top(1), SIDE, SIDE);
    pen.clip();
    dots(1, seen.unlabelled, UNLABELLED, 2);
    lattice();
    crosses(1, seen.generated);
    arrows();
    pen.restore();
    pen.fillStyle = getComputedStyle(el).color; // of the page, light or dark
    pen.font = "600 14px sans-serif";
    TITLES.forEach((title, picture) => pen.fillText(title, left(picture), top(picture) - 7));
  }
  function update() {
    const wait = calm ? 1000 - (performance.now() - drawn) : 0;
    if (wait > 0) {
      later ??= setTimeout(() => ((later = null), update()), wait);
      return;
    }
    drawn = performance.now();
    const frame = model.get("frame");
    if (!frame?.byteLength) return;
    seen = read(frame);
    if (held < 0 && timer === null) {
      labels = [];
      for (let i = 0; i < seen.labels.length; i += 3)
        labels.push({ x: seen.labels[i], y: seen.labels[i + 1], kind: seen.labels[i + 2] });
    }
    chosen = Math.min(chosen, labels.length - 1);
    draw();
  }
  function send() {
    timer = null;
    const rows = new Float32Array(labels.flatMap(({ x, y, kind }) => [x, y, kind]));
    model.set("labels", new DataView(rows.buffer));
    model.save_changes();
  }
  function changed() {
    timer ??= setTimeout(send, 60);
    draw();
  }
  function place(event) {
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) * canvas.width) / box.width;
    const y = ((event.clientY - box.top) * canvas.height) / box.height;
    const picture = Math.min(2, Math.floor(stacked ? y / (SIDE + HEAD) : x / (SIDE + GAP)));
    const [right, below] = [(x - left(picture)) / SIDE, (y - top(picture)) / SIDE];
    const at = { x: limit((2 * right - 1) * span), y: limit((1 - 2 * below) * span) };
    return { ...at, picture };
  }
  function nearest({ x, y }) {
    const far = labels.map((label) => (Math.hypot(label.x - x, label.y - y) * SIDE) / (2 * span));
    const best = far.indexOf(Math.min(...far));
    const shrunk = Math.max(1, canvas.width / canvas.getBoundingClientRect().width); // a finger stays as wide as it is
    return far[best] <= NEAR * shrunk ? best : -1;
  }
  function add(at) {
    labels.push({ x: at.x, y: at.y, kind: labels[chosen]?.kind ?? 0 });
    chosen = labels.length - 1;
  }
  function recolour(kind) {
    if (kind >= seen.classes) return;
    labels[chosen].kind = kind;
    changed();
  }

  canvas.addEventListener("pointerdown", (event) => {
    const at = place(event);
    if (!seen || at.picture === 1) return;
    canvas.setPointerCapture(event.pointerId);
    held = nearest(at);
    if (held < 0 && model.get("painting")) strokes = [at.x, at.y];
    else {
      if (held < 0) {
        add(at);
        held = chosen;
      }
      chosen = held;
    }
    changed();
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    const at = place(event);
    if (strokes) {
      for (let i = 0; i < 3; i++) strokes.push(at.x + 0.06 * (Math.random() - 0.5), at.y + 0.06 * (Math.random() - 0.5));
      draw();
    } else if (held >= 0) {
      Object.assign(labels[held], { x: at.x, y: at.y });
      changed();
    }
  });
  function release() {
    if (strokes) {
      const before = model.get("painted")?.byteLength ? [...seen.unlabelled] : []; // the first stroke wipes the moons
      model.set("painted", new DataView(new Float32Array([...before, ...strokes]).buffer));
      model.save_changes();
    }
    strokes = null;
    held = -1;
  }
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("dblclick", () => seen && recolour((labels[chosen].kind + 1) % seen.classes));
  for (const kind of ["focus", "blur"]) canvas.addEventListener(kind, draw);
  canvas.addEventListener("keydown", (event) => {
    if (!seen || event.ctrlKey || event.metaKey || event.altKey) return;
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const key = event.key.toLowerCase();
    if (move) {
      const label = labels[chosen];
      Object.assign(label, { x: limit(label.x + move[0] * STEP), y: limit(label.y + move[1] * STEP) });
      changed();
    } else if (key === "n") {
      chosen = (chosen + 1) % labels.length;
      draw();
    } else if (key === "a") {
      add({ x: 0, y: 0 });
      changed();
    } else if ("123".includes(key)) recolour(Number(key) - 1);
    else if (key === "delete" || key === "backspace") {
      if (labels.length > 1) labels.splice(chosen, 1); // D must have something to learn from
      chosen = Math.max(0, chosen - 1);
      changed();
    } else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has keys of its own
  });
  const describe = () => canvas.setAttribute("aria-label", `${model.get("text")} ${hint.textContent}`);
  model.on("change:frame", update);
  model.on("change:text", describe);
  describe();
  fit();
  update();
  const placed = new ResizeObserver(fit); // only on the page has the text its colour, and the canvas its room
  placed.observe(el);
  return () => placed.disconnect();
}

export default { render };
