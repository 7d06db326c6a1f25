"use strict";
// A board's table: sorting by its header buttons, filtering by the form above it, and both of them in the URL's hash.
// Numbers are compared by data-value, which holds the JSON's; a cell without one sorts last in both directions.
(() => {
  const table = document.querySelector("table.board");
  const form = document.querySelector("form.filters");
  if (!table || !form) return;
  const headers = [...table.querySelectorAll("th[data-key]")];
  const bodies = [...table.tBodies];
  const rows = bodies.flatMap((body) => [...body.rows].filter((row) => row.dataset.kind));
  const status = document.getElementById("status");
  const first = { key: "", dir: "ascending" }; // the board's own order
  let sorted = { ...first };

  const worth = (row, column) => {
    const text = row.cells[column].dataset.value;
    if (text === undefined) return null;
    return row.cells[column].dataset.text === undefined ? Number(text) : text;
  };
  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b);

  function sort() {
    const column = headers.findIndex((header) => header.dataset.key === sorted.key);
    const sign = sorted.dir === "ascending" ? 1 : -1;
    const inOrder = (one, other) => one.dataset.order - other.dataset.order;
    for (const body of bodies) {
      const own = rows.filter((row) => row.parentNode === body);
      own.sort((one, other) => {
        if (column < 0) return inOrder(one, other);
        const a = worth(one, column);
        const b = worth(other, column);
        if (a === null || b === null) return (a === null) - (b === null) || inOrder(one, other);
        return sign * compare(a, b) || inOrder(one, other);
      });
      own.forEach((row) => body.append(row));
    }
    headers.forEach((header, i) => header.setAttribute("aria-sort", i === column ? sorted.dir : "none"));
  }

  const field = (name) => form.elements.namedItem(name);
  const wanted = () => ({
    q: field("q").value.trim().toLowerCase(),
    needs: field("needs").value,
    level: field("level").value,
    network: field("network").value,
    loss: field("loss").value,
    complete: field("complete").checked ? "1" : "",
  });

  function shows(row, filter) {
    const data = row.dataset;
    return (
      filter.q.split(/\s+/).every((word) => data.search.includes(word)) &&
      (!filter.needs || data.needs === filter.needs) &&
      (!filter.level || Number(data.level) >= Number(filter.level)) &&
      (!filter.network || data.network === filter.network) &&
      (!filter.loss || data.loss === filter.loss) &&
      (!filter.complete || data.complete === "1")
    );
  }

  function filter() {
    const asked = wanted();
    let shown = 0;
    for (const row of rows) {
      row.hidden = !shows(row, asked);
      shown += row.hidden ? 0 : 1;
    }
    for (const body of bodies) {
      body.hidden = [...body.rows].every((row) => !row.dataset.kind || row.hidden);
    }
    status.textContent = `${shown} of ${rows.length} rows shown`;
    document.getElementById("nothing").hidden = shown > 0;
  }

  function keep() {
    const state = new URLSearchParams();
    for (const [name, value] of Object.entries(wanted())) if (value) state.set(name, value);
    if (sorted.key !== first.key || sorted.dir !== first.dir) {
      state.set("sort", sorted.key);
      state.set("dir", sorted.dir);
    }
    const hash = state.toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    field("q").value = state.get("q") ?? "";
    field("complete").checked = state.get("complete") === "1";
    for (const name of ["needs", "level", "network", "loss"]) {
      const value = state.get(name) ?? "";
      field(name).value = [...field(name).options].some((option) => option.value === value) ? value : "";
    }
    const key = state.get("sort");
    const known = headers.some((header) => header.dataset.key === key);
    sorted = known ? { key, dir: state.get("dir") === "ascending" ? "ascending" : "descending" } : { ...first };
    filter();
    sort();
  }

  for (const header of headers) {
    header.querySelector("button").addEventListener("click", () => {
      const again = sorted.key === header.dataset.key;
      const other = sorted.dir === "ascending" ? "descending" : "ascending";
      sorted = { key: header.dataset.key, dir: again ? other : header.dataset.first };
      sort();
      keep();
    });
  }
  const changed = () => {
    filter();
    keep();
  };
  form.addEventListener("input", changed);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(changed));
  window.addEventListener("hashchange", recall);
  form.hidden = false;
  recall();
})();
