// Draws each state of a task as our element shows it, and as the peers show the nearest thing.

const EVENT = {
  type: "progress", version: 1, run: 1, stalled: false, state: "PROGRESS", task_id: "a", attempt: 1,
  published: 0, worker: "", current: 420, total: 1000, percent: 42, description: "Import",
  complete: false, success: null, result: null, error: null,
}
const over = (state, more) => ({ state, complete: true, success: state === "SUCCESS", ...more })
const all = { current: 1000, percent: 100 }
const STATES = {
  waiting: { state: "PENDING", current: 0, total: null, percent: null },
  working: {},
  "amount unknown": { state: "STARTED", current: 0, total: null, percent: null },
  stalled: { stalled: true },
  retrying: { state: "RETRY", error: "The server is busy." },
  done: over("SUCCESS", all),
  failed: over("FAILURE", { error: "Row 421 has no date." }),
  cancelled: over("REVOKED", {}),
}
/** What a page can say with each peer's progress bar: a value, an unknown amount, an end. */
const PEERS = {
  "Web Awesome": ({ percent, description }) =>
    make("wa-progress-bar", { label: description, value: percent ?? 0, indeterminate: percent === null }),
  "Material Web": ({ percent, description }) =>
    make("md-linear-progress", { ariaLabel: description, value: (percent ?? 0) / 100, indeterminate: percent === null }),
  Carbon: ({ percent, description, complete, success, error }) =>
    make("cds-progress-bar", {
      label: description, helperText: error ?? "", value: percent ?? undefined,
      status: !complete ? "active" : success ? "finished" : "error",
    }),
}
const make = (tag, properties) => Object.assign(document.createElement(tag), properties)

const ours = (event, variant) => {
  const bar = make("task-progress", {})
  bar.setAttribute("task-id", "a")
  bar.setAttribute("event", JSON.stringify(event))
  if (variant) bar.setAttribute("variant", variant)
  return bar
}

// Web Awesome's dark theme is a class, those of the two others are custom properties: the first
// ones of Carbon's g100 and of Material's baseline scheme.
const DARK = {
  "--cds-text-primary": "#f4f4f4", "--cds-text-secondary": "#c6c6c6", "--cds-interactive": "#4589ff",
  "--cds-text-error": "#ff8389", "--cds-support-error": "#fa4d56", "--cds-support-success": "#42be65",
  "--md-sys-color-primary": "#d0bcff", "--md-sys-color-surface-container-highest": "#36343b",
}
if (matchMedia("(prefers-color-scheme: dark)").matches) {
  document.documentElement.classList.add("wa-dark")
  for (const [name, value] of Object.entries(DARK)) document.body.style.setProperty(name, value)
}

const cell = (content) => {
  const cell = document.createElement("td")
  cell.append(content)
  return cell
}

const table = document.getElementById("table")
const variants = new URLSearchParams(location.search).get("variants")
const COLUMNS = variants
  ? { bar: ours, ...Object.fromEntries(variants.split(",").map((each) => [each, (e) => ours(e, each)])) }
  : { "channels-progress": ours, ...PEERS }
const head = table.insertRow()
for (const name of ["", ...Object.keys(COLUMNS)]) head.append(make("th", { textContent: name }))
for (const [name, change] of Object.entries(STATES)) {
  const row = table.insertRow()
  row.append(make("th", { textContent: name }))
  for (const draw of Object.values(COLUMNS)) row.append(cell(draw({ ...EVENT, ...change })))
}
