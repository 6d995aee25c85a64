import { isNewer } from "./merge.js"

const OPEN = 1

const SILENCE = 50_000 // ms
const QUIET = 45_000
const ANSWER = 10_000
const STEADY = 5_000
const AWAY = 3_000
const GRACE = globalThis.document ? 2_000 : 0
const WAKES = GRACE ? ["online", "pageshow", "resume", "visibilitychange"] : []

/** @param {string} data */
const parse = (data) => {
  try {
    return JSON.parse(data)
  } catch {
    return null
  }
}

/** @param {any} message */
export const isEvent = (message) =>
  message?.type === "progress" &&
  typeof message.state === "string" &&
  [message.version, message.current, message.total ?? 0, message.percent ?? 0].every(Number.isFinite)

/**
 * In microtasks: one that throws deafens no other.
 * @param {Topic} topic
 * @param {Message} message
 */
export const tell = (topic, message) =>
  topic.watchers.forEach((watcher) =>
    queueMicrotask(() => topic.watchers.has(watcher) && watcher(message)),
  )

/** A page's websocket, open while watched. */
export class ProgressSocket {
  /** @type {Map<string, ProgressSocket>} */
  static #shared = new Map()

  /** @param {string} address */
  static at(address) {
    const place = new URL(address, document.baseURI)
    place.search ||= "batch"
    const url = place.href.replace(/^http/, "ws")
    const socket = this.#shared.get(url) ?? new this(url)
    this.#shared.set(url, socket)
    return socket
  }

  /** @type {Map<string, Topic>} */
  #topics = new Map()
  /** @type {WebSocket | null} */
  #socket = null
  #attempt = 0
  #openedAt = Infinity
  #lostAt = Infinity
  #deadline = 0
  #silence = 0
  #retry = 0
  #idle = 0

  /** @param {string} url */
  constructor(url, Socket = WebSocket) {
    this.url = url
    this.Socket = Socket
  }

  /** @type {Subscribe} */
  subscribe = (taskId, callback, token, status) => {
    let topic = this.#topics.get(taskId)
    if (!topic) {
      this.#topics.set(taskId, (topic = { token, status, watchers: new Set() }))
      this.#send("subscribe", taskId)
    }
    topic.watchers.add(callback)
    if (topic.event) tell(topic, topic.event)
    if (!this.#socket && !this.#retry) {
      for (const type of WAKES) addEventListener(type, this.#wake, true)
      this.#lostAt = Infinity
      this.#connect()
    }
    this.#miss(taskId, topic)
    return () => {
      // Later: an element that is moved comes back at once.
      if (topic.watchers.delete(callback)) setTimeout(() => this.#settle())
    }
  }

  #settle() {
    for (const [taskId, { watchers }] of this.#topics) {
      if (watchers.size) continue
      this.#forget(taskId)
      this.#send("unsubscribe", taskId)
    }
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (this.#topics.size) return
      this.#drop()
      const shared = ProgressSocket.#shared
      if (shared.get(this.url) === this) shared.delete(this.url)
      for (const type of WAKES) removeEventListener(type, this.#wake, true)
    }, GRACE)
  }

  /** @param {string} taskId */
  #forget(taskId) {
    this.#topics.get(taskId)?.standIn?.abort()
    this.#topics.delete(taskId)
  }

  #connect() {
    this.#drop()
    const socket = (this.#socket = new this.Socket(this.url))
    socket.onopen = () => {
      this.#openedAt = Date.now()
      this.#resync(SILENCE)
    }
    socket.onmessage = ({ data }) => this.#hear(parse(data))
    socket.onclose = ({ code }) => this.#lost(code)
    this.#expect(ANSWER)
  }

  /** Each subscribe is answered with the present state. */
  #resync(patience = AWAY) {
    for (const taskId of this.#topics.keys()) this.#send("subscribe", taskId)
    this.#expect(patience)
  }

  /** @param {any} message */
  #hear(message) {
    if (this.#deadline - Date.now() < QUIET) this.#expect() // timers are dear
    if (this.#lostAt < Infinity)
      this.#topics.forEach((topic) => {
        topic.standIn?.abort()
        tell(topic, { type: "connected" })
      })
    this.#lostAt = Infinity
    ;[message].flat().forEach(this.#take)
  }

  #take = (/** @type {any} */ message) => {
    const topic = this.#topics.get(message?.task_id)
    if (!topic) return
    if (message.type === "token") topic.token = message.token
    if (isEvent(message) && isNewer(topic.event, message)) topic.event = message
    else if (message.type !== "error") return
    tell(topic, message)
    if (message.type === "progress" && !message.complete) return
    this.#forget(message.task_id)
    this.#settle()
  }

  /** Frozen pages have late timers; #wake looks at the clock. */
  #expect(patience = SILENCE) {
    this.#deadline = Date.now() + patience
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#lost(), patience)
  }

  #lost(code = 0) {
    if (Date.now() - this.#openedAt > STEADY) this.#attempt = 0
    this.#openedAt = Infinity
    this.#drop()
    for (const [task_id, topic] of this.#topics)
      if (code >= 4400 && code < 4500) {
        tell(topic, { type: "error", code: "refused", detail: `${code}`, task_id })
        this.#forget(task_id)
      } else this.#miss(task_id, topic)
    if (!this.#topics.size) return this.#settle()
    const fullJitter = Math.random() * Math.min(30_000, 500 * 2 ** this.#attempt++)
    this.#retry = setTimeout(() => this.#connect(), fullJitter)
  }

  /** @param {string} taskId @param {Topic} topic */
  #miss(taskId, topic) {
    if (Date.now() - this.#lostAt < AWAY) return
    if (!topic.live) tell(topic, { type: "disconnected" })
    if (!topic.status || topic.standIn) return
    topic.standIn = new AbortController()
    import("./fallback.js")
      .then(({ follow }) => follow(taskId, topic, this.#take))
      .catch(() => (topic.standIn = null))
  }

  #drop() {
    this.#lostAt = Math.min(Date.now(), this.#lostAt)
    const socket = this.#socket
    this.#socket = null
    clearTimeout(this.#silence)
    clearTimeout(this.#retry)
    this.#retry = 0
    if (!socket) return
    // Deaf: a half-open one takes a minute.
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close(1000)
  }

  #wake = (/** @type {any} */ { type, persisted }) => {
    if (!this.#topics.size || document.hidden) return
    const state = this.#socket?.readyState ?? 3 // closed
    const left = this.#deadline - Date.now()
    if (state > OPEN || left < 0) this.#connect()
    else if (state && (persisted || /online|resume/.test(type) || left < QUIET)) this.#resync()
  }

  /** @param {string} type @param {string} task_id */
  #send(type, task_id) {
    if (this.#socket?.readyState === OPEN)
      this.#socket.send(JSON.stringify({ type, task_id, token: this.#topics.get(task_id)?.token }))
  }
}
