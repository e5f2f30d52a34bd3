// Draws what the page already says in its tables.  Nothing here reads anything but the data in the page.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const colour = (name) => getComputedStyle(root).getPropertyValue("--" + name).trim();
  const FONT = "12px system-ui, 'DejaVu Sans', sans-serif";
  const PIXELS = () => devicePixelRatio || 1;
  const drawn = [];  // of all plots: how to draw it again

  const short = (text, most) => (text.length > most ? text.slice(0, most - 1) + "…" : text);
  const figure = (value) => {
    if (value == null) return "–";
    const size = Math.abs(value);
    if (size !== 0 && size < 1e-3) return value.toExponential(1);
    return String(Number(value.toPrecision(3)));
  };
  // As many nines as there are.
  const share100 = (nines) => (100 * (1 - 10 ** -nines)).toFixed(Math.max(0, Math.ceil(nines) - 1)) + " %";
  const factor = (log) => {
    const times = Math.exp(Math.abs(log));
    if (times < 1.005) return "=";
    return (log < 0 ? "÷" : "×") + figure(times);
  };

  // 1, 2 and 5 times the powers of ten that lie inside.
  function roundNumbers(least, most) {
    const out = [];
    for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power += 1) {
      for (const step of [1, 2, 5]) {
        const value = Number((step * 10 ** power).toPrecision(1));
        if (value >= least && value <= most) out.push(value);
      }
    }
    return out.length > 9 ? out.filter((value) => value.toExponential().startsWith("1e")) : out;
  }

  const axis = (more) => ({
    stroke: colour("soft"), filter: (plot, splits) => splits, font: FONT, labelFont: FONT, labelSize: 18, gap: 4, size: 34,
    grid: {stroke: colour("line"), width: 1}, ticks: {stroke: colour("line"), width: 1, size: 4}, ...more,
  });
  const before = (more) => ({label: "before", stroke: colour("before"), width: 1.75, dash: [6, 3], points: {show: false}, ...more});
  const after = (more) => ({label: "after", stroke: colour("after"), width: 1.75, points: {show: false}, ...more});
  const named = (unit) => ({value: (plot, value) => (value == null ? "" : figure(value) + unit)});

  function line(plot, from, to, style) {
    const pen = plot.ctx;
    pen.save();
    pen.beginPath();
    pen.strokeStyle = style.stroke;
    pen.lineWidth = (style.width || 1) * PIXELS();
    pen.setLineDash((style.dash || []).map((one) => one * PIXELS()));
    pen.moveTo(...from);
    pen.lineTo(...to);
    pen.stroke();
    pen.restore();
  }

  // Draws into #plot-ID now, again when its width changes, and in other colours for the dark or for paper.
  function show(id, options, columns) {
    const place = document.getElementById("plot-" + id);
    if (!place || columns[0].length === 0) return;
    let plot = null;
    const draw = () => {
      if (plot) plot.destroy();
      const width = Math.max(place.clientWidth, 200);
      plot = new uPlot({width, height: 250, padding: [10, 14, 0, 0], cursor: {drag: {x: false, y: false}}, ...options(width)}, columns, place);
    };
    draw();
    drawn.push(draw);
    let last = place.clientWidth;
    new ResizeObserver(() => {
      if (place.clientWidth !== last) {
        last = place.clientWidth;
        requestAnimationFrame(draw);
      }
    }).observe(place);
  }

  const columns = (curve) => [curve.x, curve.before, curve.after];
  const present = (curve) => curve.before.concat(curve.after).filter((value) => value != null && value > 0);
  const inside = (least, most) => ({range: () => [least, most]});

  function latency() {
    const curve = data.latency;
    if (curve.x.length === 0) return;
    const nines = (values) => values.map((share) => (share == null ? null : -Math.log10(1 - share)));
    const top = Math.max(2.2, ...nines(curve.before), ...nines(curve.after)) * 1.04;
    const marks = [[0, "0 %"], [0.30103, "50 %"], [1, "90 %"], [2, "99 %"], [3, "99.9 %"], [4, "99.99 %"], [5, "99.999 %"]].filter(([at]) => at <= top);
    const share = (plot, value) => (value == null ? "" : share100(value));
    const budget = (plot) => {
      if (!(data.budget >= curve.x[0] && data.budget <= curve.x[curve.x.length - 1])) return;
      const x = plot.valToPos(data.budget, "x", true);
      line(plot, [x, plot.bbox.top], [x, plot.bbox.top + plot.bbox.height], {stroke: colour("fails"), dash: [3, 3]});
    };
    show("latency", () => ({
      scales: {x: {time: false, distr: 3, ...inside(curve.x[0], curve.x[curve.x.length - 1])}, y: inside(0, top)},
      axes: [axis({label: "ms" + (data.budget > 0 ? "; red: the budget of p99" : ""), splits: (u, i, least, most) => roundNumbers(least, most), values: (u, all) => all.map(figure)}),
        axis({size: 66, splits: () => marks.map(([at]) => at), values: () => marks.map(([, name]) => name)})],
      series: [{label: "within", ...named(" ms")}, before({value: share}), after({value: share})],
      hooks: {draw: [budget]},
    }), [curve.x, nines(curve.before), nines(curve.after)]);
  }

  function byWindow(id, curve, unit, bound) {
    const values = present(curve);
    if (values.length === 0) return;
    const most = Math.max(...values, bound || 0) * 1.08;
    const drawBound = (plot) => {
      if (!bound) return;
      const y = plot.valToPos(bound, "y", true);
      line(plot, [plot.bbox.left, y], [plot.bbox.left + plot.bbox.width, y], {stroke: colour("fails"), dash: [3, 3]});
    };
    show(id, () => ({
      scales: {x: {time: false}, y: inside(0, most)},
      axes: [axis({label: "s, runs of a side in a row"}), axis({label: unit + (bound ? "; red: the budget" : ""), size: 46, values: (u, all) => all.map(figure)})],
      series: [{label: "at", ...named(" s")}, before({width: 1.25, dash: [], ...named(" " + unit)}), after({width: 1.25, ...named(" " + unit)})],
      hooks: {draw: [drawBound]},
    }), columns(curve));
  }

  function gaps() {
    const curve = data.gaps, values = present(curve);
    if (values.length === 0) return;
    const least = Math.min(...values) * 0.8, most = Math.max(...values) * 1.3;
    show("gaps", () => ({
      scales: {x: {time: false, distr: 3, ...inside(curve.x[0], curve.x[curve.x.length - 1])}, y: {distr: 3, ...inside(least, most)}},
      axes: [axis({label: "µs", splits: (u, i, low, high) => roundNumbers(low, high), values: (u, all) => all.map(figure)}),
        axis({label: "longer gaps a second", size: 54, splits: (u, i, low, high) => roundNumbers(low, high), values: (u, all) => all.map(figure)})],
      series: [{label: "longer than", ...named(" µs")}, before(named("/s")), after(named("/s"))],
    }), columns(curve));
  }

  // Two bars for each name: the one to the left (or above) is before.
  const bar = (make, side, more) => make({
    width: 0, dash: [], fill: colour(side < 0 ? "before" : "after"),
    paths: uPlot.paths.bars({size: [0.36, 40], align: side}), ...more,
  });

  function deviation() {
    const curve = data.deviation, n = curve.x.length;
    if (n === 0) return;
    const at = curve.x.map((cpu, i) => i);
    show("deviation", (width) => ({
      scales: {x: {time: false, ...inside(-0.6, n - 0.4)}, y: inside(0, Math.max(1, ...present(curve)) * 1.1)},
      axes: [axis({label: "CPU", splits: () => at.filter((i) => i % Math.ceil(n / (width / 40)) === 0), values: (u, all) => all.map((i) => String(curve.x[i])), grid: {show: false}}),
        axis({label: "percentage points", size: 46, values: (u, all) => all.map(figure)})],
      series: [{label: "CPU", value: (u, i) => (i == null ? "" : String(curve.x[i]))}, bar(before, -1, named(" pp")), bar(after, 1, named(" pp"))],
    }), [at, curve.before, curve.after]);
  }

  // Names on the left, one row each.
  const rows = (names, width, most) => {
    const room = Math.min(most, Math.round(width * 0.42));
    const letters = Math.floor((room - 14) / 7);
    return {
      scale: {time: false, ori: 1, dir: -1, ...inside(-0.6, names.length - 0.4)},
      axis: axis({side: 3, size: room, splits: () => names.map((name, i) => i), values: () => names.map((name) => short(name, letters)), grid: {show: false}, ticks: {show: false}}),
    };
  };

  function privilege() {
    const bars = data.privilege, n = bars.names.length;
    if (n === 0) return;
    show("privilege", (width) => {
      const left = rows(bars.names, width, 220);
      return {
        height: 34 * n + 90,
        scales: {x: left.scale, y: {ori: 0, ...inside(0, Math.max(1, ...bars.before, ...bars.after) * 1.08)}},
        axes: [left.axis, axis({side: 2, label: "weight", size: 34, values: (u, all) => all.map(figure)})],
        series: [{label: "service", value: (u, i) => (i == null ? "" : short(bars.names[i], 30))}, bar(before, -1, named("")), bar(after, 1, named(""))],
      };
    }, [bars.names.map((name, i) => i), bars.before, bars.after]);
  }

  // Of incidents: a dot where it began, a line until it was over.
  function incidents() {
    if (data.incidents.length === 0) return;
    const all = [...data.incidents].sort((a, b) => a.at - b.at);
    const domains = [...new Set(all.map((one) => one.domain))].sort();
    const row = (one, side) => (one.after === side ? domains.indexOf(one.domain) + (side ? 0.14 : -0.14) : null);
    const end = Math.max(...all.map((one) => one.at + Math.max(one.recover, 0)), 1) * 1.05;
    const lasting = (plot) => {
      for (const one of all) {
        if (!(one.recover > 0)) continue;
        const y = plot.valToPos(row(one, one.after), "y", true);
        line(plot, [plot.valToPos(one.at, "x", true), y], [plot.valToPos(one.at + one.recover, "x", true), y], {stroke: colour(one.after ? "after" : "before"), width: 3});
      }
    };
    const dots = (make, name) => make({width: 0, dash: [], paths: () => null, points: {show: true, size: 9, fill: colour(name), stroke: colour(name)}, value: (u, v) => (v == null ? "" : domains[Math.round(v)])});
    show("incidents", (width) => ({
      height: 40 * domains.length + 90,
      scales: {x: {time: false, ...inside(0, end)}, y: {dir: -1, ...inside(-0.6, domains.length - 0.4)}},
      axes: [axis({label: "s, runs of a side in a row"}),
        axis({size: Math.min(110, Math.round(width * 0.3)), splits: () => domains.map((name, i) => i), values: () => domains.map((name) => short(name, 14))})],
      series: [{label: "at", ...named(" s")}, dots(before, "before"), dots(after, "after")],
      hooks: {draw: [lasting]},
    }), [all.map((one) => one.at), all.map((one) => row(one, false)), all.map((one) => row(one, true))]);
  }

  // Every change with its interval, on a scale of factors.
  function changes() {
    const all = data.changes, n = all.length;
    if (n === 0) return;
    const reach = Math.min(Math.max(Math.log(2), ...all.map((one) => Math.max(Math.abs(one.low), Math.abs(one.high)))), Math.log(64)) * 1.05;
    const marks = [2, 4, 8, 16, 32, 64].map(Math.log).filter((at) => at <= reach);
    const splits = [...marks.map((at) => -at).reverse(), 0, ...marks];
    const fill = {better: "pays", worse: "fails"};
    const intervals = (plot) => {
      const pen = plot.ctx, place = (log) => plot.valToPos(Math.max(-reach, Math.min(reach, log)), "y", true);
      const half = 7 * PIXELS();
      line(plot, [place(0), plot.bbox.top], [place(0), plot.bbox.top + plot.bbox.height], {stroke: colour("soft")});
      all.forEach((one, i) => {
        const y = plot.valToPos(i, "x", true), style = {stroke: colour(fill[one.judged] || "soft"), width: 2.5};
        if (one.floor != null) {
          pen.fillStyle = colour("floor");
          pen.globalAlpha = 0.55;
          pen.fillRect(place(-one.floor), y - half, place(one.floor) - place(-one.floor), 2 * half);
          pen.globalAlpha = 1;
        }
        line(plot, [place(one.low), y], [place(one.high), y], style);
        pen.fillStyle = style.stroke;
        pen.beginPath();
        pen.arc(place(one.estimate), y, 4.5 * PIXELS(), 0, 2 * Math.PI);
        pen.fill();
      });
    };
    show("changes", (width) => {
      const left = rows(all.map((one) => (one.decides ? "◆ " : "") + one.title), width, 270);
      return {
        height: 26 * n + 60, legend: {show: false}, cursor: {show: false},
        scales: {x: left.scale, y: {ori: 0, ...inside(-reach, reach)}},
        axes: [left.axis, axis({side: 2, size: 30, splits: () => (width < 500 ? splits.filter((at, i) => (i - marks.length) % 2 === 0) : splits), values: (u, at) => at.map(factor)})],
        series: [{}, {show: true, width: 0, paths: () => null, points: {show: false}}],
        hooks: {draw: [intervals]},
      };
    }, [all.map((one, i) => i), all.map((one) => one.estimate)]);
  }

  const drawAll = () => drawn.forEach((draw) => draw());
  changes();
  byWindow("busy", data.busy, "CPUs");
  deviation();
  gaps();
  latency();
  byWindow("p99", data.p99, "ms", data.budget);
  privilege();
  incidents();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  addEventListener("beforeprint", () => { root.classList.add("printing"); drawAll(); });
  addEventListener("afterprint", () => { root.classList.remove("printing"); drawAll(); });
})();
