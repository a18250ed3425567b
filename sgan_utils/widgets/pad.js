// A square to draw a digit on, with mouse, finger or keyboard. It sends its pixels; Python does the rest.
const SIZE = 112; // pixels that are sent, both ways
const PEN = 0.11; // width of a stroke, of the size of the digit: about as thick as MNIST's after scaling
const [THIN, THICK] = [4, 10]; // pixels that a stroke is wide at least and at most
const STEP = 4; // pixels that an arrow key moves the pen

function render({ model, el }) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  canvas.tabIndex = 0;
  canvas.className = "sgan-pad";
  canvas.title = "Draw a digit. Keyboard: arrows move the pen, space lowers and lifts it, Delete clears.";
  canvas.setAttribute("aria-label", canvas.title);
  canvas.setAttribute("role", "application"); // it has keys of its own
  const ink = canvas.getContext("2d", { willReadFrequently: true });
  const clear = document.createElement("button");
  clear.textContent = "Clear";
  clear.className = "sgan-pad-clear jupyter-button";
  clear.title = "Wipe the pad";
  el.append(canvas, clear);

  let pen = { x: SIZE / 2, y: SIZE / 2 };
  let strokes = []; // lists of points: all is drawn anew when the digit, and so its pen, has grown
  let before = null; // what was drawn before a reload
  let down = false;
  let timer = null;

  function send() {
    timer = null;
    const rgba = ink.getImageData(0, 0, SIZE, SIZE).data;
    const grey = new Uint8Array(SIZE * SIZE);
    for (let i = 0; i < grey.length; i++) grey[i] = rgba[4 * i + 3]; // nothing but ink is opaque
    model.set("pixels", new DataView(grey.buffer));
    model.save_changes();
  }
  function sendSoon() {
    timer ??= setTimeout(send, 80);
  }
  function draw() {
    ink.clearRect(0, 0, SIZE, SIZE);
    if (before) ink.putImageData(before, 0, 0);
    const points = strokes.flat();
    const size = Math.max(...["x", "y"].map((axis) => {
      const along = points.map((point) => point[axis]);
      return Math.max(...along) - Math.min(...along);
    }));
    ink.lineWidth = Math.min(THICK, Math.max(THIN, PEN * size));
    ink.lineCap = ink.lineJoin = "round";
    for (const stroke of strokes) {
      ink.beginPath();
      ink.moveTo(stroke[0].x, stroke[0].y);
      for (const { x, y } of stroke) ink.lineTo(x, y + 0.01); // a line of length 0 would draw nothing
      ink.stroke();
    }
    sendSoon();
  }
  function lower() {
    down = true;
    strokes.push([pen]);
    draw();
  }
  function line(to) {
    pen = to;
    strokes.at(-1).push(pen);
    draw();
  }
  function wipe() {
    ink.clearRect(0, 0, SIZE, SIZE);
    [strokes, before, down] = [[], null, false];
    canvas.classList.remove("down");
    sendSoon();
  }
  function place(event) {
    const box = canvas.getBoundingClientRect();
    return { x: ((event.clientX - box.left) * SIZE) / box.width, y: ((event.clientY - box.top) * SIZE) / box.height };
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    pen = place(event);
    lower();
  });
  canvas.addEventListener("pointermove", (event) => down && event.buttons && line(place(event)));
  canvas.addEventListener("pointerup", () => (down = false));
  canvas.addEventListener("pointercancel", () => (down = false));
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (move) {
      const limit = (value) => Math.min(SIZE, Math.max(0, value));
      const to = { x: limit(pen.x + move[0] * STEP), y: limit(pen.y + move[1] * STEP) };
      if (down) line(to);
      else pen = to;
    } else if (event.key === " ") {
      if (down) down = false;
      else lower();
      canvas.classList.toggle("down", down);
    } else if (event.key === "Delete" || event.key === "Backspace") wipe();
    else return;
    event.preventDefault();
    event.stopPropagation(); // the notebook has keys of its own
  });
  clear.addEventListener("click", wipe);
  model.on("change:wiped", wipe);

  // What was drawn before a page reload stands there again.
  const sent = model.get("pixels");
  if (sent && sent.byteLength === SIZE * SIZE) {
    before = ink.createImageData(SIZE, SIZE);
    for (let i = 0; i < SIZE * SIZE; i++) before.data[4 * i + 3] = sent.getUint8(i);
    ink.putImageData(before, 0, 0);
  }
}

export default { render };
