import { isEvent, tell } from "./socket.js"

const EVERY = 3_000 // ms between two questions
const LONGEST = 30_000
const ANSWER = 10_000
const FIRST = 5_000 // a stream begins with the present state; what comes later was held back
const SILENCE = 50_000 // the server pings after 20 s
const ANEW = 60_000 // until a stream is tried again where one failed

// A browser opens six HTTP/1.1 connections to a host, for all its windows together, and a stream
// keeps one: with six of them no page, click or websocket would get through. Only locks are seen by
// all windows; browsers have them on https, and on this machine.
const LANES = globalThis.navigator?.locks ? 3 : 1

let taken = 0 // lanes, by this page
let shutUntil = 0

/** @param {() => Promise<void>} job run if there is a lane left */
const inLane = async (job) => {
  if (taken >= LANES) return
  taken++
  await (LANES > 1 ? locked(job) : job()).catch(() => {}) // a sandboxed page may ask for no lock
  taken--
}

/** @param {() => Promise<void>} job */
const locked = async (job) => {
  const options = { ifAvailable: true }
  const run = async (/** @type {Lock | null} */ lock) => lock && job().then(() => true)
  for (let lane = 1; lane <= LANES; lane++)
    if (await navigator.locks.request(`task-progress ${lane}`, options, run)) return
}

const isHidden = () => !!globalThis.document?.hidden

/**
 * Calls back when the page is shown or hidden; returns what ends that.
 * @param {() => void} callback
 */
const onTurn = (callback) => {
  globalThis.document?.addEventListener("visibilitychange", callback)
  return () => globalThis.document?.removeEventListener("visibilitychange", callback)
}

/** The messages of an event stream; null for what is none. @param {Response} response */
async function* messages({ body }) {
  const reader = /** @type {ReadableStream} */ (body).getReader()
  const decoder = new TextDecoder()
  for (let text = ""; ; ) {
    const { done, value } = await reader.read()
    if (done) return
    const frames = (text + decoder.decode(value, { stream: true })).split(/\r?\n\r?\n/)
    text = /** @type {string} */ (frames.pop())
    for (const frame of frames) yield JSON.parse(frame.match(/^data: ?([^\r\n]*)/m)?.[1] ?? "null")
  }
}

/** One task over plain HTTP: an event stream, and where there is none questions now and then. */
class StandIn {
  #failures = 0
  #wait = 0

  /** @param {string} taskId @param {Topic} topic @param {(message: unknown) => void} take */
  constructor(taskId, topic, take) {
    this.taskId = taskId
    this.topic = topic
    this.take = take
    this.signal = /** @type {AbortController} */ (topic.standIn).signal
  }

  async run() {
    while (!this.signal.aborted) {
      await this.#ask()
      if (this.topic.live && !isHidden() && Date.now() > shutUntil)
        await inLane(() => this.#stream())
      await this.#pause()
    }
  }

  /** @param {boolean} live */
  #turn(live) {
    if (this.signal.aborted || !!this.topic.live === live) return
    this.topic.live = live
    tell(this.topic, { type: live ? "connected" : "disconnected" })
  }

  /** @param {string} name below the address of the state */
  #fetch(name, signal = AbortSignal.timeout(ANSWER), headers = {}) {
    const url = new URL(this.topic.status ?? "", globalThis.document?.baseURI)
    url.pathname = url.pathname.replace(/\/?$/, `/${name}`)
    if (this.topic.token) url.searchParams.set("token", this.topic.token)
    // Requests for one address would wait for each other at the browser's cache.
    const cache = "no-store"
    return fetch(url, { cache, headers, signal: AbortSignal.any([this.signal, signal]) })
  }

  async #ask() {
    this.#wait = 0
    try {
      const response = await this.#fetch("")
      const seconds = Number(response.headers.get("Retry-After")) || 0
      this.#wait = Math.min(1000 * seconds, LONGEST)
      this.#judge(response.status, await response.json()) // what a proxy says is no JSON
      this.#failures = 0
    } catch {
      this.#failures++
      this.#turn(false)
    }
  }

  /** @param {number} status @param {any} answer */
  #judge(status, answer) {
    const task_id = this.taskId
    if (this.signal.aborted) return
    if (status === 403)
      return this.take({ type: "error", code: "forbidden", detail: `${answer.detail}`, task_id })
    if (status !== 200 || !isEvent(answer) || answer.task_id !== task_id) throw new Error()
    this.#turn(true)
    this.take(answer)
  }

  async #stream() {
    const control = new AbortController()
    const stop = () => control.abort()
    const forget = onTurn(stop)
    let heard = false
    let patience = setTimeout(stop, FIRST)
    const hear = (/** @type {unknown} */ message) => {
      heard = true
      clearTimeout(patience)
      patience = setTimeout(stop, SILENCE)
      this.take(message)
    }
    await this.#read(control.signal, hear).catch(() => {}) // the next question tells why
    clearTimeout(patience)
    forget()
    stop()
    if (!heard && !isHidden() && !this.signal.aborted) shutUntil = Date.now() + ANEW
  }

  /** @param {AbortSignal} signal @param {(message: unknown) => void} hear */
  async #read(signal, hear) {
    const headers = { Accept: "text/event-stream" }
    const response = await this.#fetch("events", signal, headers)
    if (!response.headers.get("Content-Type")?.startsWith(headers.Accept)) return
    for await (const message of messages(response)) if (message) hear(message)
  }

  /** Until it is time to ask again, or the page is shown; a hidden one is in no hurry. */
  async #pause() {
    const least = Math.max(this.#wait, isHidden() ? LONGEST : 0)
    const fullJitter = Math.random() * Math.min(LONGEST, 1000 * 2 ** this.#failures)
    const ms = Math.max(least, this.#failures ? fullJitter : EVERY * (0.75 + Math.random() / 2))
    if (this.signal.aborted) return
    const { promise, done } = later()
    const timer = setTimeout(done, ms)
    const forget = onTurn(() => isHidden() || done())
    this.signal.onabort = done
    await promise
    clearTimeout(timer)
    forget()
  }
}

const later = () => {
  let done = () => {}
  const promise = new Promise((resolve) => (done = () => resolve(null)))
  return { promise, done }
}

/**
 * Watches the task over plain HTTP until `topic.standIn` is aborted: the outcome has come, nobody
 * watches any more, or a websocket has connected.
 * @param {string} taskId
 * @param {Topic} topic
 * @param {(message: unknown) => void} take
 */
export const follow = async (taskId, topic, take) => {
  await new StandIn(taskId, topic, take).run()
  topic.standIn = null
  topic.live = false
}
