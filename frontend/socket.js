import { deliver, isEvent, isNewer, parse } from "./events.js";

const OPEN = 1 // as WebSocket.OPEN

// Milliseconds.
// The server pings after 20 s without a frame. Two pings may be late before the connection is dead.
const SILENCE = 50_000
// A frame moves the deadline only when less than this is left: one timer in 5 s, not one a frame.
const QUIET = 45_000
// For a handshake, or the answer to a frame: a lost packet is sent again after 1, 3 and 7 s.
const ANSWER = 10_000
// A connection that has lasted so long was accepted, so the next pause is a short one again. A server
// that accepts and closes at once is asked less and less often.
const STEADY = 5_000
// Until a page says that it has no connection. A restart of the server is often shorter, and need
// not be seen; people wonder about a bar that stands still after a few seconds.
const AWAY = 3_000
// Between two frames, once a burst is used up. The server accepts 20 a second and 200 at once; three
// quarters of both leave room for frames that arrive closer together than they were sent.
const EACH = 67
const BURST = 150 * EACH
// A page that replaces its bars, as htmx does, finds the socket open. A script in Node must end.
const GRACE = globalThis.document ? 2_000 : 0
// The longest that the first pause before a reconnect can be. The limit doubles with each attempt, up
// to LONGEST. Pauses are random, so that not all pages return at once to a server that restarts.
const PAUSE = 500
const LONGEST = 30_000 // also the least pause after a server has said "too many"
const WAKES = GRACE ? ["online", "pageshow", "resume", "visibilitychange"] : []

// Firefox waits before it connects to a path where connections have broken: 0.3 s after one, 14 s
// after ten, then up to a minute. The pauses below spare the server, so the path is spelled anew.
const DELAYS = /Firefox/.test(globalThis.navigator?.userAgent)

/** Percent-encodes some letters of the path's last part. @param {string} url */
const spell = (url) =>
  url.replace(/(?<!%.?)[a-z](?=[^/]*\/?\?)/gi, (letter) =>
    Math.random() < 0.5 ? letter : `%${letter.charCodeAt(0).toString(16)}`,
  )

/** One websocket for many tasks, open while a task is watched. */
export class ProgressSocket {
  /** @type {Map<string, ProgressSocket>} */
  static #shared = new Map()

  /** The first socket with this task or room for it. @param {string} address @param {string} taskId */
  static at(address, taskId) {
    const place = new URL(address, document.baseURI)
    place.search ||= "batch"
    const url = place.href.replace(/^http/, "ws")
    for (let key = url; ; key += "+") {
      const socket = this.#shared.get(key) ?? new this(url)
      this.#shared.set(key, socket)
      if (socket.#topics.has(taskId) || socket.#topics.size < socket.#room) return socket
    }
  }

  /** @type {Map<string, Topic>} */
  #topics = new Map()
  #room = 100 // the server's default
  /** @type {WebSocket | null} */
  #socket = null
  #notice = {} // the error frame before a close
  #attempt = 0
  #isSpelled = false
  #openedAt = Infinity
  #lostAt = Infinity
  #deadline = 0
  #paidUntil = 0
  #silence = 0
  #away = 0
  #retry = 0
  #idle = 0

  /** @param {string} url */
  constructor(url, Socket = WebSocket) {
    this.url = url
    this.Socket = Socket
  }

  /** @type {Subscribe} */
  subscribe = (taskId, watcher, token, status) => {
    const topic = this.#topics.get(taskId) ?? { sent: NaN, watchers: new Set() }
    // A second watcher's token must not replace one that works.
    if (!topic.event || !topic.watchers.size) topic.token = token
    topic.status = status ?? topic.status
    topic.watchers.add(watcher)
    if (topic.event) deliver(topic, topic.event)
    this.#adopt(taskId, topic)
    return () => {
      // Later, since a moved element subscribes again at once.
      if (topic.watchers.delete(watcher)) setTimeout(() => topic.settle?.())
    }
  }

  /** @param {string} taskId @param {Topic} topic */
  #adopt(taskId, topic) {
    this.#topics.set(taskId, topic)
    topic.settle = this.#settle
    if (topic.sent !== topic.token) this.#ask(taskId)
    if (!this.#socket && !this.#retry) {
      for (const type of WAKES) addEventListener(type, this.#wake, true)
      this.#lostAt = Infinity
      this.#connect()
    }
    this.#fallBack(topic, taskId)
  }

  #settle = () => {
    for (const [taskId, { watchers }] of this.#topics)
      if (!watchers.size) this.#forget(taskId, true)
    clearTimeout(this.#idle)
    this.#idle = setTimeout(() => {
      if (this.#topics.size) return
      this.#drop()
      clearTimeout(this.#away)
      for (const type of WAKES) removeEventListener(type, this.#wake, true)
    }, GRACE)
  }

  /** @param {string} taskId @param {unknown} isSubscribed */
  #forget(taskId, isSubscribed) {
    this.#topics.get(taskId)?.fallback?.abort()
    this.#topics.delete(taskId)
    if (isSubscribed) this.#ask(taskId)
  }

  #connect() {
    this.#drop()
    this.#notice = {}
    try {
      this.#socket = new this.Socket(this.#isSpelled ? spell(this.url) : this.url)
      this.#isSpelled = DELAYS
    } catch {
      return this.#lost()
    }
    this.#socket.onopen = () => {
      this.#openedAt = Date.now()
      clearTimeout(this.#away)
      for (const [taskId, topic] of this.#topics) {
        topic.asked = false
        this.#ask(taskId)
      }
      this.#expect()
    }
    this.#socket.onmessage = ({ data }) => this.#receive(parse(data))
    this.#socket.onclose = ({ code }) => this.#lost(code)
    this.#expect(ANSWER)
  }

  /** Subscribes or unsubscribes, at the server's pace. @param {string} task_id */
  #ask(task_id) {
    const socket = this.#socket
    const topic = this.#topics.get(task_id)
    if (socket?.readyState !== OPEN || topic?.asked) return
    if (topic) Object.assign(topic, { asked: true, sent: topic.token })
    const now = performance.now()
    this.#paidUntil = Math.max(this.#paidUntil, now) + EACH
    const send = () => {
      const topic = this.#topics.get(task_id)
      const type = topic ? "subscribe" : "unsubscribe"
      if (socket === this.#socket)
        socket.send(JSON.stringify({ type, task_id, token: topic?.token }))
    }
    const wait = this.#paidUntil - now - BURST
    wait > 0 ? setTimeout(send, wait) : send()
  }

  /** @param {any} message */
  #receive(message) {
    if (this.#deadline - Date.now() < QUIET) this.#expect() // timers are expensive
    if (this.#lostAt < Infinity)
      for (const topic of this.#topics.values()) {
        topic.fallback?.abort()
        deliver(topic, { type: "connected" })
      }
    this.#lostAt = Infinity
    ;[message].flat().forEach(this.#receiveOne)
  }

  #receiveOne = (/** @type {any} */ message) => {
    const topic = this.#topics.get(message?.task_id)
    if (message?.reason && !topic) this.#notice = message
    if (!topic) return
    topic.asked &&= message.type === "token"
    // The token has changed: errors and renewals are about the old one.
    const isStale = topic.sent !== topic.token
    if (isStale) this.#ask(message.task_id)
    if (!isStale || message.type === "progress") this.#accept(message)
  }

  #accept = (/** @type {any} */ message) => {
    const { type, task_id, complete, code } = message
    const isError = type === "error"
    const topic = this.#topics.get(task_id)
    if (!topic) return
    if (type === "token") topic.sent = topic.token = message.token
    else if (isEvent(message) && isNewer(topic.event, message)) topic.event = message
    else if (!isError) return
    if (isError || complete) this.#forget(task_id, isError && topic.event)
    if (GRACE && code === "too_many" && (this.#room = this.#topics.size)) {
      topic.sent = NaN
      return ProgressSocket.at(this.url, task_id).#adopt(task_id, topic)
    }
    deliver(topic, message)
    if (isError || complete) this.#settle()
  }

  /** Timers are late in frozen pages, so #wake checks the clock. */
  #expect(patience = SILENCE) {
    this.#deadline = Date.now() + patience
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.#lost(), patience)
  }

  #lost(code = 0) {
    if (Date.now() - this.#openedAt > STEADY) this.#attempt = 0
    this.#openedAt = Infinity
    this.#drop()
    let pause = Math.random() * Math.min(LONGEST, PAUSE * 2 ** this.#attempt++)
    // Sent nothing or too much: wait, and use plain HTTP meanwhile.
    if (code === 4408 || code === 4429) {
      this.#lostAt = 0
      pause = LONGEST * (1 + Math.random())
    } else if (code >= 4400 && code < 4500)
      for (const task_id of this.#topics.keys())
        this.#accept({ code: "refused", detail: `${code}`, ...this.#notice, type: "error", task_id })
    if (!this.#topics.size) return this.#settle()
    this.#topics.forEach(this.#fallBack)
    this.#retry = setTimeout(() => this.#connect(), pause)
  }

  #fallBack = (/** @type {Topic} */ topic, /** @type {string} */ taskId) => {
    if (Date.now() - this.#lostAt < AWAY) return
    if (!topic.live) deliver(topic, { type: "disconnected" })
    if (topic.fallback) return
    topic.fallback = new AbortController()
    import("./fallback.js")
      .then(({ follow }) => follow(taskId, topic, this.#accept, this.url))
      .catch(() => (topic.fallback = null))
  }

  #drop() {
    if (this.#lostAt === Infinity) {
      this.#lostAt = Date.now()
      this.#away = setTimeout(() => this.#topics.forEach(this.#fallBack), AWAY)
    }
    const socket = this.#socket
    this.#socket = null
    clearTimeout(this.#silence)
    clearTimeout(this.#retry)
    this.#paidUntil = this.#retry = 0
    if (!socket) return
    // Without handlers, since closing a half-open connection takes a minute.
    socket.onopen = socket.onmessage = socket.onclose = null
    socket.close(1000)
  }

  #wake = (/** @type {any} */ { type, persisted }) => {
    if (type === "online") this.#attempt = 0 // the network was at fault, not the server
    if (!this.#topics.size || document.hidden) return
    const state = this.#socket?.readyState ?? 3 // closed
    const left = this.#deadline - Date.now()
    if (state > OPEN || left < 0) this.#lostAt && this.#connect() // 0: it must wait
    else if (state && (persisted || /online|resume/.test(type) || left < QUIET)) {
      // One frame is enough: its answer comes last.
      this.#ask([...this.#topics.keys()][0])
      this.#expect(Math.min(AWAY, left))
    }
  }
}
