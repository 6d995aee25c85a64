// Watches one task over plain HTTP while no websocket connects: an event stream, or polling.
import { deliver, isEvent } from "./events.js";

// Milliseconds.
// Between two requests for the state of one task: soon enough to look live, and seldom enough for a
// server that answers each of its pages so while its websockets are blocked.
const INTERVAL = 3_000
const SPACING = 100 // between two requests of the page: its bars together ask ten times a second
// Between two requests of a hidden page, after failures, and at the most after a Retry-After: as long
// as the longest pause of the websocket.
const LONGEST = 30_000
const TIMEOUT = 10_000 // as for the websocket's handshake
// A stream begins with the present state, at once. Without it, a proxy holds the stream back.
const FIRST = 5_000
const SILENCE = 50_000 // the server pings after 20 s; as for the websocket
// Between a stream that failed and the next one. A proxy that holds one stream back holds the next one
// back too, and each attempt shows nothing for FIRST.
const RETRY = 60_000

// All windows of a browser share six HTTP/1.1 connections to a host, and each stream takes one. Six
// streams would block every page, click and websocket. So a stream needs one of three lanes: locks
// that all windows share. Browsers have them on https and on localhost.
const LANES = globalThis.navigator?.locks ? 3 : 1

let lanes = 0 // that this page uses
let tasks = 0 // that are watched by this module
let streamsFailedUntil = 0

/** Runs the job if a lane is free. @param {() => Promise<void>} job */
const inLane = async (job) => {
  if (lanes >= LANES) return
  lanes++
  await (LANES > 1 ? locked(job) : job()).catch(() => {}) // a sandboxed page may not use locks
  lanes--
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
 * Calls the callback when the page is shown or hidden. Returns a function that ends the calls.
 * @param {() => void} callback
 */
const onVisibility = (callback) => {
  globalThis.document?.addEventListener("visibilitychange", callback)
  return () => globalThis.document?.removeEventListener("visibilitychange", callback)
}

/** Yields a stream's messages; null for a frame without data. @param {Response} response */
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

class Fallback {
  #failures = 0
  #retryAfter = 0
  /** The token of the last request. @type {Topic["token"]} */
  #token

  /** @param {string} taskId @param {Topic} topic @param {(message: unknown) => void} receive */
  constructor(taskId, topic, receive) {
    this.taskId = taskId
    this.topic = topic
    this.receive = receive
    this.signal = /** @type {AbortController} */ (topic.fallback).signal
  }

  async run() {
    await this.#sleep(Math.random() * SPACING * tasks)
    while (!this.signal.aborted) {
      await this.#poll()
      if (this.topic.live && !isHidden() && Date.now() > streamsFailedUntil)
        await inLane(() => this.#stream())
      await this.#sleep(this.#pause)
    }
  }

  /** @param {boolean} live */
  #setLive(live) {
    if (this.signal.aborted || !!this.topic.live === live) return
    this.topic.live = live
    deliver(this.topic, { type: live ? "connected" : "disconnected" })
  }

  /** @param {string} name a path below the address of the state */
  #fetch(name, signal = AbortSignal.timeout(TIMEOUT), headers = {}) {
    const url = new URL(this.topic.status ?? "", globalThis.document?.baseURI)
    url.pathname = url.pathname.replace(/\/?$/, `/${name}`)
    this.#token = this.topic.token
    if (this.#token) url.searchParams.set("token", this.#token)
    // With a cache, the browser would send requests for the same address one after another.
    const cache = "no-store"
    return fetch(url, { cache, headers, signal: AbortSignal.any([this.signal, signal]) })
  }

  async #poll() {
    this.#retryAfter = 0
    try {
      const response = await this.#fetch("")
      const seconds = Number(response.headers.get("Retry-After")) || 0
      this.#retryAfter = Math.min(1000 * seconds, LONGEST)
      this.#read(response.status, await response.json()) // a proxy's own page is not JSON
      this.#failures = 0
    } catch {
      this.#failures++
      this.#setLive(false)
    }
  }

  /** @param {number} status @param {any} answer */
  #read(status, answer) {
    const task_id = this.taskId
    if (this.signal.aborted || this.#token !== this.topic.token) return
    if (status === 403)
      return this.receive({ detail: "", ...answer, type: "error", code: "forbidden", task_id })
    if (status !== 200 || !isEvent(answer) || answer.task_id !== task_id) throw new Error()
    this.#setLive(true)
    this.receive(answer)
  }

  async #stream() {
    const control = new AbortController()
    const stop = () => control.abort()
    const forget = onVisibility(stop)
    let isHeard = false
    let patience = setTimeout(stop, FIRST)
    const receive = (/** @type {unknown} */ message) => {
      isHeard = true
      clearTimeout(patience)
      patience = setTimeout(stop, SILENCE)
      this.receive(message)
    }
    await this.#readStream(control.signal, receive).catch(() => {}) // the next poll shows why
    clearTimeout(patience)
    forget()
    stop()
    if (!isHeard && !isHidden() && !this.signal.aborted) streamsFailedUntil = Date.now() + RETRY
  }

  /** @param {AbortSignal} signal @param {(message: unknown) => void} receive */
  async #readStream(signal, receive) {
    const headers = { Accept: "text/event-stream" }
    const response = await this.#fetch("events", signal, headers)
    if (!response.headers.get("Content-Type")?.startsWith(headers.Accept)) return
    for await (const message of messages(response)) if (message) receive(message)
  }

  /** Milliseconds until the next request: more in a hidden page, and with many tasks. */
  get #pause() {
    const least = Math.max(this.#retryAfter, isHidden() ? LONGEST : 0, SPACING * tasks)
    const fullJitter = Math.random() * Math.min(LONGEST, 1000 * 2 ** this.#failures)
    const regular = INTERVAL * (0.75 + Math.random() / 2)
    return Math.max(least, this.#failures ? fullJitter : regular)
  }

  /** Sleeps; wakes earlier when the page is shown. @param {number} ms */
  async #sleep(ms) {
    if (this.signal.aborted) return
    const { promise, done } = later()
    const timer = setTimeout(done, ms)
    const forget = onVisibility(() => isHidden() || done())
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
 * Warns the developer that no websocket connects, but not if one has worked before.
 * @param {Topic} topic
 * @param {string} url
 */
const warnOf = async ({ event }, url) => {
  if (event || !globalThis.document || !navigator.onLine) return
  const { warn } = await import("./refusals.js")
  warn("unreachable", url.split("?")[0])
}

/**
 * Watches the task over plain HTTP until `topic.fallback` is aborted, because the outcome is known,
 * the last watcher has gone, or a websocket has connected.
 * @param {string} taskId
 * @param {Topic} topic
 * @param {(message: unknown) => void} receive
 * @param {string} url of the websocket
 */
export const follow = async (taskId, topic, receive, url) => {
  warnOf(topic, url).catch(() => {})
  tasks++
  if (topic.status) await new Fallback(taskId, topic, receive).run()
  tasks--
  topic.fallback = null
  topic.live = false
}
