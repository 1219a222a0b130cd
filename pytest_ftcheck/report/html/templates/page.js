"use strict";
// Search and order the tables of rows. Everything else works without this script.
for (const part of document.querySelectorAll(".searchable")) {
  const table = part.querySelector("table");
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
  const bar = part.querySelector(".search");
  const input = bar.querySelector("input");
  const count = bar.querySelector(".count");
  bar.hidden = false;

  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => texts.get(row).includes(word));
      shown += row.hidden ? 0 : 1;
    }
    count.textContent = words.length ? `${shown} of ${rows.length} rows` : "";
  });

  const heads = [...table.tHead.rows[0].cells];
  const value = (row, place) => row.cells[place].textContent.trim();
  for (const [place, head] of heads.entries()) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const sign = down ? -1 : 1;
      const compare = (one, two) => {
        const [first, second] = [value(one, place), value(two, place)];
        const numbers = [Number(first), Number(second)];
        if (first && second && numbers.every((number) => !Number.isNaN(number))) return sign * (numbers[0] - numbers[1]);
        return sign * first.localeCompare(second);
      };
      body.append(...[...rows].sort(compare));
    });
  }
}
