// The element <task-progress>: it watches one task and shows it. See element.d.ts.
import { ICONS, build, drawSoon, format, rest } from "./drawing.js";
import { isEvent, isNewer, parse } from "./events.js";
import { ProgressSocket } from "./socket.js";

/** @import { Message, TaskEvent } from "./types.js" */

const ignore = () => {}
const ended = new Set() // tasks whose end was fired

/** Attributes that say what to watch, and where. */
const SOURCES = ["task-id", "token", "status", "socket"]
const MIRRORS = ["state", "stalled", "disconnected"]
const ATTRIBUTES = ["event", ...SOURCES, "cancel-url", "label", "announce", "variant"]
/** Modules that few bars need. @type {any} */
const EXTRAS = {
  cancel: () => import("./cancel.js"),
  patterns: () => import("./patterns.js"),
  variant: () => import("./variants.js"),
}

/** The most announcements for one task. @type {Record<string, number>} */
const LIMITS = { off: 0, end: 1, all: Infinity }

/** @param {Element} element @param {string} name @param {any} value */
const set = (element, name, value) => {
  if (value == null) element.removeAttribute(name)
  else if (`${value}` !== element.getAttribute(name)) element.setAttribute(name, value)
}

// Servers that render pages import this module too.
const Base = /** @type {typeof HTMLElement} */ (globalThis.HTMLElement ?? class {})

/** See element.d.ts. */
export class TaskProgress extends Base {
  static observedAttributes = [...ATTRIBUTES, ...MIRRORS]

  /** Translate these texts; `{…}` is a field of the event. @type {Record<string, string>} */
  static words = {
    none: "Not started yet",
    connecting: "Connecting…",
    disconnected: "Reconnecting…",
    stalled: "Worker not responding",
    error: "Progress cannot be shown",
    counts: "{current} of {total}",
    count: "{current}",
    label: "Progress",
    PENDING: "Waiting for its turn",
    STARTED: "Running",
    PROGRESS: "Running",
    RETRY: "{error} Attempt {attempt} failed, retrying",
    SUCCESS: "Done",
    FAILURE: "Failed",
    REVOKED: "Cancelled",
    UNKNOWN: "Unknown task",
  }

  /** @type {TaskEvent | null} */
  #event = null
  #refusal = "" // the text that is shown
  #isAway = false // no connection
  /** @type {(() => void) | undefined} */
  #leave
  #isScheduled = false
  #isStale = false // an attribute has changed since the last drawing
  /** The attribute's token, or its renewal. @type {any} */
  #token = null
  #isWatched = false // the task ran while the page was open
  #announced = NaN // announcements for this task; NaN until its first state is drawn
  #nodes = build(this.attachShadow({ mode: "open" }))
  #states = this.attachInternals?.().states

  /** @returns {TaskEvent | null} */
  get event() {
    return this.#event
  }

  /**
   * Frameworks set the property instead of the attribute.
   * @param {TaskEvent | string | null | undefined} value
   */
  set event(value) {
    set(this, "event", typeof value === "string" ? value : value && JSON.stringify(value))
  }

  connectedCallback(element = /** @type {any} */ (this)) {
    this.disconnectedCallback()
    for (const [name, value] of Object.entries(this)) {
      delete element[name] // it was set before the element was defined, and hides the property
      element[name] = value
    }
    this.#update()
    this.#schedule()
  }

  disconnectedCallback() {
    this.#leave?.()
    this.#leave = undefined
  }

  adoptedCallback() {
    import("./sheets.js").then(this.#extend, ignore)
  }

  /** @param {string} name @param {string | null} old @param {string | null} value */
  attributeChangedCallback(name, old, value) {
    if (old === value) return
    if (MIRRORS.includes(name)) return queueMicrotask(this.#tell)
    if (name === "token") this.#token = value
    if (SOURCES.includes(name)) {
      this.disconnectedCallback()
      this.#refusal = ""
    }
    this.#isStale = true
    this.#schedule()
  }

  /** Loads a module once, or again if that failed. @param {string} name */
  #load(name, nodes = this.#nodes) {
    nodes[name] ??= EXTRAS[name]().then(this.#extend, () => delete nodes[name])
  }

  #extend = (/** @type {any} */ { extend }) => extend(this, this.#nodes, () => this.#token)

  /** Waits for the end of the script, since it may change several attributes. */
  #schedule() {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      if (!this.isConnected) return
      if (this.#isStale) this.#update()
      this.#watch()
    })
  }

  /** Takes the event that the server wrote into the page, and draws. The first event is no news. */
  #update() {
    const { taskId } = /** @type {any} */ (this)
    if (this.#event?.task_id !== taskId) {
      this.#event = null
      this.#isWatched = false
      this.#announced = NaN
    }
    const text = this.getAttribute("event")
    const event = text && parse(text)
    if (isEvent(event) && event.task_id === taskId) {
      this.#isWatched ||= !!this.#event && isNewer(this.#event, event) && !ended.has(taskId)
      this.#accept(event, !this.#event)
    } else if (text) import("./refusals.js").then(({ warn }) => warn("bad_event", `Task ${taskId}`), ignore)
    this.#tell()
    this.#render()
    this.#isStale = false
  }

  #watch() {
    const { taskId, status, socket } = /** @type {any} */ (this)
    if (this.#leave || !taskId || this.#event?.complete) return
    this.#isAway = false
    this.#tell()
    const shared = ProgressSocket.at(socket ?? "/ws/progress/", taskId)
    this.#leave = shared.subscribe(taskId, this.#receive, this.#token, status)
  }

  #receive = (/** @type {Message} */ message) => {
    if (message.type === "progress") {
      this.#isWatched ||= !message.complete
      return this.#accept(message)
    }
    if (message.type === "token") return (this.#token = message.token)
    this.#refusal = ""
    if (message.type === "error") {
      this.#refusal = this.#say("error")
      import("./refusals.js").then(({ explain }) => {
        const words = explain(this, message)
        this.#refusal &&= words || this.#refusal
        drawSoon(this.#render)
      }, () => drawSoon(this.#render))
    }
    this.#isAway = message.type === "disconnected"
    this.#tell()
    if (message.type !== "error") drawSoon(this.#render) // or it would be announced twice
  }

  /** @param {TaskEvent} event */
  #accept(event, isOld = false) {
    if (!isNewer(this.#event, event)) return
    const { task_id, version, complete, success } = event
    // It ended before the page was loaded, or its end was fired.
    const isLate = isOld || version / 1000 < performance.timeOrigin || ended.has(task_id)
    const isEnding = complete && (this.#isWatched || !isLate)
    this.#event = event
    this.#refusal = ""
    this.#tell()
    if (!isOld) drawSoon(this.#render)
    if (complete) {
      ended.add(task_id)
      this.disconnectedCallback()
    }
    if (isOld) return complete && queueMicrotask(() => this.#fire("outcome"))
    if (isEnding) this.#fire(success ? "success" : "failure")
    this.#fire(complete ? "outcome" : "progress")
  }

  /** @param {string} type */
  #fire(type, detail = this.#event) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }))
  }

  /** Tells the state outside: as :state() and in attributes, which a page may change. */
  #tell = () => {
    const { state, stalled } = this.#event ?? {}
    const name = state?.toLowerCase()
    const on = [name, stalled && "stalled", this.#isAway && "disconnected", this.#refusal && "refused"]
    set(this, "state", name)
    for (const name of MIRRORS.slice(1)) this.toggleAttribute(name, on.includes(name))
    try {
      this.#states?.clear()
      for (const name of on) if (name) this.#states?.add(name)
    } catch {} // old browsers want other names
  }

  #render = () => {
    const event = this.#event
    const { bar, body, result, status, ...nodes } = this.#nodes
    const phase = this.#phase
    const label = event?.description
    const ariaLabel = this.getAttribute("label") || label || this.#say("label")
    const message = (event?.complete && event.error) || this.#refusal || this.#say(phase).trim()
    const counts = this.#say(event?.total != null ? "counts" : event?.current ? "count" : "")
    const value = event?.state === "SUCCESS" ? 100 : event?.percent
    const ariaValueNow = value == null ? null : Math.floor(value)
    const percent = ariaValueNow === null ? "" : format(ariaValueNow / 100, "percent")
    const ariaValueText = percent ? percent + (counts && `, ${counts}`) : null
    const isBusy = !percent && /STARTED|PROGRESS/.test(phase)
    const isNew = message !== nodes.message.textContent
    const texts = { label, percent, counts, message, icon: ICONS[phase] }
    for (const [part, text] of Object.entries(texts)) nodes[part].textContent = text
    if (isBusy || /RETRY|stalled|disconnected/.test(phase)) this.#load("patterns")
    if (!event?.complete && this.hasAttribute("cancel-url")) this.#load("cancel")
    if (this.hasAttribute("variant")) this.#load("variant")
    body.className = [phase, isBusy && "busy", !rest && "moves"].join(" ")
    result.hidden = phase !== "SUCCESS"
    Object.assign(bar, { ariaLabel, ariaValueNow, ariaValueText })
    bar.style.setProperty("--value", value ?? 0)
    if (isNew) {
      // The first state of a task is no news. The last announcement is kept for the end.
      const isEnd = event?.complete || this.#refusal
      const most = LIMITS[this.getAttribute("announce") ?? ""] ?? 4
      const isSaid = this.#announced < most - (isEnd ? 0 : 1)
      // Emptied and not switched off: Orca keeps an old aria-live in mind.
      status.textContent = isSaid ? `${ariaLabel}: ${message}` : ""
      if (isSaid) this.#announced++
    }
    if (event) this.#announced ||= 0
  }

  /** What is shown: a key of `words`. */
  get #phase() {
    const event = this.#event
    if (event?.complete) return event.state
    if (this.#refusal) return "error"
    if (!this.getAttribute("task-id")) return "none"
    if (this.#isAway) return "disconnected"
    return event?.stalled ? "stalled" : event?.state ?? "connecting"
  }

  /** @param {string} key */
  #say(key) {
    /** @type {any} */
    const event = this.#event ?? {}
    return `${TaskProgress.words[key] ?? ""}`.replace(/{(\w+)}/g, (_, field) =>
      typeof event[field] === "number" ? format(event[field]) : event[field] ?? "",
    )
  }
}

for (const name of ATTRIBUTES.slice(1)) {
  const property = name.replace(/-./, ([, letter]) => letter.toUpperCase())
  Object.defineProperty(TaskProgress.prototype, property, {
    get() {
      return this.getAttribute(name)
    },
    set(value) {
      set(this, name, value)
    },
  })
}

const define = () =>
  globalThis.customElements?.get("task-progress") ??
  globalThis.customElements?.define("task-progress", TaskProgress)

// Elements that are not yet defined keep their room, so their form must be known before.
if (globalThis.document?.querySelector("task-progress[variant]"))
  EXTRAS.variant().then(define, define)
else define()
