// Compares each bar of a page with the task of its job. Every page loads this first.

/** The websockets of the page, and all that must not happen. */
const sockets = []
const faults = []

globalThis.WebSocket = class extends WebSocket {
  constructor(...options) {
    super(...options)
    sockets.push(this)
  }
}
for (const level of ["error", "warn"]) {
  const log = console[level]
  console[level] = (...words) => {
    const said = words.map(String).join(" ")
    if (!said.startsWith("Lit is in dev mode.")) faults.push(`console.${level}: ${said}`)
    log(...words)
  }
}
addEventListener("error", ({ message }) => faults.push(`error: ${message}`))
addEventListener("unhandledrejection", (event) => {
  // Turbo gives up a visit for the next one, and does not catch the error of its request.
  if (globalThis.Turbo && event.reason?.name === "AbortError") {
    event.preventDefault()
    event.stopImmediatePropagation() // the driver of WebKit listens too
  } else faults.push(`rejection: ${event.reason}`)
})
/** How many times each task succeeded in the eyes of the page. */
const successes = {}
addEventListener("success", ({ detail: { task_id } }) => {
  successes[task_id] = (successes[task_id] ?? 0) + 1
  if (successes[task_id] > 1) faults.push(`success of ${task_id} is fired again`)
})
addEventListener("refused", ({ detail }) => faults.push(`refused: ${JSON.stringify(detail)}`))

const part = (bar, name) => bar.shadowRoot?.querySelector(`[part=${name}]`)
const text = (bar, name) => part(bar, name)?.textContent
/** A task's description names the task. */
const description = (task) => (task ? `Import ${task}` : "")

// A bar must not show one task under the attributes of another, not even for a moment.
const drawn = new MutationObserver((changes) => {
  for (const bar of new Set(changes.map(({ target }) => target.getRootNode().host))) {
    const task = bar.getAttribute("task-id")
    const label = text(bar, "label")
    if (label && label !== description(task)) faults.push(`${task} is shown as ${label}`)
  }
})
const attach = Element.prototype.attachShadow
Element.prototype.attachShadow = function (options) {
  const root = attach.call(this, options)
  const all = { subtree: true, childList: true, characterData: true, attributes: true }
  if (this.localName === "task-progress") drawn.observe(root, all)
  return root
}

/** The elements in the page and in its shadow roots. */
const all = (selector, root = document) =>
  [...root.querySelectorAll("*")].flatMap((element) => [
    ...(element.matches(selector) ? [element] : []),
    ...(element.shadowRoot ? all(selector, element.shadowRoot) : []),
  ])
const bars = () => all("task-progress")
/** How many websockets are open. */
const open = () => sockets.filter(({ readyState }) => readyState <= WebSocket.OPEN).length

/** What the bar shows, and what it should show. */
const compare = (bar, { name, task, state, after, mark, token }) => {
  const event = task ? bar.event : null
  const percent = state === "SUCCESS" ? 100 : event?.percent
  const messages = { null: "Not started yet", PROGRESS: "Running", SUCCESS: "Done" }
  return [
    ["task-id", bar.getAttribute("task-id") || null, task], // Alpine writes ""
    ["event", bar.event?.task_id ?? null, task],
    ["state", bar.event?.state ?? null, state],
    ["label", text(bar, "label"), description(task)],
    ["name", part(bar, "bar")?.ariaLabel, name],
    ["message", text(bar, "message"), messages[state]],
    ["percent", text(bar, "percent"), task ? `${Math.floor(percent)}%` : ""],
    ["kept", !mark || bar.mark === mark, true],
    ["has a new token", !task || bar.getAttribute("token") !== token, true],
    ["moves", state !== "PROGRESS" || event?.current > after, true],
    ["fallback", [...bar.children].filter((child) => child.checkVisibility()).length, 0],
  ].filter(([, shown, right]) => shown !== right)
}

/** What is wrong with the page, or "". */
const problem = (jobs) => {
  const found = bars()
  if (found.length !== jobs.length) return `${found.length} bars for ${jobs.length} jobs`
  const wrong = jobs.flatMap((job, index) =>
    compare(found[index], job).map(([what, shown, right]) => `${job.name}: ${what} is ${shown}, not ${right}`),
  )
  const count = open()
  if (count > 1) wrong.push(`${count} websockets are open`)
  const silent = jobs.filter(({ task, told }) => told && !successes[task])
  wrong.push(...silent.map(({ name }) => `${name}: success is not fired`))
  return [...wrong, ...faults].join("\n")
}

globalThis.oracle = {
  open,
  /** Waits until all bars are right. Returns what is wrong after this many milliseconds, or "". */
  wait: async (jobs, patience) => {
    const deadline = performance.now() + patience
    while (problem(jobs) && performance.now() < deadline)
      await new Promise((done) => setTimeout(done, 20))
    return problem(jobs)
  },
  refresh: () => all("button, a")[0].click(),
  /** For each bar its token, and a number that stays with the element. */
  bars: () => bars().map((bar) => ({ mark: (bar.mark ??= Math.random()), token: bar.getAttribute("token") })),
}
