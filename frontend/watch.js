// watch() passes the events of a task to a script, in a page or in Node.
import { isNewer } from "./events.js";
import { ProgressSocket } from "./socket.js";

/** @import { Message, SocketClass, TaskError, TaskEvent, WatchOptions } from "./types.js" */

const report = (/** @type {unknown} */ error) => (globalThis.reportError ?? console.error)(error)

/**
 * Calls the callback. If it throws or rejects, the error is reported, and the script goes on.
 * @template T
 * @param {((value: T) => unknown) | undefined} callback
 * @param {T} value
 */
const call = async (callback, value) => {
  try {
    await callback?.(value)
  } catch (error) {
    report(error)
  }
}

/** @param {TaskError} error */
const reportRefusal = ({ task_id, code, detail }) =>
  report(new Error(`The task ${task_id} cannot be watched: ${code}, ${detail}`))

/** @param {string | URL} url */
const parse = (url) => {
  const shown = `${url}`.split("?")[0] // the error must not contain the token
  try {
    const address = new URL(url, globalThis.document?.baseURI)
    if (/^(ws|http)s?:$/.test(address.protocol)) return address
  } catch {
    // reported below
  }
  throw new TypeError(`watch() needs the websocket_url of a started task, not "${shown}"`)
}

/** Decodes an id in a path; some ids are encoded as ~ and base64url. @param {string} text */
const readId = (text) => {
  if (!text.startsWith("~")) return decodeURIComponent(text)
  const characters = atob(text.slice(1).replaceAll("-", "+").replaceAll("_", "/"))
  const bytes = Uint8Array.from(characters, (each) => each.charCodeAt(0))
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes)
}

/** @param {URL} address */
const taskOf = ({ pathname }) => {
  try {
    const id = pathname.match(/\/ws\/progress\/(.+)\/$/)?.[1]
    if (id) return readId(id)
  } catch {
    // reported below
  }
  throw new TypeError(`watch() finds no task id in "${pathname}": pass a taskId, or tasks`)
}

/** Adds a handler, since the package ws throws errors without one. @param {SocketClass} Socket */
const withHandler = (Socket) =>
  class extends Socket {
    /** @param {string} url */
    constructor(url) {
      super(url)
      this.onerror = () => {}
    }
  }

/** @param {URL} address @param {SocketClass} Socket @returns {Subscribe} */
const subscriber = ({ href }, Socket) =>
  globalThis.document && Socket === globalThis.WebSocket
    ? (taskId, ...rest) => ProgressSocket.at(href, taskId).subscribe(taskId, ...rest) // shared
    : new ProgressSocket(href, /** @type {any} */ (withHandler(Socket))).subscribe

/** @param {WatchOptions} options @param {(connected: boolean) => void} setConnected */
const watcher = ({ onEvent, onError = reportRefusal }, setConnected) => {
  /** @type {TaskEvent | null} */
  let newest = null
  return (/** @type {Message} */ message) => {
    if (message.type === "error") call(onError, message)
    else if (message.type === "connected") setConnected(true)
    else if (message.type === "disconnected") setConnected(false)
    else if (message.type === "progress" && isNewer(newest, message))
      call(onEvent, (newest = message))
  }
}

/**
 * Watches a task by its `websocket_url`, or several tasks by the shared address, until their
 * outcomes. Reconnects by itself. Returns a function that stops the watching and all callbacks.
 * After a stop, or after the last outcome, it does not keep a script running.
 *
 * If the task has ended before, `onEvent` gets the outcome, as an event with `complete`.
 *
 * If a callback throws, the error goes to `reportError` or to the console, and the callback is still
 * called for later events.
 *
 * Throws TypeError for a wrong url or wrong options, and Error in a runtime without WebSocket, such
 * as Node 20, if no `WebSocket` was passed.
 * @param {string | URL} url
 * @param {WatchOptions} options
 * @returns {() => void}
 */
export function watch(url, options) {
  const { taskId, token, status, tasks, onEvent, onConnection } = options ?? {}
  const { WebSocket = globalThis.WebSocket } = options ?? {}
  if (typeof onEvent !== "function") throw new TypeError("watch() needs a function: { onEvent }")
  if (!WebSocket)
    throw new Error('There is no WebSocket here: pass one, { WebSocket }, from the package "ws"')
  const address = parse(url)
  // Servers log addresses, but not frames; and a token in a frame can be renewed.
  const given = token ?? address.searchParams.get("token")
  address.searchParams.delete("token")
  const wanted = tasks ? Object.entries(tasks) : [[taskId ?? taskOf(address), given]]
  if (!wanted.length) throw new TypeError("watch() needs a task: { tasks } is empty")
  /** @type {boolean | undefined} */
  let connected
  const setConnected = (/** @type {boolean} */ now) => {
    if (now !== connected) call(onConnection, (connected = now))
  }
  const subscribe = subscriber(address, WebSocket)
  const state = status && !tasks ? `${status}` : null
  const leave = wanted.map(([id, token]) =>
    subscribe(`${id}`, watcher(options, setConnected), token, state),
  )
  return () => leave.forEach((each) => each())
}
