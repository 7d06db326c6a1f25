"use strict";
// Curves of an entry: one SVG per figure.chart, from the JSON in #curves. Values are integers, hundredths of a percent.
(() => {
  const NS = "http://www.w3.org/2000/svg";
  const data = document.getElementById("curves");
  if (!data) return;
  const charts = JSON.parse(data.textContent);
  const DASHES = ["", "7 3", "2 3", "9 3 2 3"];

  const make = (name, attributes = {}, text = null, svg = false) => {
    const element = svg ? document.createElementNS(NS, name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== null) element.textContent = text;
    return element;
  };
  const draw = (name, attributes, text = null) => make(name, attributes, text, true);
  const percent = (value) => (value / 100).toFixed(1);
  const span = (chart, i) => {
    const [a, b] = [chart.first[i], chart.last[i]];
    return a === b ? `epoch ${a}` : `epochs ${a} to ${b}`;
  };

  // Which facet decides colour and which the dashes: those of which several options are on, in the chart's order.
  function styles(chart, on) {
    const several = (key) => on[key].size > 1;
    const colour = chart.colour.find(several) ?? chart.colour[chart.colour.length - 1];
    const dash = chart.dash.find((key) => key !== colour && several(key));
    return { colour, dash };
  }

  function label(chart, series, on) {
    const named = chart.facets.filter((facet) => on[facet.key].size > 1 || chart.facets.length === 1);
    const used = named.length ? named : chart.facets.slice(0, 1);
    return used.map((facet) => `${facet.prefix ?? ""}${facet.options[series[facet.key]]}`).join(", ");
  }

  function look(chart, series, style) {
    const facet = chart.facets.find((f) => f.key === style.colour);
    const ramp = facet.ramp ? "ramp" : "hue";
    const index = series[style.colour];
    const dash = style.dash ? series[style.dash] : Math.floor(index / 8);
    return { colour: `${ramp}${index % 8}`, dash: DASHES[dash % DASHES.length], strong: !chart.strong || series[chart.strong[0]] === chart.strong[1] };
  }

  function start(figure) {
    const chart = charts[figure.dataset.chart];
    const on = Object.fromEntries(chart.facets.map((facet) => [facet.key, new Set(facet.on)]));
    const plot = figure.querySelector(".plot");
    const readout = figure.querySelector(".readout");
    let at = chart.last.length - 1;
    let logarithmic = false;
    let scale = null;
    let cursor = null;

    const shown = () => chart.series.filter((s) => chart.facets.every((facet) => on[facet.key].has(s[facet.key])));

    function controls() {
      const holder = figure.querySelector(".toggles");
      for (const facet of chart.facets) {
        const set = make("fieldset");
        set.append(make("legend", {}, facet.label));
        facet.options.forEach((option, i) => {
          const box = make("input", { type: "checkbox" });
          box.checked = on[facet.key].has(i);
          box.addEventListener("change", () => {
            if (box.checked) on[facet.key].add(i);
            else on[facet.key].delete(i);
            render();
          });
          const line = make("label");
          line.append(box, ` ${option}`);
          set.append(line);
        });
        holder.append(set);
      }
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => {
        logarithmic = box.checked;
        render();
      });
      const set = make("fieldset");
      const line = make("label");
      line.append(box, " logarithmic");
      set.append(make("legend", {}, "Epochs"), line);
      holder.append(set);
    }

    function scales() {
      const width = Math.max(280, plot.clientWidth);
      const height = width < 560 ? 260 : 340;
      const box = { left: 40, right: width - 10, top: 12, bottom: height - 36 };
      const end = chart.horizon;
      const share = logarithmic
        ? (epoch) => Math.log(epoch) / Math.log(Math.max(2, end))
        : (epoch) => (epoch - 1) / Math.max(1, end - 1);
      return {
        width,
        height,
        box,
        x: (epoch) => box.left + (box.right - box.left) * Math.min(1, Math.max(0, share(Math.max(1, epoch)))),
        y: (value) => box.bottom - ((box.bottom - box.top) * value) / chart.top,
      };
    }
    const middle = (i) => (chart.first[i] + chart.last[i]) / 2;

    function ticks() {
      const end = chart.horizon;
      if (logarithmic) return [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter((t) => t <= end);
      const rough = end / (scale.width < 560 ? 4 : 8);
      const unit = 10 ** Math.floor(Math.log10(Math.max(1, rough)));
      const step = Math.max(1, unit * [1, 2, 5, 10].find((k) => unit * k >= rough));
      const found = [1];
      for (let t = step; t <= end; t += step) if (t > 1) found.push(t);
      return found;
    }

    function frame(svg) {
      const { box, x, y } = scale;
      const names = [];
      for (const mark of chart.windows) {
        const left = x(mark.from - 0.5);
        const wide = Math.max(2, x(mark.to + 0.5) - left);
        svg.append(draw("rect", { class: "window", x: left, y: box.top, width: wide, height: box.bottom - box.top }));
        names.push([mark.label, left, left + wide]);
      }
      for (const [name, left, right] of names) {
        // Within the window where it fits, else beside it, towards the middle of the plot.
        const beside = (left + right) / 2 > (box.left + box.right) / 2 ? [left - 4, "end"] : [right + 4, "start"];
        const [x, anchor] = right - left > 48 ? [(left + right) / 2, "middle"] : beside;
        svg.append(draw("text", { class: "mark", x, y: box.bottom - 6, "text-anchor": anchor }, name));
      }
      for (const value of [0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => share * chart.top)) {
        svg.append(draw("line", { class: "grid", x1: box.left, x2: box.right, y1: y(value), y2: y(value) }));
        const place = { class: "tick", x: box.left - 6, y: y(value) + 4, "text-anchor": "end" };
        svg.append(draw("text", place, `${value / 100}`));
      }
      for (const t of ticks()) {
        svg.append(draw("line", { class: "grid", x1: x(t), x2: x(t), y1: box.bottom, y2: box.bottom + 4 }));
        svg.append(draw("text", { class: "tick", x: x(t), y: box.bottom + 17, "text-anchor": "middle" }, `${t}`));
      }
      const name = { class: "tick", x: (box.left + box.right) / 2, y: scale.height - 3, "text-anchor": "middle" };
      svg.append(draw("text", name, "epoch"));
    }

    // Runs of neighbouring points: a line must not bridge epochs that were not scored.
    function pieces(series) {
      const found = [];
      let piece = [];
      series.mean.forEach((value, i) => {
        if (i > 0 && chart.first[i] > chart.last[i - 1] + 1 && piece.length) {
          found.push(piece);
          piece = [];
        }
        if (value !== null) piece.push(i);
        else if (piece.length) {
          found.push(piece);
          piece = [];
        }
      });
      if (piece.length) found.push(piece);
      return found;
    }

    function lines(svg) {
      const { x, y } = scale;
      const style = styles(chart, on);
      const drawn = shown();
      const point = (i, value) => `${x(middle(i)).toFixed(1)},${y(value).toFixed(1)}`;
      const crowd = drawn.length > 4 ? "faint" : "clear";
      const bands = draw("g", { class: drawn.length > 8 ? "none" : crowd });
      const strokes = draw("g", {});
      for (const series of drawn) {
        const how = look(chart, series, style);
        for (const piece of pieces(series)) {
          if (series.low) {
            const upper = piece.map((i) => point(i, series.high[i]));
            const lower = piece.map((i) => point(i, series.low[i])).reverse();
            bands.append(draw("path", { class: `band ${how.colour}`, d: `M${[...upper, ...lower].join("L")}Z` }));
          }
          const path = { class: `line ${how.colour}`, d: `M${piece.map((i) => point(i, series.mean[i])).join("L")}` };
          path["stroke-width"] = how.strong && drawn.length <= 8 ? 2.2 : 1.3;
          if (how.dash) path["stroke-dasharray"] = how.dash;
          strokes.append(draw("path", path));
        }
      }
      svg.append(bands, strokes);
    }

    function rows() {
      const body = readout.tBodies[0];
      const style = styles(chart, on);
      body.replaceChildren();
      for (const series of shown()) {
        const how = look(chart, series, style);
        const row = make("tr");
        const swatch = draw("svg", { width: 26, height: 8, "aria-hidden": "true" });
        const stroke = { class: `line ${how.colour}`, x1: 0, x2: 26, y1: 4, y2: 4, "stroke-width": how.strong ? 2.4 : 1.4 };
        if (how.dash) stroke["stroke-dasharray"] = how.dash;
        swatch.append(draw("line", stroke));
        const name = make("th", { scope: "row" });
        name.append(swatch, ` ${label(chart, series, on)}`);
        row.append(name, make("td"), make("td"));
        body.append(row);
      }
    }

    function read() {
      const drawn = shown();
      const caption = span(chart, at);
      readout.caption.textContent = caption[0].toUpperCase() + caption.slice(1);
      drawn.forEach((series, k) => {
        const row = readout.tBodies[0].rows[k];
        const value = series.mean[at];
        row.cells[1].textContent = value === null ? "–" : percent(value);
        const banded = value !== null && series.low;
        row.cells[2].textContent = banded ? `${percent(series.low[at])} to ${percent(series.high[at])}` : "–";
      });
      const place = scale.x(middle(at));
      cursor.setAttribute("x1", place);
      cursor.setAttribute("x2", place);
      const told = drawn.slice(0, 4).map((s) => {
        const value = s.mean[at];
        return `${label(chart, s, on)} ${value === null ? "not scored" : `${percent(value)} %`}`;
      });
      plot.setAttribute("aria-valuenow", chart.last[at]);
      plot.setAttribute("aria-valuetext", `${caption}: ${told.join("; ") || "no curve is switched on"}`);
    }

    function render() {
      scale = scales();
      const svg = draw("svg", {
        viewBox: `0 0 ${scale.width} ${scale.height}`,
        width: scale.width,
        height: scale.height,
        "aria-hidden": "true",
      });
      frame(svg);
      lines(svg);
      cursor = draw("line", { class: "cursor", y1: scale.box.top, y2: scale.box.bottom });
      svg.append(cursor);
      plot.replaceChildren(svg);
      rows();
      read();
    }

    function move(i) {
      at = Math.min(chart.last.length - 1, Math.max(0, i));
      read();
    }

    function point(event) {
      const box = plot.getBoundingClientRect();
      const x = event.clientX - box.left;
      let nearest = 0;
      chart.last.forEach((_, i) => {
        if (Math.abs(scale.x(middle(i)) - x) < Math.abs(scale.x(middle(nearest)) - x)) nearest = i;
      });
      move(nearest);
    }

    function key(event) {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 };
      const ends = { Home: 0, End: chart.last.length - 1 };
      if (event.key in steps) move(at + steps[event.key]);
      else if (event.key in ends) move(ends[event.key]);
      else return;
      event.preventDefault();
    }

    plot.setAttribute("role", "slider");
    plot.setAttribute("tabindex", "0");
    plot.setAttribute("aria-valuemin", chart.first[0]);
    plot.setAttribute("aria-valuemax", chart.horizon);
    plot.addEventListener("pointermove", point);
    plot.addEventListener("pointerdown", point);
    plot.addEventListener("keydown", key);
    controls();
    readout.hidden = false;
    render();
    let width = plot.clientWidth;
    new ResizeObserver(() => {
      if (plot.clientWidth !== width) {
        width = plot.clientWidth;
        render();
      }
    }).observe(plot);
  }

  document.querySelectorAll("figure.chart").forEach(start);
})();
