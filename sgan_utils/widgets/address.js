// The app's address holds the playground's state after #, and whoever opens such an address gets that state.
function render({ model, el }) {
  if (!document.getElementById("rendered_cells")) return; // JupyterLab's address is its own
  el.style.display = "none";

  function read() {
    const part = location.hash.slice(1);
    if (!part.startsWith("sgan=")) return;
    model.set("opened", part);
    model.set("times", model.get("times") + 1); // the same address may be opened again
    model.save_changes();
  }
  function write() {
    history.replaceState(null, "", `#${model.get("state")}`);
  }
  model.on("change:state", write);
  window.addEventListener("hashchange", read);
  read();
  return () => window.removeEventListener("hashchange", read);
}

export default { render };
