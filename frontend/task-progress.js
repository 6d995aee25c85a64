import { isNewer } from "./merge.js"
import { ProgressSocket } from "./socket.js"

const sheet = new CSSStyleSheet() // a strict CSP refuses a style element
sheet.replaceSync(`
:host { display: flow-root; font-variant-numeric: tabular-nums; --motion: .3s;
  --fill: var(--task-progress-color, light-dark(#2563eb, #60a5fa)) }
:host([state=success]) { --fill: var(--task-progress-success, light-dark(#15803d, #4ade80)) }
:host([state=failure]) { --fill: var(--task-progress-failure, light-dark(#b91c1c, #f87171)) }
:host([state=revoked]) { --fill: gray }
:host([hidden]), :host([state]) slot, :host(:not([state])) progress { display: none }
span { overflow-wrap: anywhere; unicode-bidi: plaintext }
slot + span, progress + span { float: inline-end; margin-inline-start: 1em }
progress ~ span { font-size: .875em; opacity: .8; vertical-align: top }
:host([state=failure]) progress ~ span { color: var(--fill); opacity: 1 }
:host(:is([stalled], [disconnected])) progress { opacity: .4; animation-play-state: paused }
output { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%) }
progress { display: block; clear: both; width: 100%; margin: .375em 0;
  height: var(--task-progress-height, .5em) }
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

/** @type {any} dear to make */
const formats = {}
/** @param {number} value @param {any} [style] */
const format = (value, style) => {
  const { lang } = document.documentElement
  try {
    formats[lang + style] ??= Intl.NumberFormat(lang, { style })
  } catch {
    formats[lang + style] = Intl.NumberFormat([], { style }) // "en_US" is none
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

/** See README.md. */
export class TaskProgress extends HTMLElement {
  static observedAttributes = ["task-id", "socket"]

  /** @type {Record<string, string>} translate here; `{…}` is a field of the event */
  static words = {
    connecting: "Connecting…",
    disconnected: "Reconnecting…",
    stalled: "No sign of life from the worker",
    error: "Progress cannot be shown",
    counts: "{current} of {total}",
    count: "{current}",
    label: "Progress",
    PENDING: "Waiting for its turn",
    STARTED: "Running",
    PROGRESS: "Running",
    RETRY: "{error} Trying again after attempt {attempt}",
    SUCCESS: "Done",
    FAILURE: "Failed",
    REVOKED: "Cancelled",
    UNKNOWN: "Nothing is known of this task",
  }

  /** @type {TaskEvent | null} */
  #event = null
  #refused = false
  /** @type {(() => void) | null} */
  #leave = null
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
    this.#message.ariaHidden = "true" // the status says it
  }

  get event() {
    return this.#event
  }

  connectedCallback() {
    const taskId = this.getAttribute("task-id")
    this.#leave = () => {}
    this.#refused = false
    this.removeAttribute("disconnected")
    this.#render()
    if (!taskId || this.#event?.complete) return
    const socket = ProgressSocket.at(this.getAttribute("socket") ?? "/ws/progress/")
    this.#leave = socket.subscribe(taskId, (message) => {
      if (message.type === "progress") return this.#take(message)
      this.#refused = message.type === "error"
      this.toggleAttribute("disconnected", message.type !== "connected")
      this.#draw()
    }, this.getAttribute("token"), this.getAttribute("status"))
  }

  disconnectedCallback() {
    this.#leave?.()
    this.#leave = null
  }

  /** @param {string} _name @param {string | null} old @param {string | null} value */
  attributeChangedCallback(_name, old, value) {
    if (!this.#leave || old === value) return
    this.#leave()
    this.#event = null
    this.removeAttribute("state")
    this.removeAttribute("stalled")
    this.connectedCallback()
  }

  /** @param {TaskEvent} event */
  #take(event) {
    if (!isNewer(this.#event, event)) return
    this.#event = event
    this.setAttribute("state", event.state.toLowerCase())
    this.toggleAttribute("stalled", event.stalled === true)
    this.#draw()
    const type = !event.complete ? "progress" : event.success ? "success" : "failure"
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail: event }))
  }

  #draw() {
    if (document.hidden) return this.#render() // no frames
    if (!due.size && !rest) requestAnimationFrame(draw)
    due.add(this.#render)
  }

  #render = (event = this.#event) => {
    const label = event?.description || this.#say("label")
    const counts = event?.total != null ? "counts" : event?.current ? "count" : ""
    const message = (event?.complete && event.error) || this.#say(this.#phase).trim()
    if (message !== this.#message.textContent)
      this.#status.textContent = message && `${label}: ${message}`
    this.#message.textContent = message
    this.#slot.textContent = message ? "" : this.#say("connecting")
    this.#slot.hidden = this.#refused
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
    else if (this.#event?.complete || this.#event?.state === "UNKNOWN") this.#bar.value ||= 0
    else this.#bar.removeAttribute("value")
  }

  get #phase() {
    const event = this.#event
    if (event?.complete) return event.state
    if (this.#refused) return "error"
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
