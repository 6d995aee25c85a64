import { isNewer } from "./events.js";
import { ProgressSocket } from "./socket.js";

const sheet = new CSSStyleSheet() // a strict CSP blocks style elements
sheet.replaceSync(`
:host { display: flow-root; font-variant-numeric: tabular-nums; --motion: .3s;
  --fill: var(--task-progress-color, #3b82f6) }
:host([state=success]) { --fill: var(--task-progress-success, #16a34a) }
:host([state=failure]) { --fill: var(--task-progress-failure, #dc2626) }
:host([state=revoked]) { --fill: gray }
:host([hidden]), :host([state]) slot, :host(:not([state])) progress { display: none }
span { overflow-wrap: anywhere; unicode-bidi: plaintext }
slot + span, progress + span { float: inline-end; margin-inline-start: 1em }
progress ~ span { font-size: .875em; vertical-align: top }
:host(:is([stalled], [disconnected])) progress { opacity: .4; animation-play-state: paused }
output { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%) }
progress { display: block; clear: both; width: 100%; margin: .375em 0;
  height: var(--task-progress-height, .5em); print-color-adjust: exact }
@media (prefers-reduced-motion) { :host { --motion: 0s } }
[still][value] { --motion: 0s }
@media (forced-colors: none) { progress {
  appearance: none; border: 0; overflow: hidden; border-radius: 9em;
  background: var(--task-progress-track, color-mix(in srgb, var(--fill) 20%, transparent));
  &::-webkit-progress-bar { background: none }
  &::-webkit-progress-value { background: var(--fill); transition: var(--motion) }
  &::-moz-progress-bar { background: var(--fill); transition: var(--motion) }
  &:indeterminate::-moz-progress-bar { background: none }
  &:indeterminate { animation: flow calc(4 * var(--motion)) linear infinite;
    background-image: linear-gradient(90deg, transparent, var(--fill), transparent);
    background-size: 50% }
} }
@keyframes flow { to { background-position-x: 100% } }
`)

/** @returns {any} @param {string} tag @param {string} part */
const make = (tag, part) => Object.assign(document.createElement(tag), { part })

/** Cached number formats. @type {any} */
const formats = {}
/** @param {number} value @param {any} [style] */
const format = (value, style) => {
  const { lang } = document.documentElement
  try {
    formats[lang + style] ??= Intl.NumberFormat(lang, { style })
  } catch {
    formats[lang + style] = Intl.NumberFormat([], { style }) // "en_US" is not a language tag
  }
  return formats[lang + style].format(value)
}

let rest = 0 // ms
const due = new Set()
const draw = () => {
  rest = due.size > 20 ? due.size * 5 : 0
  if (rest) setTimeout(requestAnimationFrame, rest, draw)
  due.forEach(queueMicrotask)
  due.clear()
}

const ended = new Set() // tasks whose end was fired

/** See element.d.ts. */
export class TaskProgress extends HTMLElement {
  static observedAttributes = ["task-id", "token", "status", "socket", "cancel-url", "label"]

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
  /** @type {(() => void) | undefined} */
  #leave
  #isScheduled = false
  #isAnnounced = false
  #canCancel = false
  /** The attribute's token, or its renewal. @type {any} */
  #token = null
  #slot = make("slot", "")
  #bar = make("progress", "bar")
  #label = make("span", "label")
  #percent = make("span", "percent")
  #message = make("span", "message")
  #counts = make("span", "counts")
  #status = make("output", "status")

  constructor() {
    super()
    const shadow = this.attachShadow({ mode: "open" })
    shadow.adoptedStyleSheets = [sheet]
    shadow.append(this.#slot, this.#percent, this.#label, this.#bar)
    shadow.append(this.#counts, this.#message, this.#status)
    this.#message.ariaHidden = "true" // the status is read out
  }

  get event() {
    return this.#event
  }

  connectedCallback() {
    this.#render()
    this.#schedule()
  }

  disconnectedCallback() {
    this.#leave?.()
    this.#leave = undefined
  }

  /** @param {string} name @param {string | null} old @param {string | null} value */
  attributeChangedCallback(name, old, value) {
    if (old === value) return
    if (name === "token") this.#token = value
    this.#refusal = ""
    this.#schedule()
  }

  /** Subscribes later, since a script may set several attributes. */
  #schedule() {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      this.disconnectedCallback()
      if (this.isConnected) this.#start()
    })
  }

  #start() {
    const [taskId, , status, socket] = TaskProgress.observedAttributes.map((name) =>
      this.getAttribute(name),
    )
    if (this.#event && this.#event.task_id !== taskId) {
      this.#event = null
      this.removeAttribute("state")
      this.removeAttribute("stalled")
    }
    this.removeAttribute("disconnected")
    this.#render()
    if (!taskId || this.#event?.complete) return
    const shared = ProgressSocket.at(socket ?? "/ws/progress/", taskId)
    this.#leave = shared.subscribe(taskId, this.#receive, this.#token, status)
  }

  #receive = (/** @type {Message} */ message) => {
    if (message.type === "progress") return this.#accept(message)
    if (message.type === "token") return (this.#token = message.token)
    this.#refusal = ""
    if (message.type === "error") {
      this.#refusal = this.#say("error")
      import("./refusals.js").then(({ explain }) => {
        const words = explain(this, message)
        this.#refusal &&= words || this.#refusal
        this.#draw()
      }, () => {})
    }
    this.toggleAttribute("disconnected", message.type === "disconnected")
    this.#draw()
  }

  /** @param {TaskEvent} event */
  #accept(event) {
    if (!isNewer(this.#event, event)) return
    const { task_id, version, state, stalled, complete, success } = event
    // It ended before the page was loaded, or its end was fired.
    const isLate = version / 1000 < performance.timeOrigin || ended.has(task_id)
    const isEnding = complete && (this.#event || !isLate)
    if (isEnding) ended.add(task_id)
    this.#event = event
    this.#refusal = ""
    this.setAttribute("state", state.toLowerCase())
    this.toggleAttribute("stalled", stalled === true)
    this.#draw()
    if (!complete && !this.#canCancel && this.hasAttribute("cancel-url")) this.#addCancel()
    if (isEnding) this.#fire(success ? "success" : "failure")
    this.#fire(complete ? "outcome" : "progress")
  }

  #addCancel() {
    this.#canCancel = true
    import("./cancel.js").then(
      ({ addCancel }) => addCancel(this, this.#bar, () => this.#token),
      () => {},
    )
  }

  /** @param {string} type */
  #fire(type, detail = this.#event) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail }))
  }

  #draw() {
    if (document.hidden) return this.#render() // hidden pages get no frames
    if (!due.size && !rest) requestAnimationFrame(draw)
    due.add(this.#render)
  }

  #render = (event = this.#event) => {
    const label = this.getAttribute("label") || event?.description || this.#say("label")
    const counts = event?.total != null ? "counts" : event?.current ? "count" : ""
    const message = (event?.complete && event.error) || this.#refusal || this.#say(this.#phase).trim()
    this.#status.ariaLive = this.#isAnnounced ? "polite" : "off" // the first text is not news
    if (message !== this.#message.textContent)
      this.#status.textContent = message && `${label}: ${message}`
    this.#isAnnounced = !!event
    this.#message.textContent = message
    this.#slot.textContent = message ? "" : this.#say("connecting")
    this.#slot.hidden = this.#refusal || !this.hasAttribute("task-id")
    this.#label.textContent = event?.description
    this.#counts.textContent = this.#say(counts)
    this.#bar.ariaLabel = label
    this.#bar.toggleAttribute("still", rest > 0)
    this.#move(event?.state === "SUCCESS" ? 100 : event?.percent ?? null)
  }

  /** @param {number | null} percent */
  #move(percent) {
    this.#percent.textContent = percent === null ? "" : format(Math.floor(percent) / 100, "percent")
    if (percent !== null) this.#bar.value = percent / 100
    else if (/STARTED|PROGRESS/.test(this.#event?.state ?? "")) this.#bar.removeAttribute("value")
    else this.#bar.value ||= 0 // a moving bar means work
  }

  get #phase() {
    const event = this.#event
    if (event?.complete) return event.state
    if (!this.hasAttribute("task-id")) return "none"
    if (this.hasAttribute("disconnected")) return "disconnected"
    return event?.stalled ? "stalled" : event?.state ?? ""
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

customElements.get("task-progress") || customElements.define("task-progress", TaskProgress)
