// Images on one sheet, of which each can be chosen: by mouse, finger or arrow keys.
function render({ model, el }) {
  el.classList.add("sgan-samples");
  const picture = document.createElement("img");
  picture.alt = "";
  const grid = document.createElement("div");
  grid.className = "sgan-grid";
  grid.setAttribute("role", "group");
  grid.setAttribute("aria-label", "Samples: arrow keys move, Enter asks D about one");
  el.append(picture, grid);
  let url = null;

  function show() {
    URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    picture.src = url;
  }
  function mark() {
    [...grid.children].forEach((button, i) => button.setAttribute("aria-pressed", String(i === model.get("chosen"))));
  }
  function choose(i) {
    model.set("chosen", i);
    model.save_changes();
  }
  model.get("names").forEach((name, i) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = name;
    button.setAttribute("aria-label", name);
    button.tabIndex = i ? -1 : 0; // one stop of the Tab key; from there on, arrows
    button.addEventListener("click", () => choose(i));
    button.addEventListener("keydown", (event) => {
      const across = model.get("columns");
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
      const to = step && grid.children[i + step];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation(); // the notebook has keys of its own
      if (!to) return;
      [button.tabIndex, to.tabIndex] = [-1, 0];
      to.focus();
    });
    grid.append(button);
  });
  grid.style.setProperty("--columns", model.get("columns"));
  model.on("change:value", show);
  model.on("change:chosen", mark);
  show();
  mark();
  return () => URL.revokeObjectURL(url);
}

export default { render };
