// The summary on the terminal: plain text, aligned, each figure beside the one
// aimed at. It reports and judges nothing: a short number fails no run.

import { AIMS, RATIOS, TARGETS } from "./config.mjs";
import { median, medianRatio, medianRow } from "./measure.mjs";

const KIB = 1024;

function table(head, rows) {
  const cells = [head, ...rows].map((row) => row.map((cell) => String(cell ?? "-")));
  const widths = head.map((_, column) => Math.max(...cells.map((row) => row[column].length)));
  // The first column holds names and the last may hold words, the others figures.
  const isWords = (column) => column === 0 || column === head.length - 1;
  const line = (row) =>
    row
      .map((cell, column) => (isWords(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join("  ")
      .trimEnd();
  return cells.map(line).join("\n");
}

const fixed = (value, digits) => (value === null || value === undefined || !Number.isFinite(value) ? "-" : value.toFixed(digits));
const percentile = (sorted, share) => sorted[Math.floor((sorted.length - 1) * share)];
const verdict = (met) => (met ? "met" : "short");

function loadTable(rows, connections) {
  const lines = [];
  for (const count of connections) {
    for (const { id } of TARGETS) {
      const row = medianRow(rows, id, count);
      if (row === null) {
        continue;
      }
      if (row.rps === undefined) {
        lines.push([id, count, "FAILED"]);
        continue;
      }
      lines.push([
        id,
        count,
        fixed(row.rps, 0),
        `${fixed(row.lowest_rps, 0)}-${fixed(row.highest_rps, 0)}`,
        fixed(row.p50_ms, 2),
        fixed(row.p99_ms, 1),
        fixed(row.cpu_ms_per_request, 3),
        fixed(row.peak_rss_mib, 0),
        row.answer_bytes,
        `${row.noisy}/${row.reps}`,
        row.failed_reps === 0 ? "" : `${row.failed_reps} FAILED`,
      ]);
    }
  }
  const head = ["target", "conn", "req/s", "range", "p50 ms", "p99 ms", "CPU ms/req", "peak RSS MiB", "body bytes", "noisy", ""];
  return table(head, lines.map((line) => [...line, ...Array(head.length - line.length).fill("")]));
}

function ratioTable(rows, connections) {
  const lines = [];
  for (const [above, below, aim] of RATIOS) {
    const ratios = connections.map((count) => medianRatio(rows, above, below, count));
    if (ratios.every((ratio) => ratio === null)) {
      continue;
    }
    const shown = ratios.map((ratio) => (ratio === null ? "-" : `${ratio.toFixed(2)}x`));
    const known = ratios.filter((ratio) => ratio !== null);
    const judged = aim === null ? "" : `${known.filter((ratio) => ratio >= aim).length} of ${known.length} met`;
    lines.push([`${above} : ${below}`, ...shown, aim === null ? "" : `>= ${aim}x`, judged]);
  }
  if (lines.length === 0) {
    return "";
  }
  return table(["ratio of requests/s", ...connections.map((count) => `c=${count}`), "aim", ""], lines);
}

function coldTable(rows) {
  const names = [...new Set(rows.filter((row) => row.kind === "cold").map((row) => row.target))];
  const lines = names.map((name) => {
    const mine = rows.filter((row) => row.kind === "cold" && row.target === name);
    if (mine.some((row) => row.failed !== undefined)) {
      return [name, mine.length, "FAILED", "", "", "", ""];
    }
    const sorted = mine.map((row) => row.ms).toSorted((a, b) => a - b);
    const middle = median(sorted);
    const aim = name === "ours" ? [`<= ${AIMS.coldStartMs}`, verdict(middle <= AIMS.coldStartMs)] : ["", ""];
    return [name, sorted.length, fixed(middle, 1), fixed(sorted[0], 1), fixed(percentile(sorted, 0.9), 1), ...aim];
  });
  return table(["exec to first 200 (ms)", "runs", "median", "least", "p90", "aim", ""], lines);
}

function sizeTable(rows) {
  const sizes = rows.filter((row) => row.kind === "size");
  const lines = sizes.map((row) => {
    const gzip = row.gzip_bytes / KIB;
    const aim = row.part === "Wasm" ? [`<= ${AIMS.wasmGzipKiB}`, verdict(gzip <= AIMS.wasmGzipKiB)] : ["", ""];
    return [`${row.target}: ${row.part} (${row.file})`, fixed(row.raw_bytes / KIB, 1), fixed(gzip, 1), ...aim];
  });
  const ours = sizes.filter((row) => row.target === "ours");
  if (ours.length > 1) {
    const sum = (field) => ours.reduce((total, row) => total + row[field], 0) / KIB;
    lines.push(["ours: together", fixed(sum("raw_bytes"), 1), fixed(sum("gzip_bytes"), 1), "", ""]);
  }
  return table(["size (KiB)", "raw", "gzip -9", "aim", ""], lines);
}

const listed = (counts) =>
  Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(", ");

function storageTable(rows) {
  const lines = rows
    .filter((row) => row.kind === "storage")
    .map((row) => [
      `${row.token}: ${row.tool}`,
      row.calls,
      row.operations,
      `<= ${row.aim}`,
      verdict(row.operations <= row.aim),
      listed(row.counts),
    ]);
  const control = rows.find((row) => row.kind === "storage-control");
  const shown = table(["storage operations", "calls", "made", "aim", "", "which"], lines);
  if (!control) {
    return shown;
  }
  const note =
    control.token_operations > 0
      ? `control: making the personal token made ${control.token_operations}, so the counter sees; warm-up calls made ${control.warm_up_operations}`
      : "control FAILED: making the token made none, so the counter may be blind and the figures above prove nothing";
  return `${shown}\n${note}`;
}

// Targets and operations in the order in which they were measured.
function pairs(rows) {
  const found = new Map(rows.map(({ operation, target }) => [`${operation} ${target}`, { operation, target }]));
  return [...found.values()].toSorted((a, b) => a.operation.localeCompare(b.operation));
}

function oauthTable(rows) {
  const good = rows.filter((row) => row.kind === "oauth" && row.failed === undefined);
  const of = (operation, target) => good.filter((row) => row.operation === operation && row.target === target);
  // Within a repetition, as with the load.
  const ratioTo = (operation, target) => {
    const theirs = new Map(of(operation, target).map((row) => [row.rep, row.cpu_ms_each]));
    const ratios = of(operation, "ours")
      .filter((row) => row.cpu_ms_each !== null && theirs.get(row.rep) > 0)
      .map((row) => row.cpu_ms_each / theirs.get(row.rep));
    return ratios.length === 0 ? null : median(ratios);
  };
  const lines = pairs(good).map(({ operation, target }) => {
    const mine = of(operation, target);
    const cpu = mine.map((row) => row.cpu_ms_each).filter((value) => value !== null);
    const ratio = target === "ours" ? null : ratioTo(operation, target);
    return [
      `${operation}: ${target}`,
      mine[0].operations,
      fixed(median(mine.map((row) => row.per_second)), 0),
      cpu.length === 0 ? "-" : fixed(median(cpu), 2),
      cpu.length === 0 ? "-" : `${fixed(Math.min(...cpu), 2)}-${fixed(Math.max(...cpu), 2)}`,
      `${mine.filter((row) => row.noisy).length}/${mine.length}`,
      ratio === null ? "" : `${ratio.toFixed(2)}x`,
      ratio === null ? "" : `< ${AIMS.oauthCpuRatio}x`,
      ratio === null ? "" : verdict(ratio < AIMS.oauthCpuRatio),
    ];
  });
  const head = ["OAuth", "times", "a second", "CPU ms each", "range", "noisy", "ours : it", "aim", ""];
  return table(head, lines);
}

function oauthCountTable(rows) {
  const good = rows.filter((row) => row.kind === "oauth-count" && row.failed === undefined);
  const lines = pairs(good).map(({ operation, target }) => {
    const row = good.find((one) => one.operation === operation && one.target === target);
    return [`${operation}: ${target}`, row.requests, listed(row.counts)];
  });
  return table(["requests to storage", "of one", "which"], lines);
}

function raceTable(rows) {
  const faults = { refresh: "handed out and dead", redeem: "redeemed again" };
  const lines = rows
    .filter((row) => row.kind === "race" && row.failed === undefined)
    .map((row) => {
      const isOurs = row.target === "ours";
      const met = row.faults <= AIMS.raceFaults && row.lost <= AIMS.raceFaults;
      return [
        `${row.what}, ${row.at_once} at once: ${row.target}`,
        row.rounds,
        `${row.taken} of ${row.rounds * row.at_once}`,
        `${row.faults} ${faults[row.what]}`,
        row.lost,
        isOurs ? AIMS.raceFaults : "",
        isOurs ? verdict(met) : "",
      ];
    });
  return table(["race", "rounds", "answered 200", "faults", "rounds without a winner", "aim", ""], lines);
}

function runsTable(rows) {
  const good = rows.filter((row) => row.kind === "runs" && row.failed === undefined);
  const lines = [...new Set(good.map((row) => row.target))].map((target) => {
    const mine = good.filter((row) => row.target === target);
    return [
      `executes through ${target}`,
      mine[0].operations,
      fixed(median(mine.map((row) => row.per_second)), 0),
      fixed(median(mine.map((row) => row.cpu_ms_each)), 2),
      `${mine.filter((row) => row.noisy).length}/${mine.length}`,
    ];
  });
  return table(["runs", "times", "a second", "CPU ms each", "noisy"], lines);
}

function runsListTable(rows) {
  const lines = rows
    .filter((row) => row.kind === "runs-list" && row.failed === undefined)
    .map((row) => [row.target, row.items, row.pages, fixed(row.first_ms, 2), fixed(row.last_ms, 2), `${row.last_over_first}x`]);
  return table(["list", "runs", "pages", "first pages ms", "last pages ms", "last : first"], lines);
}

function uploadTable(rows) {
  const good = rows.filter((row) => row.kind === "upload" && row.failed === undefined);
  const lines = [...new Set(good.map((row) => row.size))].map((size) => {
    const mine = good.filter((row) => row.size === size);
    const of = (name, key) => median(mine.map((row) => row[name][key]));
    const ratio = median(mine.map((row) => row.ratio));
    const more = of("ours", "growth_mib") - of("bare", "growth_mib");
    return [
      size,
      fixed(of("bare", "mb_per_second"), 1),
      fixed(of("ours", "mb_per_second"), 1),
      `${fixed(ratio, 3)}x`,
      `>= ${AIMS.uploadRatio}x`,
      verdict(ratio >= AIMS.uploadRatio),
      fixed(of("bare", "growth_mib"), 1),
      fixed(of("ours", "growth_mib"), 1),
      `<= ${AIMS.uploadMemoryMiB}`,
      verdict(more <= AIMS.uploadMemoryMiB),
      `${mine.filter((row) => row.noisy).length}/${mine.length}`,
    ];
  });
  const head = ["upload", "bare MB/s", "ours MB/s", "ours : bare", "aim", "", "bare +MiB", "ours +MiB", "more", "", "noisy"];
  return table(head, lines);
}

const providerRows = (rows) => rows.filter((row) => row.kind === "providers" && row.failed === undefined);

function providersTable(rows) {
  const lines = providerRows(rows).flatMap((row) =>
    ["submit", "ready"].map((name) => {
      const { ours, sdk, added_ms } = row[name];
      const figures = [ours.p50_ms, ours.p99_ms, sdk.p50_ms, sdk.p99_ms, added_ms];
      return [`${row.target}: ${name}`, row.at_once, row.calls, ...figures.map((value) => fixed(value, 1)), row.noisy ? "noisy" : ""];
    }),
  );
  const head = ["provider (ms)", "at once", "calls", "ours p50", "ours p99", "SDK p50", "SDK p99", "median difference", ""];
  return table(head, lines);
}

// Of ours: when execute_forge was answered after it was sent, the others after the provider was done.
function providerStepsTable(rows) {
  const steps = ["accepted", "asked", "fetched", "ended", "shown"];
  const lines = providerRows(rows).map((row) => [
    row.target,
    row.at_once,
    ...steps.map((step) => fixed(row.steps[step], 1)),
    fixed(row.ready.ours.p50_ms, 1),
    `${row.called_back} of ${row.calls}`,
  ]);
  return table(["ours, step by step (p50 ms)", "at once", ...steps, "read", "called back"], lines);
}

export function summary(rows, connections) {
  const parts = [];
  const has = (kind) => rows.some((row) => row.kind === kind);
  if (has("load")) {
    parts.push(loadTable(rows, connections));
    parts.push(ratioTable(rows, connections));
  }
  if (has("cold")) {
    parts.push(coldTable(rows));
  }
  if (has("size")) {
    parts.push(sizeTable(rows));
  }
  if (has("storage")) {
    parts.push(storageTable(rows));
  }
  if (has("oauth")) {
    parts.push(oauthTable(rows));
  }
  if (has("oauth-count")) {
    parts.push(oauthCountTable(rows));
  }
  if (has("race")) {
    parts.push(raceTable(rows));
  }
  if (has("runs")) {
    parts.push(runsTable(rows));
  }
  if (has("runs-list")) {
    parts.push(runsListTable(rows));
  }
  if (has("providers")) {
    parts.push(providersTable(rows), providerStepsTable(rows));
  }
  if (has("upload")) {
    parts.push(uploadTable(rows));
  }
  const failures = rows.filter((row) => row.failed !== undefined);
  if (failures.length > 0) {
    const lines = failures.map((row) => `  ${row.kind} ${row.target ?? ""} ${row.connections ? `c=${row.connections}` : ""}: ${row.failed}`);
    parts.push(`FAILED (${failures.length}):\n${lines.join("\n")}`);
  }
  return parts.filter((part) => part !== "").join("\n\n");
}
