// What ipywidgets leave out for those who do not see the page: names of sliders, descriptions of pictures, and news.
const NEWS_EVERY = 4000; // milliseconds: a screen reader that is interrupted all the time says nothing

function set(element, attribute, value) {
  if (element.getAttribute(attribute) !== value) element.setAttribute(attribute, value);
}

function label(inside) {
  return inside.closest(".widget-inline-hbox")?.querySelector("label")?.textContent.trim() ?? "";
}

function render({ model, el }) {
  const news = document.createElement("div");
  news.className = "sgan-news";
  news.setAttribute("role", "status");
  el.append(news);
  let told = -Infinity;
  let later = null;
  let watch = null;

  function describe() {
    const root = el.closest(".sgan");
    if (!root) return; // JupyterLab takes cells off the page that are scrolled away
    for (const handle of root.querySelectorAll(".noUi-handle")) {
      set(handle, "aria-label", label(handle));
      const shown = handle.closest(".widget-inline-hbox").querySelector(".widget-readout")?.textContent;
      if (shown) set(handle, "aria-valuetext", shown);
    }
    for (const readout of root.querySelectorAll(".widget-readout[contenteditable]")) {
      set(readout, "role", "textbox");
      set(readout, "aria-label", `${label(readout)}, as a number`);
    }
    for (const bar of root.querySelectorAll(".progress")) {
      set(bar, "role", "progressbar");
      set(bar, "aria-label", label(bar));
    }
    for (const [css, text] of Object.entries(model.get("pictures")))
      for (const picture of root.querySelectorAll(`img.${css}`)) set(picture, "alt", text);
    for (const picture of root.querySelectorAll("img:not([alt])")) set(picture, "alt", "");
    for (const icon of root.querySelectorAll("button:not([aria-label]) > i.fa:only-child"))
      if (!icon.parentElement.textContent.trim())
        set(icon.parentElement, "aria-label", icon.className.includes("fa-play") ? "Play" : icon.className.slice(6));
    for (const wide of root.querySelectorAll(".sgan-wide")) wide.tabIndex = 0; // arrow keys move it sideways
  }
  function tell() {
    const [before, after] = [news.textContent, model.get("news")].map((text) => text.split(" ", 1)[0]);
    const wait = before === after ? NEWS_EVERY - (performance.now() - told) : 0; // the first word is the state
    if (wait > 0) later ??= setTimeout(() => ((later = null), tell()), wait);
    else {
      told = performance.now();
      news.textContent = model.get("news");
    }
  }
  function begin() {
    if (!el.closest(".sgan")) return void (later = setTimeout(() => ((later = null), begin()), 50)); // not yet on the page
    watch = new MutationObserver(describe);
    watch.observe(el.closest(".sgan"), { childList: true, subtree: true, characterData: true });
    document.getElementById("rendered_cells")?.setAttribute("role", "main"); // of the app
    describe();
    model.on("change:news", tell);
    model.on("change:pictures", describe);
    tell();
  }
  begin();
  return () => {
    watch?.disconnect();
    clearTimeout(later);
  };
}

export default { render };
