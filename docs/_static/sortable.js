// A click on a heading sorts the table by that column; another click turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const text = (row) => row.cells[column].textContent;
      const number = (row) => Number(text(row).split(" ")[0].replace(/[,%]/g, "") || NaN); // of "54.09 ± 5.33", 54.09
      const compare = (a, b) => number(a) - number(b) || text(a).localeCompare(text(b), "en", { numeric: true });
      const rows = [...body.rows].sort(compare);
      body.append(...(rising ? rows : rows.reverse()));
    });
  });
}
